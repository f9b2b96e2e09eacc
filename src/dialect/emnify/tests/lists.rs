//! Lists of contacts and of events: filters, order, pages.

use serde_json::json;

use super::{CONTACTS, create, in_memory};
use crate::dialect::in_memory::{InMemoryService, NOW};
use crate::domain::Actor;

pub fn with_four() -> InMemoryService {
    let mut service = in_memory();
    for (kind, name, city) in [
        (1, "Dora", "Bonn"),
        (2, "anton", "Köln"),
        (1, "Berta", "Bonn"),
    ] {
        create(
            &mut service,
            &json!({"type": {"id": kind}, "name": name, "city": city}),
        );
    }
    create(&mut service, &json!({"type": {"id": 3}}));
    service
}

#[test]
fn a_list_is_filtered_and_sorted() {
    let check = |query: &str, want: &[u64]| {
        let sent = with_four().send("GET", &format!("{CONTACTS}?{query}"), "");
        let body = sent.json();
        let ids = body.as_array().expect("an array").iter();
        let ids: Vec<u64> = ids.filter_map(|c| c["id"].as_u64()).collect();
        assert_eq!(ids, want, "{query}");
    };
    check("", &[1, 2, 3, 4]);
    check("q=type:1", &[1, 3]);
    check("q=type:1,name:ERT", &[3]);
    check("q=city:k%C3%B6ln", &[2]);
    check("q=id:2", &[2]);
    check("q=country:74", &[]);
    check("sort=name", &[4, 2, 3, 1]);
    check("sort=-name", &[1, 3, 2, 4]);
    check("sort=type,-id", &[3, 1, 2, 4]);
    check("sort=+city", &[4, 1, 3, 2]);
    check("q=type:1&sort=-id", &[3, 1]);
    check("q=type:1.0&sort=&page=1.0&per_page=10.0", &[1, 3]);
    check("q=", &[1, 2, 3, 4]);
    for (query, status, code) in [
        ("q=shoe:1", 422, 1301),
        ("q=type", 422, 1301),
        ("q=type:x", 422, 1301),
        ("sort=shoe", 422, 1302),
        ("page=x", 400, 1400),
        ("per_page=1.5", 400, 1400),
    ] {
        let sent = with_four().send("GET", &format!("{CONTACTS}?{query}"), "");
        assert_eq!(
            (sent.status(), &sent.json()["error_code"]),
            (status, &json!(code)),
            "{query}"
        );
    }
}

#[test]
fn a_page_is_found_and_its_neighbours_linked() {
    let check = |query: &str, page: &str, ids: usize, links: &[(&str, u32)]| {
        let sent = with_four().send("GET", &format!("{CONTACTS}?{query}"), "");
        assert_eq!(sent.header("x-current-page"), Some(page), "{query}");
        assert_eq!(sent.header("x-total-count"), Some("4"), "{query}");
        assert_eq!(sent.json().as_array().map(Vec::len), Some(ids), "{query}");
        let link = |(name, page): &(&str, u32)| {
            format!("<{CONTACTS}?page={page}&per_page=3>; rel=\"{name}\"")
        };
        let links: Vec<String> = links.iter().map(link).collect();
        assert_eq!(
            sent.header("link"),
            Some(links.join(", ").as_str()),
            "{query}"
        );
    };
    let (first, last) = (("first", 1), ("last", 2));
    check("per_page=3", "1", 3, &[first, ("next", 2), last]);
    check("per_page=3&page=2", "2", 1, &[first, ("prev", 1), last]);
    check("per_page=3&page=99", "2", 1, &[first, ("prev", 1), last]);
    let far = "per_page=3&page=99999999999999999999";
    check(far, "2", 1, &[first, ("prev", 1), last]);
    check("per_page=3&page=-4", "1", 3, &[first, ("next", 2), last]);

    let sent = with_four().send(
        "GET",
        &format!("{CONTACTS}?per_page=9999&q=name:%C3%B6&sort=-id"),
        "",
    );
    assert_eq!(sent.header("x-count-per-page"), Some("1000"));
    assert_eq!(
        (sent.header("x-total-count"), sent.header("x-total-pages")),
        (Some("0"), Some("0"))
    );
    assert_eq!(
        (sent.header("x-filter"), sent.header("x-sort")),
        (Some("name:%C3%B6"), Some("-id"))
    );
    let link = "page=1&per_page=1000&q=name%3A%C3%B6&sort=-id";
    assert!(
        sent.header("link")
            .is_some_and(|links| links.contains(link))
    );
    let sent = with_four().send("GET", &format!("{CONTACTS}?per_page=0"), "");
    assert_eq!(sent.header("x-count-per-page"), Some("1000"));
}

#[test]
fn a_long_query_is_not_repeated_in_more_headers_than_a_client_reads() {
    let bytes = |headers: &[&str], length: usize| {
        let query = format!("q=name:{}&sort=-id", "x".repeat(length));
        let sent = with_four().send("GET", &format!("{CONTACTS}?{query}"), "");
        assert_eq!(sent.header("x-current-page"), Some("1"));
        let all = ["link", "x-filter", "x-sort"];
        let there = all.map(|name| sent.header(name).map_or(0, str::len));
        let named = all.into_iter().zip(there).filter(|(_, length)| *length > 0);
        let named: Vec<&str> = named.map(|(name, _)| name).collect();
        assert_eq!(named, headers, "{length}");
        assert!(
            there.iter().sum::<usize>() <= 8 * 1024,
            "{length}: {there:?}"
        );
    };
    bytes(&["link", "x-filter", "x-sort"], 2_000);
    bytes(&["x-filter", "x-sort"], 6_000);
    bytes(&["x-sort"], 9_000);
}

