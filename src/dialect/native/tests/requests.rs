//! What requests ask for, and the answers to those that ask nothing.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::dialect::native::rules::non_sensitive;
use crate::dialect::{AsOf, Ask, Write};
use crate::domain::{
    Action, Attempt, EraseReason, Expected, Precondition, Problem, Target, Violation,
};

const ONE: &str = "/contacts/01980000-0000-7000-8000-000000000007";

fn target() -> Target {
    Target::Id(ContactId(Uuid::try_parse(ID).expect("a UUID")))
}

/// The one attempt of a request.
pub fn attempt(sent: &Sent) -> Attempt {
    let Write {
        mut attempts,
        owner: of,
        ..
    } = writes(sent);
    assert_eq!((attempts.len(), of), (1, owner("acme")));
    attempts.pop().expect("an attempt")
}

pub fn writes(sent: &Sent) -> Write {
    match sent.call().expect("a call") {
        Call::Write(ask) => ask.question,
        other => panic!("{other:?}"),
    }
}

/// The status, the code and the detail of a request that is no command.
pub fn refused(sent: &Sent) -> (u16, String, String) {
    let reply = sent.call().expect_err("a refusal");
    let body = body(&reply);
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    (reply.status.as_u16(), text("code"), text("detail"))
}

pub fn violations(attempt: Attempt) -> Vec<(String, Problem)> {
    let wrong = attempt.action.expect_err("violations");
    wrong.into_iter().map(|v| (v.field, v.problem)).collect()
}

#[test]
fn the_tenant_is_named_or_the_caller_s_own() {
    let scope = |sent: Sent| sent.scope();
    let post = |target: &str| Sent::new(Method::POST, target, "{}");
    assert_eq!(scope(post("/contacts")), Ok(Scope::Owner(owner("acme"))));
    let named = post("/contacts?tenant=other").without_tenant();
    assert_eq!(scope(named), Ok(Scope::Owner(owner("other"))));
    let check = |sent: Sent, code: &str| {
        let reply = scope(sent).expect_err("a refusal");
        assert_eq!(
            (reply.status.as_u16(), body(&reply)["code"].as_str()),
            (400, Some(code))
        );
    };
    check(post("/contacts").without_tenant(), "tenant_unclear");
    check(post("/contacts?tenant="), "bad_parameter");
    check(Sent::new(Method::GET, "/contacts/x", ""), "bad_parameter");
    let id = ContactId(Uuid::try_parse(ID).expect("a UUID"));
    for path in [ONE, &ONE.to_uppercase().replace("/CONTACTS", "/contacts")] {
        let get = Sent::new(Method::GET, path, "");
        assert_eq!(scope(get), Ok(Scope::Contact { id, tenant: None }));
    }
    for path in ["/contacts", "/contacts/changes"] {
        let list = Sent::new(Method::GET, path, "").without_tenant();
        assert!(list.call().is_ok(), "{path} needs no tenant");
    }
    assert_eq!(DIALECT.owner_of_ids(&["acme"]), Ok(owner("acme")));
    assert!(DIALECT.owner_of_ids(&["acme", "x"]).is_err());
}

#[test]
fn a_card_is_created_as_it_came() {
    let card =
        json!({"name": {"full": "Ann"}, "secret": 1, "emails": {"e": {"address": "a@b.co"}}});
    let created = attempt(&Sent::new(Method::POST, "/contacts", card.to_string()));
    assert_eq!(created.operation, Operation::Create);
    assert_eq!(created.fields, ["name", "*", "emails"]);
    let Ok(Action::Create {
        card: got,
        chosen_id: None,
    }) = created.action
    else {
        panic!("{created:?}");
    };
    assert_eq!(got, Card::from_value(card).expect("a card"));
    // With `uid` left out, what the request makes depends on the request alone.
    assert_eq!(got.get("uid"), None);
}

