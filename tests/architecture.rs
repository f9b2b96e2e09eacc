//! The tree keeps its shape: floors name only floors below them, outside crates stay on their
//! floor, and files and functions stay small enough to read.
//!
//! The sources are read as tokens, not as Rust: enough to see every path a file names, from
//! `crate::`, `self::` and `super::` too, in `use` trees and in expressions. What is compiled for
//! tests only may name more. Each rule is one function of a source to what breaks it, and is
//! itself tested on snippets below.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot read the sources fails, and says where"
)]

#[path = "architecture/circles.rs"]
mod circles;
#[path = "architecture/source.rs"]
mod source;

use std::path::{Path, PathBuf};

use source::{Source, is_name, item_end, without_tests};

/// The floors, lowest first. Those of one row stand beside each other and do not name each other.
const FLOORS: &[&[&str]] = &[
    &["domain"],
    &["storage"],
    &["keys"],
    &["log"],
    &["audit"],
    &["projection"],
    &["service"],
    &["wire"],
    &["dialect"],
    &["auth"],
    &["gateway"],
    &["contract"],
    &["cluster"],
    &["http", "nats"],
    &["cli"],
];

/// The macros that panic where a line cannot be written.
const PRINTING: &[&str] = &["print", "println", "eprint", "eprintln"];

/// Names that stand for reaching outside: the disk, the network, the clock, chance, waiting.
const OUTSIDE: &[&str] = &[
    "async",
    "await",
    "tokio",
    "futures_util",
    "reqwest",
    "axum",
    "hyper",
    "sled",
    "async_nats",
    "SystemTime",
    "Instant",
    "now_v7",
    "new_v4",
    "getrandom",
    "rand",
];

/// Modules of the standard library that do the same.
const OUTSIDE_STD: &[&str] = &["fs", "io", "net", "process", "env", "thread"];

/// The one floor, or the few, that may name an outside crate.
const OWNERS: &[(&str, &[&str])] = &[
    ("sled", &["storage"]),
    ("async_nats", &["nats", "cli"]),
    ("axum", &["http"]),
    ("hyper", &["http"]),
    ("clap", &["cli"]),
    ("opentelemetry", &["cli"]),
    ("opentelemetry_otlp", &["cli"]),
    ("opentelemetry_sdk", &["cli"]),
];

/// The files that each vendor's folder has; it may have more.
const SHAPE: &[&str] = &[
    "mod.rs",
    "dialect.rs",
    "rules.rs",
    "routes.rs",
    "requests.rs",
    "replies.rs",
    "openapi.rs",
];

/// Words with which a doc comment asks instead of telling.
const RIDDLES: &[&str] = &[
    "Which", "Whose", "Whom", "Who", "Where", "When", "Why", "How", "By whom", "By what",
    "The same", "As above", "Ditto",
];

const FILE_LINES_MAX: usize = 600;
const CODE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const DOC_WORDS_MIN: usize = 4;

fn rank(floor: &str) -> Option<usize> {
    FLOORS.iter().position(|row| row.contains(&floor))
}

/// A floor names only floors below it; `lib.rs` and `main.rs` stand on top.
fn floors_hold(source: &Source, _: &[String]) -> Vec<String> {
    let floor = source.floor();
    let mine = rank(floor).unwrap_or(FLOORS.len());
    let names = |path: &Vec<String>| {
        let other = path.get(1).filter(|_| path[0] == "crate")?;
        let theirs = rank(other)?;
        (other != floor && theirs >= mine).then(|| format!("`{floor}` names `{other}`"))
    };
    source.paths().iter().filter_map(names).collect()
}

/// Each vendor's folder stands alone; what several need is in the folder above.
fn dialects_stand_alone(source: &Source, vendors: &[String]) -> Vec<String> {
    // The floor's table of contents names all of them.
    if source.floor() != "dialect" || source.module.len() == 1 {
        return Vec::new();
    }
    let own = source.vendor(vendors);
    let names = |path: &Vec<String>| {
        let [root, floor, other, ..] = path.as_slice() else {
            return None;
        };
        let is_other = vendors.contains(other) && own != Some(other);
        (root == "crate" && floor == "dialect" && is_other)
            .then(|| format!("it names the dialect `{other}`"))
    };
    source.paths().iter().filter_map(names).collect()
}

