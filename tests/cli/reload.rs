//! SIGHUP: certificates and keys are read again, and the service goes on.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contactd::auth::{AccessClaims, OwnKey};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{Server, stderr_path, temp_dir};

const PATIENCE: Duration = Duration::from_secs(20);

/// A certificate for this machine, as `--tls-cert` and `--tls-key` have it.
fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]);
    let made = made.expect("a certificate");
    (made.cert.pem(), made.signing_key.serialize_pem())
}

/// A client that trusts one certificate alone.
fn trusting(certificate: &str) -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let root = reqwest::Certificate::from_pem(certificate.as_bytes()).expect("a certificate");
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE);
    client.tls_certs_only([root]).build().expect("a client")
}

async fn is_served(client: &reqwest::Client, server: &Server) -> bool {
    let answer = client.get(format!("{}/healthz", server.url)).send().await;
    answer.is_ok_and(|answer| answer.status() == 200)
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn said(data: &Path) -> String {
    std::fs::read_to_string(stderr_path(data)).expect("standard error")
}

#[tokio::test]
async fn a_new_certificate_is_served_and_a_bad_one_is_not() {
    let dir = temp_dir();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    let write = |(certificate, private): &(String, String)| {
        std::fs::write(&cert, certificate).expect("a file");
        std::fs::write(&key, private).expect("a file");
    };
    let (first, second) = (certificate(), certificate());
    write(&first);
    let data = dir.path().join("data");
    let paths = [&cert, &key].map(|path| path.to_str().expect("UTF-8").to_owned());
    let server = Server::start(&data, &["--tls-cert", &paths[0], "--tls-key", &paths[1]]);
    assert!(server.url.starts_with("https://"), "{}", server.url);
    let (old, new) = (trusting(&first.0), trusting(&second.0));
    assert!(is_served(&old, &server).await && !is_served(&new, &server).await);

    std::fs::write(&cert, "no certificate").expect("a file");
    server.signal("-HUP");
    let what = "the TLS certificate in use stays";
    eventually("a bad file is said", async || said(&data).contains(what)).await;
    assert!(
        is_served(&trusting(&first.0), &server).await,
        "the old one is served"
    );

    write(&second);
    server.signal("-HUP");
    let fresh = async || is_served(&trusting(&second.0), &server).await;
    eventually("the new certificate is served", fresh).await;
    // A connection that was there before goes on.
    assert!(is_served(&old, &server).await);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn tls_speaks_http_1_1_and_says_so() {
    let dir = temp_dir();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    let (certificate, private) = certificate();
    std::fs::write(&cert, &certificate).expect("a file");
    std::fs::write(&key, private).expect("a file");
    let paths = [&cert, &key].map(|path| path.to_str().expect("UTF-8").to_owned());
    let options = ["--tls-cert", &paths[0], "--tls-key", &paths[1]];
    let server = Server::start(&dir.path().join("data"), &options);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    let pem = rustls::pki_types::pem::PemObject::from_pem_slice(certificate.as_bytes());
    roots.add(pem.expect("a certificate")).expect("a root");
    let negotiated = |offered: &[&[u8]]| {
        let mut config = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
        let name = ServerName::try_from("localhost").expect("a name");
        let mut client = ClientConnection::new(Arc::new(config), name).expect("a client");
        let address = server.url.trim_start_matches("https://");
        let mut socket = TcpStream::connect(address).expect("it listens");
        let mut stream = rustls::Stream::new(&mut client, &mut socket);
        let asked = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let mut answer = String::new();
        let sent = stream.write_all(asked);
        let read = sent.and_then(|()| stream.read_to_string(&mut answer));
        let protocol = client.alpn_protocol().map(<[u8]>::to_vec);
        (read.is_ok() && answer.starts_with("HTTP/1.1 200"), protocol)
    };
    let http = b"http/1.1".to_vec();
    assert_eq!(negotiated(&[b"h2", b"http/1.1"]), (true, Some(http)));
    assert_eq!(negotiated(&[]), (true, None));
    assert!(!negotiated(&[b"h2"]).0, "nothing else is spoken");
}

/// An identity provider of the tests: a key of its own, and the file that publishes it.
struct Provider(TempDir);

impl Provider {
    fn new() -> Self {
        Self(temp_dir())
    }

    fn token(&self, ttl: Duration) -> String {
        let claims = AccessClaims {
            client_id: Some("c".into()),
            roles: vec!["admin".into()],
            tenants: vec!["*".into()],
            ..AccessClaims::default()
        };
        let key = OwnKey::load_or_create(self.0.path()).expect("a key");
        let now = contactd::gateway::unix_seconds();
        key.sign_access(claims, ttl, now).expect("a token")
    }

    /// The public key that tokens are verified with, as a JWKS has it.
    fn jwk(&self) -> Value {
        let token = self.token(Duration::from_secs(60));
        let header = token.split('.').next().expect("a header");
        let header = URL_SAFE_NO_PAD.decode(header).expect("base64");
        let header: Value = serde_json::from_slice(&header).expect("JSON");
        let pem = std::fs::read_to_string(self.0.path().join("token.key")).expect("a key");
        let key = SigningKey::from_pkcs8_pem(&pem).expect("a key");
        let x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
        json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": header["kid"], "x": x})
    }
}

async fn status(server: &Server, token: &str) -> u16 {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    server.send("GET", "/contacts", &headers, None).await.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_was_taken_back_opens_nothing_and_ends_its_streams() {
    let dir = temp_dir();
    let (one, other) = (Provider::new(), Provider::new());
    let file = dir.path().join("jwks.json");
    let publish = |keys: Value| std::fs::write(&file, json!({ "keys": keys }).to_string());
    publish(json!([one.jwk()])).expect("a file");
    let data = dir.path().join("data");
    let path = file.to_str().expect("UTF-8");
    let server = Server::start(&data, &["--auth", "jwt", "--jwks", path]);
    let (old, new) = (
        one.token(Duration::from_secs(600)),
        other.token(Duration::from_secs(600)),
    );
    assert_eq!(
        (status(&server, &old).await, status(&server, &new).await),
        (200, 401)
    );
    let stream = crate::common::client()
        .get(format!("{}/events?follow=true", server.url))
        .bearer_auth(&old)
        .header("accept", "text/event-stream");
    let stream = stream.send().await.expect("a stream");
    assert_eq!(stream.status(), 200);

    std::fs::write(&file, "no keys").expect("a file");
    server.signal("-HUP");
    eventually("a bad file is said", async || {
        said(&data).contains("the JWKS in use stays")
    })
    .await;
    assert_eq!(status(&server, &old).await, 200, "the old keys stay");

    publish(json!([other.jwk()])).expect("a file");
    server.signal("-HUP");
    eventually("the new key opens", async || {
        status(&server, &new).await == 200
    })
    .await;
    assert_eq!(status(&server, &old).await, 401);
    let rest = tokio::time::timeout(PATIENCE, stream.text()).await;
    let rest = rest.expect("it ends").expect("in order");
    assert!(
        rest.contains("event: end\ndata: {") && rest.contains("\"status\":401"),
        "{rest}"
    );

    // The directory's own key is another once its file was removed.
    let own = crate::common::token(&data, &["--role", "admin", "--tenant", "*"]);
    assert_eq!(status(&server, &own).await, 200);
    std::fs::remove_file(data.join("token.key")).expect("it is there");
    server.signal("-HUP");
    eventually("the old key opens nothing", async || {
        status(&server, &own).await == 401
    })
    .await;
    let own = crate::common::token(&data, &["--role", "admin", "--tenant", "*"]);
    assert_eq!(status(&server, &own).await, 200);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn what_is_seldom_meant_is_warned_of() {
    let dir = temp_dir();
    let file = dir.path().join("jwks.json");
    let keys = json!({ "keys": [Provider::new().jwk()] });
    std::fs::write(&file, keys.to_string()).expect("a file");
    let jwks = ["--jwks", file.to_str().expect("UTF-8")];
    let parties = [
        "--jwt-issuer",
        "https://issuer.example",
        "--jwt-audience",
        "contactd",
    ];
    let warned = |name: &str, options: &[&str]| {
        let data = dir.path().join(name);
        let server = Server::start(&data, options);
        assert_eq!(server.stop(), Some(0));
        said(&data)
    };
    let quiet = warned("quiet", &[&["--auth", "jwt"][..], &jwks, &parties].concat());
    assert!(!quiet.contains("WARN"), "{quiet}");
    let said = warned("any", &[&["--auth", "jwt"][..], &jwks].concat());
    assert!(said.contains("--jwks without --jwt-issuer"), "{said}");
    assert!(said.contains("--jwks without --jwt-audience"), "{said}");
    assert!(!said.contains("in clear"), "{said}");
}

#[test]
fn tokens_that_cross_a_network_in_clear_are_warned_of() {
    let dir = temp_dir();
    let data = dir.path().join("data");
    let mut command = std::process::Command::new(crate::common::BINARY);
    command.args(["--listen", "0.0.0.0:0", "--auth", "jwt"]);
    let server = Server::try_start_as(command, &data).expect("it starts");
    assert_eq!(server.stop(), Some(0));
    let said = said(&data);
    assert!(said.contains("cross the network in clear"), "{said}");
}
