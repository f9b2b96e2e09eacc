//! What an operator may want to read later of how the cluster went: who led, and who was away.

use crate::cluster::{NodeName, PeerStatus, Role, Status};

/// Something that has changed of the cluster as this node sees it.
#[derive(Debug, PartialEq, Eq)]
enum Change<'a> {
    Leads(bool),
    Follows(&'a NodeName),
    CutOff(bool),
    Away(&'a NodeName, bool),
}

/// Logs what has changed of the cluster as this node sees it.
pub fn note(before: Option<&Status>, now: &Status) {
    let term = now.term;
    for change in changes(before, now) {
        match change {
            Change::Leads(true) => tracing::info!(term, "this node leads"),
            Change::Leads(false) => tracing::info!(term, "this node does not lead any more"),
            Change::Follows(leader) => tracing::info!(term, %leader, "another node leads"),
            Change::CutOff(true) => {
                tracing::warn!(
                    term,
                    "no majority is there, or nothing is ordered: this leader takes no writes"
                );
            }
            Change::CutOff(false) => tracing::info!(term, "this leader takes writes again"),
            Change::Away(node, true) => tracing::info!(%node, "a node is not heard any more"),
            Change::Away(node, false) => tracing::info!(%node, "a node is heard"),
        }
    }
}

fn changes<'a>(before: Option<&Status>, now: &'a Status) -> Vec<Change<'a>> {
    let mut changes = Vec::new();
    let leads = |status: &Status| status.role == Role::Leading;
    let led = before.is_some_and(leads);
    if led != leads(now) {
        changes.push(Change::Leads(leads(now)));
    }
    let followed = before.and_then(|before| before.leader.as_ref());
    let other = now.leader.as_ref().filter(|leader| **leader != now.node);
    if let Some(leader) = other.filter(|leader| followed != Some(leader)) {
        changes.push(Change::Follows(leader));
    }
    let cut_off = before.is_some_and(Status::is_cut_off);
    // One that does not lead any more takes no writes either.
    if cut_off != now.is_cut_off() && leads(now) {
        changes.push(Change::CutOff(now.is_cut_off()));
    }
    for peer in &now.peers {
        let known = before.and_then(|before| before.peers.iter().find(|it| it.node == peer.node));
        if known.is_none_or(PeerStatus::is_away) != peer.is_away() {
            changes.push(Change::Away(&peer.node, peer.is_away()));
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn name(text: &str) -> NodeName {
        text.parse().expect("a name")
    }

    /// What `a` sees of `b`, which was heard so long ago.
    fn seen(role: Role, leader: &str, stale: u64, silent: Option<u64>) -> Status {
        let mut seen = Status {
            role,
            stale: Duration::from_secs(stale),
            ..Status::of_follower("a", leader, "b")
        };
        let silent = silent.map(Duration::from_secs);
        seen.peers.iter_mut().for_each(|peer| peer.silent = silent);
        seen
    }

    #[test]
    fn who_leads_and_who_is_away_is_noted_once() {
        let b = name("b");
        let begins = seen(Role::Starting, "b", 0, None);
        assert_eq!(changes(None, &begins), [Change::Follows(&b)]);
        let follows = seen(Role::Following, "b", 0, Some(0));
        assert_eq!(changes(Some(&begins), &follows), [Change::Away(&b, false)]);
        assert_eq!(changes(Some(&follows), &follows), []);
        let leads = seen(Role::Leading, "a", 0, Some(2));
        assert_eq!(changes(Some(&follows), &leads), [Change::Leads(true)]);
        let alone = seen(Role::Leading, "a", 4, Some(4));
        let lost = [Change::CutOff(true), Change::Away(&b, true)];
        assert_eq!(changes(Some(&leads), &alone), lost);
        let back = [Change::CutOff(false), Change::Away(&b, false)];
        assert_eq!(changes(Some(&alone), &leads), back);
        let ends = [Change::Leads(false), Change::Follows(&b)];
        assert_eq!(changes(Some(&leads), &follows), ends);
    }
}
