//! What the benches share: the profile that they were built with, which a figure means nothing without.

/// Prints the Cargo profile of this build. `cargo bench` builds with the profile `bench`, which is
/// optimised as `dist` is, into the directory of `release`; any other profile has a directory of
/// its own name.
pub fn print_profile() {
    let exe = std::env::current_exe().unwrap_or_default();
    // target/<directory>/deps/<bench>
    let directory = exe.ancestors().nth(2).and_then(|path| path.file_name());
    match directory.unwrap_or_default().to_string_lossy().as_ref() {
        "release" => println!("profile: bench (optimised across crates, as dist)"),
        other => println!("profile: {other}"),
    }
}
