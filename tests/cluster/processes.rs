//! Three processes on a real broker: any takes any request, and what was answered outlives any of
//! them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::broker::Broker;
use crate::common::{Server, client, temp_dir};

pub const NAMES: [&str; 3] = ["a", "b", "c"];
/// The longest that a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(120);

/// The directories of three nodes, and what they share.
pub struct Homes {
    dirs: TempDir,
    url: String,
    secret: String,
}

impl Homes {
    pub fn new(url: String) -> Arc<Self> {
        let dirs = temp_dir();
        let key = dirs.path().join("cluster.key");
        std::fs::write(&key, "07".repeat(32)).expect("room");
        let secret = key.to_str().expect("UTF-8").to_owned();
        Arc::new(Self { dirs, url, secret })
    }

    pub fn dir(&self, name: &str) -> PathBuf {
        self.dirs.path().join(name)
    }

    fn start(&self, name: &str) -> Server {
        Server::start(&self.dir(name), &self.options(name).concat())
    }

    /// Starts a node of this name over another directory than its own; where it does not start, its
    /// exit code and what it said.
    pub async fn begin_over(
        self: &Arc<Self>,
        dir: &'static str,
        name: &'static str,
    ) -> Result<Server, (Option<i32>, String)> {
        let homes = self.clone();
        let start = move || Server::try_start(&homes.dir(dir), &homes.options(name).concat());
        tokio::task::spawn_blocking(start).await.expect("no fault")
    }

    fn options<'a>(&'a self, name: &'a str) -> [[&'a str; 2]; 4] {
        [
            ["--nats-url", &self.url],
            ["--cluster", "a,b,c"],
            ["--node", name],
            ["--cluster-key", &self.secret],
        ]
    }

    /// Starts a node beside the test.
    pub async fn begin(self: &Arc<Self>, name: &'static str) -> Server {
        let homes = self.clone();
        let started = tokio::task::spawn_blocking(move || homes.start(name));
        started.await.expect("it starts")
    }

    pub async fn begin_all(self: &Arc<Self>) -> Vec<Option<Server>> {
        let starting = NAMES.map(|name| self.begin(name));
        let started = futures_util::future::join_all(starting).await;
        started.into_iter().map(Some).collect()
    }

    /// Starts every node and has the leader make a contact, which all then have; the nodes, the number of the
    /// one that leads, and the position of the contact's last event.
    pub async fn begin_with(
        self: &Arc<Self>,
        probe: &reqwest::Client,
        name: &str,
    ) -> (Vec<Option<Server>>, usize, u64) {
        let servers = self.begin_all().await;
        let leads = leader(probe, &servers).await;
        let url = &servers[leads].as_ref().expect("it runs").url;
        let (_, position) = create(probe, url, name).await.expect("it is taken");
        are_equal(probe, &servers, position).await;
        (servers, leads, position)
    }
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

pub async fn get(client: &reqwest::Client, server: &Server, path: &str) -> Option<Value> {
    let answer = client
        .get(format!("{}{path}", server.url))
        .send()
        .await
        .ok()?;
    answer.json().await.ok()
}

/// The index of the node that leads and takes writes.
pub async fn leader(client: &reqwest::Client, servers: &[Option<Server>]) -> usize {
    eventually("somebody leads", async || {
        for (index, server) in servers.iter().enumerate() {
            let Some(server) = server else { continue };
            let state = get(client, server, "/cluster").await;
            if state.is_some_and(|state| state["role"] == "leader") {
                return Some(index);
            }
        }
        None
    })
    .await
}

/// Sends one create; gives the id and the position, or the status of a refusal.
pub async fn create(
    client: &reqwest::Client,
    url: &str,
    name: &str,
) -> Result<(String, u64), Option<u16>> {
    let answer = client
        .post(format!("{url}/contacts"))
        .header("Idempotency-Key", name)
        .timeout(Duration::from_secs(3))
        .json(&json!({ "name": { "full": name } }))
        .send()
        .await
        .map_err(|_| None)?;
    let status = answer.status().as_u16();
    let position = answer.headers().get("contact-position");
    let position = position.and_then(|value| value.to_str().ok()?.parse().ok());
    if status != 201 {
        return Err(Some(status));
    }
    let body: Value = answer.json().await.map_err(|_| None)?;
    let id = body["id"].as_str().expect("an id").to_owned();
    Ok((id, position.expect("a position")))
}

