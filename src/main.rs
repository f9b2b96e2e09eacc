//! The binary. Everything is in the library, so that tests and benches share it.

/// A contact is many small strings that one thread makes and another lets go, which the C library's
/// allocator is slow at (`benches/README.md` has the figures).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    contactd::cli::main()
}
