//! Tables in and out, as whole files.

use serde_json::json;

use super::super::writer::Writer as _;
use super::*;

fn read(text: &[u8], delimiter: Option<u8>) -> Vec<io::Result<Record>> {
    let how = Reading {
        delimiter,
        ..Reading::default()
    };
    let reader = Reader::new(io::Cursor::new(text.to_vec()), &how);
    reader.expect("headings").collect()
}

/// The one Card of a table of one row, and what was said of it.
fn check(headings: &str, row: &str, want: Value, notes: &[Note]) {
    let records = read(format!("{headings}\n{row}\n").as_bytes(), None);
    let [Ok(record)] = records.as_slice() else {
        panic!("{records:?}");
    };
    assert_eq!(record.card, Ok(want), "{headings}: {row}");
    assert_eq!(record.notes, notes, "{headings}: {row}");
}

#[test]
fn rows_are_read_with_quotes_marks_and_any_delimiter() {
    let text = "\u{feff}Name;E-Mail;Shoe size\r\n\"Ex;ample, \"\"Ann\"\"\nMaria\";a@b.co;7\r\n\r\nBob;;\r\n";
    for (text, delimiter) in [
        (text.to_owned(), Some(b';')),
        (text.replace("\r\n", "\r"), None),
    ] {
        let cards: Vec<(u64, Value)> = read(text.as_bytes(), delimiter)
            .into_iter()
            .map(|record| record.expect("a row"))
            .map(|record| (record.line, record.card.expect("a Card")))
            .collect();
        let ann = json!({"name": {"full": "Ex;ample, \"Ann\"\nMaria"},
            "emails": {"1": {"address": "a@b.co"}}, "contactd.local:columns": {"Shoe size": "7"}});
        assert_eq!(cards, [(2, ann), (5, json!({"name": {"full": "Bob"}}))]);
    }
}

#[test]
fn a_return_within_a_cell_stays_there() {
    let note = |cell: &str| {
        let text = format!("Name,Note\r\nAnn,{cell}\r\n");
        let records = read(text.as_bytes(), None);
        let [Ok(record)] = records.as_slice() else {
            panic!("{records:?}");
        };
        let card = record.card.as_ref().expect("a Card");
        card["notes"]["1"]["note"].clone()
    };
    assert_eq!(note("one\rtwo"), "one\rtwo");
    assert_eq!(note("\"one\rtwo\r\nthree\""), "one\rtwo\nthree");
}

#[test]
fn a_bad_row_is_refused_and_the_next_is_read() {
    let text = b"name,email\na,b,c\nAnn\nJ\xf6rg,\n\xc2\xa0,\n";
    let ends: Vec<(u64, Option<String>)> = read(text, Some(b','))
        .into_iter()
        .map(|record| record.expect("a row"))
        .map(|record| (record.line, record.card.err().map(|wrong| wrong.code)))
        .collect();
    let code = |code: &str| Some(code.to_owned());
    assert_eq!(
        ends,
        [(2, code("cells")), (3, None), (4, None), (5, code("blank"))]
    );
}

/// Excel writes them where somebody once had typed something.
#[test]
fn rows_of_separators_alone_are_no_records() {
    let records = read(b"name,email\n,\nAnn,\n , \n,,,\n", None);
    let lines: Vec<u64> = records
        .into_iter()
        .map(|record| record.expect("a row").line)
        .collect();
    assert_eq!(lines, [3]);
}

