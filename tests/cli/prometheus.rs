//! What Prometheus itself makes of the metrics and the alert rules: its own tool judges both, and a
//! server scrapes a service whose bus and audit log have stopped, and says so.
//!
//! Debian's package `prometheus` has both programs; `tests/run` installs it.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::broker::Broker;
use super::program::{data_dir, text};
use crate::common::{Server, client, run, temp_dir};

const ADVICE: &str = "install Prometheus (Debian: apt-get install prometheus); tests/run does";

/// Writes the alert rules as they are printed.
fn write_rules(dir: &Path) -> String {
    let (code, rules, err) = run(&["print", "alerts"]);
    assert_eq!(code, Some(0), "{err}");
    let file = dir.join("alerts.yml");
    std::fs::write(&file, rules).expect("a file");
    text(&file).to_owned()
}

fn promtool(arguments: &[&str], stdin: Stdio) -> String {
    let output = Command::new("promtool")
        .args(arguments)
        .stdin(stdin)
        .output();
    let output: Output = output.unwrap_or_else(|error| panic!("promtool: {error}; {ADVICE}"));
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}

#[tokio::test]
async fn promtool_finds_nothing_wrong_with_the_metrics() {
    let (dir, data) = data_dir();
    let server = Server::start(&data, &[]);
    let card = json!({"name": {"full": "Ann"}});
    server.send("POST", "/contacts", &[], Some(&card)).await;
    let metrics = server.send("GET", "/metrics", &[], None).await;
    let file = dir.path().join("metrics.txt");
    std::fs::write(&file, &metrics.body).expect("a file");
    let file = std::fs::File::open(&file).expect("the file");
    assert_eq!(promtool(&["check", "metrics"], file.into()), "");
    assert_eq!(server.stop(), Some(0));
}

/// What a service reports when one thing after the other goes wrong, and the alerts that must then
/// fire: time is Prometheus's own here, so nothing is waited for.
const CASES: [(&str, &str, &str, &str); 9] = [
    ("up{job=\"contactd\"}", "1 0x20", "5m", "ContactdDown"),
    (
        "contactd_audit_halted",
        "0 1x20",
        "5m",
        "ContactdAuditHalted",
    ),
    ("contactd_bus_halted", "0 1x20", "5m", "ContactdBusHalted"),
    (
        "contactd_bus_state{state=\"away\"}",
        "1x20",
        "10m",
        "ContactdBusAway",
    ),
    (
        "contactd_log_writable",
        "1 0x20",
        "5m",
        "ContactdLogNotWritable",
    ),
    (
        "contactd_cluster_halted",
        "0 1x20",
        "5m",
        "ContactdClusterHalted",
    ),
    (
        "contactd_cluster_leader",
        "1 0x20",
        "5m",
        "ContactdClusterLeaderless",
    ),
    (
        "contactd_cluster_lag_events",
        "20000x20",
        "10m",
        "ContactdClusterBehind",
    ),
    (
        "contactd_view_behind_events",
        "20000x20",
        "10m",
        "ContactdViewBehind",
    ),
];

#[test]
fn each_alert_fires_on_what_it_is_for() {
    let dir = temp_dir();
    let rules = write_rules(dir.path());
    let summary = promtool(&["check", "rules", &rules], Stdio::null());
    assert!(summary.contains("SUCCESS"), "{summary}");
    for (series, values, at, alert) in CASES {
        let expected = json!([{"alertname": alert, "eval_time": at, "exp_alerts": []}]);
        let test = json!({"rule_files": [rules], "evaluation_interval": "1m", "tests": [{
            "interval": "1m",
            "input_series": [{"series": series, "values": values}],
            "alert_rule_test": expected}]});
        let file = dir.path().join("test.yml");
        // JSON is YAML.
        std::fs::write(&file, test.to_string()).expect("a file");
        let output = Command::new("promtool")
            .args(["test", "rules", text(&file)])
            .output()
            .unwrap_or_else(|error| panic!("promtool: {error}; {ADVICE}"));
        // That none fires is what the test claims, so that it must fail and name what does.
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let fires = said.contains("got:[") && said.contains(alert);
        assert!(!output.status.success() && fires, "{alert}: {said}");
    }
}

