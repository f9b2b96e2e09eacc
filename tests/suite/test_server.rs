//! A service that asks for tokens, and those who call it.

use std::path::PathBuf;
use std::time::Duration;

use contactd::auth::{AccessClaims, OwnKey};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::{Api, Learns, Person, id_of, of_tenant};
use crate::common::{self, Answer, Server};

/// A running service over a directory of its own.
pub struct TestServer {
    pub server: Server,
    root: TempDir,
    client: reqwest::Client,
}

/// A client of one dialect, for one tenant.
#[derive(Clone)]
pub struct Caller {
    pub api: &'static Api,
    pub tenant: &'static str,
    pub token: String,
    session: String,
    url: String,
    client: reqwest::Client,
}

/// The current time in seconds since 1970.
pub fn now() -> u64 {
    contactd::gateway::unix_seconds()
}

impl TestServer {
    /// Starts a service that asks for tokens.
    pub fn new(options: &[&str]) -> Self {
        let root = common::temp_dir();
        let server = Self::serve(&root, options);
        Self {
            server,
            root,
            client: common::client(),
        }
    }

    fn serve(root: &TempDir, options: &[&str]) -> Server {
        Server::start(
            &root.path().join("data"),
            &[&["--auth", "jwt"], options].concat(),
        )
    }

    /// Stops the service, starts another over the same data, and gives the first one's exit code.
    pub async fn restart(self, options: &[&str]) -> (Self, Option<i32>) {
        let Self {
            server,
            root,
            client,
        } = self;
        let code = tokio::task::spawn_blocking(move || server.stop()).await;
        let server = Self::serve(&root, options);
        let service = Self {
            server,
            root,
            client,
        };
        (service, code.expect("it stops"))
    }

    fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    /// Takes away the key that signs tokens: the next start makes another.
    pub fn lose_token_key(&self) {
        std::fs::remove_file(self.data().join("token.key")).expect("it is there");
    }

    /// All that the service said on standard error.
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.data().with_extension("stderr")).expect("standard error")
    }

    fn key(&self) -> OwnKey {
        OwnKey::load_or_create(&self.data()).expect("the directory's key")
    }

    /// A token that ends so many seconds from now, or ended so many ago.
    pub fn token(&self, client: &str, roles: &[&str], tenants: &[&str], ends: i64) -> String {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let claims = AccessClaims {
            subject: None,
            client_id: Some(client.to_owned()),
            management_user_id: None,
            roles: texts(roles),
            tenants: texts(tenants),
        };
        let issued = now().checked_add_signed(ends - 60).expect("a time");
        let token = self
            .key()
            .sign_access(claims, Duration::from_secs(60), issued);
        token.expect("a token")
    }

    /// A session token, which Kare's callers send too.
    fn session(&self) -> String {
        let token = self
            .key()
            .sign_session("user", "session", Duration::from_secs(3_600), now());
        token.expect("a token")
    }

    /// An administrator of one of a dialect's tenants.
    pub fn admin(&self, api: &'static Api, tenant: usize) -> Caller {
        self.caller(api, tenant, &["admin"])
    }

    /// Somebody with these roles in one of a dialect's tenants.
    pub fn caller(&self, api: &'static Api, tenant: usize, roles: &[&str]) -> Caller {
        let tenant = api.tenants[tenant];
        Caller {
            api,
            tenant,
            token: self.token(&format!("{}-{tenant}", api.name), roles, &[tenant], 3_000),
            session: self.session(),
            url: self.server.url.clone(),
            client: self.client.clone(),
        }
    }

    /// The events after a position, all tenants', with everything in them.
    pub async fn events_after(&self, position: u64) -> Vec<Value> {
        let answer = self
            .look(&format!("/events?after={position}&limit=1000"))
            .await;
        answer.json()["events"].as_array().expect("events").clone()
    }

    /// Reads as somebody who may see everything, a new one each time, whom no rate limits.
    async fn look(&self, path: &str) -> Answer {
        let client = uuid::Uuid::now_v7().to_string();
        let bearer = format!("Bearer {}", self.token(&client, &["admin"], &["*"], 3_000));
        let headers = [("authorization", bearer.as_str())];
        self.server.send("GET", path, &headers, None).await
    }

    /// The types of the events after a position.
    pub async fn types_after(&self, position: u64) -> Vec<String> {
        let events = self.events_after(position).await;
        let text = |event: &Value| event["type"].as_str().expect("a type").to_owned();
        events.iter().map(text).collect()
    }

    /// The last position, behind every read so far: those are recorded in their own time, and a
    /// command goes behind them in the queue. It is refused: a START and a FAIL more in the log.
    pub async fn head(&self) -> u64 {
        let client = uuid::Uuid::now_v7().to_string();
        let bearer = format!("Bearer {}", self.token(&client, &["admin"], &["*"], 3_000));
        let headers = [("authorization", bearer.as_str()), ("if-match", "*")];
        let path = "/api/v1/organisation/99/contact/999999999";
        let answer = self
            .server
            .send("PATCH", path, &headers, Some(&json!({})))
            .await;
        assert_eq!(answer.status, 404, "{answer:?}");
        answer.position()
    }
}

