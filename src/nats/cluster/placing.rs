//! What the writer says of a group before it has its place, and its answer.

use std::ops::Range;

use bytes::Bytes;

use super::driver::Driver;
use super::order::Asked;
use crate::cluster::Event;
use crate::domain::Closed;
use crate::keys::Slot;
use crate::service::NotOrdered;

impl Driver {
    /// The writer puts keys on this disk, or asks for a group's place.
    pub(super) async fn asked(&mut self, asked: Asked) {
        match asked {
            Asked::Keys { first, slots } => {
                let sealed = self.sealed(slots);
                self.drawn = sealed.clone().map(|sealed| (first, sealed));
                if let Some(sealed) = sealed {
                    self.tell(Event::Drawn { first, sealed }).await;
                }
            }
            Asked::Place {
                group,
                slots,
                reply,
            } => {
                self.reply = Some(reply);
                let drawn = self.drawn.take().filter(|(first, _)| *first == group.first);
                let keys = match drawn {
                    Some((_, sealed)) => Some(sealed),
                    None if slots.is_empty() => None,
                    None => self.sealed(slots.clone()),
                };
                if keys.is_none() != slots.is_empty() {
                    return self.answer(Err(NotOrdered::Refused(Closed::CutOff)));
                }
                self.tell(Event::Judged { group, keys }).await;
            }
        }
    }

    /// Keys, sealed for the other nodes.
    fn sealed(&self, slots: Range<Slot>) -> Option<Bytes> {
        let sealed = self.service.export_keys(slots, &self.options.key);
        let sealed = sealed.inspect_err(|error| {
            tracing::error!(%error, "the keys of new contacts can't be given to other nodes");
        });
        sealed.ok().map(Into::into)
    }

    /// Answers the writer's waiting question.
    pub(super) fn answer(&mut self, answer: Result<(), NotOrdered>) {
        if let Some(reply) = self.reply.take() {
            // A writer that is gone needs none.
            let _ = reply.send(answer);
        }
    }
}
