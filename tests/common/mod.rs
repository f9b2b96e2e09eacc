//! What the tests share: the real binary on a free port, over a directory of its own.
#![allow(dead_code, reason = "each test target uses its own part of this")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy grants tests these, but not the functions that tests share"
)]

pub mod figures;
pub mod python;
pub mod small_disk;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use contactd::keys::{KeyRing, MasterKey};
use contactd::projection::Parts;
use contactd::storage::{DataDir, Disk, FileAt};
use serde_json::Value;
use tempfile::TempDir;

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_contactd");

/// A running service. It is killed when it is dropped.
pub struct Server {
    /// The base URL of the service.
    pub url: String,
    child: Child,
    client: reqwest::Client,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

impl Server {
    /// Starts the service over a directory and waits until it listens.
    pub fn start(dir: &Path, options: &[&str]) -> Self {
        Self::try_start(dir, options).unwrap_or_else(|(code, stderr)| {
            panic!("the service ended with {code:?}: {stderr}");
        })
    }

    /// Starts a service; where it does not start, its exit code and what it said.
    pub fn try_start(dir: &Path, options: &[&str]) -> Result<Self, (Option<i32>, String)> {
        let mut command = Command::new(BINARY);
        command.args(["--listen", "127.0.0.1:0"]).args(options);
        Self::try_start_as(command, dir)
    }

    /// Starts it by a command that lacks the directory only.
    pub fn try_start_as(mut command: Command, dir: &Path) -> Result<Self, (Option<i32>, String)> {
        let mut child = command
            .arg("--data-dir")
            .arg(dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::from(stderr_file(dir)))
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("standard output is a pipe");
        let mut lines = BufReader::new(stdout);
        lines.read_line(&mut line).expect("standard output is text");
        let Some(url) = line.trim().strip_prefix("listening on ") else {
            let code = child.wait().expect("it ends").code();
            let stderr = std::fs::read_to_string(stderr_path(dir)).unwrap_or_default();
            return Err((code, stderr));
        };
        // The rest of what it says must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Ok(Self {
            url: url.to_owned(),
            child,
            client: client(),
        })
    }

    /// The id of the service's process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, as `kill -9` does.
    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Asks it to stop, and gives its exit code.
    pub fn stop(self) -> Option<i32> {
        self.signal("-TERM");
        self.wait()
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let status = Command::new("kill").args([name, &pid]).status();
        assert!(status.expect("kill runs").success());
    }

    /// Waits until it ends, and gives its exit code.
    pub fn wait(mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }

    /// Sends a request with JSON, or with nothing.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        self.try_send(method, path, headers, body)
            .await
            .expect("the service answers")
    }

    /// Sends a request to a service that may die before it answers.
    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, reqwest::Error> {
        let method = method.parse().expect("a method");
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await?.to_vec(),
        })
    }

    /// Every event of the log, oldest first.
    pub async fn events(&self) -> Vec<Value> {
        let (mut events, mut after) = (Vec::new(), 0);
        loop {
            let path = format!("/events?after={after}&limit=1000");
            let page = self.send("GET", &path, &[], None).await.json();
            events.extend(page["events"].as_array().expect("events").iter().cloned());
            let next = page["next"].as_u64().expect("a position");
            if next == after {
                return events;
            }
            after = next;
        }
    }
}

impl Answer {
    /// Its body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("no JSON: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The text of one header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The position that it carries.
    pub fn position(&self) -> u64 {
        let position = self.header("contact-position").expect("a position");
        position.parse().expect("a number")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A client without a proxy; TLS is not needed on loopback, but the client wants a provider.
pub fn client() -> reqwest::Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .no_proxy()
        .timeout(std::time::Duration::from_secs(60))
        .build()
        .expect("a client")
}

/// A directory that goes when the test ends.
pub fn temp_dir() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

/// Runs the binary to its end: exit code, standard output, standard error.
pub fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(BINARY)
        .args(arguments)
        .output()
        .expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// A token of a directory's own key.
pub fn token(dir: &Path, options: &[&str]) -> String {
    let dir = dir.to_str().expect("a path in UTF-8");
    let (code, out, err) = run(&[&["token", "--data-dir", dir], options].concat());
    assert_eq!(code, Some(0), "{err}");
    out.trim().to_owned()
}

/// The file that keeps what the service says on standard error.
pub fn stderr_path(dir: &Path) -> PathBuf {
    dir.with_extension("stderr")
}

fn stderr_file(dir: &Path) -> std::fs::File {
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(stderr_path(dir))
        .expect("a file for standard error")
}

/// The view of contacts that a stopped service has saved, as bytes that depend on the log alone.
pub fn saved_view(dir: &Path) -> Vec<u8> {
    let disk = DataDir::open(dir).expect("nobody holds it");
    let files = disk.files("keys").expect("a directory");
    let master = MasterKey::read(&FileAt::new(files.clone(), "master.key"));
    let keys = KeyRing::open(files, &master.expect("a key")).expect("the keys open");
    let parts = Parts::open(disk.files("views").expect("a directory"));
    let view = parts.expect("it can be read").load(&keys);
    view.expect("it can be read").to_snapshot()
}
