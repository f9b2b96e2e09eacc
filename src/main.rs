//! The binary. Everything is in the library, so that tests and benches share it.

fn main() -> std::process::ExitCode {
    contactd::cli::main()
}
