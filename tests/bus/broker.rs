//! A nats-server of a test's own: a free port, a store of its own, killed and started at will.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, Context};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The ports of servers that are started again on the one they had. The system gives ports above these
/// to connections, which may keep them for long.
const PORTS: std::ops::Range<u16> = 12_000..32_000;

/// A port that is free now, and that no connection is given meanwhile.
pub fn free_port() -> u16 {
    let drawn = std::iter::repeat_with(|| {
        let (_, drawn) = uuid::Uuid::now_v7().as_u64_pair();
        PORTS.start + u16::try_from(drawn % PORTS.len() as u64).expect("it is below their number")
    });
    let mut free = drawn
        .take(1_000)
        .filter(|port| TcpListener::bind(("0.0.0.0", *port)).is_ok());
    free.next().expect("a free port")
}

/// A broker; it is killed when it is dropped.
pub struct Broker {
    port: u16,
    dir: TempDir,
    /// The address it listens on.
    address: &'static str,
    extra: String,
    has_streams: bool,
    process: Option<Child>,
}

impl Broker {
    /// A broker that is not started yet.
    pub fn absent() -> Self {
        Self::with("")
    }

    /// A broker with these lines in its configuration, not started yet.
    pub fn with(extra: &str) -> Self {
        Self {
            port: free_port(),
            dir: TempDir::new().expect("a directory"),
            address: "127.0.0.1",
            extra: extra.to_owned(),
            has_streams: true,
            process: None,
        }
    }

    /// A broker that listens on every address, as one does that is told nothing else.
    pub fn on_every_address() -> Self {
        let mut broker = Self::absent();
        broker.address = "0.0.0.0";
        broker.start();
        broker
    }

    /// A broker that runs without JetStream, as one does that is started without `-js`.
    pub fn without_streams() -> Self {
        let mut broker = Self::absent();
        broker.has_streams = false;
        broker.start();
        broker
    }

    /// A broker that runs.
    pub fn started() -> Self {
        let mut broker = Self::absent();
        broker.start();
        broker
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    fn store(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    /// Starts it, and returns when it takes connections.
    pub fn start(&mut self) {
        let config = self.dir.path().join("nats.conf");
        let streams = match self.has_streams {
            true => format!("jetstream {{ store_dir: {:?} }}", self.store()),
            false => String::new(),
        };
        let Self {
            address,
            port,
            extra,
            ..
        } = self;
        let text = format!("listen: \"{address}:{port}\"\n{streams}\n{extra}\n");
        std::fs::write(&config, text).expect("the configuration is written");
        self.process = Some(serve(&config));
    }

    /// Kills it as the system would: nothing is written any more.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("it is ours to kill");
            process.wait().expect("it has ended");
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        send_signal(self.process.as_ref().expect("it runs"), signal);
    }

    /// Removes everything it has stored; it must not run.
    pub fn wipe(&self) {
        assert!(self.process.is_none(), "a broker that runs is not wiped");
        if self.store().exists() {
            std::fs::remove_dir_all(self.store()).expect("its store is ours");
        }
    }

    /// A client of its own.
    pub async fn client(&self) -> async_nats::Client {
        async_nats::connect(self.url())
            .await
            .expect("the broker runs")
    }

    /// The URL for a user, `NAME:PASSWORD`.
    pub fn url_of(&self, user: &str) -> String {
        self.url().replace("nats://", &format!("nats://{user}@"))
    }

    /// A client of a user, with an inbox prefix of its own.
    pub async fn client_of(&self, user: &str, password: &str, inbox: &str) -> async_nats::Client {
        let options = async_nats::ConnectOptions::new()
            .user_and_password(user.to_owned(), password.to_owned())
            .custom_inbox_prefix(inbox);
        options
            .connect(self.url())
            .await
            .expect("the broker knows the user")
    }

    /// A client of its streams.
    pub async fn streams(&self) -> Context {
        jetstream::new(self.client().await)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The longest that a nats-server waits for its port. Ports are chosen before they are used, so that
/// another test, or a connection of one, may have it for a while.
const PORT_TIME_MAX: Duration = Duration::from_secs(60);

/// Starts a nats-server with a configuration, and returns when it takes connections.
pub fn serve(config: &Path) -> Child {
    let ends = Instant::now() + PORT_TIME_MAX;
    loop {
        match started(config) {
            Ok(process) => return process,
            Err(said) => {
                let may_come = said.contains("address already in use") && Instant::now() < ends;
                assert!(may_come, "nats-server does not start:\n{said}");
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

/// A nats-server that takes connections, or what it said before it ended.
fn started(config: &Path) -> Result<Child, String> {
    let mut process = spawn(config);
    let output = process.stderr.take().expect("its output");
    let mut lines = BufReader::new(output).lines();
    let mut said = Vec::new();
    let ready = lines.by_ref().map_while(Result::ok).any(|line| {
        let ready = line.contains("Server is ready");
        said.push(line);
        ready
    });
    if !ready {
        process.wait().ok();
        return Err(said.join("\n"));
    }
    // Nobody reads on, and its output must not fill up.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    Ok(process)
}

/// Sends a signal to a process of the test's own.
pub fn send_signal(process: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(process.id()).expect("a small number"));
    kill_process(pid.expect("a process"), signal).expect("it is ours");
}

/// `NATS_SERVER` names another program than the distribution's, which Debian puts where only root
/// looks.
fn spawn(config: &Path) -> Child {
    let named = std::env::var("NATS_SERVER").ok();
    let programs = match &named {
        Some(program) => vec![program.as_str()],
        None => vec!["nats-server", "/usr/sbin/nats-server"],
    };
    for program in programs {
        let process = Command::new(program)
            .arg("-c")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        if let Ok(process) = process {
            return process;
        }
    }
    panic!("nats-server is not installed: run tests/run, or install Debian's package nats-server");
}
