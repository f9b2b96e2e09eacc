//! Bodies, queries and path parameters of every route of every dialect: the first line is the
//! query and every parameter, the rest is the body.
//!
//! What is decoded is used as the service would: contents are made into what they are found by,
//! and changes are applied to the contents that came before them.
#![no_main]

use contactd::dialect::{self, Call, Caller, Decode, Dialect, Query, Request, Scope};
use contactd::domain::{Action, Card};
use http::HeaderMap;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let line = bytes.iter().position(|byte| *byte == b'\n');
    let (line, body) = bytes.split_at(line.unwrap_or(0));
    let line = String::from_utf8_lossy(line);
    let body = body.strip_prefix(b"\n").unwrap_or(body);
    for dialect in dialect::ALL.iter().copied() {
        let mut cards = Vec::new();
        for _ in 0..2 {
            decode_all(dialect, &line, body, &mut cards);
        }
    }
});

/// Decodes by every route; the contents that come of it are there for the changes of a second turn.
fn decode_all(dialect: &'static Dialect, line: &str, body: &[u8], cards: &mut Vec<Card>) {
    let query = Query::parse(line);
    let mut headers = HeaderMap::new();
    let json = "application/json".parse().expect("a media type");
    headers.insert("content-type", json);
    let caller = Caller {
        own_tenant: Some("1".into()),
        open: true,
        ..Caller::default()
    };
    for route in dialect.routes.iter() {
        let names = route.paths[0].split('{').skip(1);
        let names = names.filter_map(|rest| rest.split_once('}'));
        let owned: Vec<_> = names
            .map(|(name, _)| {
                // Mostly what is well-formed, so that the body has its turn.
                let own = Some(name) == route.target && line.len() < 40 && !line.is_empty();
                let id = "01890a5d-ac96-774b-bcce-b302099a8057";
                let value = if own { line } else { id };
                (name.to_owned(), value.to_owned())
            })
            .collect();
        let mut request = Request {
            target: route.target,
            params: &owned,
            query: &query,
            headers: &headers,
            body,
            caller: &caller,
        };
        let numbered: Vec<_> = owned
            .iter()
            .map(|(name, _)| (name.clone(), "7".to_owned()))
            .collect();
        for params in [&owned, &numbered] {
            request.params = params;
            let owner = match (dialect.scope)(&request) {
                Ok(Scope::Owner(owner)) => Some(owner),
                Ok(Scope::Contact { .. }) | Err(_) => dialect.owner_of_ids(&["1"]).ok(),
            };
            let call = match (route.decode, owner) {
                (Decode::Owned(decode), Some(owner)) => decode(&request, &owner),
                (Decode::Visible(decode), owner) => decode(&request, owner.as_ref()),
                (Decode::Owned(_), None) => continue,
            };
            if let Ok(call) = call {
                use_up(dialect, call, cards);
            }
        }
    }
}

fn use_up(dialect: &'static Dialect, call: Call, cards: &mut Vec<Card>) {
    let Call::Write(ask) = call else {
        return;
    };
    for attempt in ask.question.attempts {
        let patch = match attempt.action {
            Ok(Action::Create { card, .. }) => {
                cards.push(card);
                None
            }
            Ok(Action::Upsert { card, patch, .. }) => {
                cards.push(card);
                Some(patch)
            }
            Ok(Action::Update(patch)) => Some(patch),
            Ok(Action::Delete | Action::Erase { .. }) | Err(_) => None,
        };
        cards.truncate(4);
        if let Some(patch) = patch {
            for card in cards.iter() {
                drop(patch.apply(card));
            }
        }
    }
    for card in cards.iter() {
        drop(dialect.rules.keys_of(card));
        drop((dialect.rules.non_sensitive)(card));
    }
}
