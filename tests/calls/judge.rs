//! Judges a history: each slot by a linearizability checker (`todc-utils`, after Wing, Gong and
//! Lowe), and all calls against the log.
//!
//! A call without an answer may have been done or not. Its events bear its trace context, so the log
//! says which; a call that the log does not have was never done, and whoever saw its value saw
//! what nobody wrote. One that was done may have been at any time after it was sent.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde_json::Value;
use todc_utils::{Action, History, Specification, WGLChecker};

use super::history::{Answer, Asked, Call, Seen, Way};
use super::load::traceparent;
use super::wire::message_id;

/// What the log has of a call.
#[derive(Clone, Debug)]
struct Logged {
    position: u64,
    /// What was written; nothing for what was deleted.
    seen: Option<Seen>,
    /// The code of a refusal.
    failed: Option<String>,
}

/// What was found wrong.
#[derive(Debug, Default)]
pub struct Findings {
    /// Acknowledged, and not in the log as it was said.
    pub lost: Vec<String>,
    /// In the log more than once.
    pub doubled: Vec<String>,
    /// Answers that no order of the calls explains, or that the log contradicts.
    pub violations: Vec<String>,
}

impl Findings {
    pub fn all(&self) -> impl Iterator<Item = &String> {
        let Self {
            lost,
            doubled,
            violations,
        } = self;
        lost.iter().chain(doubled).chain(violations)
    }
}

/// Judges the calls of an episode by the log that it left.
pub fn judge(calls: &[Call], events: &[Value]) -> Findings {
    let mut findings = Findings::default();
    let logged = outcomes(calls, events, &mut findings);
    for call in calls {
        compare(call, logged.get(&call.number), &mut findings);
    }
    let mut slots: BTreeMap<u64, Vec<&Call>> = BTreeMap::new();
    for call in calls {
        slots.entry(call.slot).or_default().push(call);
    }
    for (slot, calls) in slots {
        let done: Vec<Done> = calls
            .iter()
            .filter_map(|call| Done::of(call, logged.get(&call.number)))
            .collect();
        if !is_linearizable(&done) {
            let calls: Vec<String> = done.iter().map(|done| format!("  {done:?}")).collect();
            let what = format!("slot {slot} is not linearizable:\n{}", calls.join("\n"));
            findings.violations.push(what);
        }
    }
    findings
}

/// The outcome of each call in the log, by its number.
fn outcomes(calls: &[Call], events: &[Value], findings: &mut Findings) -> HashMap<u64, Logged> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut numbers = HashMap::new();
    for call in calls {
        numbers.insert(traceparent(call.number), call);
    }
    let mut logged = HashMap::new();
    for pair in events.chunks_exact(2) {
        let event = &pair[1];
        let trace = text(&event["traceparent"]);
        let Some(call) = numbers.get(&trace) else {
            findings
                .violations
                .push(format!("nobody asked for {event}"));
            continue;
        };
        if call.way == Way::Durable && text(&event["correlationid"]) != message_id(call.number) {
            findings
                .violations
                .push(format!("another command's {event}"));
        }
        let data = &event["data"];
        // Thena's has parts of a name.
        let names = ["/contact/name/full", "/contact/name/components/0/value"];
        let name = names.iter().find_map(|at| data.pointer(at)?.as_str());
        let value = name.and_then(|name| name.strip_prefix('v')?.parse().ok());
        let outcome = Logged {
            position: event["sequence"]
                .as_str()
                .map_or(0, |s| s.parse().expect("a position")),
            seen: value.map(|value| Seen {
                id: text(&data["vendorId"]),
                version: data["version"].as_u64(),
                value,
            }),
            failed: data.pointer("/error/code").map(text),
        };
        if logged.insert(call.number, outcome).is_some() {
            findings.doubled.push(format!("{call:?}: {event}"));
        }
    }
    logged
}

