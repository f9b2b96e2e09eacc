//! Three brokers and three nodes, or one process alone. All end with the value.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::connection::{Connection, status};

pub const NAMES: [&str; 3] = ["a", "b", "c"];
/// The longest that anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A process that is killed when it is dropped.
pub struct Running(Child);

impl Running {
    /// Processor time it has used, in seconds; 0 where the system does not say.
    pub fn processor_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id()));
        let stat = stat.unwrap_or_default();
        // The name in parentheses may hold spaces; user and system time are the 12th and 13th behind it.
        let behind = stat.rsplit(')').next().unwrap_or_default();
        let ticks = behind.split_whitespace().skip(11).take(2);
        let ticks: f64 = ticks.filter_map(|text| text.parse::<f64>().ok()).sum();
        ticks / 100.0
    }

    pub fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        let done = Command::new("kill").args([name, &id]).status();
        assert!(done.expect("kill runs").success());
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) {
        drop(self.0.wait());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A service that listens.
pub struct Service {
    pub process: Running,
    /// Held open, so that what the service prints has somewhere to go.
    _stdout: BufReader<ChildStdout>,
}

/// The service of this build, or the one that `CONTACTD` names.
fn contactd() -> Command {
    let own = env!("CARGO_BIN_EXE_contactd");
    Command::new(std::env::var("CONTACTD").as_deref().unwrap_or(own))
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").to_string()
}

impl Service {
    /// Starts one that listens at an address; it does when this returns.
    pub fn start(dir: &Path, address: &str, options: &[&str]) -> Self {
        let mut child = contactd()
            .args(["serve", "--auth", "jwt"])
            .args(["--listen", address, "--data-dir"])
            .arg(dir)
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the service starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("its output"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("its first line");
        assert!(line.starts_with("listening on"), "it does not start");
        Self {
            process: Running(child),
            _stdout: stdout,
        }
    }
}

/// The token of somebody who may do everything in a service's directory.
pub fn token(dir: &Path) -> String {
    let output = contactd()
        .args(["token", "--role", "admin", "--tenant", "*", "--data-dir"])
        .arg(dir)
        .output();
    let output = output.expect("it runs");
    String::from_utf8(output.stdout)
        .expect("UTF-8")
        .trim()
        .to_owned()
}

/// One process that is alone.
pub struct Alone {
    pub address: String,
    pub token: String,
    pub service: Service,
    _dir: TempDir,
}

impl Alone {
    pub fn started() -> Self {
        let dir = TempDir::new().expect("a directory");
        let address = free_address();
        let service = Service::start(dir.path(), &address, &[]);
        Self {
            token: token(dir.path()),
            address,
            service,
            _dir: dir,
        }
    }
}

/// Three brokers of one cluster.
pub struct Brokers {
    pub urls: Vec<String>,
    pub running: Vec<Option<Running>>,
    dir: TempDir,
}

impl Brokers {
    fn started() -> Self {
        let dir = TempDir::new().expect("a directory");
        let clients: Vec<String> = NAMES.map(|_| free_address()).to_vec();
        let routes: Vec<String> = NAMES.map(|_| free_address()).to_vec();
        let all = routes.iter().map(|route| format!("nats-route://{route}"));
        let all: Vec<String> = all.collect();
        for (index, (client, route)) in clients.iter().zip(&routes).enumerate() {
            let text = format!(
                "server_name: n{index}\nlisten: \"{client}\"\njetstream {{ store_dir: {:?} }}\n\
                 cluster {{ name: bench, listen: \"{route}\", routes: [{}] }}\n",
                dir.path().join(format!("n{index}")),
                all.join(", ")
            );
            std::fs::write(dir.path().join(format!("n{index}.conf")), text).expect("room");
        }
        let urls = clients.iter().map(|client| format!("nats://{client}"));
        let mut brokers = Self {
            urls: urls.collect(),
            running: NAMES.map(|_| None).into(),
            dir,
        };
        (0..NAMES.len()).for_each(|index| brokers.start(index));
        brokers
    }

    pub fn start(&mut self, index: usize) {
        let program = std::env::var("NATS_SERVER").unwrap_or_else(|_| "nats-server".to_owned());
        let config: PathBuf = self.dir.path().join(format!("n{index}.conf"));
        let child = Command::new(program)
            .arg("-c")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.running[index] = Some(Running(child.expect("nats-server is in the path")));
    }

    /// Three nodes' `--nats-url`: the broker beside it first.
    fn urls_of(&self, index: usize) -> String {
        let urls = (0..NAMES.len()).map(|more| &*self.urls[(index + more) % NAMES.len()]);
        urls.collect::<Vec<&str>>().join(",")
    }
}

/// Three nodes over three brokers.
pub struct Cluster {
    pub brokers: Brokers,
    pub addresses: Vec<String>,
    pub nodes: Vec<Option<Service>>,
    pub token: String,
    pub dir: TempDir,
}

impl Cluster {
    /// Starts all of it; somebody leads when this returns.
    pub async fn started() -> Self {
        let dir = TempDir::new().expect("a directory");
        std::fs::write(dir.path().join("key"), "07".repeat(32)).expect("room");
        let mut cluster = Self {
            brokers: Brokers::started(),
            addresses: NAMES.map(|_| free_address()).to_vec(),
            nodes: Vec::new(),
            token: String::new(),
            dir,
        };
        cluster.nodes = std::thread::scope(|scope| {
            let cluster = &cluster;
            let starting = [0, 1, 2].map(|index| scope.spawn(move || cluster.node(index)));
            let started = starting.map(|started| started.join().expect("it starts"));
            started.into_iter().map(Some).collect()
        });
        cluster.token = token(&cluster.home(0));
        cluster.leader().await;
        cluster
    }

    pub fn home(&self, index: usize) -> PathBuf {
        self.dir.path().join(NAMES[index])
    }

    /// Starts one of them.
    pub fn node(&self, index: usize) -> Service {
        let key = self.dir.path().join("key");
        let key = key.to_str().expect("UTF-8");
        let urls = self.brokers.urls_of(index);
        let options = [
            ["--nats-url", urls.as_str()],
            ["--cluster", "a,b,c"],
            ["--node", NAMES[index]],
            ["--cluster-key", key],
        ];
        Service::start(&self.home(index), &self.addresses[index], &options.concat())
    }

    /// The number of the node that leads and takes writes.
    pub async fn leader(&self) -> usize {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            for index in (0..NAMES.len()).filter(|index| self.nodes[*index].is_some()) {
                let state = get(&self.addresses[index], "/cluster", &self.token).await;
                if state.is_some_and(|state| state["role"] == "leader") {
                    return index;
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("nobody leads");
    }
}

/// The JSON that an address answers to a GET; nothing where it answers otherwise.
pub async fn get(address: &str, path: &str, token: &str) -> Option<serde_json::Value> {
    let asked = async {
        tokio::net::TcpStream::connect(address).await.ok()?;
        let mut connection = Connection::open(address).await;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        let answer = connection.ask(request.as_bytes()).await;
        if status(answer) != b"200" {
            return None;
        }
        let body = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
        serde_json::from_slice(&answer[body + 4..]).ok()
    };
    tokio::time::timeout(Duration::from_millis(500), asked)
        .await
        .ok()?
}
