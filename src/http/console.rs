//! The page for people: find, act, follow and verify, without a build step and with nothing from outside.
//!
//! Its files are beside this one, in `console/`, and become part of the binary. They hold nobody's
//! data, so they need no token; what the page then asks of the service does.
//!
//! | file | what |
//! | --- | --- |
//! | `index.html`, `console.css`, `icon.svg` | the page, its looks, its mark |
//! | `theme.js` | dark or light, before the first paint |
//! | `app.js`, `address.js` | which view is shown, the token, the state in the corner; what the address holds |
//! | `api.js`, `rights.js` | requests and streams; what the token says of itself, for what is offered |
//! | `dom.js`, `words.js`, `card.js` | elements made of text; names in plain words; a Card in words |
//! | `contacts.js`, `contact.js`, `history.js` | search; one contact; what became of it |
//! | `compose.js`, `vendors.js`, `acts.js` | creating and changing by each API's own request; deleting and erasing |
//! | `events.js`, `commands.js`, `event.js` | the log, live and back to its beginning; one command; a row |
//! | `prove.js`, `merkle.js` | proofs and checkpoints, checked in the browser |
//! | `find.js` | the box that takes any id |
//! | `stats.js`, `plot.js` | the statistics, and how they are drawn |
//! | `state.js`, `metrics.js` | log, views, bus, audit log and process |
//! | `nodes.js` | the nodes that keep the log together |
//! | `bus.js` | the consumers of the events, and the dead letters |
//! | `docs.html`, `docs.css`, `docs.js` | the API reference, made of `/openapi.json` in the browser |
//!
//! What clients wrote is shown on this page, so it must never become script. Three walls: the
//! scripts put text into the page only by `textContent`; the policy below allows no script but
//! those files; and it asks the browser to refuse every text that would be parsed as markup.

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use sha2::{Digest, Sha256};

use super::system::{Segment, text};
use super::{App, answer};
use crate::dialect::precondition::conditional;
use crate::dialect::{Refusal, Reply, native};
use crate::gateway::{Transport, fresh_correlation};

/// What the page may do: run and look like its own files, and ask the service it came from.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// A file of the page.
struct File {
    name: &'static str,
    media_type: &'static str,
    text: &'static str,
}

/// The page itself, which has no name of its own.
static PAGE: File = File {
    name: "",
    media_type: "text/html; charset=utf-8",
    text: include_str!("console/index.html"),
};

/// The API reference, which is at a path of its own.
static DOCS: File = File {
    name: "",
    media_type: "text/html; charset=utf-8",
    text: include_str!("console/docs.html"),
};

static FILES: [File; 30] = [
    File {
        name: "console.css",
        media_type: "text/css; charset=utf-8",
        text: include_str!("console/console.css"),
    },
    File {
        name: "docs.css",
        media_type: "text/css; charset=utf-8",
        text: include_str!("console/docs.css"),
    },
    script("docs.js", include_str!("console/docs.js")),
    File {
        name: "icon.svg",
        media_type: "image/svg+xml",
        text: include_str!("console/icon.svg"),
    },
    script("theme.js", include_str!("console/theme.js")),
    script("app.js", include_str!("console/app.js")),
    script("address.js", include_str!("console/address.js")),
    script("api.js", include_str!("console/api.js")),
    script("rights.js", include_str!("console/rights.js")),
    script("dom.js", include_str!("console/dom.js")),
    script("words.js", include_str!("console/words.js")),
    script("card.js", include_str!("console/card.js")),
    script("contacts.js", include_str!("console/contacts.js")),
    script("contact.js", include_str!("console/contact.js")),
    script("history.js", include_str!("console/history.js")),
    script("compose.js", include_str!("console/compose.js")),
    script("vendors.js", include_str!("console/vendors.js")),
    script("acts.js", include_str!("console/acts.js")),
    script("events.js", include_str!("console/events.js")),
    script("commands.js", include_str!("console/commands.js")),
    script("event.js", include_str!("console/event.js")),
    script("prove.js", include_str!("console/prove.js")),
    script("merkle.js", include_str!("console/merkle.js")),
    script("find.js", include_str!("console/find.js")),
    script("stats.js", include_str!("console/stats.js")),
    script("plot.js", include_str!("console/plot.js")),
    script("state.js", include_str!("console/state.js")),
    script("nodes.js", include_str!("console/nodes.js")),
    script("bus.js", include_str!("console/bus.js")),
    script("metrics.js", include_str!("console/metrics.js")),
];

const fn script(name: &'static str, text: &'static str) -> File {
    File {
        name,
        media_type: SCRIPT,
        text,
    }
}

