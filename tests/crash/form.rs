//! The requests of each dialect, in the vendor's form.

use serde_json::{Value, json};

use super::common::{Answer, Server};

/// The most contacts that a MATTR participant may have; a client's deletes are not counted on.
const PARTICIPANT_CONTACTS: u64 = 10;
const JSON: (&str, &str) = ("content-type", "application/json");

/// A dialect, as one client speaks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Native,
    Mattr,
    Oracle,
    Emnify,
    Thena,
    Kare,
}

/// A request. It is sent again as it is.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: &'static str,
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<Value>,
}

impl Request {
    fn new(method: &'static str, path: String, body: Option<Value>) -> Self {
        Self {
            method,
            path,
            headers: vec![(JSON.0, JSON.1.to_owned())],
            body,
        }
    }

    /// This request with one more header.
    pub fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Sends it; no answer where the service dies.
    pub async fn send(&self, server: &Server) -> Option<Answer> {
        let headers: Vec<(&str, &str)> = self
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let answer = server
            .try_send(self.method, &self.path, &headers, self.body.as_ref())
            .await;
        answer.ok()
    }
}

impl Form {
    /// One client for each; the first two dialects have a second one.
    pub const CLIENTS: [Self; 8] = [
        Self::Native,
        Self::Mattr,
        Self::Oracle,
        Self::Emnify,
        Self::Thena,
        Self::Kare,
        Self::Native,
        Self::Mattr,
    ];

    /// The path of a client's contacts; `number` counts its creates.
    fn contacts(self, client: u64, number: u64) -> String {
        match self {
            Self::Native => "/contacts".to_owned(),
            Self::Mattr => format!(
                "/v1/ecosystems/00000000-0000-4000-8000-{client:012x}\
                 /participants/00000000-0000-4000-8000-{:012x}/contacts",
                number / PARTICIPANT_CONTACTS
            ),
            Self::Oracle => "/ec-site-svc/rest/v1.0/contacts".to_owned(),
            Self::Emnify => format!("/api/v1/organisation/{client}/contact"),
            Self::Thena => "/v1/accounts/contacts".to_owned(),
            Self::Kare => format!("/companies/v2/rs/{client}/contacts"),
        }
    }

    /// A new contact with this name; for Kare one to three.
    pub fn create(self, client: u64, number: u64, name: &str) -> Request {
        let mut path = self.contacts(client, number);
        let mut body = self.body(name);
        match self {
            Self::Native => path.push_str(&format!("?tenant=t{client}")),
            Self::Oracle if number.is_multiple_of(2) => {
                let id = format!("{client:016X}{number:016X}");
                body["contact"]["id"] = id.into();
            }
            Self::Kare => body = vec![body; number as usize % 3 + 1].into(),
            _ => {}
        }
        self.addressed(Request::new("POST", path, Some(body)), client)
    }

    /// Another name for a contact; Kare's clients do not know their contacts' ids.
    pub fn update(self, client: u64, path: &str, name: &str) -> Option<Request> {
        let method = match self {
            Self::Native | Self::Emnify => "PATCH",
            Self::Mattr | Self::Oracle | Self::Thena => "PUT",
            Self::Kare => return None,
        };
        let mut body = self.body(name);
        if self == Self::Thena {
            // By its address it is found, whatever it is called.
            body = json!({"firstName": name});
        }
        let mut request = Request::new(method, path.to_owned(), Some(body));
        if self == Self::Native {
            request.headers = vec![(JSON.0, "application/merge-patch+json".to_owned())];
        }
        Some(self.addressed(request, client))
    }

    /// The end of a contact; Oracle's have none.
    pub fn delete(self, client: u64, path: &str) -> Option<Request> {
        let request = Request::new("DELETE", path.to_owned(), None);
        (!matches!(self, Self::Oracle | Self::Kare)).then(|| self.addressed(request, client))
    }

    fn addressed(self, request: Request, client: u64) -> Request {
        match self {
            Self::Thena => request.with("x-org-id", format!("org{client}")),
            Self::Kare => request.with("x-session-token", "none".to_owned()),
            _ => request,
        }
    }

    fn body(self, name: &str) -> Value {
        match self {
            Self::Native => json!({"name": {"full": name}}),
            Self::Mattr => json!({"fullName": name, "active": true}),
            Self::Oracle => json!({
                "contact": {"firstName": name, "lastName": "Doe"},
                "contactAddressesDetails": []
            }),
            Self::Emnify => json!({"type": {"id": 6}, "name": name}),
            Self::Thena => json!({"firstName": name, "email": format!("{name}@example.com")}),
            Self::Kare => json!({"name": name, "notify": false}),
        }
    }

    /// The path of the contact that a create made; Kare's answer names none.
    pub fn created(self, request: &Request, answer: &Answer) -> Option<String> {
        if self == Self::Emnify {
            return answer.header("location").map(str::to_owned);
        }
        let body = answer.json();
        let path = request.path.split('?').next().expect("a path");
        Some(format!("{path}/{}", body["id"].as_str()?))
    }

    /// The name of a contact in the vendor's own answer, none where it is not there. `name` is
    /// what it was created with.
    pub async fn read(
        self,
        server: &Server,
        client: u64,
        path: &str,
        name: &str,
    ) -> Option<String> {
        let path = match self {
            Self::Thena => format!("/v1/accounts/contacts/search?email={name}@example.com"),
            _ => path.to_owned(),
        };
        let request = self.addressed(Request::new("GET", path, None), client);
        let answer = request.send(server).await.expect("it answers");
        if answer.status == 404 {
            return None;
        }
        assert_eq!(answer.status, 200, "{self:?} {:?}", answer.json());
        let body = answer.json();
        let name = match self {
            Self::Native => &body["card"]["name"]["full"],
            Self::Mattr => &body["fullName"],
            Self::Oracle => &body["firstName"],
            Self::Emnify => &body["name"],
            Self::Thena => &body[0]["firstName"],
            Self::Kare => panic!("Kare's contacts are listed"),
        };
        name.as_str().map(str::to_owned)
    }

    /// The number of a Kare client's contacts with this name.
    pub async fn count(self, server: &Server, client: u64, name: &str) -> usize {
        let path = self.contacts(client, 0) + "?pageSize=1000";
        let request = self.addressed(Request::new("GET", path, None), client);
        let body = request.send(server).await.expect("it answers").json();
        let contacts = body["data"].as_array().expect("contacts");
        contacts
            .iter()
            .filter(|contact| contact["name"] == name)
            .count()
    }
}
