//! A source file as tokens, and the paths that it names.

use std::collections::BTreeSet;
use std::path::Path;

/// A file of `src`.
pub struct Source {
    /// Its module path: `dialect::kare::decode` of `dialect/kare/decode.rs`.
    pub module: Vec<String>,
    pub text: String,
    /// What it is made of, without comments and literals.
    pub tokens: Vec<Token>,
}

/// A name, `::`, one sign, or `"` for a whole literal.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    pub text: String,
    /// The line it begins on, counted from 1.
    pub line: usize,
    /// The line it ends on: another one for a literal of several lines.
    pub last_line: usize,
}

impl Source {
    pub fn new(path: &Path, text: String) -> Self {
        let path = path.with_extension("");
        let parts = path.iter().map(|part| part.to_string_lossy().into_owned());
        let module = parts.filter(|part| !matches!(part.as_str(), "mod" | "lib" | "main"));
        Self {
            module: module.collect(),
            tokens: tokens(&text),
            text,
        }
    }

    pub fn floor(&self) -> &str {
        self.module.first().map_or("", String::as_str)
    }

    /// The vendor whose folder it stands in.
    pub fn vendor<'a>(&self, vendors: &'a [String]) -> Option<&'a String> {
        vendors
            .iter()
            .find(|v| self.floor() == "dialect" && self.module.get(1) == Some(*v))
    }

    /// Every path that it names outside of tests, from the crate's root where it is our own.
    pub fn paths(&self) -> Vec<Vec<String>> {
        let (uses, others) = self.uses_and_others();
        let uses = uses.into_iter().map(|imported| imported.path);
        uses.chain(others).collect()
    }

    /// What its `use` declarations bring in, and every other path it names, outside of tests.
    pub fn uses_and_others(&self) -> (Vec<Use>, Vec<Vec<String>>) {
        let code = without_tests(&self.tokens).0;
        let word = |at: usize| code.get(at).map_or("", |token| token.text.as_str());
        let (mut uses, mut others) = (Vec::new(), Vec::new());
        for at in 0..code.len() {
            let continues = at > 0 && ["::", "."].contains(&word(at - 1));
            if !is_name(word(at)) || continues {
                continue;
            }
            let mut found = Vec::new();
            if at > 0 && word(at - 1) == "use" {
                collect_paths(&code, at, Vec::new(), &mut found);
                // `pub use`, or `pub(super) use`.
                let public = at > 1 && ["pub", ")"].contains(&word(at - 2));
                uses.extend(found.into_iter().map(|(path, name)| Use {
                    path: self.absolute(path),
                    name,
                    public,
                }));
            } else if word(at + 1) == "::" {
                collect_paths(&code, at, Vec::new(), &mut found);
                others.extend(found.into_iter().map(|(path, _)| self.absolute(path)));
            }
        }
        (uses, others)
    }

    /// Its doc comments of items (`///`), each with the line that it begins on.
    pub fn docs(&self) -> Vec<(usize, String)> {
        let mut docs: Vec<(usize, String)> = Vec::new();
        let mut goes_on = false;
        for (index, line) in self.text.lines().enumerate() {
            let doc = line.trim_start().strip_prefix("///");
            let doc = doc.filter(|rest| !rest.starts_with('/'));
            match (doc, docs.last_mut().filter(|_| goes_on)) {
                (Some(more), Some((_, text))) => text.extend([" ", more.trim()]),
                (Some(first), None) => docs.push((index + 1, first.trim().to_owned())),
                (None, _) => {}
            }
            goes_on = doc.is_some();
        }
        docs
    }

    /// The number of lines that hold code: not comments, not blanks, not what is compiled for tests
    /// only.
    pub fn code_lines(&self) -> usize {
        let code = without_tests(&self.tokens).0;
        let lines = code.iter().flat_map(|token| token.line..=token.last_line);
        lines.collect::<BTreeSet<_>>().len()
    }

    /// A path with its `crate`, `self` and `super` resolved.
    fn absolute(&self, path: Vec<String>) -> Vec<String> {
        let ups = path.iter().filter(|part| *part == "super").count();
        let of = match path.first().map(String::as_str) {
            Some("crate") => 0,
            Some("self" | "super") => self.module.len().saturating_sub(ups),
            _ => return path,
        };
        let rest = path
            .into_iter()
            .filter(|p| !matches!(p.as_str(), "crate" | "self" | "super"));
        std::iter::once("crate".to_owned())
            .chain(self.module[..of].iter().cloned())
            .chain(rest)
            .collect()
    }
}

/// One name that a `use` declaration brings into a file.
#[derive(Clone, Debug)]
pub struct Use {
    /// What the name stands for, from the crate's root where it is our own.
    pub path: Vec<String>,
    /// The name in this file: the path's last part, or what it is renamed to.
    pub name: String,
    /// Whether the file hands the name on (`pub use`).
    pub public: bool,
}

pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Splits Rust into names, `::` and single signs; comments and literals are left out.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let (mut tokens, mut at, mut line) = (Vec::new(), 0, 1);
    while at < chars.len() {
        let start = at;
        let rest = &chars[at..];
        let (length, text) = token(rest);
        at += length;
        let last_line = line + chars[start..at].iter().filter(|c| **c == '\n').count();
        tokens.extend(text.map(|text| Token {
            text,
            line,
            last_line,
        }));
        line = last_line;
    }
    tokens
}

/// The length of what stands first, and its text unless it is a comment or white space.
fn token(rest: &[char]) -> (usize, Option<String>) {
    let literal = |length| (length, Some("\"".to_owned()));
    match rest {
        ['/', '/', ..] => (rest.iter().take_while(|c| **c != '\n').count(), None),
        ['/', '*', ..] => (until(rest, "*/"), None),
        ['"', ..] => literal(string_length(rest)),
        ['\'', '\\', ..] => literal(2 + until(&rest[2..], "'")),
        ['\'', _, '\'', ..] => literal(3),
        ['r', '"' | '#', ..] if raw_length(&rest[1..]) > 0 => literal(1 + raw_length(&rest[1..])),
        ['b', 'r', '"' | '#', ..] if raw_length(&rest[2..]) > 0 => {
            literal(2 + raw_length(&rest[2..]))
        }
        [c, ..] if c.is_alphanumeric() || *c == '_' => {
            let name = rest
                .iter()
                .take_while(|c| c.is_alphanumeric() || **c == '_');
            let text: String = name.collect();
            (text.chars().count(), Some(text))
        }
        [':', ':', ..] => (2, Some("::".to_owned())),
        [c, ..] => (1, (!c.is_whitespace()).then(|| c.to_string())),
        [] => (0, None),
    }
}

/// The length up to and with an end.
fn until(chars: &[char], end: &str) -> usize {
    let end: Vec<char> = end.chars().collect();
    let found = (1..chars.len()).find(|at| chars[*at..].starts_with(&end));
    found.map_or(chars.len(), |at| at + end.len())
}

fn string_length(chars: &[char]) -> usize {
    let mut at = 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// The length of a raw string from its first `#` or quote; 0 where it is none.
fn raw_length(chars: &[char]) -> usize {
    let hashes = chars.iter().take_while(|c| **c == '#').count();
    match chars.get(hashes) {
        Some('"') => {
            let end = format!("\"{}", "#".repeat(hashes));
            hashes + until(&chars[hashes..], &end)
        }
        _ => 0,
    }
}

/// The index after the bracket that closes the one at `open`.
fn closed(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// The index after the item at `at`: after its body, or its semicolon.
pub fn item_end(tokens: &[Token], mut at: usize) -> usize {
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "{" => return closed(tokens, at),
            ";" => return at + 1,
            "(" | "[" => at = closed(tokens, at),
            _ => at += 1,
        }
    }
    at
}

/// What is compiled without tests, and the names of the modules that are for tests only.
pub fn without_tests(tokens: &[Token]) -> (Vec<Token>, Vec<String>) {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let (mut code, mut modules, mut at) = (Vec::new(), Vec::new(), 0);
    while at < tokens.len() {
        let marked = tokens[at..]
            .iter()
            .map(|t| t.text.as_str())
            .take(MARK.len());
        if !marked.eq(MARK) {
            code.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let end = item_end(tokens, at + MARK.len());
        if let [.., keyword, name, semicolon] = &tokens[at..end]
            && (keyword.text.as_str(), semicolon.text.as_str()) == ("mod", ";")
        {
            modules.push(name.text.clone());
        }
        at = end;
    }
    (code, modules)
}

/// The paths of a `use` tree or of an expression from the name at `at`, each with the name that it
/// brings in; gives where they end.
fn collect_paths(
    tokens: &[Token],
    mut at: usize,
    mut prefix: Vec<String>,
    paths: &mut Vec<(Vec<String>, String)>,
) -> usize {
    while let Some(token) = tokens.get(at) {
        if token.text == "{" {
            let end = closed(tokens, at);
            at += 1;
            while at < end - 1 {
                at = match tokens[at].text.as_str() {
                    name if is_name(name) => collect_paths(tokens, at, prefix.clone(), paths),
                    _ => at + 1,
                };
            }
            return end;
        }
        if !is_name(&token.text) {
            break;
        }
        prefix.push(token.text.clone());
        at += 1;
        if tokens.get(at).is_none_or(|next| next.text != "::") {
            break;
        }
        at += 1;
    }
    // `{self}` brings in what stands before it.
    if prefix.len() > 1 && prefix.last().is_some_and(|last| last == "self") {
        prefix.pop();
    }
    let renamed = tokens.get(at).is_some_and(|token| token.text == "as");
    let renamed = renamed.then(|| tokens.get(at + 1)).flatten();
    let name = renamed.map(|token| &token.text).or(prefix.last());
    let name = name.cloned().unwrap_or_default();
    let end = if renamed.is_some() { at + 2 } else { at };
    paths.push((prefix, name));
    end
}