const EVENTS: &str = "/api/v1/organisation/7/event";

/// A create, a change, a refusal, a create of another organisation's, and a delete.
fn with_events() -> InMemoryService {
    let mut service = in_memory();
    service.caller.actor = Actor {
        user_id: Some("ann".into()),
        ..Actor::default()
    };
    create(&mut service, &json!({"type": {"id": 1}}));
    let one = "/api/v1/organisation/7/contact/1";
    service.send("PATCH", one, r#"{"name":"x"}"#);
    service.send("POST", CONTACTS, "{}");
    let own = "/api/v1/organisation/my/contact";
    service.send("POST", own, r#"{"type":{"id":1}}"#);
    service.send("DELETE", one, "");
    service
}

#[test]
fn an_event_is_what_was_done_to_a_contact() {
    let one = with_events().send("GET", &format!("{EVENTS}?per_page=1"), "");
    let want = json!([{"id": 2, "timestamp": NOW, "alert": false,
        "description": "Contact created.", "event_type": {"id": 0, "description": "Generic"},
        "event_source": {"id": 2, "description": "API"},
        "event_severity": {"id": 0, "description": "Info"},
        "organisation": {"id": 7}, "user": {"username": "ann"},
        "detail": {"contact": {"id": 1}}}]);
    assert_eq!(one.json(), want);
    let totals = ["x-total-count", "x-total-pages"].map(|name| one.header(name));
    assert_eq!(totals, [Some("3"), Some("3")]);
    let link = |page, name| format!("<{EVENTS}?page={page}&per_page=1>; rel=\"{name}\"");
    let links = [link(1, "first"), link(2, "next"), link(3, "last")].join(", ");
    assert_eq!(one.header("link"), Some(links.as_str()));
    let filtered = with_events().send("GET", &format!("{EVENTS}?q=description:deleted"), "");
    assert_eq!(filtered.header("x-total-count"), Some("1"));
}

#[test]
fn events_are_filtered_sorted_and_paged() {
    let check = |target: &str, want: &[u64]| {
        let body = with_events().send("GET", target, "").json();
        let events = body.as_array().expect("an array").iter();
        let ids: Vec<u64> = events.filter_map(|e| e["id"].as_u64()).collect();
        assert_eq!(ids, want, "{target}");
    };
    let all: &[u64] = &[2, 4, 10];
    check(EVENTS, all);
    check("/api/v1/organisation/my/event", &[8]);
    check("/api/v1/organisation/999/event", &[]);
    for (query, want) in [
        ("sort=-timestamp", &[10, 4, 2][..]),
        ("sort=type,-id,timestamp", &[10, 4, 2]),
        ("per_page=2&page=2", &[10]),
        ("per_page=2&page=3", &[10]),
        ("q=type:0", all),
        ("q=type:5|6|0", all),
        ("q=type:31", &[]),
        ("q=source:2,severity:0,alert:false,user:AN", all),
        ("q=source:0", &[]),
        ("q=severity:1", &[]),
        ("q=alert:true", &[]),
        ("q=user:bob", &[]),
        ("q=description:deleted", &[10]),
        ("q=imsi:901", &[]),
        ("q=organisation:7", all),
        ("q=organisation:8", &[]),
        ("sort=user,-id", &[10, 4, 2]),
        (
            "q=from:2026-01-15T10:30:00Z,until:2026-01-15T10:30:00Z",
            all,
        ),
        (
            "q=from:2026-01-15T10:30:01Z,until:2026-01-16T00:00:00Z",
            &[],
        ),
        (
            "q=from:2026-01-15T00:00:00Z,until:2026-01-15T10:29:59Z",
            &[],
        ),
        ("q=timestamp:2026-01-15T10:30:00Z", all),
    ] {
        check(&format!("{EVENTS}?{query}"), want);
    }
}

#[test]
fn what_the_list_of_events_cannot_do_is_refused() {
    for (query, status, code) in [
        ("q=from:2026-01-15T10:30:00Z", 422, 1301),
        ("q=until:2026-01-15T10:30:00Z", 422, 1301),
        ("q=from:2026-01-15,until:2026-01-16", 422, 1301),
        ("q=type:1|2|3|4|5|6|7", 422, 1301),
        ("q=alert:maybe", 422, 1301),
        ("q=shoe:1", 422, 1301),
        ("sort=colour", 400, 1302),
        ("page=x", 400, 1400),
    ] {
        let sent = in_memory().send("GET", &format!("{EVENTS}?{query}"), "");
        let got = (sent.status(), &sent.json()["error_code"]);
        assert_eq!(got, (status, &json!(code)), "{query}");
    }
    let path = "/api/v1/organisation/acme/event";
    assert_eq!(in_memory().send("GET", path, "").status(), 404);
}
