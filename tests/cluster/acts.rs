//! What an operator has three processes do on a real broker: hand the lead on, go on from one log, and
//! forget a disk.

use std::process::Command;

use serde_json::Value;

use crate::broker::Broker;
use crate::common::{BINARY, Server, client};
use crate::processes::{Homes, NAMES, are_equal, create, eventually, get, leader};

/// Runs `contactd cluster` against a node; what it printed, if that went well.
async fn act(server: &Server, words: &[&str]) -> Result<String, String> {
    let mut command = Command::new(BINARY);
    command.arg("cluster").args(words);
    command.args(["--url", &server.url]);
    let run = tokio::task::spawn_blocking(move || command.output().expect("the binary runs"));
    let output = run.await.expect("it ends");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(said(&output.stdout)),
        false => Err(said(&output.stdout) + &said(&output.stderr)),
    }
}

/// Kills a node and removes its directory.
async fn lose(homes: &Homes, servers: &mut [Option<Server>], at: usize) {
    let gone = servers[at].take().expect("it runs");
    let killed = tokio::task::spawn_blocking(move || gone.kill());
    killed.await.expect("it dies");
    std::fs::remove_dir_all(homes.dir(NAMES[at])).expect("it is ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yield_hands_the_lead_on_and_no_request_fails_of_it() {
    let broker = Broker::started();
    let homes = Homes::new(broker.url());
    let servers = homes.begin_all().await;
    let probe = client();
    let mut leads = leader(&probe, &servers).await;
    let all: Vec<&Server> = servers.iter().flatten().collect();
    // More often than there are nodes: whoever has given the lead up may have it again.
    for (round, server) in all.iter().cycle().take(5).enumerate() {
        let write = async |number: usize, server: &Server| {
            let mut made = Vec::new();
            for count in 0..30 {
                let name = format!("yield-{round}-{number}-{count}");
                made.push(create(&probe, &server.url, &name).await);
            }
            made
        };
        let writers = all.iter().enumerate();
        let writers = writers.map(|(number, server)| write(number, server));
        let (said, made) = tokio::join!(
            act(server, &["yield"]),
            futures_util::future::join_all(writers)
        );
        let said = said.expect("another leads");
        let next = leader(&probe, &servers).await;
        assert_ne!(next, leads, "{said}");
        assert!(
            said.starts_with(&format!("{} leads, in term", NAMES[next])),
            "{said}"
        );
        leads = next;
        let failed = made.iter().flatten().filter(|made| made.is_err());
        assert_eq!(failed.count(), 0, "requests failed: {made:?}");
    }
    are_equal(&probe, &servers, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reseed_goes_on_from_one_log_where_a_majority_is_gone() {
    let broker = Broker::started();
    let homes = Homes::new(broker.url());
    let mut servers = homes.begin_all().await;
    let probe = client();
    let leads = leader(&probe, &servers).await;
    let kept = (leads + 1) % NAMES.len();
    let url = servers[kept].as_ref().expect("it runs").url.clone();
    let (_, position) = create(&probe, &url, "before").await.expect("it is taken");
    are_equal(&probe, &servers, position).await;
    let lost = [leads, (leads + 2) % NAMES.len()];
    for at in lost {
        lose(&homes, &mut servers, at).await;
    }
    for at in lost {
        servers[at] = Some(homes.begin(NAMES[at]).await);
    }
    // Two that may lack what was answered are no majority with one that has it.
    let refused = create(&probe, &url, "too early").await;
    assert!(refused.is_err(), "{refused:?}");
    let kept = servers[kept].as_ref().expect("it runs");
    let refused = act(kept, &["reseed", "--from-this"]).await;
    assert!(refused.is_err_and(|said| said.contains("--accept-loss")));
    let said = act(kept, &["reseed", "--from-this", "--accept-loss"]).await;
    assert!(said.is_ok(), "{said:?}");
    let (_, position) = eventually("writes are taken again", async || {
        create(&probe, &url, "after").await.ok()
    })
    .await;
    are_equal(&probe, &servers, position).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_was_replaced_is_named_until_it_is_forgotten() {
    let broker = Broker::started();
    let homes = Homes::new(broker.url());
    let probe = client();
    let (mut servers, leads, position) = homes.begin_with(&probe, "somebody").await;
    let away = (leads + 1) % NAMES.len();
    let former = async |server: &Server| -> Option<Vec<Value>> {
        Some(
            get(&probe, server, "/cluster").await?["former"]
                .as_array()?
                .clone(),
        )
    };
    let asked = servers[leads].as_ref().expect("it runs");
    eventually("its disk has cosigned", async || {
        let state = get(&probe, asked, "/cluster").await?;
        let nodes = state["nodes"].as_array()?;
        let all = nodes
            .iter()
            .all(|node| node["cosigned"].as_u64() >= Some(position));
        all.then_some(())
    })
    .await;
    lose(&homes, &mut servers, away).await;
    servers[away] = Some(homes.begin(NAMES[away]).await);
    let asked = servers[leads].as_ref().expect("it runs");
    let named = eventually("the disk before it is named", async || {
        former(asked).await.filter(|former| !former.is_empty())
    })
    .await;
    assert_eq!(named[0]["node"], NAMES[away]);
    let said = act(asked, &["forget", NAMES[away]])
        .await
        .expect("it is forgotten");
    assert!(
        said.contains(named[0]["key"].as_str().expect("a key")),
        "{said}"
    );
    for server in servers.iter().flatten() {
        eventually("no node names it", async || {
            former(server).await.filter(Vec::is_empty)
        })
        .await;
    }
    let again = act(
        servers[leads].as_ref().expect("it runs"),
        &["forget", NAMES[away]],
    )
    .await;
    assert!(again.is_err_and(|said| said.contains("no disk of")));
}