impl Caller {
    /// Sends a request. Headers given here win over those that every request has.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let sent = self.try_send(method, path, headers, body).await;
        let answer = sent.expect("the service answers");
        assert!(
            answer.header("contact-correlation").is_some(),
            "{method} {path}: {answer:?}"
        );
        assert_eq!(
            answer.status == 401,
            answer.header("www-authenticate").is_some(),
            "{method} {path}: {answer:?}"
        );
        answer
    }

    /// Sends a request to a service that may go away before it answers.
    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Result<Answer, reqwest::Error> {
        let method = method.parse().expect("a method");
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.url))
            .body(body);
        for (name, value) in self.headers() {
            if !headers.iter().any(|(own, _)| *own == name) {
                request = request.header(name, value);
            }
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await?;
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await?.to_vec(),
        })
    }

    /// This caller with another token.
    pub fn with_token(&self, token: String) -> Self {
        Self {
            token,
            ..self.clone()
        }
    }

    /// What every request says of its sender.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("authorization", format!("Bearer {}", self.token)),
            ("content-type", "application/json".to_owned()),
        ];
        if self.api.dialect().extras.session_header.is_some() {
            headers.push(("x-session-token", self.session.clone()));
        }
        if let Some(name) = self.api.tenant_header {
            headers.push((name, self.tenant.to_owned()));
        }
        headers
    }

    /// Creates a contact of a person.
    pub async fn create(&self, person: Person<'_>) -> Answer {
        self.create_with(person, &[]).await
    }

    /// Creates a contact, with more headers.
    pub async fn create_with(&self, person: Person<'_>, headers: &[(&str, &str)]) -> Answer {
        let body = (self.api.create)(person).to_string();
        let path = self.api.contacts_of(self.tenant);
        self.send("POST", &path, headers, body).await
    }

    /// Creates a contact and learns its id as the vendor's clients do.
    pub async fn created(&self, person: Person<'_>) -> String {
        let answer = self.create(person).await;
        assert_eq!(
            answer.status, self.api.statuses[0],
            "{}: {answer:?}",
            self.api.name
        );
        match self.api.learns {
            Learns::Body => id_of(&answer.json()),
            Learns::Location => {
                let location = answer.header("location").expect("a location");
                location.rsplit('/').next().expect("an id").to_owned()
            }
            Learns::List => {
                let all = self.all().await;
                let own = all.iter().rfind(|c| {
                    c.pointer(self.api.name_at)
                        .is_some_and(|n| n == person.name)
                });
                id_of(own.expect("it is listed"))
            }
        }
    }

    /// Changes a contact's name.
    pub async fn rename(&self, id: &str, person: Person<'_>, headers: &[(&str, &str)]) -> Answer {
        let body = (self.api.rename)(person).to_string();
        let path = self.api.one_of(self.tenant, id);
        self.send(self.api.update_method, &path, headers, body)
            .await
    }

    /// Deletes a contact by its id.
    pub async fn delete(&self, id: &str) -> Answer {
        let path = self.api.one_of(self.tenant, id);
        self.send("DELETE", &path, &[], "").await
    }

    /// Reads a contact, by itself or in the list; nothing where there is none.
    pub async fn read(&self, id: &str) -> Option<Value> {
        if !self.api.reads_one {
            return self.all().await.into_iter().find(|c| id_of(c) == id);
        }
        let path = self.api.one_of(self.tenant, id);
        let answer = self.send("GET", &path, &[], "").await;
        match answer.status {
            200 => Some(answer.json()),
            404 => {
                assert!(
                    (self.api.is_error)(&answer),
                    "{}: {answer:?}",
                    self.api.name
                );
                None
            }
            _ => panic!("{}: {answer:?}", self.api.name),
        }
    }

    /// Every contact of the list, in one answer.
    pub async fn all(&self) -> Vec<Value> {
        let path = self.api.whole_list_of(self.tenant);
        let answer = self.send("GET", &path, &[], "").await;
        assert_eq!(answer.status, 200, "{}: {answer:?}", self.api.name);
        self.api.items_in(&answer)
    }

    /// A path of this caller's tenant.
    pub fn path(&self, template: &str) -> String {
        of_tenant(template, self.tenant)
    }
}
