//! A write that comes to a node which follows is answered by the one that leads, once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use contactd::dialect::{ApiOperation, Dialect, Query, Refusal, native};
use contactd::domain::{Closed, Operation, Position};
use contactd::gateway::{
    Disposition, Forward, Forwarded, Forwarding, Gateway, Incoming, Origin, Response, Transport,
    fresh_correlation,
};
use contactd::service::Alone;
use http::{HeaderMap, HeaderValue};
use parking_lot::Mutex;
use tempfile::TempDir;

use super::unsettled::Unsettled;
use super::views::test_service::{TestService, open_in};

/// What becomes of a request on its way.
#[derive(Clone, Copy)]
enum Fate {
    Arrives,
    IsNotSent,
    /// It arrives, and its answer does not come back.
    LosesItsAnswer,
}

/// Carries requests to another gateway of this process; when the script has ended, all arrive.
struct Wire {
    to: Gateway,
    script: Mutex<VecDeque<Fate>>,
    halted: bool,
    joining: bool,
    ends: u64,
    cut_off: bool,
    stale: Option<Duration>,
}

impl Forward for Wire {
    fn is_halted(&self) -> bool {
        self.halted
    }

    fn is_joining(&self) -> bool {
        self.joining
    }

    fn has(&self, position: Position) -> bool {
        position.get() <= self.ends
    }

    fn is_cut_off(&self) -> bool {
        self.cut_off
    }

    fn stale(&self) -> Option<Duration> {
        self.stale
    }

    fn forward(&self, request: Vec<u8>) -> Forwarding<'_> {
        let fate = self.script.lock().pop_front().unwrap_or(Fate::Arrives);
        Box::pin(async move {
            if matches!(fate, Fate::IsNotSent) {
                return Forwarded::NotSent;
            }
            let reply = self.to.take_forwarded(&request).await.expect("a request");
            match fate {
                Fate::LosesItsAnswer => Forwarded::Unknown,
                _ => Forwarded::Answered(reply),
            }
        })
    }
}

struct Given {
    leader: TestService,
    follower: TestService,
    _dirs: [TempDir; 2],
}

fn given(script: &[Fate]) -> Given {
    given_as(script, |_| {})
}

/// Likewise, where the follower stands to its cluster as this makes it.
fn given_as(script: &[Fate], stands: impl FnOnce(&mut Wire)) -> Given {
    let dirs = [(); 2].map(|()| TempDir::new().expect("a directory"));
    let leader = open_in(dirs[0].path(), Some(Arc::new(Alone)));
    let mut follower = open_in(dirs[1].path(), None);
    follower.gateway.settings.request_timeout = Duration::from_millis(300);
    let mut wire = Wire {
        to: leader.gateway.clone(),
        script: Mutex::new(script.iter().copied().collect()),
        halted: false,
        joining: false,
        ends: 0,
        cut_off: false,
        stale: None,
    };
    stands(&mut wire);
    follower.gateway.forward = Some(Arc::new(wire));
    Given {
        leader,
        follower,
        _dirs: dirs,
    }
}

impl Given {
    /// Creates a contact through the node that follows.
    async fn create(&self, key: Option<&'static str>) -> Response {
        let body = br#"{"name":{"full":"Ann"}}"#.as_slice();
        self.sends(ApiOperation::Create, key, body).await
    }

    /// Lists the contacts of the node that follows.
    async fn list(&self) -> Response {
        self.sends(ApiOperation::List, None, b"").await
    }

    async fn sends(
        &self,
        operation: ApiOperation,
        key: Option<&'static str>,
        body: &'static [u8],
    ) -> Response {
        self.takes(operation, (key, None), body).await
    }

    /// Takes a durable command of this id to create a contact, at the node that follows.
    async fn takes_durable(&self, id: &str, body: &'static [u8]) -> Response {
        self.takes(ApiOperation::Create, (None, Some(id)), body)
            .await
    }

