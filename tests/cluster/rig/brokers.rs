//! Three nats-servers that keep one cluster. What one says to another goes over a link of the test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use rustix::process::Signal;
use tempfile::TempDir;

use super::COUNT;
use super::link::{Flow, Link};
use crate::broker::{free_port, send_signal, serve};

/// The ports of one broker.
#[derive(Clone, Copy)]
struct Ports {
    clients: u16,
    routes: u16,
}

/// The brokers. They are killed when this is dropped.
pub struct Brokers {
    dir: TempDir,
    ports: [Ports; COUNT],
    /// The links from each broker to each other one.
    links: Vec<(usize, usize, Link)>,
    running: [Option<Child>; COUNT],
}

impl Brokers {
    /// Starts all of them.
    pub async fn started() -> Self {
        let ports = [(); COUNT].map(|()| Ports {
            clients: free_port(),
            routes: free_port(),
        });
        let mut links = Vec::new();
        for from in 0..COUNT {
            for to in (0..COUNT).filter(|to| *to != from) {
                links.push((from, to, Link::to(ports[to].routes).await));
            }
        }
        let mut brokers = Self {
            dir: TempDir::new().expect("a directory"),
            ports,
            links,
            running: [const { None }; COUNT],
        };
        tokio::task::block_in_place(|| (0..COUNT).for_each(|index| brokers.start(index)));
        brokers
    }

    /// The port for clients of one.
    pub fn port(&self, index: usize) -> u16 {
        self.ports[index].clients
    }

    pub fn url(&self, index: usize) -> String {
        format!("nats://127.0.0.1:{}", self.port(index))
    }

    /// The name that one has in the cluster.
    pub fn name(index: usize) -> String {
        format!("n{index}")
    }

    fn store(&self, index: usize) -> PathBuf {
        self.dir.path().join(Self::name(index))
    }

    /// What is said of a broker is nothing that another could connect to past the links.
    fn config(&self, index: usize) -> String {
        let Ports { clients, routes } = self.ports[index];
        let links = self.links.iter().filter(|(from, ..)| *from == index);
        let others = links.map(|(_, _, link)| format!("nats-route://127.0.0.1:{}", link.port));
        let others: Vec<String> = others.collect();
        format!(
            "server_name: {}\nlisten: \"127.0.0.1:{clients}\"\njetstream {{ store_dir: {:?} }}\n\
             ping_interval: \"2s\"\ncluster {{\n  name: test\n  listen: \"127.0.0.1:{routes}\"\n  \
             cluster_advertise: \"127.0.0.1:9\"\n  no_advertise: true\n  routes: [{}]\n}}\n",
            Self::name(index),
            self.store(index),
            others.join(", "),
        )
    }

    /// Starts one, and returns when it takes connections.
    pub fn start(&mut self, index: usize) {
        let config = self.dir.path().join(format!("{}.conf", Self::name(index)));
        std::fs::write(&config, self.config(index)).expect("it is written");
        self.running[index] = Some(serve(&config));
    }

    /// Ends one at once, as the system would.
    pub fn kill(&mut self, index: usize) {
        if let Some(mut process) = self.running[index].take() {
            process.kill().expect("it is ours to kill");
            process.wait().expect("it has ended");
        }
    }

    pub fn signal(&self, index: usize, signal: Signal) {
        send_signal(self.running[index].as_ref().expect("it runs"), signal);
    }

    /// Removes everything that one has stored; it must not run.
    pub fn wipe(&self, index: usize) {
        assert!(self.running[index].is_none(), "it runs");
        std::fs::remove_dir_all(self.store(index)).expect("its store is ours");
    }

    /// Copies what one has stored, as it is on the disk at this moment.
    pub fn copy(&self, index: usize) -> TempDir {
        let copy = TempDir::new().expect("a directory");
        self.signal(index, Signal::STOP);
        copy_all(&self.store(index), &copy.path().join("store"));
        self.signal(index, Signal::CONT);
        copy
    }

    /// Puts an older copy in the place of what one has stored; it must not run.
    pub fn put_back(&self, index: usize, copy: &TempDir) {
        self.wipe(index);
        copy_all(&copy.path().join("store"), &self.store(index));
    }

    /// Changes the links between one broker and the others.
    pub fn link(&self, index: usize, flow: Flow) {
        for (from, to, link) in &self.links {
            if *from == index || *to == index {
                link.set(flow);
            }
        }
    }
}

impl Drop for Brokers {
    fn drop(&mut self) {
        (0..COUNT).for_each(|index| self.kill(index));
    }
}

fn copy_all(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(status.expect("cp runs").success());
}
