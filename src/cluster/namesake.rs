//! Another process under this node's name: whether it lives, and which of the two has to go.
//!
//! What a node says bears the start of its process. A process listens before it says anything, and
//! whoever it hears then was there first. Of two that begin to speak at the same moment the later start
//! goes: no two starts are equal, so both agree, whatever their clocks say.

use std::time::Duration;

use uuid::Uuid;

use super::node::ABSENT;

/// For so long another process must be heard: the last words of one that has ended may come late.
const LIVES: Duration = Duration::from_millis(400);

/// Another process that lives under this node's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namesake {
    /// It was there first: this one must not take part.
    Earlier,
    /// It came later, and has to go.
    Later,
}

/// Those who were heard under this node's name.
pub struct Namesakes {
    own: Uuid,
    heard: Option<Heard>,
}

/// The one that was heard last.
#[derive(Clone, Copy)]
struct Heard {
    start: Option<Uuid>,
    first: Duration,
    last: Duration,
}

impl Namesakes {
    /// Nobody was heard yet by the process that started so.
    #[must_use]
    pub const fn of(own: Uuid) -> Self {
        Self { own, heard: None }
    }

    /// Notes that something was said under this node's name, by a process that started so; `None` is
    /// one of a release that does not say, which is taken to have been there first. Gives who it is,
    /// once it is certain that it lives.
    pub fn hear(&mut self, start: Option<Uuid>, now: Duration) -> Option<Namesake> {
        if start == Some(self.own) {
            return None;
        }
        let known = self.heard.filter(|heard| heard.start == start);
        let known = known.filter(|heard| now < heard.last + ABSENT);
        let first = known.map_or(now, |heard| heard.first);
        self.heard = Some(Heard {
            start,
            first,
            last: now,
        });
        let namesake = match start < Some(self.own) {
            true => Namesake::Earlier,
            false => Namesake::Later,
        };
        (now >= first + LIVES).then_some(namesake)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Uuid = Uuid::from_u128(1);
    const SECOND: Uuid = Uuid::from_u128(2);

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn of_two_that_live_the_later_one_has_to_go() {
        let (mut first, mut second) = (Namesakes::of(FIRST), Namesakes::of(SECOND));
        assert_eq!(first.hear(Some(SECOND), at(0)), None);
        assert_eq!(second.hear(Some(FIRST), at(0)), None);
        assert_eq!(first.hear(Some(SECOND), at(500)), Some(Namesake::Later));
        assert_eq!(second.hear(Some(FIRST), at(500)), Some(Namesake::Earlier));
    }

    #[test]
    fn one_of_a_release_that_does_not_say_was_there_first() {
        let mut namesakes = Namesakes::of(FIRST);
        assert_eq!(namesakes.hear(None, at(0)), None);
        assert_eq!(namesakes.hear(None, at(500)), Some(Namesake::Earlier));
    }

    #[test]
    fn last_words_and_ones_own_are_nobody() {
        let mut namesakes = Namesakes::of(SECOND);
        for millis in [0, 500, 1_000] {
            assert_eq!(namesakes.hear(Some(SECOND), at(millis)), None);
        }
        assert_eq!(namesakes.hear(Some(FIRST), at(1_000)), None);
        assert_eq!(namesakes.hear(Some(FIRST), at(1_100)), None);
        // Another one that was restarted in its place, and it again after a long silence.
        let third = Some(Uuid::from_u128(3));
        assert_eq!(namesakes.hear(third, at(1_500)), None);
        assert_eq!(namesakes.hear(Some(FIRST), at(1_600)), None);
        assert_eq!(namesakes.hear(Some(FIRST), at(9_000)), None);
    }
}
