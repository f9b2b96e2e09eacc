//! Every way in which NATS knows its users, and what comes of one that does not hold.

use std::path::{Path, PathBuf};

use contactd::gateway::Bus;
use contactd::nats::{Login, Servers};
use nkeys::KeyPair;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair as TlsKey};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::broker::Broker;
use crate::node::Home;

/// Starts a service that looks for its broker there, and says how the bus is then.
async fn bus(url: &str, login: Login) -> Bus {
    let mut home = Home::new("log-a");
    home.login = login;
    let node = home.start(url);
    let tried = |bus: &Bus| match bus {
        Bus::Off => false,
        Bus::Away { reason } => !reason.contains("no connection yet"),
        _ => true,
    };
    let bus = node.bus_is(tried).await;
    if bus == Bus::Connected {
        node.create_many(1).await;
        node.published().await;
    }
    node.stop().await;
    bus
}

fn started(extra: &str) -> Broker {
    let mut broker = Broker::with(extra);
    broker.start();
    broker
}

fn written(dir: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, text).expect("written");
    path
}

fn reason(bus: &Bus) -> &str {
    match bus {
        Bus::Halted { reason } | Bus::Away { reason } => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_a_password_or_a_token_stands_in_the_url() {
    let users = r#"authorization { users: [ { user: "a@b", password: "p:q,r/%" } ] }"#;
    let broker = started(users);
    let right = bus(&broker.url_of("a%40b:p%3Aq%2Cr%2F%25"), Login::default()).await;
    assert_eq!(right, Bus::Connected);
    for wrong in ["a%40b:wrong", "nobody:x", "token"] {
        let bus = bus(&broker.url_of(wrong), Login::default()).await;
        assert!(matches!(bus, Bus::Halted { .. }), "{bus:?}");
        assert!(reason(&bus).contains("authorization violation"), "{bus:?}");
        assert!(!reason(&bus).contains(wrong), "{bus:?}");
    }
    let broker = started(r#"authorization { token: "t0k/en" }"#);
    let right = bus(&broker.url_of("t0k%2Fen"), Login::default()).await;
    assert_eq!(right, Bus::Connected);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_several_servers_is_enough() {
    let broker = started(r#"authorization { users: [ { user: u, password: p } ] }"#);
    let absent = Broker::absent();
    let servers = format!("{},{}", absent.url_of("u:p"), broker.url());
    assert_eq!(bus(&servers, Login::default()).await, Bus::Connected);
    let servers = format!("{},{}", absent.url(), broker.url_of("u:wrong"));
    let refused = bus(&servers, Login::default()).await;
    assert!(matches!(refused, Bus::Halted { .. }), "{refused:?}");
    let away = bus(&absent.url(), Login::default()).await;
    assert!(reason(&away).contains("127.0.0.1"), "{away:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_known_by_an_nkey() {
    let key = KeyPair::new_user();
    let users = format!(
        "authorization {{ users: [ {{ nkey: {} }} ] }}",
        key.public_key()
    );
    let broker = started(&users);
    let dir = TempDir::new().expect("a directory");
    let seed = key.seed().expect("its seed");
    let with = |text: &str| Login {
        nkey: Some(written(&dir, "user.nk", text)),
        ..Login::default()
    };
    let commented = format!("# ours\n\n{seed}\n");
    assert_eq!(bus(&broker.url(), with(&commented)).await, Bus::Connected);
    let other = KeyPair::new_user().seed().expect("a seed");
    let refused = bus(&broker.url(), with(&other)).await;
    assert!(matches!(refused, Bus::Halted { .. }), "{refused:?}");
}

/// A NATS JWT (version 2) signed by a key.
fn jwt(issuer: &KeyPair, subject: &str, nats: Value) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
    let header = BASE64.encode(r#"{"typ":"JWT","alg":"ed25519-nkey"}"#);
    let claims = json!({
        "jti": "1", "iat": 1_700_000_000, "iss": issuer.public_key(), "name": "test",
        "sub": subject, "nats": nats,
    });
    let signed = format!("{header}.{}", BASE64.encode(claims.to_string()));
    let signature = issuer.sign(signed.as_bytes()).expect("signed");
    format!("{signed}.{}", BASE64.encode(signature))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_known_by_a_credentials_file() {
    let (operator, system) = (KeyPair::new_operator(), KeyPair::new_account());
    let (account, user) = (KeyPair::new_account(), KeyPair::new_user());
    let limits = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true,
        "conn": -1, "leaf": -1, "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
    });
    let of_account = json!({ "limits": limits, "type": "account", "version": 2 });
    let of_operator = json!({ "type": "operator", "version": 2 });
    let of_user = json!({ "subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2 });
    let system_limits = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true,
        "conn": -1, "leaf": -1,
    });
    let of_system = json!({ "limits": system_limits, "type": "account", "version": 2 });
    let config = format!(
        "operator: {}\nresolver: MEMORY\nsystem_account: {sys}\nresolver_preload: {{ {acc}: {}, {sys}: {} }}",
        jwt(&operator, &operator.public_key(), of_operator),
        jwt(&operator, &account.public_key(), of_account),
        jwt(&operator, &system.public_key(), of_system),
        acc = account.public_key(),
        sys = system.public_key(),
    );
    let broker = started(&config);
    let dir = TempDir::new().expect("a directory");
    let with = |user: &KeyPair, seed: &KeyPair| {
        let text = format!(
            "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            jwt(&account, &user.public_key(), of_user.clone()),
            seed.seed().expect("its seed"),
        );
        Login {
            credentials: Some(written(&dir, "user.creds", &text)),
            ..Login::default()
        }
    };
    assert_eq!(bus(&broker.url(), with(&user, &user)).await, Bus::Connected);
    let refused = bus(&broker.url(), with(&user, &KeyPair::new_user())).await;
    assert!(matches!(refused, Bus::Halted { .. }), "{refused:?}");
}

/// A certificate authority of a test's own, and what it has signed.
struct Authority {
    dir: TempDir,
    issuer: Issuer<'static, TlsKey>,
}

impl Authority {
    fn new() -> Self {
        let dir = TempDir::new().expect("a directory");
        let key = TlsKey::generate().expect("a key");
        let mut params = CertificateParams::new(vec![]).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("signed");
        written(&dir, "ca.pem", &certificate.pem());
        let issuer = Issuer::new(params, key);
        Self { dir, issuer }
    }

    fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// A certificate for localhost and its key.
    fn signed(&self, name: &str) -> (PathBuf, PathBuf) {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let params = CertificateParams::new(names).expect("parameters");
        let key = TlsKey::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        let pem = written(&self.dir, &format!("{name}.pem"), &certificate.pem());
        let key = written(&self.dir, &format!("{name}.key"), &key.serialize_pem());
        (pem, key)
    }
}

fn quoted(path: &Path) -> String {
    format!("{path:?}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_known_by_its_authority_and_a_client_by_its_certificate() {
    let (ours, other) = (Authority::new(), Authority::new());
    let (certificate, key) = ours.signed("server");
    let tls = format!(
        "tls {{ cert_file: {}, key_file: {}, ca_file: {}, verify: true }}",
        quoted(&certificate),
        quoted(&key),
        quoted(&ours.ca())
    );
    let broker = started(&tls);
    let login = |authority: &Authority, client: Option<&Authority>| Login {
        authorities: Some(authority.ca()),
        certificate: client.map(|client| client.signed("client")),
        ..Login::default()
    };
    let both = login(&ours, Some(&ours));
    assert_eq!(bus(&broker.url(), both.clone()).await, Bus::Connected);
    let broker = started(&tls);
    let over_tls = broker.url().replace("nats://", "tls://");
    assert_eq!(bus(&over_tls, both).await, Bus::Connected);
    for wrong in [
        login(&other, Some(&ours)),
        login(&ours, None),
        login(&ours, Some(&other)),
    ] {
        let refused = bus(&broker.url(), wrong).await;
        assert!(reason(&refused).len() > 40, "it says why: {refused:?}");
    }
    // A server without TLS is not spoken to in the clear.
    let plain = started("");
    let refused = bus(&plain.url(), login(&ours, None)).await;
    assert!(!matches!(refused, Bus::Connected), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_used_is_said_at_the_start() {
    let authority = Authority::new();
    let (certificate, key) = authority.signed("one");
    let (_, other_key) = authority.signed("two");
    let dir = TempDir::new().expect("a directory");
    let file = |name: &str, text: &str| written(&dir, name, text);
    let absent = dir.path().join("absent");
    let seed = KeyPair::new_user().seed().expect("a seed");
    let account = KeyPair::new_account().seed().expect("a seed");
    let nkey = |path: PathBuf| Login {
        nkey: Some(path),
        ..Login::default()
    };
    let credentials = |path: PathBuf| Login {
        credentials: Some(path),
        ..Login::default()
    };
    let authorities = |path: PathBuf| Login {
        authorities: Some(path),
        ..Login::default()
    };
    let certified = |certificate: &PathBuf, key: &PathBuf| Login {
        certificate: Some((certificate.clone(), key.clone())),
        ..Login::default()
    };
    let cases = [
        nkey(file("a", "nonsense")),
        nkey(file("b", "")),
        nkey(file("c", &account)),
        nkey(absent.clone()),
        credentials(file("d", "nonsense")),
        credentials(absent.clone()),
        authorities(file("e", "nonsense")),
        authorities(absent),
        certified(&certificate, &other_key),
        certified(&key, &key),
        certified(&certificate, &certificate),
    ];
    let servers: Servers = "nats://localhost".parse().expect("servers");
    for case in cases {
        assert!(case.check(&servers).await.is_err(), "{case:?}");
    }
    let known = nkey(file("f", &seed));
    known.check(&servers).await.expect("it can be used");
    let twice: Servers = "nats://user:password@localhost".parse().expect("servers");
    assert!(
        known.check(&twice).await.is_err(),
        "two ways to say who it is"
    );
    let tls = Login {
        authorities: Some(authority.ca()),
        ..certified(&certificate, &key)
    };
    tls.check(&twice).await.expect("it can be used");
}

#[test]
fn the_program_ends_with_2_where_an_option_can_not_be_honoured() {
    let dir = TempDir::new().expect("a directory");
    let nonsense = written(&dir, "nonsense", "nonsense");
    let nonsense = nonsense.to_str().expect("text");
    let local = ["--nats-url", "nats://127.0.0.1:1"];
    let cases: [&[&str]; 9] = [
        &["--nats-url", "nats://user:pa%ss@127.0.0.1:1"],
        &["--nats-url", "ws://127.0.0.1:1"],
        &["--nats-url", "nats://127.0.0.1:1/path"],
        &["--nats-creds", nonsense],
        &["--nats-ca", nonsense],
        &[local[0], local[1], "--nats-nkey", nonsense],
        &[local[0], local[1], "--nats-ca", nonsense],
        &[local[0], local[1], "--nats-cert", nonsense],
        &[local[0], local[1], "--nats-prefix", "_INBOX"],
    ];
    for case in cases {
        let ended = std::process::Command::new(env!("CARGO_BIN_EXE_contactd"))
            .args(["--listen", "127.0.0.1:0", "--data-dir"])
            .arg(dir.path().join("data"))
            .args(case)
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{case:?}: {said}");
        assert!(!said.contains("pa%ss"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_without_streams_is_said_to_be_one() {
    let none = Broker::without_streams();
    let accounts = "accounts { A: { users: [{ user: a, password: b }] } }\nno_auth_user: a";
    let of_another_account = started(accounts);
    for broker in [none, of_another_account] {
        let bus = bus(&broker.url(), Login::default()).await;
        let reason = bus.reason().unwrap_or_default();
        assert!(reason.contains("JetStream is not on"), "{reason}");
        assert!(reason.contains("nats-server with -js"), "{reason}");
    }
}
