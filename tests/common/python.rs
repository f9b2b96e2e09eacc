//! Environments of Python packages, each under `target/` and pinned by a list beside its scripts.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// The directory for what the tests produce: never one of the repository.
pub fn target_dir() -> &'static Path {
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    tmp.parent().expect("a target directory")
}

/// The interpreter that has a list's packages; it is made once, and again where the list changed.
///
/// One at a time: tests that run side by side use the same environments.
pub fn python(environment: &str, list: &str) -> PathBuf {
    static MAKING: Mutex<()> = Mutex::new(());
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let venv = target_dir().join(environment);
    let wanted = std::fs::read(list).expect("the list of packages");
    let installed = venv.join("installed.txt");
    let python = venv.join("bin/python");
    if std::fs::read(&installed).is_ok_and(|old| old == wanted) {
        return python;
    }
    let venv = venv.to_str().expect("a path in UTF-8");
    must(
        Command::new("python3").args(["-m", "venv", "--clear", venv]),
        "install Python's venv (Debian: apt-get install python3-venv); tests/run does",
    );
    must(
        Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r", list]),
        "these packages come from PyPI; pip's own settings say how to reach it",
    );
    std::fs::write(installed, wanted).expect("the environment is ours");
    python
}

/// Runs a command that must succeed.
pub fn must(command: &mut Command, advice: &str) {
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}; {advice}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}\n{}\n{advice}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
}
