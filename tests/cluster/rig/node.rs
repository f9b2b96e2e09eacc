//! One process of a node: on a small disk, under a clock that can be set, behind links to the brokers.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::COUNT;
use super::brokers::Brokers;
use super::link::{Flow, Link};
use crate::broker::free_port;
use crate::common::small_disk::SmallDisk;
use crate::common::{self, BINARY, Server};

/// The room on a node's disk, in MiB.
const DISK: u32 = 192;
/// The library that stands between a program and the system's clock, where Debian puts it.
const FAKETIME: &str = "/usr/lib/*/faketime/libfaketimeMT.so.1";

pub const NAMES: [&str; COUNT] = ["a", "b", "c"];

pub struct Node {
    pub name: &'static str,
    pub url: String,
    pub disk: SmallDisk,
    home: PathBuf,
    key: PathBuf,
    links: Vec<Link>,
    server: Option<Server>,
}

impl Node {
    /// A node that is not started yet.
    pub async fn new(index: usize, dir: &Path, key: &Path, brokers: &Brokers) -> Self {
        let home = dir.join(NAMES[index]);
        std::fs::create_dir(&home).expect("a directory");
        // The broker of its own machine first.
        let mut links = Vec::new();
        for broker in 0..COUNT {
            links.push(Link::to(brokers.port((index + broker) % COUNT)).await);
        }
        let node = Self {
            name: NAMES[index],
            url: format!("http://127.0.0.1:{}", free_port()),
            disk: SmallDisk::new(&home.join("disk"), DISK),
            key: key.to_owned(),
            home,
            links,
            server: None,
        };
        node.set_clock(0);
        node
    }

    fn clock(&self) -> PathBuf {
        self.home.join("clock")
    }

    /// Moves its clock away from the time by so many hours. Its monotonic clocks go on.
    pub fn set_clock(&self, hours: i64) {
        let new = self.home.join("clock-new");
        std::fs::write(&new, format!("{hours:+}h\n")).expect("it is written");
        std::fs::rename(new, self.clock()).expect("it is ours");
    }

    /// Starts it. One without a log returns only when it has found one.
    pub fn start(&mut self) {
        let mut command = self.disk.command("env");
        command.arg(format!("LD_PRELOAD={}", faketime()));
        let clock = self.clock();
        command.arg(format!("FAKETIME_TIMESTAMP_FILE={}", clock.display()));
        command.args(["FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"]);
        command.args(["FAKETIME_DISABLE_SHM=1", "NO_FAKE_STAT=1", BINARY]);
        let listen = self.url.trim_start_matches("http://");
        command.args(["--listen", listen, "--node", self.name]);
        command.args(["--auth", "jwt", "--event-detail", "full"]);
        let urls = self.links.iter();
        let urls = urls.map(|link| format!("nats://127.0.0.1:{}", link.port));
        let urls: Vec<String> = urls.collect();
        command.args(["--nats-url", &urls.join(",")]);
        command.args(["--cluster", &NAMES.join(",")]);
        command.arg("--cluster-key").arg(&self.key);
        let started = Server::try_start_as(command, &self.disk.data());
        let started =
            started.unwrap_or_else(|(code, said)| panic!("it does not start: {code:?} {said}"));
        self.server = Some(started);
    }

    pub fn is_running(&self) -> bool {
        self.server.is_some()
    }

    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("it runs")
    }

    pub fn kill(&mut self) {
        self.server.take().expect("it runs").kill();
    }

    /// Stops it in order; its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        self.server.take().expect("it runs").stop()
    }

    pub fn signal(&self, name: &str) {
        self.server().signal(name);
    }

    /// Removes its directory; it must not run.
    pub fn wipe(&self) {
        assert!(!self.is_running(), "it runs");
        std::fs::remove_dir_all(self.disk.outside("data")).expect("it is ours");
    }

    /// Changes the links to all brokers.
    pub fn link(&self, flow: Flow) {
        self.links.iter().for_each(|link| link.set(flow));
    }

    /// Changes the link to the broker that it tries first.
    pub fn first_link(&self, flow: Flow) {
        self.links[0].set(flow);
    }
    /// What it answers to a GET; nothing where it does not answer soon.
    pub async fn get(&self, client: &reqwest::Client, path: &str, token: &str) -> Option<Value> {
        let asked = client.get(format!("{}{path}", self.url)).bearer_auth(token);
        asked.send().await.ok()?.json().await.ok()
    }

    /// What it has said on standard error.
    pub fn said(&self) -> String {
        let path = common::stderr_path(&self.disk.data());
        std::fs::read_to_string(path).unwrap_or_default()
    }

    /// Runs a subcommand on its directory; what it printed.
    pub fn run(&self, words: &[&str], options: &[&str]) -> Result<String, String> {
        let mut command = self.disk.command(BINARY);
        command.args(words).arg("--data-dir").arg(self.disk.data());
        let output = command.args(options).output().expect("the binary runs");
        let [out, err] = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
        if output.status.success() {
            return Ok(out.trim().to_owned());
        }
        Err(format!("{words:?}: {} {out}{err}", output.status))
    }

    /// The view of contacts that it has saved; it must not run.
    pub fn saved_view(&self) -> Vec<u8> {
        common::saved_view(&self.disk.outside("data"))
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
