//! The audit log before a judge that shares no line with it: `verify_tlog.py`, written from the
//! text of C2SP alone.
//!
//! It needs Python 3 with the package `cryptography`; where that is missing, it is installed into
//! a virtual environment below `target/`.
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use base64::Engine;
use bytes::Bytes;
use contactd::{
    audit::{
        Checkpoint, Cosigned, Entries, EntriesError, Integrator, KeyName, Note, ProofFile, Signer,
        Tiles, VerifierKey,
    },
    domain::Position,
    storage::FileAt,
};
use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// Entries made up from their positions.
struct Made;

fn made(position: u64) -> Bytes {
    format!("{position}{}", "-".repeat((position % 50) as usize)).into()
}

impl Entries for Made {
    fn entries(&self, from: Position, limit: usize) -> Result<Vec<Bytes>, EntriesError> {
        Ok((from.get()..from.get() + limit as u64).map(made).collect())
    }
}

/// A Python that has `cryptography`.
fn python() -> PathBuf {
    let has = |python: &Path| {
        let check = Command::new(python)
            .args(["-c", "import cryptography"])
            .output();
        check.is_ok_and(|output| output.status.success())
    };
    let system = PathBuf::from("python3");
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
    let inside = venv.join("bin/python");
    if has(&system) {
        return system;
    }
    if !has(&inside) {
        let run = |command: &mut Command| {
            let output = command.output().expect("Python 3 with `venv` is installed");
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success(),
                "cannot install `cryptography`: {stderr}"
            );
        };
        run(Command::new(&system).args(["-m", "venv"]).arg(&venv));
        run(Command::new(&inside).args(["-m", "pip", "install", "--quiet", "cryptography"]));
    }
    inside
}

/// What the independent verifier says of each directory.
fn judge(key: &VerifierKey, directories: &[PathBuf]) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verify_tlog.py");
    let output = Command::new(python())
        .arg(script)
        .arg(key.to_string())
        .args(directories)
        .output()
        .expect("Python runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the verifier failed: {stderr}");
    let lines: Vec<_> = String::from_utf8(output.stdout)
        .expect("text")
        .lines()
        .map(str::to_owned)
        .collect();
    assert_eq!(lines.len(), directories.len());
    lines
}

/// A sealed log at a place that the verifier can read, with its checkpoints and proofs beside it.
struct Log {
    dir: TempDir,
    key: VerifierKey,
}

fn log(heads: &[u64]) -> Log {
    let dir = TempDir::new().unwrap();
    let name = KeyName::parse("contactd.local/test").unwrap();
    let signer = Signer::read_or_create(&FileAt::at(&dir.path().join("audit.key")), name).unwrap();
    let key = signer.verifier();
    let audit = dir.path().join("audit");
    let mut integrator = Integrator::open(Tiles::at(&audit), signer).unwrap();
    let mut note = integrator.note().clone();
    for head in heads {
        let older = audit.join(format!("older-{head}"));
        fs::write(older, note.to_string()).unwrap();
        let (vkey, line) = cosign(&note);
        fs::write(audit.join("witness.vkey"), &vkey).unwrap();
        let cosigned = format!("{note}{line}");
        let witness = VerifierKey::parse(&vkey).unwrap();
        assert_eq!(
            Cosigned::open(&cosigned, &key, &[witness]).unwrap().len(),
            1
        );
        fs::write(audit.join("cosigned"), cosigned).unwrap();
        integrator.integrate(Position::new(*head), &Made).unwrap();
        note = integrator.note().clone();
    }
    let log = Log { dir, key };
    log.add_proofs(&note);
    log
}

impl Log {
    fn audit(&self) -> PathBuf {
        self.dir.path().join("audit")
    }

    /// Writes proofs for the first and last positions, and for some between.
    fn add_proofs(&self, note: &Note) {
        let size = Checkpoint::parse(note.text()).unwrap().size;
        let positions = [1, 2, 256, 257, size / 2, size.saturating_sub(1), size];
        for position in positions.into_iter().filter(|p| (1..=size).contains(p)) {
            let tiles = Tiles::at(&self.audit());
            let proof = ProofFile::make(&tiles, note.clone(), Position::new(position)).unwrap();
            let path = self.audit().join(format!("{position}.tlog-proof"));
            fs::write(path.with_extension("entry"), made(position)).unwrap();
            fs::write(path, proof.to_string()).unwrap();
        }
    }
}

/// A witness's key, and the line with which it cosigns a checkpoint, made from the text of C2SP.
fn cosign(note: &Note) -> (String, String) {
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let key = SigningKey::from_bytes(&[7; 32]);
    let material = [&[4], key.verifying_key().as_bytes().as_slice()].concat();
    let id = Sha256::digest([b"witness.example/w1\n", material.as_slice()].concat());
    let id = id[..4].to_vec();
    let vkey = format!(
        "witness.example/w1+{}+{}",
        hex::encode(&id),
        base64(&material)
    );
    let time = 1_700_000_000_u64;
    let message = format!("cosignature/v1\ntime {time}\n{}", note.text());
    let signature = key.sign(message.as_bytes()).to_bytes();
    let signature = base64(&[&id, time.to_be_bytes().as_slice(), &signature].concat());
    (vkey, format!("\u{2014} witness.example/w1 {signature}\n"))
}

/// Every file below a directory, in order.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// Copies a directory, with one file's bytes changed.
fn copy_with(from: &Path, to: &Path, name: &Path, change: impl Fn(&mut Vec<u8>)) {
    for path in files(from) {
        let below = path.strip_prefix(from).unwrap();
        let target = to.join(below);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        if below == name {
            change(&mut bytes);
        }
        fs::write(target, bytes).unwrap();
    }
}

#[test]
fn an_independent_verifier_accepts_checkpoints_tiles_and_proofs() {
    for heads in [
        &[0][..],
        &[1],
        &[2, 3],
        &[256],
        &[255, 257, 700],
        &[10, 65_536, 66_000],
    ] {
        let log = log(heads);
        let size = heads.last().unwrap();
        assert_eq!(judge(&log.key, &[log.audit()]), [format!("ok {size}")]);
    }
}

#[test]
fn an_independent_verifier_refuses_one_flipped_bit_anywhere() {
    let log = log(&[250, 300]);
    let copies = TempDir::new().unwrap();
    let mut directories = Vec::new();
    let mut names = Vec::new();
    for path in files(&log.audit()) {
        let name = path.strip_prefix(log.audit()).unwrap().to_owned();
        // What only the older checkpoint needs; its tree is a part of the newer one.
        if name.to_string_lossy().contains(".p/250") {
            continue;
        }
        let length = fs::metadata(&path).unwrap().len() as usize;
        for at in (0..length).step_by(1 + length / 12) {
            let copy = copies.path().join(directories.len().to_string());
            copy_with(&log.audit(), &copy, &name, |bytes| {
                bytes[at] ^= 1 << (at % 8)
            });
            directories.push(copy);
            names.push(format!("{} at {at}", name.display()));
        }
    }
    assert!(directories.len() > 150);
    let said = judge(&log.key, &directories);
    for (said, name) in said.iter().zip(names) {
        assert!(said.starts_with("refused "), "{name}: {said}");
    }
}
