//! A real power cut: a process appends to a log on an ext4 of its own, the file
//! system is shut down under it without writing anything more, and after the
//! next mount everything acknowledged must be there.
//!
//! It needs root, a loop device and python3 (for one ioctl, which safe Rust
//! has no call for). Where one is missing it fails, and says which. Whoever
//! cannot have them sets `POWERCUT=skip`; `tests/run` then says so at its end.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::figures::say;

use contactd::{
    domain::Position,
    log::{self, OpenOptions},
    storage::{Batch, DataDir, Disk},
};

/// The variable that skips these tests where it is `skip`.
const SKIP: &str = "POWERCUT";
/// Tells the test binary, run again, to be the process whose power is cut.
const CHILD: &str = "POWERCUT_CHILD";
/// The whole log, as the service writes it.
const WHOLE_LOG: &str = "log";
/// A store that is only flushed, to see that the cut loses what is not synced.
const FLUSH_ONLY: &str = "flush";
/// A store that is flushed and then synced.
const SYNCED: &str = "sync";

/// The longest time until the device of a file system that was unmounted is free.
const DETACHED_WITHIN: Duration = Duration::from_secs(30);
/// The number of acknowledgements before the power is cut.
const ACKNOWLEDGED_MIN: usize = 300;

fn entry(position: u64) -> Vec<u8> {
    position.to_be_bytes().repeat(60)
}