/// One tag for all files: a browser never puts together a page of two versions.
static TAG: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for file in [&PAGE, &DOCS].into_iter().chain(&FILES) {
        hash.update(file.text);
    }
    let digest = hex::encode(hash.finalize());
    format!("\"{}\"", digest.get(..32).unwrap_or(&digest))
});

/// Serves `GET /console`: the page for people.
pub async fn page(headers: HeaderMap) -> Response {
    answer::response(serve(&PAGE, &headers), &fresh_correlation())
}

/// Serves `GET /docs`: the API reference.
pub async fn docs(headers: HeaderMap) -> Response {
    answer::response(serve(&DOCS, &headers), &fresh_correlation())
}

/// Serves `GET /console/{name}`: a file that the page is made of.
pub async fn file(State(app): State<Arc<App>>, name: Segment, headers: HeaderMap) -> Response {
    let started = Instant::now();
    let name = text(name);
    let reply = if let Some(file) = FILES.iter().find(|file| file.name == name) {
        serve(file, &headers)
    } else {
        let refused = native::DIALECT.refuse(&Refusal::UnknownPath);
        let (status, took) = (refused.status.as_u16(), started.elapsed());
        let metrics = &app.gateway.metrics;
        metrics.unrouted(Transport::Http, native::RULES.name, status, took);
        refused
    };
    answer::response(reply, &fresh_correlation())
}

fn serve(file: &File, headers: &HeaderMap) -> Reply {
    let mut reply = Reply::empty(StatusCode::OK).with("content-type", file.media_type);
    reply.body = file.text.as_bytes().to_vec();
    let reply = guarded(reply.with("etag", TAG.as_str()));
    conditional(headers, reply).unwrap_or_else(|refusal| native::DIALECT.refuse(&refusal))
}

/// A page or a file of one, with what keeps it from doing anything else than it should.
pub fn guarded(reply: Reply) -> Reply {
    reply
        // Kept, but asked for again each time, so that an upgrade is seen at once.
        .with("cache-control", "no-cache")
        .with("content-security-policy", POLICY)
        .with("x-content-type-options", "nosniff")
        .with("referrer-policy", "no-referrer")
        .with("cross-origin-opener-policy", "same-origin")
        .with("cross-origin-resource-policy", "same-origin")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(reply: &Reply, name: &str) -> Option<String> {
        let found = reply.headers.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.clone())
    }

    fn asking(tag: &str) -> HeaderMap {
        let tag = tag.parse().expect("a header");
        HeaderMap::from_iter([(http::header::IF_NONE_MATCH, tag)])
    }

    #[test]
    fn a_file_that_is_held_is_not_sent_again() {
        for file in [&PAGE, &DOCS].into_iter().chain(&FILES) {
            let fresh = serve(file, &HeaderMap::new());
            assert_eq!(fresh.status, StatusCode::OK, "{}", file.name);
            assert_eq!(fresh.body, file.text.as_bytes());
            let tag = header(&fresh, "etag").expect("a tag");
            for held in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}")] {
                let again = serve(file, &asking(&held));
                assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{held}");
                assert_eq!(again.body, b"");
                assert_eq!(
                    header(&again, "content-security-policy"),
                    Some(POLICY.into())
                );
            }
            assert_eq!(serve(file, &asking("\"x\"")).status, StatusCode::OK);
        }
    }

    #[test]
    fn the_page_names_every_file_and_no_other() {
        let all: String = FILES.iter().map(|file| file.text).collect();
        let all = format!("{}{}{all}", PAGE.text, DOCS.text);
        for File { name, .. } in &FILES {
            let named = [format!("/console/{name}\""), format!("\"./{name}\"")];
            assert!(named.iter().any(|link| all.contains(link)), "{name}");
        }
        let links = all
            .split("\"./")
            .skip(1)
            .chain(all.split("\"/console/").skip(1));
        for link in links {
            let name = link.split('"').next().expect("a link ends");
            assert!(FILES.iter().any(|file| file.name == name), "{name}");
        }
    }

    #[test]
    fn nothing_is_fetched_from_outside_nor_parsed_from_text() {
        let scripts = FILES.iter().filter(|file| file.media_type == SCRIPT);
        for file in scripts {
            for word in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
            ] {
                assert!(!file.text.contains(word), "{}: {word}", file.name);
            }
        }
        for file in [&PAGE, &DOCS].into_iter().chain(&FILES) {
            let elsewhere = file.text.replace("http://www.w3.org/2000/svg", "");
            // A vendor's documented example, which is sent and never fetched.
            let elsewhere = elsewhere.replace("https://example.com/avatar.png", "");
            assert!(!elsewhere.contains("://"), "{}", file.name);
            assert!(!elsewhere.contains("style=\""), "{}", file.name);
        }
    }
}