#[test]
fn a_formula_that_is_a_text_is_read_as_the_text() {
    check(
        "Name,Phone",
        r#"B,="0049 2""#,
        json!({"name": {"full": "B"}, "phones": {"1": {"number": "0049 2"}}}),
        &[Note::changed("Phone", r#"="0049 2""#, "0049 2")],
    );
    check(
        "Name,Note",
        r#""=""a """"b""""""","=""1""&""2""""#,
        json!({"name": {"full": r#"a "b""#}, "notes": {"1": {"note": r#"="1"&"2""#}}}),
        &[Note::changed("Name", r#"="a ""b""""#, r#"a "b""#)],
    );
    // Our own export says so that it is no formula.
    check(
        "Name",
        r#"'="B""#,
        json!({"name": {"full": r#"="B""#}}),
        &[Note::changed("Name", r#"'="B""#, r#"="B""#)],
    );
}

#[test]
fn what_is_said_of_a_cell_is_what_is_stored() {
    check(
        "Name,Nickname,Note,Title",
        "' =1, N, ,T",
        json!({"name": {"full": "=1"}, "nicknames": {"1": {"name": "N"}},
            "titles": {"1": {"name": "T"}}}),
        &[
            Note::changed("Name", "' =1", "=1"),
            Note::Trimmed(vec!["Nickname".into()]),
        ],
    );
}

#[test]
fn a_quote_without_end_costs_its_row_and_the_lines_behind_it_are_read() {
    let text = b"name,email\nAnn,\n\"Bob,b@b.co\n\"Cy\",c@d.co\nDee,\n";
    let ends: Vec<(u64, Option<String>)> = read(text, Some(b','))
        .into_iter()
        .map(|record| record.expect("a row"))
        .map(|record| (record.line, record.card.err().map(|wrong| wrong.code)))
        .collect();
    let quote = Some("quote".to_owned());
    assert_eq!(ends, [(2, None), (3, quote), (4, None), (5, None)]);
}

#[test]
fn addresses_are_told_apart_by_their_family() {
    let part = |kind: &str, value: &str| json!({"kind": kind, "value": value});
    let (work, private) = (json!({"work": true}), json!({"private": true}));
    let addresses = json!({"addresses": {
        "1": {"contexts": work, "components": [part("name", "1 W\nFloor 2"), part("locality", "WT")]},
        "2": {"contexts": private, "components": [part("name", "2 H"), part("locality", "HT")]},
        "3": {"components": [part("name", "3 O")]}}});
    check(
        "Business Street,Home Street,Business City,Home City,Business Street 2,Other Street",
        "1 W,2 H,WT,HT,Floor 2,3 O",
        addresses,
        &[],
    );
    let addresses = json!({"addresses": {
        "1": {"contexts": private, "components": [part("name", "1"), part("locality", "A")]},
        "2": {"components": [part("name", "2"), part("locality", "B")]}}});
    check(
        "Address 1 - Label,Address 1 - Street,Address 1 - City,Address 2 - Street,Address 2 - City",
        "Home,1,A,2,B",
        addresses,
        &[],
    );
    let address = json!({"addresses": {"1":
        {"full": "1 Main\nSuite 2", "components": [part("locality", "A")]}}});
    check("Address 1,Address 2,City", "1 Main,Suite 2,A", address, &[]);
    let two = json!({"addresses": {"1": {"components": [part("name", "1")]},
        "2": {"components": [part("name", "2")]}}});
    check("Street,Street", "1,2", two, &[]);
}

#[test]
fn an_odd_cell_does_not_lose_the_person() {
    let kept = |text: &str| Note::Kept(text.to_owned());
    check(
        "Name,Email,Birthday,Web Page",
        "Ann,nobody,31.1.1990,none at all",
        json!({"name": {"full": "Ann"}, "contactd.local:columns": {"Email": "nobody",
            "Birthday": "31.1.1990", "Web Page": "none at all"}}),
        &[
            kept("Email: nobody"),
            kept("Birthday: 31.1.1990"),
            kept("Web Page: none at all"),
        ],
    );
    check(
        "Name,Email,Birthday,Phone",
        "Ann,Ann <a@b.co>,0/0/00,'+1",
        json!({"name": {"full": "Ann"}, "emails": {"1": {"address": "a@b.co"}},
            "phones": {"1": {"number": "+1"}}}),
        &[
            Note::changed("Email", "Ann <a@b.co>", "a@b.co"),
            Note::changed("Birthday", "0/0/00", ""),
            Note::changed("Phone", "'+1", "+1"),
        ],
    );
    check(
        "Name,Name,Uid",
        "Ann,Bob,u",
        json!({"name": {"full": "Ann"}, "uid": "u", "contactd.local:columns": {"Name": "Bob"}}),
        &[kept("Name: Bob")],
    );
}

#[test]
fn google_outlook_and_thunderbird_are_understood() {
    check(
        "First Name,E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value,Labels",
        "Ann,* Work,a@b.co ::: c@d.co,Work Fax,1,* myContacts ::: Friends",
        json!({"name": {"components": [{"kind": "given", "value": "Ann"}]},
            "emails": {"1": {"address": "a@b.co", "contexts": {"work": true}, "pref": 1},
                "2": {"address": "c@d.co", "contexts": {"work": true}, "pref": 1}},
            "phones": {"1": {"number": "1", "contexts": {"work": true}, "features": {"fax": true}}},
            "keywords": {"myContacts": true, "Friends": true}}),
        &[],
    );
    check(
        "Title,First Name,Job Title,Home Phone,Mobile Phone,Business Fax,E-mail Type,E-mail Address",
        "Dr.,Ann,Boss,1,2,3,SMTP,a@b.co",
        json!({"name": {"components": [{"kind": "title", "value": "Dr."}, {"kind": "given", "value": "Ann"}]},
            "titles": {"1": {"name": "Boss"}},
            "phones": {"1": {"number": "1", "contexts": {"private": true}},
                "2": {"number": "2", "features": {"mobile": true}},
                "3": {"number": "3", "contexts": {"work": true}, "features": {"fax": true}}},
            "emails": {"1": {"address": "a@b.co"}}, "contactd.local:columns": {"E-mail Type": "SMTP"}}),
        &[],
    );
    check(
        "Display Name,Birth Year,Birth Month,Birth Day,Home Address,Home City",
        "Ann,1990,1,31,1 Main,Town",
        json!({"name": {"full": "Ann"},
            "anniversaries": {"1": {"kind": "birth",
                "date": {"@type": "PartialDate", "year": 1990, "month": 1, "day": 31}}},
            "addresses": {"1": {"contexts": {"private": true}, "components": [
                {"kind": "name", "value": "1 Main"}, {"kind": "locality", "value": "Town"}]}}}),
        &[],
    );
}

#[test]
fn no_column_of_a_foreign_file_is_left_out() {
    check(
        "Name,Email,id,tenant,dialect,Reference,Customer ID,Phone 1 - Label",
        "Ann,a@b.co,77,foo,bar,7,8,Work",
        json!({"name": {"full": "Ann"}, "emails": {"1": {"address": "a@b.co"}},
            "contactd.local:externalId": "7",
            "contactd.local:columns": {"id": "77", "tenant": "foo", "dialect": "bar",
                "Customer ID": "8", "Phone 1 - Label": "Work"}}),
        &["Customer ID: 8", "Phone 1 - Label: Work"].map(|text| Note::Kept(text.to_owned())),
    );
}

#[test]
fn contacts_are_written_under_headings_that_are_read_again() {
    let mut text = Vec::new();
    let mut writer = Writer::new(&mut text);
    let card = json!({"uid": "u", "name": {"full": "=Ann"},
        "emails": {"1": {"address": "a@b.co"}, "2": {"address": "d@e.fr"}},
        "keywords": {"a": true, "b": true},
        "addresses": {"1": {"full": "1 Main\nTown"}}});
    let contact = json!({"id": "7", "tenant": "acme", "dialect": "native", "card": card});
    writer.write(&contact).expect("a row");
    writer.finish().expect("a table");
    assert_eq!(writer.left_out(), None);
    drop(writer);
    let records = read(&text, None);
    let [Ok(record)] = records.as_slice() else {
        panic!("{records:?}");
    };
    let mut got = record.card.clone().expect("a Card");
    got["keywords"]
        .as_object_mut()
        .expect("keywords")
        .sort_keys();
    assert_eq!(got, card);
}