/// A follower publishes nothing: that is the leader's.
#[test]
fn a_follower_is_not_behind_with_what_the_leader_publishes() {
    let dir = temp_dir();
    let rules = write_rules(dir.path());
    let series = |leads: &str| {
        json!([
            {"series": "contactd_log_position{instance=\"n\"}", "values": "20000x20"},
            {"series": "contactd_bus_published_position{instance=\"n\"}", "values": "0x20"},
            {"series": "contactd_bus_connected{instance=\"n\"}", "values": "1x20"},
            {"series": "contactd_cluster_leader{instance=\"n\"}", "values": leads},
            {"series": "contactd_cluster_leader{instance=\"other\"}", "values": "1x20"},
        ])
    };
    for (leads, fires) in [("1x20", true), ("0x20", false)] {
        let none =
            json!([{"alertname": "ContactdBusBehind", "eval_time": "10m", "exp_alerts": []}]);
        let test = json!({"rule_files": [rules], "evaluation_interval": "1m", "tests": [{
            "interval": "1m", "input_series": series(leads), "alert_rule_test": none}]});
        let file = dir.path().join("test.yml");
        std::fs::write(&file, test.to_string()).expect("a file");
        let output = Command::new("promtool")
            .args(["test", "rules", text(&file)])
            .output();
        let output = output.unwrap_or_else(|error| panic!("promtool: {error}; {ADVICE}"));
        assert_eq!(output.status.success(), !fires, "{leads}: {output:?}");
    }
}

/// A Prometheus that scrapes one service each second.
struct Prometheus {
    child: Child,
    url: String,
}

impl Prometheus {
    fn start(dir: &Path, rules: &str, target: &str) -> Self {
        let config = json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [rules],
            "scrape_configs": [{"job_name": "contactd", "static_configs": [{"targets": [target]}]}],
        });
        let file = dir.join("prometheus.yml");
        std::fs::write(&file, config.to_string()).expect("a file");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.expect("a free port").to_string();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", text(&file)))
            .arg(format!("--storage.tsdb.path={}", text(&dir.join("tsdb"))))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self {
            child: child.unwrap_or_else(|error| panic!("prometheus: {error}; {ADVICE}")),
            url: format!("http://{address}"),
        }
    }

    /// The names of the alerts that fire; none before it answers.
    async fn firing(&self) -> Vec<String> {
        let asked = client().get(format!("{}/api/v1/alerts", self.url)).send();
        let Ok(answer) = asked.await else {
            return Vec::new();
        };
        let answer: Value = answer.json().await.unwrap_or_default();
        let alerts = answer["data"]["alerts"].as_array().cloned();
        let alerts = alerts.unwrap_or_default().into_iter();
        alerts
            .filter(|alert| alert["state"] == "firing")
            .filter_map(|alert| alert["labels"]["alertname"].as_str().map(str::to_owned))
            .collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_prometheus_alerts_on_a_stopped_bus_and_a_halted_audit_log() {
    let dir = temp_dir();
    let rules = write_rules(dir.path());
    let broker = Broker::started();
    let url = broker.url();
    let first = Server::start(&dir.path().join("first"), &["--nats-url", &url]);
    let card = json!({"name": {"full": "Ann"}});
    first.send("POST", "/contacts", &[], Some(&card)).await;
    // Another log under the same prefix publishes nothing.
    let data = dir.path().join("second");
    let second = Server::start(&data, &["--nats-url", &url]);
    let prometheus =
        Prometheus::start(dir.path(), &rules, second.url.trim_start_matches("http://"));
    // Tiles can't be written where a file stands in the place of their directory.
    let tiles = data.join("audit");
    std::fs::rename(&tiles, data.join("taken-away")).expect("it is renamed");
    std::fs::write(&tiles, "").expect("a file");
    second.send("POST", "/contacts", &[], Some(&card)).await;
    let until = Instant::now() + Duration::from_secs(60);
    let wanted = ["ContactdAuditHalted", "ContactdBusHalted"];
    let mut firing = Vec::new();
    while !wanted.iter().all(|name| firing.iter().any(|is| is == name)) {
        assert!(Instant::now() < until, "only {firing:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
        firing = prometheus.firing().await;
    }
}
