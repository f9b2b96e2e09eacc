//! Three nodes and three brokers, each a process, and links between them that can be harmed.

mod brokers;
mod fault;
mod finish;
mod link;
mod node;
mod rounds;
mod watch;

use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use brokers::Brokers;
pub use node::Node;

/// The number of nodes, and of brokers.
const COUNT: usize = 3;
/// The longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// Nodes, brokers and links.
pub struct Rig {
    pub nodes: Vec<Node>,
    pub brokers: Brokers,
    /// The token of somebody who may do everything.
    pub token: String,
    /// A client that gives up soon, to ask nodes that may not answer.
    pub probe: reqwest::Client,
    _dir: TempDir,
}

impl Rig {
    /// Starts everything; somebody leads when this returns.
    pub async fn started() -> Self {
        let dir = crate::common::temp_dir();
        let key = dir.path().join("cluster.key");
        std::fs::write(&key, "07".repeat(32)).expect("room");
        let brokers = Brokers::started().await;
        let mut nodes = Vec::new();
        for index in 0..COUNT {
            nodes.push(Node::new(index, dir.path(), &key, &brokers).await);
        }
        tokio::task::block_in_place(|| {
            std::thread::scope(|scope| {
                for node in &mut nodes {
                    scope.spawn(|| node.start());
                }
            });
        });
        let mut rig = Self {
            nodes,
            brokers,
            token: String::new(),
            probe: client(Duration::from_millis(500)),
            _dir: dir,
        };
        rig.token = rig.new_token();
        rig.leader().await;
        rig
    }

    fn new_token(&self) -> String {
        let says = ["--role", "admin", "--tenant", "*", "--ttl", "7d"];
        let token = self.nodes[0].run(&["token"], &says);
        token.expect("a token")
    }

    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.url.clone()).collect()
    }

    /// The number of the node that leads and takes writes.
    pub async fn leader(&self) -> usize {
        eventually("somebody leads", async || {
            for (index, node) in self.nodes.iter().enumerate() {
                if node.is_running() {
                    let state = node.get(&self.probe, "/cluster", &self.token).await;
                    if state.is_some_and(|state| state["role"] == "leader") {
                        return Some(index);
                    }
                }
            }
            None
        })
        .await
    }

    /// Waits until another node leads.
    pub async fn another_leads(&self, before: usize) {
        eventually("another leads", async || {
            (self.leader().await != before).then_some(())
        })
        .await;
    }
}

pub fn client(patience: Duration) -> reqwest::Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = reqwest::Client::builder().no_proxy().timeout(patience);
    // It speaks no TLS: to read the system's certificates would be its most work.
    builder.tls_certs_only([]).build().expect("a client")
}

/// What is tried again until it holds.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "{what}: not within {PATIENCE:?}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
