//! Durable commands whose callers have used up their allowance: each caller's wait in their order,
//! and keep no other caller's waiting.

use std::collections::{HashMap, VecDeque};

use tokio::time::Instant;

use crate::auth::RateKey;

/// The most commands that wait aside.
const COMMANDS_MAX: usize = 1_024;
/// The most bytes of their bodies, of all callers together.
const BYTES_MAX: usize = 32 << 20;

/// Commands that wait for their callers' allowance.
pub struct Aside<T> {
    callers: HashMap<RateKey, Waiting<T>>,
    count: usize,
    bytes: usize,
}

/// The commands of one caller, the first of which is tried again at `due`.
struct Waiting<T> {
    due: Instant,
    commands: VecDeque<Waiter<T>>,
}

/// A command, with the bytes that it holds.
struct Waiter<T> {
    command: T,
    bytes: usize,
}

/// A command that was taken out again to be tried.
pub struct Due<T> {
    /// The caller whose command it is.
    pub caller: RateKey,
    /// The command that is to be tried.
    pub command: T,
    bytes: usize,
}

impl<T> Default for Aside<T> {
    fn default() -> Self {
        Self {
            callers: HashMap::new(),
            count: 0,
            bytes: 0,
        }
    }
}

impl<T> Aside<T> {
    /// Whether commands of a caller wait, behind which its next one belongs.
    pub fn has(&self, caller: &RateKey) -> bool {
        self.callers.contains_key(caller)
    }

    /// Puts a caller's command behind the others of that caller; `due` is when the first of them is
    /// tried again, where this is the first.
    ///
    /// # Errors
    /// The command comes back where too many wait.
    pub fn push(
        &mut self,
        caller: RateKey,
        command: T,
        bytes: usize,
        due: Instant,
    ) -> Result<(), T> {
        if self.count >= COMMANDS_MAX || self.bytes.saturating_add(bytes) > BYTES_MAX {
            return Err(command);
        }
        self.count += 1;
        self.bytes += bytes;
        let waiting = self.callers.entry(caller).or_insert_with(|| Waiting {
            due,
            commands: VecDeque::new(),
        });
        waiting.commands.push_back(Waiter { command, bytes });
        Ok(())
    }

    /// The time at which the next command is to be tried; `None` where none waits.
    pub fn next_due(&self) -> Option<Instant> {
        self.callers.values().map(|waiting| waiting.due).min()
    }

    /// Takes out the first command of a caller that is to be tried by now.
    pub fn take_due(&mut self, now: Instant) -> Option<Due<T>> {
        let (caller, waiting) = self
            .callers
            .iter_mut()
            .find(|(_, waiting)| waiting.due <= now)?;
        let caller = caller.clone();
        let first = waiting.commands.pop_front();
        if waiting.commands.is_empty() {
            self.callers.remove(&caller);
        }
        let Waiter { command, bytes } = first?;
        self.count = self.count.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        Some(Due {
            caller,
            command,
            bytes,
        })
    }

    /// Puts a command that was tried in vain in front of the others of its caller.
    pub fn put_back(&mut self, tried: Due<T>, due: Instant) {
        let Due {
            caller,
            command,
            bytes,
        } = tried;
        self.count += 1;
        self.bytes += bytes;
        let waiting = self.callers.entry(caller).or_insert_with(|| Waiting {
            due,
            commands: VecDeque::new(),
        });
        waiting.due = due;
        waiting.commands.push_front(Waiter { command, bytes });
    }

    /// Every command that waits.
    pub fn commands(&self) -> impl Iterator<Item = &T> {
        let all = self.callers.values().flat_map(|waiting| &waiting.commands);
        all.map(|waiting| &waiting.command)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn caller(name: &str) -> RateKey {
        RateKey::Client(name.to_owned())
    }

    #[tokio::test]
    async fn each_caller_s_commands_wait_in_their_order_and_for_nobody_else() {
        let now = Instant::now();
        let later = now + Duration::from_secs(5);
        let mut aside = Aside::default();
        for number in 0..3 {
            aside.push(caller("ann"), number, 1, later).expect("room");
        }
        aside.push(caller("bob"), 9, 1, now).expect("room");
        assert!(aside.has(&caller("ann")) && !aside.has(&caller("eve")));
        assert_eq!(aside.next_due(), Some(now));
        let bobs = aside.take_due(now).expect("it is due");
        assert_eq!((bobs.command, &bobs.caller), (9, &caller("bob")));
        assert!(!aside.has(&caller("bob")) && aside.take_due(now).is_none());
        let first = aside.take_due(later).expect("it is due");
        assert_eq!(first.command, 0);
        aside.put_back(first, later + Duration::from_secs(1));
        assert!(aside.take_due(later).is_none(), "it was tried in vain");
        let mut order = Vec::new();
        while let Some(due) = aside.take_due(later + Duration::from_secs(1)) {
            order.push(due.command);
        }
        assert_eq!(order, [0, 1, 2]);
        assert_eq!((aside.count, aside.bytes, aside.next_due()), (0, 0, None));
    }

    #[tokio::test]
    async fn what_is_too_much_comes_back() {
        let now = Instant::now();
        let mut aside = Aside::default();
        assert_eq!(aside.push(caller("ann"), 0, BYTES_MAX + 1, now), Err(0));
        for number in 0..COMMANDS_MAX {
            aside.push(caller("ann"), number, 1, now).expect("room");
        }
        assert_eq!(aside.push(caller("bob"), 7, 1, now), Err(7));
        assert_eq!(aside.commands().count(), COMMANDS_MAX);
        drop(aside.take_due(now));
        assert_eq!(aside.push(caller("bob"), 7, 1, now), Ok(()));
    }
}
