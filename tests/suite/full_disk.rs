//! A disk that is full: writes are refused and nothing else is, a start reads, and when there is room
//! again everything goes on by itself.
//!
//! The disk is a small tmpfs in a mount namespace of its own (`unshare` of util-linux), held by a
//! process for as long as the test runs.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{BINARY, Server, temp_dir};

/// The time in which everything must be well again once there is room.
const SOON: Duration = Duration::from_secs(10);

/// A small file system of its own that a test fills.
struct Disk {
    holder: Child,
    mount: PathBuf,
}

impl Disk {
    fn new(mount: &Path) -> Self {
        std::fs::create_dir(mount).expect("a directory");
        let script = format!(
            "mount -t tmpfs -o size=64m tmpfs '{}' && echo mounted && exec sleep 600",
            mount.display()
        );
        let mut holder = Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c", &script])
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare, of util-linux, runs");
        let mut line = String::new();
        let out = holder.stdout.take().expect("a pipe");
        BufReader::new(out).read_line(&mut line).expect("it speaks");
        assert_eq!(line, "mounted\n", "a tmpfs needs user and mount namespaces");
        Self {
            holder,
            mount: mount.to_owned(),
        }
    }

    fn serve(&self) -> Server {
        let mut command = Command::new("nsenter");
        let holder = self.holder.id().to_string();
        command.args([
            "--target",
            &holder,
            "--user",
            "--mount",
            "--preserve-credentials",
        ]);
        command.args([BINARY, "--listen", "127.0.0.1:0"]);
        Server::try_start_as(command, &self.mount.join("data"))
            .unwrap_or_else(|(code, said)| panic!("{code:?}: {said}"))
    }

    /// The file that fills it, as this namespace sees it.
    fn filler(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        let inside = self.mount.strip_prefix("/").expect("an absolute path");
        root.join(inside).join("filler")
    }

    fn fill(&self) {
        let mut filler = File::options()
            .create(true)
            .append(true)
            .open(self.filler())
            .expect("it can be made");
        while filler.write_all(&[7; 1 << 12]).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.filler()).expect("it is there");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.holder.kill());
        drop(self.holder.wait());
    }
}

async fn create(server: &Server) -> (u16, Value) {
    let card = json!({"name": {"full": "Ann"}});
    let answer = server
        .send("POST", "/contacts?tenant=t", &[], Some(&card))
        .await;
    (answer.status, answer.json())
}

async fn get(server: &Server, path: &str) -> (u16, Value) {
    let answer = server.send("GET", path, &[], None).await;
    (answer.status, answer.json())
}

async fn erase(server: &Server, id: &str) -> u16 {
    let reason = json!({"reason": "request"});
    let path = format!("/contacts/{id}/erase");
    let answer = server.send("POST", &path, &[], Some(&reason)).await;
    answer.status
}

/// Writes are refused and say why; everything else goes on.
async fn check_full(server: &Server, id: &str, erased: &str) {
    let begun = Instant::now();
    while create(server).await.0 == 201 {
        assert!(begun.elapsed() < SOON, "writes go on for ever");
    }
    let (status, refused) = create(server).await;
    assert_eq!(
        (status, &refused["code"]),
        (503, &json!("disk_full")),
        "{refused}"
    );
    assert_eq!(get(server, &format!("/contacts/{id}")).await.0, 200);
    let (status, ready) = get(server, "/readyz").await;
    assert_eq!(
        (status, &ready["closed"]),
        (503, &json!("disk_full")),
        "{ready}"
    );
    assert_eq!(erase(server, erased).await, 200);
    assert_eq!(get(server, &format!("/contacts/{erased}")).await.0, 410);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_alone_and_a_start_reads() {
    let root = temp_dir();
    let disk = Disk::new(&root.path().join("disk"));
    let server = disk.serve();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let (status, contact) = create(&server).await;
        assert_eq!(status, 201, "{contact}");
        ids.push(contact["id"].as_str().expect("an id").to_owned());
    }
    disk.fill();
    check_full(&server, &ids[0], &ids[1]).await;
    disk.fill();
    assert_eq!(server.stop(), Some(0));
    let server = disk.serve();
    check_full(&server, &ids[0], &ids[2]).await;
    disk.free();
    let begun = Instant::now();
    while create(&server).await.0 != 201 {
        assert!(begun.elapsed() < SOON, "writes do not come back");
    }
    loop {
        let (status, ready) = get(&server, "/readyz").await;
        if status == 200 && ready["audit"] == "sealing" && ready["sealed"] == ready["position"] {
            break;
        }
        assert!(begun.elapsed() < SOON, "{ready}");
    }
    assert_eq!(server.stop(), Some(0));
}
