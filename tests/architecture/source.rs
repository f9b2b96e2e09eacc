//! A source file as tokens, and the paths that it names.

use std::path::Path;

/// A file of `src`.
pub struct Source {
    /// Its module path: `dialect::kare::decode` of `dialect/kare/decode.rs`.
    pub module: Vec<String>,
    pub text: String,
    /// What it is made of, without comments and literals.
    pub tokens: Vec<Token>,
}

/// A name, `::`, or one sign.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    pub text: String,
    pub line: usize,
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
        let code = without_tests(&self.tokens).0;
        let mut paths = Vec::new();
        for at in 0..code.len() {
            let continues = at > 0 && ["::", "."].contains(&code[at - 1].text.as_str());
            let leads = code.get(at + 1).is_some_and(|next| next.text == "::");
            let used = at > 0 && code[at - 1].text == "use";
            if is_name(&code[at].text) && !continues && (leads || used) {
                collect_paths(&code, at, Vec::new(), &mut paths);
            }
        }
        paths.into_iter().map(|path| self.absolute(path)).collect()
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
        at += match rest {
            ['/', '/', ..] => rest.iter().take_while(|c| **c != '\n').count(),
            ['/', '*', ..] => until(rest, "*/"),
            ['"', ..] => string_length(rest),
            ['\'', '\\', ..] => 2 + until(&rest[2..], "'"),
            ['\'', _, '\'', ..] => 3,
            ['r', '"' | '#', ..] if raw_length(&rest[1..]) > 0 => 1 + raw_length(&rest[1..]),
            ['b', 'r', '"' | '#', ..] if raw_length(&rest[2..]) > 0 => 2 + raw_length(&rest[2..]),
            [c, ..] if c.is_alphanumeric() || *c == '_' => {
                let name = rest
                    .iter()
                    .take_while(|c| c.is_alphanumeric() || **c == '_');
                let text: String = name.collect();
                let length = text.chars().count();
                tokens.push(Token { text, line });
                length
            }
            [':', ':', ..] => {
                tokens.push(Token {
                    text: "::".into(),
                    line,
                });
                2
            }
            [c, ..] => {
                if !c.is_whitespace() {
                    tokens.push(Token {
                        text: c.to_string(),
                        line,
                    });
                }
                1
            }
            [] => 0,
        };
        line += chars[start..at].iter().filter(|c| **c == '\n').count();
    }
    tokens
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

/// The paths of a `use` tree or of an expression, from the name at `at`; gives where they end.
fn collect_paths(
    tokens: &[Token],
    mut at: usize,
    mut prefix: Vec<String>,
    paths: &mut Vec<Vec<String>>,
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
    paths.push(prefix);
    // `as other_name` is no path.
    let renamed = tokens.get(at).is_some_and(|token| token.text == "as");
    if renamed { at + 2 } else { at }
}
