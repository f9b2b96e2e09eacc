//! What comes over the bus beside bodies: subjects and queries.
#![no_main]

use contactd::dialect::Query;
use contactd::nats::{PREFIX_DEFAULT, Prefix};
use contactd::wire::{escape, unescape};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // An empty token is none: no id is empty.
    let token = Some(text).filter(|text| !text.is_empty());
    assert_eq!(unescape(&escape(text)).as_deref(), token);
    if let Some(plain) = unescape(text) {
        assert_eq!(escape(&plain), text, "a token has one spelling");
    }
    drop(Query::parse(text));
    let prefix: Prefix = PREFIX_DEFAULT.parse().expect("a prefix");
    for kind in ["rpc", "command"] {
        let subject = format!("{PREFIX_DEFAULT}.{kind}.{text}");
        drop(prefix.request(&subject));
        drop(prefix.command(&subject));
        drop(prefix.dead(&subject));
    }
    drop(text.parse::<Prefix>());
});