/// The process that loses its disk: appends for ever, and prints each position
/// once it is acknowledged.
fn append_until_the_cut(mode: &str, dir: &Path) {
    let disk = DataDir::open(dir).expect("the directory is free");
    let mut out = std::io::stdout();
    let mut acknowledge = |position: u64| {
        writeln!(out, "\nacknowledged {position}").expect("the parent reads");
        out.flush().expect("the parent reads");
    };
    if mode == WHOLE_LOG {
        let log = log::open(&disk, &OpenOptions::default(), &mut |_| {});
        let mut appender = log.expect("it opens").appender;
        loop {
            let first = appender.next().get();
            let group: Vec<_> = (first..first + 1 + first % 5).map(entry).collect();
            match appender.append(&group) {
                Ok(appended) => acknowledge(appended.last.get()),
                Err(_) => std::process::exit(0),
            }
        }
    }
    let store = disk.open_store(log::STORE).expect("it opens");
    for position in 1_u64.. {
        let mut batch = Batch::default();
        batch.put(position.to_be_bytes(), entry(position));
        let flushed = store.apply(batch).and_then(|()| store.flush());
        let done = match mode {
            SYNCED => flushed.and_then(|()| store.sync_data()),
            _ => flushed,
        };
        match done {
            Ok(()) => acknowledge(position),
            Err(_) => std::process::exit(0),
        }
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let done = output.status.success().then_some(());
    done.ok_or_else(|| format!("{program} {}: {told}", arguments.join(" ")))
}

/// An ext4 in a file, mounted.
struct Mounted {
    image: PathBuf,
    point: PathBuf,
    _dir: tempfile::TempDir,
}

impl Mounted {
    fn new() -> Result<Self, String> {
        let dir = tempfile::tempdir().expect("a directory");
        let mounted = Self {
            image: dir.path().join("image"),
            point: dir.path().join("mount"),
            _dir: dir,
        };
        std::fs::create_dir(&mounted.point).expect("a directory");
        let image = std::fs::File::create(&mounted.image).expect("a file");
        image.set_len(256 << 20).expect("a sparse file");
        run("python3", &["-c", "import fcntl"])?;
        run("mkfs.ext4", &["-q", "-F", &mounted.image.to_string_lossy()])?;
        mounted.mount()?;
        Ok(mounted)
    }

    /// The file system's own commit, every five seconds, would hide what we
    /// do not sync: it is put off.
    fn mount(&self) -> Result<(), String> {
        let (image, point) = (self.image.to_string_lossy(), self.point.to_string_lossy());
        run("mount", &["-o", "loop,commit=600", &image, &point])
    }

    /// Takes it away, and waits until its device is free: whoever has a copy of the mounts, such as a
    /// browser's sandbox, keeps the dead file system a moment longer, which another mount would show.
    fn unmount(&self) -> Result<(), String> {
        run("umount", &[&self.point.to_string_lossy()])?;
        let ends = Instant::now() + DETACHED_WITHIN;
        while self.is_attached() {
            if Instant::now() > ends {
                return Err("its loop device is still in use".to_owned());
            }
            std::thread::yield_now();
        }
        Ok(())
    }

    fn is_attached(&self) -> bool {
        let devices = Command::new("losetup").arg("-j").arg(&self.image).output();
        !devices.expect("losetup runs").stdout.is_empty()
    }

    /// `EXT4_IOC_SHUTDOWN` without flushing anything: from now on nothing
    /// reaches the device.
    fn cut_power(&self) {
        let program = "import fcntl, os, struct, sys; \
            fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";
        let point = self.point.to_string_lossy();
        run("python3", &["-c", program, &point]).expect("the file system shuts down");
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // It may not be mounted: then there is nothing to undo.
        let _ = self.unmount();
    }
}

fn start(mode: &str, dir: &Path) -> Child {
    Command::new(env::current_exe().expect("this test"))
        .args([
            "--exact",
            "powercut::nothing_acknowledged_is_lost_with_the_power",
        ])
        .arg("--nocapture")
        .env(CHILD, mode)
        .env("POWERCUT_DIR", dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("this test starts again")
}

/// Cuts the power under a process of this mode; the last position acknowledged.
fn cut_under(mode: &str, mounted: &Mounted) -> u64 {
    let mut child = start(mode, &mounted.point.join("data"));
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut acknowledged = 0;
    let mut count = 0;
    for line in lines {
        let line = line.expect("it is text");
        if let Some(position) = line.strip_prefix("acknowledged ") {
            acknowledged = position.parse().expect("a position");
            count += 1;
            if count == ACKNOWLEDGED_MIN {
                mounted.cut_power();
            }
        }
        // What is written into the dead page cache is nobody's promise, but a
        // store that is only flushed would go on for ever.
        if mode == FLUSH_ONLY && count == ACKNOWLEDGED_MIN {
            child.kill().expect("it runs");
            break;
        }
    }
    child.wait().expect("it ends");
    mounted.unmount().expect("nobody has a file open");
    mounted.mount().expect("it mounts again");
    acknowledged
}

/// The file system of one test; none where these tests are skipped by name.
fn mounted() -> Option<Mounted> {
    if env::var(SKIP).is_ok_and(|value| value == "skip") {
        say("a power cut is not tested: POWERCUT=skip is set");
        return None;
    }
    match Mounted::new() {
        Ok(mounted) => Some(mounted),
        Err(reason) => panic!(
            "a power cut cannot be tested here: {reason}\n\
             It needs root, loop devices, mkfs.ext4 and python3; POWERCUT=skip leaves it out."
        ),
    }
}

/// Started again with [`CHILD`] set, it is the process whose power is cut.
#[test]
fn nothing_acknowledged_is_lost_with_the_power() {
    if let (Ok(mode), Ok(dir)) = (env::var(CHILD), env::var("POWERCUT_DIR")) {
        return append_until_the_cut(&mode, Path::new(&dir));
    }
    let Some(mounted) = mounted() else { return };
    for _ in 0..3 {
        let acknowledged = cut_under(WHOLE_LOG, &mounted);
        let disk = DataDir::open(&mounted.point.join("data")).expect("the directory is free");
        let verified = log::verify(&disk, &OpenOptions::default(), &mut |_| {});
        let verified = verified.expect("the disk works");
        let log = log::open(&disk, &OpenOptions::default(), &mut |_| {}).expect("it opens");
        let head = log.reader.head();
        assert!(
            head.get() >= acknowledged,
            "{acknowledged} lost, {verified:?}"
        );
        let mut next = 1;
        for found in log.reader.scan(Position::new(1), head) {
            let (position, bytes) = found.expect("it can be read");
            assert_eq!((position.get(), &bytes[..]), (next, &entry(next)[..]));
            next += 1;
        }
        assert_eq!(next, head.get() + 1);
        say(&format!(
            "acknowledged {acknowledged}, found {head:?}, {verified:?}, {:?}",
            log.report
        ));
    }
}

/// Whether a store still has what was acknowledged last when the power of its disk was cut.
fn kept(mode: &str, mounted: &Mounted) -> bool {
    let acknowledged = cut_under(mode, mounted);
    let disk = DataDir::open(&mounted.point.join("data")).expect("the directory is free");
    let last = disk
        .open_store(log::STORE)
        .and_then(|store| store.get(&acknowledged.to_be_bytes()));
    matches!(last, Ok(Some(_)))
}

#[test]
fn a_store_that_is_only_flushed_loses_what_it_acknowledged() {
    let Some(mounted) = mounted() else { return };
    assert!(!kept(FLUSH_ONLY, &mounted), "it was kept by luck");
}

#[test]
fn a_store_that_is_synced_keeps_what_it_acknowledged() {
    let Some(mounted) = mounted() else { return };
    assert!(kept(SYNCED, &mounted));
}
