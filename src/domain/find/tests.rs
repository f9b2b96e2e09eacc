//! Texts as terms, and the contacts that meet them.

use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn a_text_becomes_terms() {
    let word = |text: &str| Term::Word(text.into());
    let number = |text: &str| Term::Number(text.into());
    for (text, want) in [
        ("Ann O'Brien", vec![word("ann"), word("o"), word("brien")]),
        ("+1 (555) 010", vec![number("1555010")]),
        ("ann 555-010", vec![word("ann"), number("555010")]),
        (
            "Ann@Example.com",
            vec![Term::Address("ann@example.com".into())],
        ),
        ("@example", vec![Term::Address("@example".into())]),
        (
            "Ann@XN--BCHER-KVA.de",
            vec![Term::Address("ann@xn--bcher-kva.de".into())],
        ),
        ("山田太郎", vec![word("山田"), word("田太"), word("太郎")]),
        ("郎 Taro", vec![word("郎"), word("taro")]),
        ("東京Tower", vec![word("東京"), word("tower")]),
        ("٠١٢-٣٤", vec![number("01234")]),
        ("\u{202a}＋１ (555) 010‑2\u{202c}", vec![number("15550102")]),
        ("!!", vec![Term::Never]),
        ("", vec![Term::Never]),
    ] {
        assert_eq!(Term::of_text(text), want, "{text}");
    }
}

#[test]
fn a_term_looks_at_its_own_part_of_a_contact() {
    let card = json!({"name": {"full": "Ann"}, "organizations": {
        "o": {"name": "Example Ltd", "units": [{"name": "Sales"}]}}});
    let card = Card::from_value(card).expect("a card");
    let found = |terms: &[Term], active: bool| {
        let profile = Profile::of(&card, active);
        let tokens = || profile.tokens.iter();
        terms.iter().all(|it| it.met_by(&profile.name, tokens()))
    };
    assert!(found(&Term::of_text("exam"), true));
    assert!(found(&Term::of_text("sales"), true));
    assert!(found(&Term::of_name("ann"), true));
    assert!(!found(&Term::of_name("exam"), true), "it is no name");
    for active in [true, false] {
        assert!(found(&[Term::Active(active)], active));
        assert!(!found(&[Term::Active(!active)], active));
    }
    assert_eq!(Term::of_phone("ext."), Term::Never);
    assert!(!found(&[Term::Never], true));
}

#[test]
fn a_script_without_spaces_is_found_by_any_part() {
    let found = |name: &str, text: &str| {
        let card = Card::from_value(json!({"name": {"full": name}})).expect("a card");
        let profile = Profile::of(&card, true);
        let tokens = || profile.tokens.iter();
        let by = |terms: Vec<Term>| {
            let mut terms = terms.iter();
            terms.all(|term| term.met_by(&profile.name, tokens()))
        };
        let (by_text, by_name) = (by(Term::of_text(text)), by(Term::of_name(text)));
        assert_eq!(by_text, by_name, "{text} in {name}");
        by_text
    };
    for (name, text) in [
        ("山田太郎", "山田太郎"),
        ("山田太郎", "太郎"),
        ("山田太郎", "郎"),
        ("山田太郎", "山"),
        ("株式会社ソニー", "ソニー"),
        ("김철수", "철수"),
        ("สมชาย ใจดี", "ชาย"),
        ("สมชาย ใจดี", "ใจดี"),
        ("Sony株式会社", "sony"),
        ("हिन्दी भाषा", "हिन्दी"),
    ] {
        assert!(found(name, text), "{text} in {name}");
    }
    for (name, text) in [
        ("山田太郎", "郎太"),
        ("山田太郎", "田郎"),
        ("김철수", "수철"),
    ] {
        assert!(!found(name, text), "{text} in {name}");
    }
}