/// An outside crate is known on its own floor only.
fn crates_have_owners(source: &Source, _: &[String]) -> Vec<String> {
    let floor = source.floor();
    let foreign = |path: &Vec<String>| {
        let (name, owners) = OWNERS.iter().find(|(name, _)| path[0] == *name)?;
        (!owners.contains(&floor)).then(|| format!("`{floor}` names the crate `{name}`"))
    };
    source.paths().iter().filter_map(foreign).collect()
}

/// The pure floors reach for nothing outside, and those that speak know no store and no service.
fn pure_floors_are_pure(source: &Source, _: &[String]) -> Vec<String> {
    if !["domain", "wire", "dialect", "cluster"].contains(&source.floor()) {
        return Vec::new();
    }
    // The cluster compares logs, so it names what they are made of.
    let speaks = source.floor() != "cluster";
    let words = without_tests(&source.tokens).0.into_iter().map(|t| t.text);
    let words = words.filter(|word| OUTSIDE.contains(&word.as_str()));
    let paths = source.paths().into_iter().filter(|path| {
        let second = path.get(1).map_or("", String::as_str);
        match path[0].as_str() {
            "std" => OUTSIDE_STD.contains(&second),
            "crate" => speaks && (rank("storage")..=rank("service")).contains(&rank(second)),
            _ => second == "now",
        }
    });
    words
        .chain(paths.map(|path| path.join("::")))
        .map(|name| format!("it names `{name}`"))
        .collect()
}

/// Every file says what is here, and is short enough to be read.
fn files_are_readable(source: &Source, _: &[String]) -> Vec<String> {
    let lines = source.text.lines().count();
    let opens = source.text.starts_with("//! ");
    let long = (lines > FILE_LINES_MAX).then(|| format!("it has {lines} lines"));
    let mute = (!opens).then(|| "it does not open with `//!`".to_owned());
    mute.into_iter().chain(long).collect()
}

/// Every file holds little enough code to be understood at one sitting.
fn files_hold_little_code(source: &Source, _: &[String]) -> Vec<String> {
    let lines = source.code_lines();
    let long = (lines > CODE_LINES_MAX).then(|| format!("code: it has {lines} lines"));
    long.into_iter().collect()
}

/// A doc comment tells a stranger something: it is no question, and no two words.
fn docs_tell(source: &Source, _: &[String]) -> Vec<String> {
    let wrong = |(line, doc): (usize, String)| {
        let words = doc.split_whitespace().count();
        let asks = RIDDLES.iter().find(|riddle| {
            let rest = doc.strip_prefix(*riddle);
            rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        });
        match asks {
            Some(riddle) => Some(format!("doc: line {line} begins with `{riddle}`")),
            None => (words < DOC_WORDS_MIN).then(|| format!("doc: line {line} has {words} words")),
        }
    };
    source.docs().into_iter().filter_map(wrong).collect()
}

/// A function fits a screen.
fn functions_are_short(source: &Source, _: &[String]) -> Vec<String> {
    let tokens = &source.tokens;
    let functions = (0..tokens.len()).filter(|at| tokens[*at].text == "fn");
    functions
        .filter_map(|at| {
            let name = tokens.get(at + 1).filter(|name| is_name(&name.text))?;
            let last = &tokens[item_end(tokens, at + 1) - 1];
            let lines = last.line - tokens[at].line + 1;
            let long = lines > FUNCTION_LINES_MAX && last.text == "}";
            long.then(|| format!("`{}` has {lines} lines", name.text))
        })
        .collect()
}

/// No line is printed in a way that ends the thread where nobody takes it: a closed pipe, a full disk.
fn lines_may_be_lost(source: &Source, _: &[String]) -> Vec<String> {
    let tokens = without_tests(&source.tokens).0;
    let called = tokens.windows(2).filter(|pair| pair[1].text == "!");
    called
        .map(|pair| pair[0].text.as_str())
        .filter(|name| PRINTING.contains(name))
        .map(|name| format!("it calls `{name}!`"))
        .collect()
}

type Rule = fn(&Source, &[String]) -> Vec<String>;

const RULES_OF_CODE: &[Rule] = &[
    floors_hold,
    dialects_stand_alone,
    crates_have_owners,
    pure_floors_are_pure,
    lines_may_be_lost,
    files_hold_little_code,
];
const RULES_OF_FILES: &[Rule] = &[files_are_readable, docs_tell, functions_are_short];

