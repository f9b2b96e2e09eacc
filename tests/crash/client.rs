//! A client: sends until the service dies, and remembers what it was promised.

use std::collections::HashMap;

use super::{
    calls::chance::Chance,
    common::{Answer, Server},
    form::{Form, Request},
    kill::Kill,
};

/// What is to be so after the crash.
pub struct Client {
    pub form: Form,
    /// It has its contacts for itself.
    pub number: u64,
    chance: Chance,
    sent: u64,
    contacts: Vec<Known>,
    /// What a request without an answer was about: it may have been done.
    unknown: Option<Unknown>,
    /// Everything that was answered.
    pub answered: Vec<Answered>,
    /// Kare: how many contacts of each name were acknowledged.
    counts: HashMap<String, usize>,
}

/// A contact that was acknowledged.
struct Known {
    path: String,
    /// What it was created with.
    name: String,
    /// What it has now; none once it is deleted.
    now: Option<String>,
}

/// A request whose answer never came.
struct Unknown {
    request: Request,
    what: What,
    keyed: bool,
}

/// A request with its answer.
pub struct Answered {
    pub request: Request,
    pub answer: Answer,
    pub keyed: bool,
    /// Events of its own: START and outcome for each item.
    pub events: u64,
}

#[derive(Clone, Debug)]
enum What {
    Create(String),
    Rename(usize, String),
    Delete(usize),
    /// Under a version that the contact does not have.
    Stale,
}

impl Client {
    pub fn new(form: Form, number: u64) -> Self {
        Self {
            form,
            number,
            chance: Chance(number),
            sent: 0,
            contacts: Vec::new(),
            unknown: None,
            answered: Vec::new(),
            counts: HashMap::new(),
        }
    }

    /// Sends until there is no answer.
    pub async fn run(&mut self, server: &Server, kill: &Kill) {
        loop {
            let (mut request, what) = self.next();
            let keyed = self.chance.below(3) == 0;
            if keyed {
                let key = format!("key-{}-{}", self.number, self.sent);
                request = request.with("idempotency-key", key);
            }
            let Some(answer) = request.send(server).await else {
                self.unknown = Some(Unknown {
                    request,
                    what,
                    keyed,
                });
                return;
            };
            self.acknowledged(request, what, keyed, answer);
            kill.count();
        }
    }

    fn next(&mut self) -> (Request, What) {
        self.sent += 1;
        let name = format!("n{}x{}", self.number, self.sent);
        let known = self.contacts.len() as u64;
        let live = self.chance.below(known.max(1)) as usize;
        let contact = self.contacts.get(live).filter(|known| known.now.is_some());
        if let Some(path) = contact.map(|known| known.path.clone()) {
            let request = match self.chance.below(6) {
                0 | 1 => {
                    let update = self.form.update(self.number, &path, &name);
                    update.map(|request| (request, What::Rename(live, name.clone())))
                }
                2 => {
                    let delete = self.form.delete(self.number, &path);
                    delete.map(|request| (request, What::Delete(live)))
                }
                3 => {
                    let update = self.form.update(self.number, &path, &name);
                    let stale = |request: Request| request.with("if-match", "\"9999\"".to_owned());
                    update.map(|request| (stale(request), What::Stale))
                }
                _ => None,
            };
            if let Some(request) = request {
                return request;
            }
        }
        let create = self.form.create(self.number, self.sent, &name);
        (create, What::Create(name))
    }

    fn acknowledged(&mut self, request: Request, what: What, keyed: bool, answer: Answer) {
        let status = answer.status;
        let told = || String::from_utf8_lossy(&answer.body).into_owned();
        let expected: &[u16] = match what {
            What::Stale => &[412],
            _ => &[200, 201, 204],
        };
        assert!(
            expected.contains(&status),
            "{request:?}: {status} {}",
            told()
        );
        let items = request.body.as_ref().and_then(|body| body.as_array());
        let items = items.map_or(1, Vec::len);
        match what {
            What::Create(name) => match self.form {
                Form::Kare => {
                    self.counts.insert(name, items);
                }
                form => self.contacts.push(Known {
                    path: form.created(&request, &answer).expect("a contact"),
                    now: Some(name.clone()),
                    name,
                }),
            },
            What::Rename(index, name) => self.contacts[index].now = Some(name),
            What::Delete(index) => self.contacts[index].now = None,
            What::Stale => {}
        }
        self.answered.push(Answered {
            request,
            answer,
            keyed,
            events: 2 * items as u64,
        });
    }

    /// Every contact that was acknowledged is there, in the vendor's form, with its last name.
    pub async fn check_contacts(&self, server: &Server) {
        let unknown = self.unknown.as_ref().map(|unknown| &unknown.what);
        for (index, known) in self.contacts.iter().enumerate() {
            let (form, path) = (self.form, &known.path);
            let found = form.read(server, self.number, path, &known.name).await;
            let perhaps = match unknown {
                Some(What::Rename(at, name)) if *at == index => found.as_ref() == Some(name),
                Some(What::Delete(at)) if *at == index => found.is_none(),
                _ => false,
            };
            assert!(
                perhaps || found == known.now,
                "{path}: {found:?}, not {:?}",
                known.now
            );
        }
        for (name, count) in &self.counts {
            let found = self.form.count(server, self.number, name).await;
            assert_eq!(found, *count, "{name}");
        }
    }

    /// What was answered under a key is answered again, as it was.
    pub async fn check_retries(&self, server: &Server) -> usize {
        let keyed = self.answered.iter().filter(|answered| answered.keyed);
        let mut retried = 0;
        for Answered {
            request, answer, ..
        } in keyed
        {
            let again = request.send(server).await.expect("it answers");
            same(request, answer, &again);
            retried += 1;
        }
        retried
    }

    /// What was not answered is sent again under its key: it is done once, whether it was done
    /// before or not.
    pub async fn finish(&mut self, server: &Server) {
        let Some(unknown) = self.unknown.take() else {
            return;
        };
        if !unknown.keyed {
            return self.forget(unknown.what);
        }
        let request = unknown.request;
        let first = request.send(server).await.expect("it answers");
        let again = request.send(server).await.expect("it answers");
        same(&request, &first, &again);
        self.acknowledged(request, unknown.what, true, first);
    }

    /// Nobody knows what this contact is called, or whether it is there.
    fn forget(&mut self, what: What) {
        match what {
            What::Rename(index, _) | What::Delete(index) => {
                self.contacts.remove(index);
            }
            What::Create(_) | What::Stale => {}
        }
    }
}

fn same(request: &Request, first: &Answer, again: &Answer) {
    let all = |answer: &Answer| {
        let header = |name| answer.header(name).map(str::to_owned);
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        let kept = ["contact-position", "etag", "location", "content-type"].map(header);
        (answer.status, kept, body)
    };
    assert_eq!(all(first), all(again), "{request:?}");
}
