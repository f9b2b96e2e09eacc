//! What operators need around the service: judging a configuration, and what the program prints for
//! systemd, shells, Prometheus and Grafana.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::broker::Broker;
use super::program::{check, data_dir, text};
use crate::common::{BINARY, Server, python, run, temp_dir};

fn printed(arguments: &[&str]) -> String {
    let (code, out, err) = run(&[&["print"], arguments].concat());
    assert_eq!(code, Some(0), "{arguments:?}: {err}");
    out
}

#[test]
fn a_check_says_what_a_start_would_do_and_makes_nothing() {
    let (_dir, data) = data_dir();
    let (out, _) = check(&data, &["check"], 0);
    assert!(!data.exists());
    for said in [
        "listen: http://127.0.0.1:8080",
        "authentication: open",
        "is not there, and would be made",
        "nothing is wrong",
    ] {
        assert!(out.contains(said), "{said}: {out}");
    }
    let server = Server::start(&data, &[]);
    let (out, err) = check(&data, &["check", "--nats-url", "nats://localhost:4222"], 2);
    assert!(err.contains("is in use by another process"), "{err}");
    assert!(
        out.contains("NATS: at localhost, under contacts.>"),
        "{out}"
    );
    assert_eq!(server.stop(), Some(0));
    let (out, _) = check(&data, &["check"], 0);
    assert!(out.contains("is there and free"), "{out}");
    let member = data.join("identity/cluster");
    std::fs::write(&member, "b\n").expect("it is written");
    let (_, err) = check(&data, &["check"], 2);
    assert!(err.contains("is the node b of a cluster"), "{err}");
    std::fs::remove_file(&member).expect("it is removed");
    std::fs::remove_file(data.join("audit.key")).expect("it is removed");
    let (_, err) = check(&data, &["check"], 2);
    assert!(err.contains("audit.key is gone"), "{err}");
}