/// Every Rust file below a directory, but for what a build has put there (the fuzzer is a crate of
/// its own, with a `target` of its own).
fn files_below(root: &Path) -> Vec<PathBuf> {
    let (mut found, mut open) = (Vec::new(), vec![root.to_owned()]);
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.extend((!path.ends_with("target")).then_some(path));
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn sources(folder: &str) -> Vec<(PathBuf, Source)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        let relative = path.strip_prefix(&root).expect("below it").to_owned();
        let source = Source::new(&relative, text);
        (relative, source)
    };
    files_below(&root).into_iter().map(read).collect()
}

/// The vendors: each has a folder on the floor of dialects whose `dialect.rs` declares `DIALECT`.
fn vendors(sources: &[(PathBuf, Source)]) -> Vec<String> {
    let declares = |source: &Source| {
        let mut pairs = source.tokens.windows(2);
        pairs.any(|pair| {
            pair.iter()
                .map(|token| &*token.text)
                .eq(["static", "DIALECT"])
        })
    };
    let of_vendor = |(path, source): &(PathBuf, Source)| match source.module.as_slice() {
        [floor, vendor, _] if floor == "dialect" && path.ends_with("dialect.rs") => {
            declares(source).then(|| vendor.clone())
        }
        _ => None,
    };
    sources.iter().filter_map(of_vendor).collect()
}

/// The modules that are compiled for tests only.
fn test_modules(sources: &[(PathBuf, Source)]) -> Vec<Vec<String>> {
    let of = |(_, parent): &(PathBuf, Source)| {
        let names = without_tests(&parent.tokens).1.into_iter();
        let path = |name| [parent.module.as_slice(), &[name]].concat();
        names.map(path).collect::<Vec<_>>()
    };
    sources.iter().flat_map(of).collect()
}