#[test]
fn an_address_is_found_by_either_spelling_of_its_domain() {
    for email in ["müller@bücher.de", "MÜLLER@xn--bcher-kva.de"] {
        let card = json!({"emails": {"e": {"address": email}}});
        let profile = Profile::of(&Card::from_value(card).expect("a card"), true);
        let tokens = || profile.tokens.iter();
        for text in ["müller@bücher.de", "Muller@XN--BCHER-KVA.de"] {
            assert!(Term::of_email(text).met_by("", tokens()), "{text}");
        }
        for text in ["müller@bü", "@buch", "@xn--bch", "bücher", "müller"] {
            let terms = Term::of_text(text);
            assert!(terms.iter().all(|it| it.met_by("", tokens())), "{text}");
        }
    }
}

#[test]
fn a_number_is_found_with_and_without_what_stands_behind_it() {
    for (number, asked) in [
        ("tel:+1-201-555-0124;ext=9", "+1 201 555 0124"),
        ("tel:201-555-0124;phone-context=+1", "2015550124"),
        ("+1 201 555 0125 x9", "12015550125"),
        ("+1 201 555 0125 Ext. 9", "12015550125"),
        ("+1 201 555 0125 ext. 9", "120155501259"),
        ("٠١٢٣٤٥٦", "٠١٢٣٤٥٦"),
        ("٠١٢٣٤٥٦", "0123456"),
    ] {
        let card = json!({"phones": {"p": {"number": number}}});
        let profile = Profile::of(&Card::from_value(card).expect("a card"), true);
        let term = Term::of_phone(asked);
        assert!(
            term.met_by("", profile.tokens.iter()),
            "{asked} in {number}"
        );
        let other = Term::of_phone(&format!("{asked}77"));
        assert!(!other.met_by("", profile.tokens.iter()), "{number}");
    }
}

#[test]
fn a_contact_is_found_by_each_of_many_addresses_and_numbers() {
    let mut card = json!({"name": {"full": "Ann Example"}, "emails": {}, "phones": {}});
    for n in 0..600 {
        let id = format!("k{n}");
        card["emails"][&id] = json!({"address": format!("p{n}@d{n}.example")});
        card["phones"][&id] = json!({"number": format!("+1 555 {n:07}")});
    }
    let profile = Profile::of(&Card::from_value(card).expect("a card"), true);
    let tokens = || profile.tokens.iter();
    for n in 0..600 {
        let address = format!("P{n}@d{n}.example");
        for term in [
            Term::of_email(&address),
            Term::of_phone(&format!("1555{n:07}")),
            Term::Address(format!("@d{n}.")),
        ] {
            assert!(term.met_by(&profile.name, tokens()), "{term:?}");
        }
    }
    assert!(Term::Word("exam".into()).met_by(&profile.name, tokens()));
}

proptest! {
    /// An index looks at `wanted` only: whoever meets a term must have such a token.
    #[test]
    fn who_meets_a_term_has_a_wanted_token(
        name in "\\PC{0,20}", phone in "[+0-9 ]{0,8}", text in "\\PC{0,6}|[0-9 ]{1,4}",
    ) {
        let card = Card::from_value(json!({
            "name": {"full": name}, "phones": {"p": {"number": phone}},
        })).expect("a card");
        let profile = Profile::of(&card, true);
        let tokens = || profile.tokens.iter();
        for term in Term::of_text(&text).into_iter().chain(Term::of_name(&text)) {
            if term.met_by(&profile.name, tokens()) {
                let wanted = term.wanted().expect("tokens");
                prop_assert!(tokens().any(|token| wanted.iter().any(|w| w.has(token))));
            }
        }
    }

    #[test]
    fn words_of_ascii_are_those_of_any_text(text in "[ -~]{0,90}") {
        let of_any: Vec<String> = runs(&text).into_iter().flat_map(pieces).collect();
        let mut words = Vec::new();
        each_word(&text, |word| words.push(word.to_owned()));
        prop_assert_eq!(words, of_any);
    }

    #[test]
    fn words_are_bounded_and_cut(name in "\\PC{0,400}|([a-z]{2} ){300,400}") {
        let card = Card::from_value(json!({"name": {"full": name}})).expect("a card");
        let profile = Profile::of(&card, true);
        prop_assert!(profile.tokens.len() <= WORDS_MAX);
        prop_assert!(profile.name.chars().count() <= NAME_CHARS_MAX);
        prop_assert!(profile.tokens.iter().all(|t| t.chars().count() <= TOKEN_CHARS_MAX));
    }
}