#[test]
fn a_bad_card_is_a_command_and_bad_json_is_none() {
    let post = |body: &str| Sent::new(Method::POST, "/contacts", body);
    let bad = attempt(&post(r#"{"emails": {"secret": {"address": 1}}}"#));
    assert_eq!(bad.fields, ["emails"]);
    let want = Problem::WrongType(Expected::String);
    assert_eq!(violations(bad), [("emails.*.address".to_owned(), want)]);
    let want = Problem::WrongType(Expected::Object);
    assert_eq!(
        violations(attempt(&post("[]"))),
        [("card".to_owned(), want)]
    );
    assert_eq!(refused(&post("{")).1, "malformed_json");
    assert_eq!(refused(&post("")).0, 400);
    let text = post("{}").with("content-type", "text/plain");
    assert_eq!(refused(&text).0, 415);
    attempt(&post("{}").with("content-type", "application/jscontact+json"));
    let large = json!({"x": "x".repeat(48 * 1024)}).to_string();
    assert_eq!(refused(&post(&large)).0, 413);
    assert_eq!(refused(&Sent::new(Method::PATCH, ONE, large)).0, 413);
}

#[test]
fn a_patch_is_for_our_own_contacts() {
    let patch = |body: &str| {
        Sent::new(Method::PATCH, ONE, body)
            .with("content-type", "application/merge-patch+json")
            .with("if-match", "\"3\"")
    };
    let sent = attempt(&patch(r#"{"kind": "org", "secret": null}"#));
    assert_eq!(sent.operation, Operation::Update);
    assert_eq!(sent.target, Some(target()));
    assert_eq!(sent.precondition, Precondition::versions(vec![3]));
    assert_eq!(sent.fields, ["kind", "*"]);
    let Ok(Action::Update(change)) = sent.action else {
        panic!("an update");
    };
    let before = Card::from_value(json!({"secret": 1})).expect("a card");
    let after = change.apply(&before).expect("a change").card;
    assert_eq!(
        after,
        Card::from_value(json!({"kind": "org"})).expect("a card")
    );

    let want = vec![("card".to_owned(), Problem::WrongType(Expected::Object))];
    assert_eq!(violations(attempt(&patch("7"))), want);
    let other = Owner::new(DialectId(2), &["eco", "part"]).expect("an owner");
    let reply = patch("{}").call_of(&other).expect_err("a refusal");
    assert_eq!(reply.status, 409);
    let detail =
        "The contact belongs to the dialect mattr; change it through that dialect's own API.";
    assert_eq!(body(&reply)["detail"], detail);
    let text = Sent::new(Method::PATCH, ONE, "{}").with("content-type", "text/plain");
    let reply = text.call().expect_err("a refusal");
    let accepted = Some("application/merge-patch+json, application/json");
    assert_eq!(
        (reply.status.as_u16(), header(&reply, "accept-patch")),
        (415, accepted)
    );
}

#[test]
fn any_dialect_s_contact_is_read_ended_and_erased() {
    let other = Owner::new(DialectId(2), &["eco", "part"]).expect("an owner");
    let ask = |method, path: &str, body: &str| {
        let sent = Sent::new(method, path, body);
        sent.call_of(&other).expect("a call")
    };
    let Call::Write(asked) = ask(Method::DELETE, ONE, "") else {
        panic!("a write");
    };
    let delete = asked.question;
    assert_eq!(delete.owner, other);
    assert!(matches!(
        delete.attempts.first(),
        Some(Attempt {
            action: Ok(Action::Delete),
            ..
        })
    ));
    let at = format!("{ONE}?as_of=7");
    let seven = AsOf::Position(Position::new(7));
    for (path, as_of) in [(ONE, None), (at.as_str(), Some(seven))] {
        match ask(Method::GET, path, "") {
            Call::Get(Ask { question: it, .. }) => {
                assert_eq!(
                    (it.owner, it.target, it.as_of),
                    (other.clone(), target(), as_of)
                );
            }
            ask => panic!("{ask:?}"),
        }
    }
    for path in [
        "history",
        "history?after=3&limit=1",
        "diff?from=1&to=2026-01-01T00:00:00Z",
        "diff",
    ] {
        let asked = ask(Method::GET, &format!("{ONE}/{path}"), "");
        assert!(
            matches!(asked, Call::History(ask) if ask.question.owner == other),
            "{path}"
        );
    }
    for path in [
        "history?after=x",
        "history?limit=0",
        "diff?from=x",
        "diff?to=x",
    ] {
        let sent = Sent::new(Method::GET, &format!("{ONE}/{path}"), "");
        assert_eq!(refused(&sent).1, "bad_parameter", "{path}");
    }
}

#[test]
fn an_erasure_has_a_reason() {
    let erase = |body: Value| {
        attempt(&Sent::new(
            Method::POST,
            &format!("{ONE}/erase"),
            body.to_string(),
        ))
    };
    let good = erase(json!({"reason": "legal", "reference": "case-7.a_B"}));
    assert_eq!(
        (good.operation, good.target),
        (Operation::Erase, Some(target()))
    );
    assert_eq!(good.fields, ["reason", "reference"]);
    assert!(matches!(
        good.action,
        Ok(Action::Erase { reason: EraseReason::Legal, reference: Some(text) }) if &*text == "case-7.a_B"
    ));
    let long = "x".repeat(65);
    for (bad, field, problem) in [
        (
            json!({"reason": "legal", "referense": "case-7"}),
            "*",
            Problem::NotAllowed,
        ),
        (json!({}), "reason", Problem::Required(Expected::String)),
        (
            json!({"reason": "fun"}),
            "reason",
            Problem::OneOf(&EraseReason::NAMES),
        ),
        (
            json!({"reason": 1}),
            "reason",
            Problem::WrongType(Expected::String),
        ),
        (
            json!({"reason": "legal", "reference": ""}),
            "reference",
            Problem::Format("reference"),
        ),
        (
            json!({"reason": "legal", "reference": "a b"}),
            "reference",
            Problem::Format("reference"),
        ),
        (
            json!({"reason": "legal", "reference": long}),
            "reference",
            Problem::Format("reference"),
        ),
        (json!([]), "body", Problem::WrongType(Expected::Object)),
    ] {
        assert_eq!(violations(erase(bad)), [(field.to_owned(), problem)]);
    }
    let route = Sent::new(Method::POST, &format!("{ONE}/erase"), "").route;
    assert_eq!(route.roles, ["admin"]);
}

#[test]
fn a_message_subject_s_tenant_is_not_left() {
    let list = |query: &str| {
        let sent = Sent::new(Method::GET, &format!("/contacts{query}"), "");
        decode(sent.route, &sent.request(), Some(&owner("acme")))
    };
    for query in ["", "?tenant=acme"] {
        let Ok(Call::Search(ask)) = list(query) else {
            panic!("a search");
        };
        assert_eq!(ask.question.tenant.as_deref(), Some("acme"));
    }
    assert_eq!(list("?tenant=other").expect_err("a refusal").status, 403);
    let changes = Sent::new(
        Method::GET,
        "/contacts/changes?after=7&limit=3&dialect=native",
        "",
    );
    let Ok(Call::Changes(ask)) = changes.call() else {
        panic!("changes");
    };
    let asked = ask.question;
    assert_eq!(
        (asked.tenant, asked.after, asked.limit),
        (None, Position::new(7), 3)
    );
    assert_eq!(asked.dialect, Some(RULES.dialect));
}

#[test]
fn the_rules_tell_what_is_found_by_and_what_harms_nobody() {
    let card = |card: Value| Card::from_value(card).expect("a card");
    let ann = card(
        json!({"kind": "org", "emails": {"e": {"address": "A@b.co"}, "f": {"address": "c@b.co"}},
        "contactd.local:externalId": "X"}),
    );
    let want = [
        LookupKey::email("a@b.co"),
        LookupKey::email("c@b.co"),
        LookupKey::external_id("X"),
    ];
    assert_eq!(RULES.keys_of(&ann), want);
    assert_eq!(Value::Object(non_sensitive(&ann)), json!({"kind": "org"}));
    assert_eq!(
        Value::Object(non_sensitive(&card(json!({"kind": "x.org:Ann"})))),
        json!({})
    );
}

#[test]
fn every_route_is_served_and_names_its_contact() {
    for route in ROUTES.iter() {
        let path = route.paths.first().expect("a path");
        assert_eq!(route.target.is_some(), path.contains("{id}"), "{path}");
    }
    let on_bus = ROUTES.iter().filter(|route| route.operation.on_bus());
    let on_bus: Vec<_> = on_bus.map(|route| route.operation.name()).collect();
    assert_eq!(
        on_bus,
        ["create", "bulk", "list", "get", "update", "delete"]
    );
}

proptest! {
    #[test]
    fn no_body_and_no_query_is_too_strange(
        bytes in proptest::collection::vec(any::<u8>(), 0..64), text in "[\\[\\]{}\":,a-z0-9]*",
        query in "(q|limit|cursor|as_of|from|to|after|match|fields|sort)=\\PC{0,12}",
    ) {
        for route in ROUTES.iter() {
            let path = route.paths.first().expect("a path").replace("{id}", ID);
            for body in [&bytes[..], text.as_bytes()] {
                let sent = Sent::new(route.method.clone(), &format!("{path}?{query}"), body);
                let _ = sent.call();
            }
        }
    }
}

#[test]
fn a_violation_is_not_an_echo() {
    let bad = attempt(&Sent::new(
        Method::POST,
        "/contacts",
        r#"{"uid": "", "kind": 7}"#,
    ));
    let wrong = bad.action.expect_err("violations");
    assert!(wrong.iter().all(|Violation { value, .. }| value.is_none()));
}
