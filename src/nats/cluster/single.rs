//! A request that goes to the node that leads in a message of its own, and the end of the wait for its
//! reply.

use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::{Client, Request};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::cluster::{NodeName, Status};
use crate::gateway::Forwarded;
use crate::keys::ClusterKey;

/// The longest that a request waits for the node that leads.
pub const REQUEST_TIME_MAX: Duration = Duration::from_secs(10);
/// A node that was not heard for so long while another one leads will not answer any more.
const SILENT: Duration = Duration::from_secs(1);
/// What the seal of a request is for, so that it is nothing elsewhere.
pub const ASKED: &str = "forwarded request";
/// Likewise of its reply.
pub const ANSWERED: &str = "forwarded reply";

/// A request that goes alone.
pub struct Single {
    pub client: Client,
    /// The subject on which the node takes it.
    pub subject: String,
    /// The node that leads.
    pub to: NodeName,
    pub key: ClusterKey,
    pub status: watch::Receiver<Option<Status>>,
}

impl Single {
    /// Sends it and waits for its reply.
    pub async fn send(self, request: &[u8]) -> Forwarded {
        let Ok(sealed) = self.key.seal(ASKED, request) else {
            return Forwarded::NotSent;
        };
        let request = Request::new()
            .payload(sealed.into())
            .timeout(Some(REQUEST_TIME_MAX));
        let replied = tokio::select! {
            replied = self.client.send_request(self.subject, request) => replied,
            () = left_for_good(self.status, &self.to) => return Forwarded::Unknown,
        };
        match replied {
            Ok(reply) => match self.key.open(ANSWERED, &reply.payload) {
                Some(reply) => Forwarded::Answered(reply.to_vec()),
                None => Forwarded::Unknown,
            },
            Err(error) => match error.kind() {
                RequestErrorKind::NoResponders
                | RequestErrorKind::InvalidSubject
                | RequestErrorKind::MaxPayloadExceeded => Forwarded::NotSent,
                RequestErrorKind::TimedOut | RequestErrorKind::Other => Forwarded::Unknown,
            },
        }
    }
}

/// Waits until a node that led is not heard any more and another one leads: what it was asked and
/// has not answered has been lost with it.
async fn left_for_good(mut status: watch::Receiver<Option<Status>>, node: &NodeName) {
    let asked = Instant::now();
    let has_left = |status: &Option<Status>| has_left(status.as_ref(), node, asked);
    if status.wait_for(has_left).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Whether a node that led when it was asked is not heard any more, and another one leads. One that this
/// node never heard, for it has just started itself, is silent since it was asked.
pub fn has_left(status: Option<&Status>, node: &NodeName, asked: Instant) -> bool {
    let Some(status) = status else { return false };
    let peer = status.peers.iter().find(|peer| peer.node == *node);
    let silent = peer.and_then(|peer| peer.silent);
    let silent = silent.unwrap_or_else(|| asked.elapsed());
    status.leader.as_ref() != Some(node) && silent >= SILENT
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn name(text: &str) -> NodeName {
        text.parse().expect("a name")
    }

    /// What b sees of a, which was heard so long ago or never, where this node leads.
    fn seen(leader: &str, silent: Option<Duration>) -> Status {
        let mut seen = Status::of_follower("b", leader, "a");
        seen.peers.iter_mut().for_each(|peer| peer.silent = silent);
        seen
    }

    #[tokio::test]
    async fn a_request_is_given_up_when_its_node_is_silent_and_another_leads() {
        let (said, status) = watch::channel(Some(seen("a", Some(SILENT * 3))));
        let a = name("a");
        let waiting = left_for_good(status, &a);
        tokio::pin!(waiting);
        assert!(
            waiting.as_mut().now_or_never().is_none(),
            "nobody else leads"
        );
        said.send_replace(Some(seen("c", Some(SILENT / 2))));
        assert!(
            waiting.as_mut().now_or_never().is_none(),
            "it may still answer"
        );
        said.send_replace(Some(seen("c", Some(SILENT))));
        assert!(waiting.as_mut().now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_was_never_heard_is_silent_since_it_was_asked() {
        let (said, status) = watch::channel(Some(seen("c", None)));
        let a = name("a");
        let waiting = left_for_good(status, &a);
        tokio::pin!(waiting);
        assert!(waiting.as_mut().now_or_never().is_none(), "it may answer");
        tokio::time::advance(SILENT).await;
        said.send_replace(Some(seen("c", None)));
        assert!(waiting.as_mut().now_or_never().is_some());
    }
}
