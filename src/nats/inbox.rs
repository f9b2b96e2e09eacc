//! Which reply subjects are answered: inboxes, and nothing else.
//!
//! NATS lets whoever sends a request name any reply subject, without asking whether they may publish
//! to it. The answer is then published with this service's permissions, which are wider than most
//! callers': an answer could become an event in the log's stream, a call of the JetStream API, or a
//! message to somebody else's service. So an answer goes to an inbox only: a subject whose first
//! token begins with an underscore, as the inboxes of all NATS clients do, custom prefixes such as
//! `_INBOX_alice` included.

use super::subjects::Prefix;

/// The prefix of this service's own inboxes. The broker's answers to this service arrive below it,
/// so nobody's answer is sent there.
pub const OWN_INBOX: &str = "_INBOX.contactd";

/// The prefix that a NATS server puts before a reply subject that crosses a gateway, followed by one
/// token for the cluster, one for the server, and the subject itself (nats-server, `gateway.go`).
const GATEWAY_REPLY: &str = "_GR_.";

/// A reply subject longer than this is refused, in bytes. Inboxes have about 40.
const SUBJECT_BYTES_MAX: usize = 512;

/// Whether an answer may be published to this reply subject.
pub fn is_answered(prefix: &Prefix, reply: &str) -> bool {
    if reply.len() > SUBJECT_BYTES_MAX {
        return false;
    }
    let mut subject = reply;
    // The server that receives it unwraps one layer; what is inside must be an inbox too.
    while let Some(wrapped) = subject.strip_prefix(GATEWAY_REPLY) {
        let Some(inner) = wrapped.splitn(3, '.').nth(2) else {
            return false;
        };
        subject = inner;
    }
    let is_literal = |token: &str| {
        !matches!(token, "" | "*" | ">")
            && !token.contains(|c: char| c.is_whitespace() || c.is_control())
    };
    let first = subject.split('.').next().unwrap_or_default();
    let own = subject.strip_prefix(OWN_INBOX);
    subject.split('.').all(is_literal)
        && first.starts_with('_')
        && first != prefix.as_str()
        && !own.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answered(reply: &str) -> bool {
        is_answered(&Prefix::default(), reply)
    }

    #[test]
    fn inboxes_are_answered() {
        for inbox in [
            "_INBOX.abc.def",
            "_INBOX_alice.x",
            "_alice_INBOX.x",
            // The reply subject that a server makes for a request out of another account.
            "_R_.hMjF2P.zVkFpQ",
            "_GR_.abcdef.ghijkl._INBOX.x.y",
        ] {
            assert!(answered(inbox), "{inbox}");
        }
    }

    #[test]
    fn nothing_else_is() {
        for other in [
            "",
            "contacts.event.native.t.create.success",
            "contacts.command.native.delete.t.x",
            "contacts.rpc.native.create.t",
            "contacts.dead.x",
            "contacts.audit.checkpoint",
            "contacts",
            "$JS.API.STREAM.DELETE.CONTACT_COMMANDS",
            "$JS.ACK.CONTACT_COMMANDS.contactd.1.1.1.1.0",
            "$SRV.PING",
            "$SYS.REQ.SERVER.PING",
            "$KV.bucket.key",
            "$O.bucket.C.x",
            "$G.x",
            "orders.new",
            "INBOX.x",
            "_GR_.a.b.contacts.event.native.t.create.success",
            "_GR_.a.b.$JS.API.STREAM.DELETE.X",
            "_GR_.a.b._GR_.c.d.orders",
            "_GR_.a.b",
            "_GR_.a",
            "_INBOX.contactd",
            "_INBOX.contactd.abc.1",
            "_INBOX..x",
            "_INBOX.x.",
            "._INBOX.x",
            "_INBOX.*",
            "_INBOX.>",
            ">",
            "_INBOX.a b",
            "_INBOX.a\r\nPUB x 0",
        ] {
            assert!(!answered(other), "{other:?}");
        }
        assert!(!answered(&format!("_INBOX.{}", "x".repeat(512))));
        // A name that only begins like ours is somebody else's.
        assert!(answered("_INBOX.contactdx.1"));
    }

    proptest! {
        #[test]
        fn only_a_subject_below_an_underscore_is_answered(reply in "\\PC{0,60}") {
            prop_assert!(!answered(&reply) || reply.starts_with('_'));
        }
    }
}