    async fn takes(
        &self,
        operation: ApiOperation,
        (key, durable_key): (Option<&'static str>, Option<&str>),
        body: &'static [u8],
    ) -> Response {
        let dialect: &'static Dialect = &native::DIALECT;
        let mut routes = dialect.routes.iter();
        let route = routes.find(|route| route.operation == operation);
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        if let Some(key) = key {
            headers.insert("idempotency-key", HeaderValue::from_static(key));
        }
        let incoming = Incoming {
            dialect,
            route: route.expect("a route"),
            params: &[],
            owner_ids: None,
            query: &Query::parse(""),
            headers: &headers,
            durable_key,
            correlation: fresh_correlation(),
            span: None,
        };
        let origin = Origin {
            transport: Transport::Http,
            address: std::net::Ipv4Addr::LOCALHOST.into(),
        };
        let body = std::future::ready(Ok(body.into()));
        self.follower.gateway.handle(origin, &incoming, body).await
    }

    fn written(&self) -> u64 {
        self.leader.service().head().get()
    }
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let mut headers = response.reply.headers.iter();
    let found = headers.find(|(header, _)| *header == name);
    found.map(|(_, value)| value.as_str())
}

#[tokio::test]
async fn the_leaders_reply_is_the_followers() {
    let given = given(&[]);
    let response = given.create(None).await;
    assert_eq!(response.reply.status, 201, "{:?}", response.reply);
    assert_eq!(header(&response, "etag"), Some("\"1\""));
    assert!(header(&response, "location").is_some());
    assert_eq!(header(&response, "content-type"), Some("application/json"));
    assert_eq!(response.position, Some(Position::new(2)));
    let body: serde_json::Value = serde_json::from_slice(&response.reply.body).expect("JSON");
    assert_eq!(body["card"]["name"]["full"], "Ann");
    assert_eq!(given.written(), 2);
    assert_eq!(given.follower.service().head(), Position::ZERO);
    let (leader, follower) = (given.leader.service(), given.follower.service());
    let record = leader
        .record(Position::FIRST)
        .expect("the log")
        .expect("an event");
    assert_eq!(record.event.header.correlation, response.correlation);
    follower.stop();
}

#[tokio::test]
async fn where_nobody_leads_it_is_tried_again_and_then_nothing_has_happened() {
    let some = given(&[Fate::IsNotSent; 2]);
    assert_eq!(some.create(None).await.reply.status, 201);
    assert_eq!(some.written(), 2);
    let none = given(&[Fate::IsNotSent; 1_000]);
    let response = none.create(None).await;
    assert_eq!(response.reply.status, 503);
    assert_eq!(header(&response, "retry-after"), Some("1"));
    assert_eq!(none.written(), 0);
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_is_asked_for_again_under_its_key() {
    let without = given(&[Fate::LosesItsAnswer]);
    let response = without.create(None).await;
    assert_eq!(response.reply.status, 503);
    assert_eq!(
        header(&response, "retry-after"),
        None,
        "it may have been done"
    );
    assert_eq!(without.written(), 2, "and it was, once");
    let with = given(&[Fate::LosesItsAnswer]);
    let response = with.create(Some("a-key")).await;
    assert_eq!(response.reply.status, 201);
    assert_eq!(with.written(), 2, "once");
}

#[tokio::test]
async fn a_durable_command_that_the_leader_did_not_carry_out_is_not_done() {
    let given = given(&[]);
    let created = given
        .takes_durable("one", br#"{"name":{"full":"Ann"}}"#)
        .await;
    assert_eq!(created.disposition, Disposition::Completed);
    let refused = given.takes_durable("two", b"{").await;
    assert_eq!(refused.reply.status, 400);
    let given_back = Disposition::Refused(Refusal::ReadOnly(Closed::Follows));
    assert_eq!(refused.disposition, given_back);
    assert_eq!(given.written(), 2);
}

#[tokio::test]
async fn a_read_at_a_node_that_follows_is_recorded_by_the_leader() {
    let mut given = given(&[Fate::IsNotSent]);
    given.follower.gateway.settings.audit_reads = true;
    let answer = given.list().await;
    assert_eq!(answer.reply.status, 200);
    let mut head = given.leader.service().follow();
    let recorded = head.wait_for(|head| head.get() == 2);
    let recorded = tokio::time::timeout(Duration::from_secs(60), recorded).await;
    drop(recorded.expect("in time").expect("it runs"));
    let record = given.leader.service().record(Position::new(2));
    let event = record.expect("the log").expect("an event").event;
    assert_eq!(event.header.operation, Operation::RetrieveList);
    assert_eq!(event.header.correlation, answer.correlation);
    assert_eq!(given.follower.service().head(), Position::ZERO);
}

#[tokio::test]
async fn a_node_that_heard_no_leader_for_a_while_says_how_old_its_answers_are() {
    let fresh = given(&[]).list().await;
    assert_eq!(fresh.reply.status, 200);
    assert_eq!(header(&fresh, "contact-stale"), None);
    let stale = given_as(&[], |wire| {
        wire.stale = Some(Duration::from_millis(4_900));
    });
    let answer = stale.list().await;
    assert_eq!(answer.reply.status, 200);
    assert_eq!(header(&answer, "contact-stale"), Some("4"));
}

#[tokio::test]
async fn a_node_that_has_halted_answers_no_reads() {
    let answer = given_as(&[], |wire| wire.halted = true).list().await;
    assert_eq!(answer.reply.status, 503);
    let body: serde_json::Value = serde_json::from_slice(&answer.reply.body).expect("JSON");
    assert_eq!(body["code"], "halted");
}

#[tokio::test]
async fn a_node_that_joins_answers_no_reads_for_it_lacks_contacts() {
    let given = given_as(&[], |wire| wire.joining = true);
    let answer = given.list().await;
    assert_eq!(answer.reply.status, 503);
    assert_eq!(header(&answer, "retry-after"), Some("1"));
    assert_eq!(
        given.create(None).await.reply.status,
        201,
        "the leader has it"
    );
}

#[tokio::test]
async fn a_position_that_another_node_told_is_waited_for_and_is_not_of_another_log() {
    let given = given_as(&[], |wire| wire.ends = 2);
    let follows = &given.follower.gateway;
    let reached = async |position| follows.has_reached(Position::new(position)).await;
    assert_eq!(reached(2).await, Err(Refusal::NotThereYet));
    let head = Position::ZERO;
    assert_eq!(reached(3).await, Err(Refusal::PositionAhead { head }));
    let alone = &given.leader.gateway;
    let ahead = alone.has_reached(Position::new(3)).await;
    assert_eq!(ahead, Err(Refusal::PositionAhead { head }));
}

#[tokio::test]
async fn a_leader_that_is_cut_off_takes_no_writes_and_nothing_has_happened() {
    let given = given_as(&[], |wire| wire.cut_off = true);
    let leads = given.follower.service();
    leads.lead(Arc::new(Alone)).await.expect("it runs");
    let answer = given.create(None).await;
    assert_eq!(answer.reply.status, 503);
    assert_eq!(header(&answer, "retry-after"), Some("10"));
    let body: serde_json::Value = serde_json::from_slice(&answer.reply.body).expect("JSON");
    assert_eq!(body["code"], "cut_off");
    assert_eq!(leads.head(), Position::ZERO);
}

#[tokio::test]
async fn a_write_that_does_not_settle_is_answered_in_time_and_is_not_made_twice() {
    let given = given(&[]);
    let leads = given.follower.service();
    leads.lead(Arc::new(Unsettled)).await.expect("it runs");
    let answer = given.create(Some("a-key")).await;
    assert_eq!(answer.reply.status, 503);
    assert_eq!(header(&answer, "retry-after"), None, "it may be done");
    let body: serde_json::Value = serde_json::from_slice(&answer.reply.body).expect("JSON");
    assert_eq!(body["code"], "outcome_unknown");
    assert_eq!(leads.head(), Position::new(2));
    leads.settle(Position::new(2));
    let again = given.create(Some("a-key")).await;
    assert_eq!(again.reply.status, 201);
    assert_eq!(again.position, Some(Position::new(2)));
}

#[tokio::test]
async fn what_is_no_request_has_no_reply() {
    let given = given(&[]);
    for bytes in [&b""[..], b"x", &[0x80; 20]] {
        assert!(given.leader.gateway.take_forwarded(bytes).await.is_none());
    }
}
