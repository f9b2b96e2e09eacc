//! The message bus for operators: its condition, the consumers of events, and the dead letters.

use http::StatusCode;

use super::admission::for_every_tenant;
use super::{Bus, DeadLetter, Gateway, Look, sees_contents};
use crate::auth::Principal;
use crate::dialect::Refusal;

/// The condition of the message bus, and what its broker tells.
#[derive(Clone, Debug)]
pub struct BusView {
    /// The condition of the connection.
    pub bus: Bus,
    /// The things that the broker tells: nothing while there is none.
    pub look: Look,
}

impl Gateway {
    /// Looks at the message bus for a caller of every tenant. Who may not read contacts is told the
    /// status of a dead letter only.
    ///
    /// # Errors
    /// The token is not for every tenant.
    pub async fn bus_view(&self, principal: &Principal) -> Result<BusView, Refusal> {
        for_every_tenant(principal)?;
        let mut look = match self.health.broker() {
            Some(broker) => broker.look().await,
            None => Look::default(),
        };
        if !sees_contents(principal) {
            let letters = std::mem::take(&mut look.dead_letters.items).into_iter();
            look.dead_letters.items = letters.map(without_words).collect();
        }
        let bus = self.health.bus();
        Ok(BusView { bus, look })
    }
}

/// The letter with its status alone: the words may quote a command whose content was kept.
fn without_words(letter: DeadLetter) -> DeadLetter {
    let status = letter.reason.split(' ').next().unwrap_or_default();
    let status: Result<StatusCode, _> = status.parse();
    DeadLetter {
        reason: status.map_or_else(|_| "not told".to_owned(), |status| status.to_string()),
        ..letter
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    #[test]
    fn a_reason_without_words_is_a_status() {
        let told = |reason: &str| {
            let letter = DeadLetter {
                sequence: 1,
                time: Timestamp::from_millis(0),
                subject: "contacts.dead.native.create.t".into(),
                reason: reason.into(),
                message_id: None,
                content: true,
            };
            without_words(letter).reason
        };
        assert_eq!(told("400 no name: ann@example.org"), "400 Bad Request");
        assert_eq!(told("ann@example.org"), "not told");
        assert_eq!(told(""), "not told");
    }
}