/// Waits until all nodes have signed the same checkpoint, and have everything up to a position.
pub async fn are_equal(
    client: &reqwest::Client,
    servers: &[Option<Server>],
    position: u64,
) -> String {
    eventually("all have the same checkpoint", async || {
        let mut seen = Vec::new();
        for server in servers.iter().flatten() {
            let url = format!("{}/audit/checkpoint", server.url);
            let text = client.get(url).send().await.ok()?.text().await.ok()?;
            let signed: Vec<&str> = text.lines().take(3).collect();
            if signed.get(1)?.parse::<u64>().ok()? < position {
                return None;
            }
            seen.push(signed.join("\n"));
        }
        let first = seen.first()?.clone();
        seen.iter().all(|other| *other == first).then_some(first)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn any_node_takes_any_request() {
    let broker = Broker::started();
    let homes = Homes::new(broker.url());
    let mut servers = homes.begin_all().await;
    let client = client();
    leader(&client, &servers).await;
    let mut last = 0;
    for (number, server) in servers.iter().flatten().cycle().take(12).enumerate() {
        let name = format!("person-{number}");
        let (id, position) = eventually("a create is answered", async || {
            create(&client, &server.url, &name).await.ok()
        })
        .await;
        last = last.max(position);
        // Whoever answered has it: a client reads what it wrote.
        let path = format!("/contacts/{id}");
        let contact = server.send("GET", &path, &[], None).await;
        let body = String::from_utf8_lossy(&contact.body);
        assert!(body.contains(&name), "{} {body}", contact.status);
    }
    are_equal(&client, &servers, last).await;
    for server in servers.iter().flatten() {
        let seen = get(&client, server, "/cluster").await.expect("JSON");
        let nodes = seen["nodes"].as_array().expect("nodes");
        let versions: Vec<_> = nodes.iter().map(|node| node["version"].as_str()).collect();
        assert_eq!(versions, [Some(env!("CARGO_PKG_VERSION")); 3], "{seen}");
    }
    // A place in a list by name is one on every node, also on one that has another key for tokens now.
    let gone = servers[2].take().expect("it runs");
    let stopped = tokio::task::spawn_blocking(move || gone.stop()).await;
    assert_eq!(stopped.expect("it stops"), Some(0));
    std::fs::remove_file(homes.dir("c").join("token.key")).expect("it is there");
    servers[2] = Some(homes.begin("c").await);
    let list = async |server: &Server, query: &str| {
        let path = format!("/contacts?sort=name&limit=5{query}");
        let page = server.send("GET", &path, &[], None).await;
        assert_eq!(page.status, 200, "{page:?}");
        page.json()
    };
    let (mut cursor, mut names) = (String::new(), Vec::new());
    for server in servers.iter().flatten() {
        let page = list(server, &cursor).await;
        let found = page["data"].as_array().expect("a list").iter();
        names.extend(found.map(|one| one["card"]["name"]["full"].clone()));
        cursor = format!(
            "&cursor={}",
            page["nextCursor"].as_str().unwrap_or_default()
        );
    }
    names.dedup();
    assert_eq!(names.len(), 12, "{names:?}");
    for server in servers.into_iter().flatten() {
        let code = tokio::task::spawn_blocking(move || server.stop()).await;
        assert_eq!(code.expect("it stops"), Some(0));
    }
}

/// What clients were told: the id and position of each name.
type Told = Arc<Mutex<BTreeMap<String, (String, u64)>>>;

/// Creates contacts on one node after another until it is told to end.
async fn load(
    urls: Arc<Mutex<Vec<String>>>,
    worker: u64,
    told: Told,
    ends: Arc<AtomicBool>,
    next: Arc<AtomicU64>,
) {
    let client = client();
    let mut tries = worker;
    while !ends.load(Ordering::Relaxed) {
        let name = format!("load-{}", next.fetch_add(1, Ordering::Relaxed));
        // The same key until there is an answer: nothing may be made twice.
        loop {
            tries += 1;
            let url = {
                let urls = urls.lock();
                urls[tries as usize % urls.len()].clone()
            };
            if let Ok(done) = create(&client, &url, &name).await {
                told.lock().insert(name, done);
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The longest time between two answers, while this ran.
async fn pause(told: &Told, what: impl Future<Output = ()>) -> Duration {
    let ends = AtomicBool::new(false);
    let watch = async {
        let (mut longest, mut since, mut seen) =
            (Duration::ZERO, Instant::now(), told.lock().len());
        while !ends.load(Ordering::Relaxed) {
            let now = told.lock().len();
            if now > seen {
                (seen, since) = (now, Instant::now());
            }
            longest = longest.max(since.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        longest
    };
    let run = async {
        what.await;
        // Until somebody is answered again.
        let before = told.lock().len();
        eventually("writes go on", async || {
            (told.lock().len() > before + 3).then_some(())
        })
        .await;
        ends.store(true, Ordering::Relaxed);
    };
    tokio::join!(watch, run).0
}

/// Kills the leader, makes it stand still, or stops it in order; it is back when this returns.
async fn fault(
    round: u64,
    leads: usize,
    homes: &Arc<Homes>,
    probe: &reqwest::Client,
    servers: &mut [Option<Server>],
) {
    let gone = servers[leads].take().expect("it runs");
    match round % 3 {
        0 => {
            let killed = tokio::task::spawn_blocking(move || gone.kill());
            killed.await.expect("it dies");
            // The others go on before it comes back.
            leader(probe, servers).await;
            servers[leads] = Some(homes.begin(NAMES[leads]).await);
        }
        1 => {
            gone.signal("-STOP");
            leader(probe, servers).await;
            gone.signal("-CONT");
            servers[leads] = Some(gone);
        }
        _ => {
            let stopped = tokio::task::spawn_blocking(move || gone.stop());
            assert_eq!(stopped.await.expect("it stops"), Some(0));
            servers[leads] = Some(homes.begin(NAMES[leads]).await);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_outlives_leaders_that_die_or_stand_still() {
    let broker = Broker::started();
    let homes = Homes::new(broker.url());
    let mut servers = homes.begin_all().await;
    let probe = client();
    leader(&probe, &servers).await;
    let urls = servers.iter().flatten().map(|server| server.url.clone());
    let urls = Arc::new(Mutex::new(urls.collect::<Vec<String>>()));
    let (told, ends) = (Told::default(), Arc::new(AtomicBool::new(false)));
    let next = Arc::new(AtomicU64::new(0));
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let (urls, told) = (urls.clone(), told.clone());
            tokio::spawn(load(urls, worker, told, ends.clone(), next.clone()))
        })
        .collect();
    for round in 0..rounds() {
        let leads = leader(&probe, &servers).await;
        // Some quiet time, for the load to be on all nodes.
        let before = told.lock().len();
        eventually("writes go on", async || {
            (told.lock().len() > before + 100).then_some(())
        })
        .await;
        let longest = pause(&told, async {
            fault(round, leads, &homes, &probe, &mut servers).await;
            *urls.lock() = servers
                .iter()
                .flatten()
                .map(|server| server.url.clone())
                .collect();
        })
        .await;
        println!(
            "round {round}: {} answered, longest pause {longest:?}",
            told.lock().len()
        );
    }
    ends.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await.expect("no fault");
    }
    let told = told.lock().clone();
    let last = told
        .values()
        .map(|(_, position)| *position)
        .max()
        .unwrap_or_default();
    are_equal(&probe, &servers, last).await;
    check_history(&servers, &told).await;
}

/// The number of faults: few by default, many by hand.
fn rounds() -> u64 {
    let said = std::env::var("CLUSTER_ROUNDS").ok();
    said.map_or(3, |text| text.parse().expect("a number"))
}

/// Every answer is in the log of every node once, at the position that was told.
async fn check_history(servers: &[Option<Server>], told: &BTreeMap<String, (String, u64)>) {
    for server in servers.iter().flatten() {
        let mut found: BTreeMap<u64, String> = BTreeMap::new();
        let mut ids = BTreeMap::new();
        for event in server.events().await {
            if event["type"] == "CONTACT_CREATE_SUCCESS" {
                let position: u64 = event["sequence"].as_str().expect("it").parse().expect("it");
                let id = event["data"]["contactId"]
                    .as_str()
                    .expect("an id")
                    .to_owned();
                assert!(
                    ids.insert(id.clone(), position).is_none(),
                    "{id} is there twice"
                );
                found.insert(position, id);
            }
        }
        for (name, (id, position)) in told {
            assert_eq!(found.get(position), Some(id), "{name} at {position}");
        }
        // One key makes one contact, however often it was sent.
        assert!(
            ids.len() <= told.len() + 8,
            "{} made, {} told",
            ids.len(),
            told.len()
        );
    }
}
