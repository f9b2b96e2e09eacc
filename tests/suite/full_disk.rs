//! A disk that is full: writes are refused and nothing else is, a start reads, and when there is room
//! again everything goes on by itself.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::small_disk::SmallDisk;
use crate::common::{BINARY, Server, temp_dir};

/// The time in which everything must be well again once there is room.
const SOON: Duration = Duration::from_secs(10);

fn serve(disk: &SmallDisk) -> Server {
    let mut command = disk.command(BINARY);
    command.args(["--listen", "127.0.0.1:0"]);
    Server::try_start_as(command, &disk.data())
        .unwrap_or_else(|(code, said)| panic!("{code:?}: {said}"))
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
    let disk = SmallDisk::new(&root.path().join("disk"), 64);
    let server = serve(&disk);
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
    let server = serve(&disk);
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