#[test]
fn the_tree_keeps_its_shape() {
    let sources = sources("src");
    let (vendors, for_tests) = (vendors(&sources), test_modules(&sources));
    assert!(vendors.len() >= 6, "{vendors:?}");
    let is_test = |source: &Source| {
        let mut modules = for_tests.iter();
        modules.any(|module| source.module.starts_with(module))
    };
    let mut wrong = Vec::new();
    for (path, source) in &sources {
        let of_code = if is_test(source) { &[] } else { RULES_OF_CODE };
        for rule in of_code.iter().chain(RULES_OF_FILES) {
            let breaches = rule(source, &vendors).into_iter();
            wrong.extend(breaches.map(|breach| format!("src/{}: {breach}", path.display())));
        }
    }
    for folder in ["tests", "benches"] {
        for (path, source) in crate::sources(folder) {
            let breaches = RULES_OF_FILES
                .iter()
                .flat_map(|rule| rule(&source, &vendors));
            wrong.extend(breaches.map(|breach| format!("{folder}/{}: {breach}", path.display())));
        }
    }
    let code = sources.iter().map(|(_, source)| source);
    let circles = circles::circles(code.filter(|source| !is_test(source)));
    wrong.extend(circles.iter().map(|circle| {
        let floor = circle.split([':', ' ']).next().unwrap_or(circle);
        format!("src/{floor}: circle: {circle}")
    }));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_folders_of_vendors_have_one_shape() {
    let sources = sources("src");
    let dialects = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dialect");
    for vendor in vendors(&sources) {
        for file in SHAPE {
            let path = dialects.join(&vendor).join(file);
            assert!(path.is_file(), "{} is missing", path.display());
        }
    }
}

/// A file of this text at this path breaks a rule in exactly these words.
fn check(rule: Rule, path: &str, text: &str, want: &[&str]) {
    let vendors = ["kare", "mattr"].map(str::to_owned);
    let source = Source::new(Path::new(path), text.to_owned());
    assert_eq!(rule(&source, &vendors), want, "{path}: {text}");
}

#[test]
fn a_name_from_above_is_seen_wherever_it_stands() {
    let check = |path, text, want: &[&str]| check(floors_hold, path, text, want);
    check("log/a.rs", "use crate::domain::Event;", &[]);
    check(
        "log/a.rs",
        "use crate::service::Service;",
        &["`log` names `service`"],
    );
    check(
        "log/a.rs",
        "use crate::{domain::{A, B as C}, audit};",
        &["`log` names `audit`"],
    );
    check(
        "log/a.rs",
        "fn f() -> crate::cli::Exit { todo() }",
        &["`log` names `cli`"],
    );
    check(
        "log/a/b.rs",
        "use super::super::super::http::App;",
        &["`log` names `http`"],
    );
    check(
        "log/mod.rs",
        "use super::{keys::Key, nats::{self}};",
        &["`log` names `nats`"],
    );
    check("log/a.rs", "use self::audit; use super::audit;", &[]);
    check("http/a.rs", "use crate::nats;", &["`http` names `nats`"]);
    check("nats/a.rs", "use crate::http;", &["`nats` names `http`"]);
    check(
        "gateway/a.rs",
        "use crate::auth; use crate::http;",
        &["`gateway` names `http`"],
    );
    check("cli/a.rs", "use crate::{http, nats, storage};", &[]);
    check("main.rs", "fn main() { contactd::cli::main() }", &[]);
}

#[test]
fn what_is_said_or_tested_is_not_named() {
    let check = |text| check(floors_hold, "domain/a.rs", text, &[]);
    check("// use crate::log;\n/* crate::log::A */ /// [`crate::log`]\n");
    check(r##"const A: &str = "crate::log::\"A"; const B: &str = r#"crate::"log"#;"##);
    check("const A: char = '\"'; fn f<'a>(b: &'a u8) -> u8 { b'\\'' }");
    check("#[cfg(test)]\nmod tests { use crate::log::{A, B}; fn f() { crate::http::g() } }");
    check("#[cfg(test)] #[derive(Debug)] struct A(crate::log::B);");
    let text = "#[cfg(test)] use crate::keys; use crate::log;";
    self::check(floors_hold, "domain/a.rs", text, &["`domain` names `log`"]);
}

#[test]
fn a_vendor_names_no_other() {
    let check = |path, text, want: &[&str]| check(dialects_stand_alone, path, text, want);
    check(
        "dialect/kare/a.rs",
        "use crate::dialect::{kare::B, email};",
        &[],
    );
    let mattr = ["it names the dialect `mattr`"];
    check(
        "dialect/kare/a.rs",
        "use crate::dialect::{email, mattr::B};",
        &mattr,
    );
    check("dialect/kare/mod.rs", "use super::mattr;", &mattr);
    check("dialect/email.rs", "use super::mattr::is_email;", &mattr);
    check(
        "dialect/mod.rs",
        "pub mod mattr; use self::mattr::Mattr;",
        &[],
    );
}

#[test]
fn a_crate_is_known_on_its_own_floor() {
    let check = |path, text, want: &[&str]| check(crates_have_owners, path, text, want);
    check("storage/a.rs", "use sled::{Db, Tree};", &[]);
    check(
        "log/a.rs",
        "use sled::Db;",
        &["`log` names the crate `sled`"],
    );
    check(
        "log/a.rs",
        "fn f(db: &sled::Db) {}",
        &["`log` names the crate `sled`"],
    );
    check(
        "log/a.rs",
        "use crate::storage::sled::Db; fn sled() {}",
        &[],
    );
    check("cli/a.rs", "let a: async_nats::ServerAddr = b;", &[]);
    check(
        "http/a.rs",
        "use async_nats;",
        &["`http` names the crate `async_nats`"],
    );
}

#[test]
fn a_pure_floor_reaches_for_nothing() {
    let check = |path, text, want: &[&str]| check(pure_floors_are_pure, path, text, want);
    check("domain/a.rs", "use std::{fmt, sync::Arc};", &[]);
    check(
        "domain/a.rs",
        "use std::{fmt, fs::File};",
        &["it names `std::fs::File`"],
    );
    check("domain/a.rs", "async fn f() {}", &["it names `async`"]);
    check(
        "domain/a.rs",
        "let id = Uuid::now_v7();",
        &["it names `now_v7`"],
    );
    let clock = "let now = f(now); let time = Utc::now();";
    check("domain/a.rs", clock, &["it names `Utc::now`"]);
    check(
        "wire/a.rs",
        "use crate::service::Scan;",
        &["it names `crate::service::Scan`"],
    );
    check(
        "dialect/kare/a.rs",
        "fn f() { tokio::spawn(g()) }",
        &["it names `tokio`"],
    );
    check(
        "service/a.rs",
        "use std::fs; async fn f() { now().await }",
        &[],
    );
}

/// Files of a floor name each other in exactly these circles.
fn check_circles(files: &[(&str, &str)], want: &[&str]) {
    let source = |(path, text): &(&str, &str)| Source::new(Path::new(path), (*text).to_owned());
    let sources: Vec<Source> = files.iter().map(source).collect();
    assert_eq!(circles::circles(&sources), want, "{files:?}");
}

#[test]
fn a_circle_of_files_is_seen_through_what_hands_names_on() {
    let a = ("log/a.rs", "use super::B; pub struct A;");
    let contents = ("log/mod.rs", "mod a; mod b; pub use a::A; pub use b::B;");
    check_circles(&[contents, a, ("log/b.rs", "pub struct B;")], &[]);
    let b = ("log/b.rs", "fn f() -> super::A { todo() } pub struct B;");
    check_circles(&[contents, a, b], &["log::a -> log::b -> log::a"]);
    let b = (
        "log/b.rs",
        "use super::c as d; fn f() { d::g() } pub struct B;",
    );
    let c = ("log/c.rs", "use crate::log::a::{self, A as Z};");
    check_circles(
        &[contents, a, b, c],
        &["log::a -> log::b -> log::c -> log::a"],
    );
    let tested = (
        "log/b.rs",
        "pub struct B; #[cfg(test)] mod tests { use super::super::A; }",
    );
    check_circles(&[contents, a, tested], &[]);
}

#[test]
fn a_module_that_defines_what_its_files_use_is_in_a_circle() {
    let a = ("log/a.rs", "use super::Log; pub struct A;");
    let log = ("log/mod.rs", "mod a; use a::A; pub struct Log(A);");
    check_circles(&[log, a], &["log -> log::a -> log"]);
    let log = ("log/mod.rs", "mod a; pub struct Log; fn f() { a::g() }");
    check_circles(&[log, a], &["log -> log::a -> log"]);
    let log = ("log/mod.rs", "mod a; pub use a::A; pub struct Log;");
    check_circles(&[log, a], &[]);
    check_circles(
        &[("log/a.rs", "use crate::keys::B;"), ("keys/b.rs", "")],
        &[],
    );
}

#[test]
fn a_riddle_is_no_documentation() {
    let check = |text, want: &[&str]| check(docs_tell, "log/a.rs", text, want);
    check("/// The size of the log, in bytes.\nconst A: u8 = 1;", &[]);
    check("/// Which.\nfn a();", &["doc: line 1 begins with `Which`"]);
    check(
        "//! A.\n\n    /// By whom.\n",
        &["doc: line 3 begins with `By whom`"],
    );
    check(
        "/// The same, to be\n/// written.\n",
        &["doc: line 1 begins with `The same`"],
    );
    check("/// Whether the log is open.\n", &[]);
    check("/// The log's size.\n", &["doc: line 1 has 3 words"]);
    check("/// A size.\n///\n/// In bytes, always.\nfn a();", &[]);
    check("// A plain comment.\n//// ///\n", &[]);
    check("const A: &str = \"/// A.\";", &[]);
}

#[test]
fn a_line_that_must_be_taken_is_seen() {
    let check = |text, want: &[&str]| check(lines_may_be_lost, "cli/a.rs", text, want);
    check("fn f() { println!(\"a\") }", &["it calls `println!`"]);
    check("/// `eprintln!`\nfn f() { out!(\"println\") }", &[]);
    check("#[cfg(test)]\nmod tests { fn f() { println!() } }", &[]);
}

#[test]
fn only_code_counts_as_code() {
    let code = |text: &str| Source::new(Path::new("a.rs"), text.to_owned()).code_lines();
    assert_eq!(
        code("//! A.\n\n/* B\n */\nfn a() {\n    b(\n        \"c\nd\",\n    )\n}\n"),
        6
    );
    assert_eq!(
        code("fn a();\n#[cfg(test)]\nmod tests {\n    fn b();\n}\n"),
        1
    );
    let long = "a();\n".repeat(CODE_LINES_MAX + 1);
    check(
        files_hold_little_code,
        "a.rs",
        &long,
        &["code: it has 401 lines"],
    );
}

#[test]
fn long_files_and_functions_are_seen() {
    let long = format!("//! A.\n{}", "\n".repeat(FILE_LINES_MAX));
    check(files_are_readable, "a.rs", &long, &["it has 601 lines"]);
    check(
        files_are_readable,
        "a.rs",
        "use b;",
        &["it does not open with `//!`"],
    );
    let body = |lines| format!("fn f() {{\n{}}}\nfn g();", "a(b[0]);\n".repeat(lines));
    check(functions_are_short, "a.rs", &body(68), &[]);
    check(
        functions_are_short,
        "a.rs",
        &body(69),
        &["`f` has 71 lines"],
    );
}
