//! Circles among the files of a floor: files that name each other's items, directly or by way of
//! others, so that none of them can be read, or changed, without the rest.
//!
//! What a `mod.rs` only hands on (`pub use`) counts as the file it comes from, and handing on is
//! no naming: a table of contents is in no circle. A `mod.rs` that defines things is a file like
//! any other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::source::{Source, Use};

/// The files of a crate by their module path.
struct Files<'a> {
    modules: BTreeMap<&'a [String], Names<'a>>,
}

/// What a file names.
struct Names<'a> {
    source: &'a Source,
    uses: Vec<Use>,
    others: Vec<Vec<String>>,
}

/// The shortest circle through each group of files that name each other, as `a -> b -> a`.
pub fn circles<'a>(sources: impl IntoIterator<Item = &'a Source>) -> Vec<String> {
    let modules = sources.into_iter().map(|source| {
        let (uses, others) = source.uses_and_others();
        let names = Names {
            source,
            uses,
            others,
        };
        (source.module.as_slice(), names)
    });
    let files = Files {
        modules: modules.collect(),
    };
    let modules = files.modules.keys().copied();
    let graph: BTreeMap<_, _> = modules
        .map(|module| (module, files.named_by(module)))
        .collect();
    let mut found = Vec::new();
    let mut told: BTreeSet<&[String]> = BTreeSet::new();
    for module in graph.keys() {
        if let Some(circle) = shortest_circle(&graph, module).filter(|_| !told.contains(module)) {
            let group = graph.keys().filter(|other| {
                path(&graph, module, other).is_some() && path(&graph, other, module).is_some()
            });
            told.extend(group);
            let names: Vec<_> = circle.iter().map(|module| module.join("::")).collect();
            found.push(names.join(" -> "));
        }
    }
    found
}

type Graph<'a> = BTreeMap<&'a [String], BTreeSet<&'a [String]>>;

fn shortest_circle<'a>(graph: &Graph<'a>, from: &'a [String]) -> Option<Vec<&'a [String]>> {
    let back = |next: &&'a [String]| path(graph, next, from);
    let rest = graph
        .get(from)?
        .iter()
        .filter_map(back)
        .min_by_key(Vec::len)?;
    Some([vec![from], rest].concat())
}

/// The shortest way from one file to another along what they name.
fn path<'a>(graph: &Graph<'a>, from: &'a [String], to: &'a [String]) -> Option<Vec<&'a [String]>> {
    let mut open = VecDeque::from([vec![from]]);
    let mut seen = BTreeSet::from([from]);
    while let Some(way) = open.pop_front() {
        let last = *way.last()?;
        if last == to {
            return Some(way);
        }
        for next in graph.get(last).into_iter().flatten() {
            if seen.insert(next) {
                open.push_back([way.as_slice(), &[next]].concat());
            }
        }
    }
    None
}

impl<'a> Files<'a> {
    /// The other files of its floor that define what this one names.
    fn named_by(&self, module: &'a [String]) -> BTreeSet<&'a [String]> {
        let Some(names) = self.modules.get(module) else {
            return BTreeSet::new();
        };
        let uses = names.uses.iter().filter(|imported| !imported.public);
        let paths = uses.map(|imported| &imported.path).chain(&names.others);
        let definers = paths.filter_map(|path| self.definer(&self.resolve(names, path), 8));
        definers
            .filter(|other| *other != module && other.first() == module.first())
            .collect()
    }

    /// A path as a file has it from the crate's root, where its first part was brought in by a
    /// `use` or is a module below this file.
    fn resolve(&self, names: &Names<'_>, path: &[String]) -> Vec<String> {
        let Some((first, rest)) = path.split_first() else {
            return Vec::new();
        };
        if let Some(imported) = names.uses.iter().find(|imported| imported.name == *first) {
            return [imported.path.as_slice(), rest].concat();
        }
        let child = [names.source.module.as_slice(), std::slice::from_ref(first)].concat();
        if self.modules.contains_key(child.as_slice()) {
            return [vec!["crate".to_owned()], child, rest.to_vec()].concat();
        }
        path.to_vec()
    }

    /// The file that defines what a path names, through files that hand it on.
    fn definer(&self, path: &[String], hops: usize) -> Option<&'a [String]> {
        let (_, path) = path.split_first().filter(|(root, _)| *root == "crate")?;
        let depth = (1..=path.len()).rev();
        let module = depth
            .map(|depth| &path[..depth])
            .find(|module| self.modules.contains_key(*module))?;
        let (module, names) = self.modules.get_key_value(module)?;
        let item = path.get(module.len());
        let handed_on = item.and_then(|item| {
            let imported = names.uses.iter().find(|imported| imported.name == *item)?;
            let rest = &path[module.len() + 1..];
            let further = [imported.path.as_slice(), rest].concat();
            // `pub use open::Options`: a module below this file needs no `self::`.
            Some(self.resolve(names, &further))
        });
        match handed_on.filter(|_| hops > 0) {
            Some(further) => self.definer(&further, hops - 1),
            None => Some(*module),
        }
    }
}