/// Compares what a call was told with what the log has of it.
fn compare(call: &Call, logged: Option<&Logged>, findings: &mut Findings) {
    let (found, expected) = match (&call.answer, logged) {
        (Answer::Unknown, _) | (Answer::Found(_), None) => return,
        (Answer::Stored, Some(_)) | (Answer::Refused, None) => return,
        (Answer::Refused | Answer::Found(_), Some(logged)) => {
            let what = format!("{call:?} wrote nothing, but there is {logged:?}");
            return findings.violations.push(what);
        }
        (_, None) => return findings.lost.push(format!("{call:?}")),
        (Answer::Written { seen, .. }, Some(logged)) => {
            let as_said = logged.seen.as_ref() == Some(seen) && seen.value == call.number;
            (logged, as_said && logged.failed.is_none())
        }
        (Answer::Deleted, Some(logged)) => {
            (logged, logged.seen.is_none() && logged.failed.is_none())
        }
        (Answer::Taken | Answer::OtherVersion | Answer::Gone, Some(logged)) => {
            (logged, logged.failed.is_some())
        }
    };
    if !expected || call.position != Some(found.position) {
        let what = format!("{call:?} is in the log as {found:?}");
        findings.lost.push(what);
    }
}

/// A call as the checker sees it, with its answer.
#[derive(Clone, Debug)]
struct Done {
    asked: Asked,
    answer: Answer,
    begun: Duration,
    /// `None` is after everything else.
    ended: Option<Duration>,
}

impl Done {
    /// Nothing for what changed nothing and told nothing.
    fn of(call: &Call, logged: Option<&Logged>) -> Option<Self> {
        let (answer, ended) = match &call.answer {
            Answer::Refused => return None,
            Answer::Unknown | Answer::Stored => {
                let logged = logged.filter(|logged| logged.failed.is_none())?;
                let answer = match &logged.seen {
                    Some(seen) => Answer::Written {
                        seen: seen.clone(),
                        is_new: seen.version == Some(1),
                    },
                    None => Answer::Deleted,
                };
                (answer, None)
            }
            told => (told.clone(), Some(call.ended)),
        };
        Some(Self {
            asked: call.asked.clone(),
            answer,
            begun: call.begun,
            ended,
        })
    }
}

/// What a slot must do, one call after the other.
struct Register;

impl Specification for Register {
    /// The contact that is there.
    type State = Option<(String, u64, u64)>;
    type Operation = Done;

    fn init() -> Self::State {
        None
    }

    fn apply(done: &Done, state: &Self::State) -> (bool, Self::State) {
        let here = |id: &str| state.as_ref().filter(|contact| contact.0 == id);
        let fits = |expects: &Option<u64>, version: u64| expects.is_none_or(|it| it == version);
        let next = |seen: &Seen| {
            seen.version
                .map(|version| (seen.id.clone(), version, seen.value))
        };
        let same = (true, state.clone());
        let wrong = (false, state.clone());
        match (&done.asked, &done.answer) {
            (Asked::Create | Asked::Upsert, Answer::Written { seen, is_new: true }) => {
                match (state, seen.version) {
                    (None, Some(1)) => (true, next(seen)),
                    _ => wrong,
                }
            }
            (Asked::Upsert, Answer::Written { seen, .. }) => match here(&seen.id) {
                Some((_, version, _)) if seen.version == Some(version + 1) => (true, next(seen)),
                _ => wrong,
            },
            (Asked::Update { id, expects }, Answer::Written { seen, .. }) => match here(id) {
                Some((_, version, _))
                    if fits(expects, *version) && seen.version == Some(version + 1) =>
                {
                    (true, next(seen))
                }
                _ => wrong,
            },
            (Asked::Delete { id, expects }, Answer::Deleted) => match here(id) {
                Some((_, version, _)) if fits(expects, *version) => (true, None),
                _ => wrong,
            },
            (Asked::Update { id, expects } | Asked::Delete { id, expects }, answer) => {
                let right = match (answer, here(id)) {
                    (Answer::OtherVersion, Some((_, version, _))) => !fits(expects, *version),
                    (Answer::Gone, found) => found.is_none(),
                    _ => false,
                };
                (right, state.clone())
            }
            (Asked::Create, Answer::Taken) if state.is_some() => same,
            (Asked::Get { id }, Answer::Found(found)) => (is_seen(found, here(id)), state.clone()),
            (Asked::Find, Answer::Found(found)) => (is_seen(found, state.as_ref()), state.clone()),
            _ => wrong,
        }
    }
}

