//! A service and a broker that can be harmed: on a small disk, under a clock that can be set, at an
//! address that stays.

use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tempfile::TempDir;

use crate::broker::{Broker, free_port};
use crate::common::small_disk::SmallDisk;
use crate::common::{self, BINARY, Server};

/// The room on the disk, in MiB.
const DISK: u32 = 128;
/// The file descriptors that the service may have.
const DESCRIPTORS: u64 = 1_024;
/// The library that stands between a program and the system's clock, where Debian puts it.
const FAKETIME: &str = "/usr/lib/*/faketime/libfaketimeMT.so.1";

/// The service, its broker and what they stand on.
pub struct Rig {
    pub broker: Broker,
    pub disk: SmallDisk,
    pub url: String,
    server: Option<Server>,
    library: String,
    dir: TempDir,
}

impl Rig {
    /// Starts the broker and the service.
    pub fn new() -> Self {
        let dir = common::temp_dir();
        let mut rig = Self {
            broker: Broker::started(),
            disk: SmallDisk::new(&dir.path().join("disk"), DISK),
            url: format!("http://127.0.0.1:{}", free_port()),
            server: None,
            library: faketime(),
            dir,
        };
        rig.set_clock(0);
        rig.start();
        rig
    }

    fn clock(&self) -> PathBuf {
        self.dir.path().join("clock")
    }

    /// Moves the service's clock away from the time by so many hours. Its monotonic clocks go on.
    pub fn set_clock(&self, hours: i64) {
        let new = self.dir.path().join("clock-new");
        std::fs::write(&new, format!("{hours:+}h\n")).expect("it is written");
        std::fs::rename(new, self.clock()).expect("it is ours");
    }

    /// Tries to start the service; on failure its exit code and what it said.
    pub fn try_start(&mut self) -> Result<(), (Option<i32>, String)> {
        let mut command = self.disk.command("env");
        command.arg(format!("LD_PRELOAD={}", self.library));
        command.arg(format!(
            "FAKETIME_TIMESTAMP_FILE={}",
            self.clock().display()
        ));
        command.args(["FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"]);
        command.args([
            "FAKETIME_DISABLE_SHM=1",
            "NO_FAKE_STAT=1",
            "RUST_BACKTRACE=1",
        ]);
        let listen = self.url.trim_start_matches("http://");
        command.args([BINARY, "--listen", listen, "--event-detail", "full"]);
        command.args(["--nats-url", &self.broker.url()]);
        self.server = Some(Server::try_start_as(command, &self.disk.data())?);
        self.limit(DESCRIPTORS);
        Ok(())
    }

    pub fn start(&mut self) {
        self.try_start()
            .unwrap_or_else(|(code, said)| panic!("it does not start: {code:?} {said}"));
    }

    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("it runs")
    }

    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.server().pid()).expect("a small number"))
    }

    /// Ends it as `kill -9` does.
    pub fn kill(&mut self) {
        self.server.take().expect("it runs").kill();
    }

    /// Stops it in order; its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        self.server.take().expect("it runs").stop()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = self.pid().expect("a process");
        kill_process(pid, signal).expect("it is ours");
    }

    /// The number of descriptors that it may have from now on.
    pub fn limit(&self, most: u64) {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(DESCRIPTORS),
        };
        prlimit(self.pid(), Resource::Nofile, limit).expect("it is ours");
    }

    /// A usual number of descriptors again.
    pub fn unlimit(&self) {
        self.limit(DESCRIPTORS);
    }

    /// What the service has said on standard error.
    pub fn said(&self) -> String {
        std::fs::read_to_string(common::stderr_path(&self.disk.data())).unwrap_or_default()
    }

    /// Runs `contactd log verify` on the directory of the stopped service.
    pub fn verify(&self) -> Result<(), String> {
        let mut command = self.disk.command(BINARY);
        let data = self.disk.data();
        command.args(["log", "verify", "--data-dir"]).arg(data);
        let output = command.output().expect("the binary runs");
        if output.status.success() {
            return Ok(());
        }
        let [out, err] = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
        Err(format!("log verify: {} {out}{err}", output.status))
    }
}

/// The library, as the shell finds it.
fn faketime() -> String {
    let found = Command::new("sh")
        .args(["-c", &format!("ls {FAKETIME}")])
        .output();
    let found = found.expect("sh runs").stdout;
    let found = String::from_utf8_lossy(&found).trim().to_owned();
    assert!(
        Path::new(&found).exists(),
        "libfaketime is not installed: run tests/run, or install Debian's package libfaketime"
    );
    found
}
