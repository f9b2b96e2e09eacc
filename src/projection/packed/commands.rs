//! The commands whose correlation id a client chose, by the hash of that id.

use super::chunks::Chunks;
use super::number::{NONE, U48};
use super::table::Table;
use crate::domain::Position;

#[derive(Clone, Copy, Debug)]
struct Command {
    hash: [u8; 8],
    first: U48,
    /// The command before with the same hash.
    before: u32,
}

/// The first position of each command, in the order of the log.
#[derive(Debug, Default)]
pub struct Commands {
    commands: Chunks<Command>,
    /// The last command of each hash: a client may send thousands under one id.
    last_of: Table,
}

impl Commands {
    /// The number of commands, which is the number of the next one.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.commands.len()
    }

    /// Whether no more commands can be numbered.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.commands.is_full()
    }

    /// Notes a command that comes after all others.
    pub fn push(&mut self, hash: u64, first: Position) {
        let before = self.last(hash);
        let number = self.commands.push(Command {
            hash: hash.to_be_bytes(),
            first: U48::new(first.get()),
            before,
        });
        if before == NONE {
            let commands = &self.commands;
            let hash_of = |number| commands.get(number).map_or(0, hash_of);
            self.last_of.insert(hash, number, hash_of);
        } else {
            self.last_of.replace(hash, number, |other| other == before);
        }
    }

    /// The first positions of the commands with a hash, in order.
    #[must_use]
    pub fn of(&self, hash: u64) -> Vec<Position> {
        let command = |number: u32| self.commands.get(number);
        let all = std::iter::successors(command(self.last(hash)), |last| command(last.before));
        let mut all: Vec<_> = all.map(|it| Position::new(it.first.get())).collect();
        all.reverse();
        all
    }

    /// Every command from a number on, as its hash and its first position.
    pub fn from(&self, first: u32) -> impl Iterator<Item = (u64, Position)> {
        let commands = self.commands.iter_from(first);
        commands.map(|(_, it)| (hash_of(it), Position::new(it.first.get())))
    }

    fn last(&self, hash: u64) -> u32 {
        let is_meant = |number| {
            self.commands
                .get(number)
                .is_some_and(|it| hash_of(it) == hash)
        };
        self.last_of.find(hash, is_meant).unwrap_or(NONE)
    }
}

const fn hash_of(command: &Command) -> u64 {
    u64::from_be_bytes(command.hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_one_hash_are_told_in_order() {
        let mut commands = Commands::default();
        for position in 1..=3_000 {
            commands.push(position % 2 * 7, Position::new(position));
        }
        let odd: Vec<_> = (1..=3_000).step_by(2).map(Position::new).collect();
        assert_eq!(commands.of(7), odd);
        assert_eq!(commands.of(0).len(), 1_500);
        assert_eq!(commands.of(1), []);
        assert_eq!(
            commands.from(2_999).collect::<Vec<_>>(),
            [(0, Position::new(3_000))]
        );
    }
}