fn is_seen(found: &Option<Seen>, there: Option<&(String, u64, u64)>) -> bool {
    match (found, there) {
        (None, None) => true,
        (Some(seen), Some((id, version, value))) => {
            seen.id == *id
                && seen.value == *value
                && seen.version.is_none_or(|seen| seen == *version)
        }
        _ => false,
    }
}

fn is_linearizable(calls: &[Done]) -> bool {
    let mut moments: Vec<(Duration, bool, usize)> = Vec::new();
    for (process, done) in calls.iter().enumerate() {
        // Of two at the same moment the call comes first: they are side by side.
        moments.push((done.begun, false, process));
        moments.push((done.ended.unwrap_or(Duration::MAX), true, process));
    }
    moments.sort();
    let actions = moments.into_iter().map(|(_, is_end, process)| {
        let done = calls[process].clone();
        let action = if is_end {
            Action::Response(done)
        } else {
            Action::Call(done)
        };
        (process, action)
    });
    let actions: Vec<_> = actions.collect();
    actions.is_empty() || WGLChecker::<Register>::is_linearizable(History::from_actions(actions))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(id: &str, version: u64, value: u64) -> Answer {
        Answer::Written {
            seen: Seen {
                id: id.to_owned(),
                version: Some(version),
                value,
            },
            is_new: version == 1,
        }
    }

    fn found(version: u64, value: u64) -> Answer {
        Answer::Found(Some(Seen {
            id: "a".to_owned(),
            version: Some(version),
            value,
        }))
    }

    fn done(begun: u64, ended: Option<u64>, asked: Asked, answer: Answer) -> Done {
        Done {
            asked,
            answer,
            begun: Duration::from_millis(begun),
            ended: ended.map(Duration::from_millis),
        }
    }

    fn update(expects: Option<u64>) -> Asked {
        let id = "a".to_owned();
        Asked::Update { id, expects }
    }

    /// The checker is worth something only if it says no.
    #[test]
    fn what_no_order_explains_is_found() {
        let create = || done(0, Some(1), Asked::Create, written("a", 1, 7));
        let get = || Asked::Get { id: "a".to_owned() };
        let good = [
            create(),
            done(2, Some(9), update(None), written("a", 2, 8)),
            done(3, Some(4), get(), found(1, 7)),
            done(5, Some(6), get(), found(2, 8)),
            done(5, None, update(Some(2)), written("a", 3, 9)),
            done(10, Some(11), get(), found(2, 8)),
        ];
        assert!(is_linearizable(&good));
        let stale = [good.as_slice(), &[done(12, Some(13), get(), found(1, 7))]].concat();
        assert!(!is_linearizable(&stale), "a read of what was");
        let both = [1, 2].map(|at| done(at, Some(5), update(Some(1)), written("a", 2, at)));
        let both = [&[create()], both.as_slice()].concat();
        assert!(!is_linearizable(&both), "two updates of one version");
        let jump = [create(), done(2, Some(3), update(None), written("a", 3, 8))];
        assert!(!is_linearizable(&jump), "done twice");
        let twice = [
            create(),
            done(2, Some(3), Asked::Create, written("b", 1, 8)),
        ];
        assert!(!is_linearizable(&twice), "one address, two contacts");
        let free = [create(), done(2, Some(3), get(), Answer::Found(None))];
        assert!(!is_linearizable(&free), "lost");
    }
}
