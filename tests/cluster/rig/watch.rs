//! Looks at the checkpoints of all nodes again and again, and keeps every one that was served.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use contactd::audit::{Frontier, Hash};
use parking_lot::Mutex;
use tokio::task::JoinHandle;

/// The roots that were signed, by the size of the tree.
type Seen = Arc<Mutex<BTreeMap<u64, Vec<Hash>>>>;

/// Ends when it is dropped.
pub struct Watch {
    seen: Seen,
    task: JoinHandle<()>,
}

impl Watch {
    pub fn over(urls: Vec<String>) -> Self {
        let seen = Seen::default();
        let task = tokio::spawn(look(urls, seen.clone()));
        Self { seen, task }
    }

    /// The number of different checkpoints.
    pub fn count(&self) -> usize {
        self.seen.lock().len()
    }

    /// What is not of the log with these leaves.
    pub fn strangers(&self, leaves: &[Hash]) -> Vec<String> {
        let mut tree = Frontier::default();
        let mut roots = BTreeMap::from([(0, tree.root())]);
        let seen = self.seen.lock();
        for leaf in leaves {
            tree.push(*leaf);
            if seen.contains_key(&tree.size()) {
                roots.insert(tree.size(), tree.root());
            }
        }
        let all = seen
            .iter()
            .flat_map(|(size, found)| found.iter().map(|root| (*size, *root)));
        let strange = all.filter(|(size, root)| roots.get(size) != Some(root));
        strange
            .map(|(size, _)| format!("a checkpoint of {size} events is of another log"))
            .collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn look(urls: Vec<String>, seen: Seen) {
    let client = super::client(Duration::from_millis(500));
    loop {
        for url in &urls {
            if let Some((size, root)) = checkpoint(&client, url).await {
                let mut seen = seen.lock();
                let roots = seen.entry(size).or_default();
                if !roots.contains(&root) {
                    roots.push(root);
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The size and root of the checkpoint that a node serves.
pub async fn checkpoint(client: &reqwest::Client, url: &str) -> Option<(u64, Hash)> {
    let asked = client.get(format!("{url}/audit/checkpoint")).send().await;
    let text = asked.ok()?.text().await.ok()?;
    let mut lines = text.lines().skip(1);
    let size = lines.next()?.parse().ok()?;
    let root = STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
    Some((size, Hash(root)))
}

/// The hashes of the first events of a node's log, so many.
pub async fn leaves(client: &reqwest::Client, url: &str, size: u64) -> Vec<Hash> {
    let mut leaves = Vec::new();
    for tile in 0..size.div_ceil(256) {
        let width = (size - tile * 256).min(256);
        let part = if width < 256 {
            format!(".p/{width}")
        } else {
            String::new()
        };
        let (thousands, rest) = (tile / 1_000, tile % 1_000);
        let name = if thousands > 0 {
            format!("x{thousands:03}/{rest:03}")
        } else {
            format!("{rest:03}")
        };
        let url = format!("{url}/audit/tile/0/{name}{part}");
        let bytes = client.get(url).send().await.expect("an answer").bytes();
        let bytes = bytes.await.expect("a tile");
        let hashes = bytes.chunks_exact(32);
        leaves.extend(hashes.map(|hash| Hash(hash.try_into().expect("32 bytes"))));
    }
    assert_eq!(leaves.len() as u64, size, "tiles of {url}");
    leaves
}