#[test]
fn a_service_in_no_cluster_says_so_and_how_one_is_started() {
    let (_dir, data) = data_dir();
    let server = Server::start(&data, &[]);
    for act in [
        &["status"][..],
        &["yield"],
        &["forget", "b"],
        &["reseed", "--from-this", "--accept-loss"],
    ] {
        let asked = [&["cluster"], act, &["--url", &server.url]].concat();
        let (code, out, err) = run(&asked);
        assert_eq!(code, Some(1), "{asked:?}: {out}{err}");
        for said in ["404", "keeps its log alone", "--cluster NAME,NAME,NAME"] {
            assert!(err.contains(said), "{asked:?} says {said}: {err}");
        }
    }
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_check_says_everything_that_a_start_would_refuse() {
    let (_dir, data) = data_dir();
    let absent = data.join("absent");
    let absent = text(&absent);
    let options = [
        "check",
        "--listen",
        "0.0.0.0:1",
        "--tls-cert",
        absent,
        "--tls-key",
        absent,
        "--master-key",
        absent,
        "--nats-url",
        "ws://x",
        "--jwks",
        absent,
        "--max-connections",
        "8",
        "--max-connections-per-address",
        "9",
    ];
    let (_, err) = check(&data, &options, 2);
    for what in [
        "connections: ",
        "TLS: ",
        "identity provider: ",
        "NATS: ",
        "keys: ",
    ] {
        assert!(err.contains(&format!("contactd: {what}")), "{what}: {err}");
    }
    let file = data.with_extension("file");
    std::fs::write(&file, "").expect("a file");
    let (_, err) = check(&file, &["check"], 2);
    assert!(err.contains("is no directory; --data-dir"), "{err}");
    let open = ["check", "--listen", "0.0.0.0:1"];
    assert!(check(&data, &open, 2).1.contains("--auth jwt"));
    assert!(!data.exists());
}

#[test]
fn what_would_have_no_effect_is_refused() {
    let (_dir, data) = data_dir();
    for options in [
        &["serve", "--auth", "open", "--jwks", "x"][..],
        &["serve", "--jwt-issuer", "x"],
        &["serve", "--event-detail", "full"],
        &["contacts", "list", "--url", "http://127.0.0.1:1"],
        &["contacts", "list", "--token", "t"],
    ] {
        check(&data, options, 2);
    }
}

/// Lines that define something in bash, and whether each shell reads all of it.
#[test]
fn shells_read_the_completions() {
    for shell in ["bash", "zsh"] {
        let text = printed(&["completions", shell]);
        assert!(text.contains("--data-dir") && text.contains("completions"));
        let mut child = Command::new(shell)
            .arg("-n")
            .stdin(Stdio::piped())
            .spawn()
            .expect("the shell starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        std::io::Write::write_all(&mut stdin, text.as_bytes()).expect("it reads");
        drop(stdin);
        assert!(child.wait().expect("it ends").success(), "{shell}");
    }
    assert!(printed(&["completions", "fish"]).contains("complete -c contactd"));
    assert!(printed(&["man"]).contains(".TH contactd 1"));
}

#[test]
fn the_unit_runs_what_there_is() {
    let unit = printed(&["unit"]);
    for line in [
        "ExecStartPre=/usr/bin/contactd check",
        "ExecStart=/usr/bin/contactd serve",
    ] {
        assert!(unit.contains(line), "{unit}");
    }
    let exits = ["RestartPreventExitStatus=2 4", "ProtectSystem=strict"];
    assert!(exits.iter().all(|line| unit.contains(line)), "{unit}");
    // systemd itself finds nothing wrong with it, the program being where this one is.
    let dir = temp_dir();
    let file = dir.path().join("contactd.service");
    let here = unit.replace("/usr/bin/contactd", BINARY);
    std::fs::write(&file, here).expect("a file");
    let judged = Command::new("systemd-analyze")
        .args(["verify", text(&file)])
        .output();
    let judged = judged.expect("systemd-analyze (Debian: apt-get install systemd)");
    let said = String::from_utf8_lossy(&judged.stderr);
    assert!(judged.status.success() && said.is_empty(), "{said}");
}

/// Names of metrics in a text, without what histograms and counters add.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !word(c));
    words
        .filter(|name| name.starts_with("contactd_") || name.starts_with("process_"))
        .map(|name| {
            let histogram = ["_bucket", "_count", "_sum"];
            let bare = histogram.iter().find_map(|end| name.strip_suffix(end));
            bare.unwrap_or(name).to_owned()
        })
        .collect()
}

#[tokio::test]
async fn every_metric_of_the_dashboard_and_the_alerts_is_served() {
    let (_dir, data) = data_dir();
    let broker = Broker::started();
    let server = Server::start(&data, &["--nats-url", &broker.url(), "--auth", "jwt"]);
    // Metrics with labels appear with their first sample.
    let forged = [("authorization", "Bearer x.y.z")];
    server.send("GET", "/contacts", &forged, None).await;
    let bus = async_nats::connect(broker.url()).await.expect("the broker");
    let until = Instant::now() + Duration::from_secs(30);
    let mut served;
    loop {
        let subject = "contacts.command.native.create.acme";
        bus.publish(subject, "no JSON".into())
            .await
            .expect("it is sent");
        let metrics = server.send("GET", "/metrics", &[], None).await;
        served = String::from_utf8_lossy(&metrics.body).into_owned();
        let mut lines = served.lines();
        let counts = "contactd_dead_letters_total{reason=\"unreadable\"} ";
        let counted = lines.find_map(|line| line.strip_prefix(counts));
        if counted.is_some_and(|count| count != "0") || Instant::now() > until {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let served: BTreeSet<String> = served
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .map(str::to_owned)
        .collect();
    for what in ["dashboard", "alerts"] {
        let named = metrics_in(&printed(&[what]));
        assert!(named.len() > 15, "{what}: {named:?}");
        let absent: Vec<_> = named.difference(&served).collect();
        // This one appears when the service ends a connection of itself.
        let absent: Vec<_> = absent
            .into_iter()
            .filter(|name| *name != "contactd_connections_ended_total")
            // And these where there is a cluster.
            .filter(|name| !name.starts_with("contactd_cluster_"))
            .collect();
        assert!(absent.is_empty(), "{what}: {absent:?} of {served:?}");
    }
    assert_eq!(server.stop(), Some(0));
}

#[tokio::test]
async fn the_time_of_the_start_stays_what_it_was() {
    let (_dir, data) = data_dir();
    let server = Server::start(&data, &[]);
    let begun = Instant::now();
    let told = async || {
        let metrics = server.send("GET", "/metrics", &[], None).await;
        let text = String::from_utf8(metrics.body).expect("text");
        let mut lines = text.lines();
        let line = lines.find(|line| line.starts_with("process_start_time_seconds "));
        line.expect("it is told").to_owned()
    };
    let first = told().await;
    while begun.elapsed() < Duration::from_secs(2) {
        assert_eq!(told().await, first);
    }
}

#[test]
fn the_dashboard_is_one_that_grafana_loads() {
    let board: Value = serde_json::from_str(&printed(&["dashboard"])).expect("JSON");
    assert_eq!(board["uid"], json!("contactd"));
    let panels = board["panels"].as_array().expect("panels");
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), panels.len(), "each panel has an id of its own");
    let shown = panels.iter().filter(|panel| panel["type"] != "row");
    for panel in shown {
        assert!(panel["targets"][0]["expr"].is_string(), "{panel}");
        assert!(
            panel["gridPos"]["w"]
                .as_u64()
                .is_some_and(|width| width <= 24)
        );
    }
    let (read, why) = read_by_grafana(&board);
    assert!(read, "{why}");
    // A member in the wrong place is found.
    let mut wrong = board.clone();
    wrong["panels"][0]["gridpos"] = json!({});
    let (read, why) = read_by_grafana(&wrong);
    assert!(!read && why.contains("gridpos"), "{why}");
}

/// Whether Grafana's own model of a dashboard reads this one as it is, and what it says.
fn read_by_grafana(board: &Value) -> (bool, String) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/grafana");
    let python = python::python("grafana-venv", &format!("{folder}/requirements.txt"));
    let mut check = Command::new(python)
        .arg(format!("{folder}/check.py"))
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let mut input = check.stdin.take().expect("it is piped");
    input
        .write_all(board.to_string().as_bytes())
        .expect("it reads");
    drop(input);
    let output = check.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), said)
}
