//! What the benches share: the profile that they were built with, which a figure means nothing without.

/// Prints the Cargo profile of this build: `release` for `cargo bench`, `dist` for
/// `cargo bench --profile dist`. Cargo names the directory of what it builds so.
pub fn print_profile() {
    let exe = std::env::current_exe().unwrap_or_default();
    // target/<profile>/deps/<bench>
    let profile = exe
        .ancestors()
        .nth(2)
        .and_then(|directory| directory.file_name());
    let profile = profile.unwrap_or_default().to_string_lossy();
    println!("profile: {profile}");
}
