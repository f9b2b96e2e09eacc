//! A simulated node's process: the real service, and the seam by which its writer waits for an order.

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use contactd::cluster::{Node, Place};
use contactd::domain::{Command, Position};
use contactd::keys::Slot;
use contactd::log::Group;
use contactd::service::{ApplyError, Committed, Judged, NotOrdered, Order, Service, SubmitError};
use parking_lot::Mutex;
use tokio::sync::mpsc as queue;

type Waiting<T> = Pin<Box<dyn Future<Output = T>>>;
type Answer = Result<Committed, SubmitError>;

/// A group that the writer waits for.
pub struct Question {
    pub group: Group,
    pub slots: Range<Slot>,
    pub reply: mpsc::Sender<Result<(), NotOrdered>>,
}

/// The writer's end: it asks, and waits.
pub struct Seam {
    asked: Mutex<queue::UnboundedSender<Question>>,
    pub settled: AtomicU64,
}

impl Order for Seam {
    fn order(&self, group: &Judged<'_>) -> Result<(), NotOrdered> {
        let (reply, answer) = mpsc::channel();
        let entries = group.entries.iter();
        let question = Question {
            group: Group {
                first: group.first,
                entries: entries.map(|entry| Bytes::copy_from_slice(entry)).collect(),
            },
            slots: group.slots.clone(),
            reply,
        };
        let asked = self.asked.lock().send(question);
        asked.map_err(|_| NotOrdered::Unknown)?;
        answer.recv().unwrap_or(Err(NotOrdered::Unknown))
    }

    fn settled(&self, head: Position) -> Position {
        Position::new(self.settled.load(Ordering::Acquire)).min(head)
    }

    fn missed(&self) -> bool {
        true
    }
}

/// What the disk is to do next.
#[derive(Debug)]
pub enum Work {
    Apply(Vec<Group>),
    Fetch(Place),
    /// The group that the writer waits for, which has its place.
    Judged,
}

/// A command whose answer has not come.
pub struct Sent {
    pub number: u64,
    pub command: Command,
    /// The events that it made; none for one that was sent again and done before.
    pub entries: Vec<Bytes>,
    answer: Waiting<Answer>,
}

impl Sent {
    /// The answer, if it has come.
    pub fn look(&mut self) -> Option<Answer> {
        look(&mut self.answer)
    }
}

/// What one node's process has beside its disk.
pub struct Process {
    pub node: Node,
    pub service: Service,
    pub seam: Arc<Seam>,
    questions: queue::UnboundedReceiver<Question>,
    /// The sequence that its reader delivers next; none where that has died, and says nothing.
    pub reads: Option<u64>,
    pub work: Option<Work>,
    pub leads: bool,
    pub judged: Option<Question>,
    /// The group whose keys the writer still puts on the disk, with these, sealed.
    pub storing: Option<(Group, Option<Bytes>)>,
    /// Done by the writer behind the group that it waits for.
    behind: Vec<Waiting<Result<(), ApplyError>>>,
    pub parked: Vec<Sent>,
    pub paused: bool,
}

impl Process {
    pub fn new(node: Node, service: Service) -> Self {
        let (asked, questions) = queue::unbounded_channel();
        Self {
            node,
            service,
            seam: Arc::new(Seam {
                asked: Mutex::new(asked),
                settled: AtomicU64::new(0),
            }),
            questions,
            reads: Some(1),
            work: None,
            leads: false,
            judged: None,
            storing: None,
            behind: Vec::new(),
            parked: Vec::new(),
            paused: false,
        }
    }

    /// Gives the writer a command, and waits until it has judged it; the group that it made of it.
    pub fn submit(
        &mut self,
        runtime: &tokio::runtime::Runtime,
        number: u64,
        command: Command,
    ) -> Option<Question> {
        let (service, asked) = (self.service.clone(), command.clone());
        let mut answer: Waiting<Answer> = Box::pin(async move { service.submit(asked).await });
        let early = look(&mut answer);
        // What the writer does next ends its group, and says that it has come so far.
        let service = self.service.clone();
        let mut marker: Waiting<Result<(), ApplyError>> =
            Box::pin(async move { service.apply(Vec::new()).await.map(drop) });
        let question = runtime.block_on(async {
            tokio::select! {
                biased;
                question = self.questions.recv() => question,
                _ = &mut marker => None,
            }
        });
        if let Some(question) = &question {
            self.behind.push(marker);
            let entries = question.group.entries.clone();
            self.parked.push(Sent {
                number,
                command,
                entries,
                answer,
            });
        } else if early.is_none() {
            self.parked.push(Sent {
                number,
                command,
                entries: Vec::new(),
                answer,
            });
        }
        question
    }

    /// Tells the writer whether to judge. One that waits for a group does so behind that.
    pub fn take_side(&mut self, runtime: &tokio::runtime::Runtime, leads: bool) {
        self.leads = leads;
        let (service, seam) = (self.service.clone(), self.seam.clone());
        let mut told: Waiting<Result<(), ApplyError>> = Box::pin(async move {
            if leads {
                service.lead(seam).await
            } else {
                service.stand_back().await
            }
        });
        if look(&mut told).is_none() {
            self.behind.push(told);
        }
        if self.judged.is_none() {
            self.wait(runtime);
        }
    }

    /// Answers the writer's question, and waits until it has done what that means.
    pub fn reply(&mut self, runtime: &tokio::runtime::Runtime, answer: Result<(), NotOrdered>) {
        if let Some(question) = self.judged.take() {
            // A writer that is gone needs none.
            let _ = question.reply.send(answer);
        }
        self.wait(runtime);
    }

    /// Waits until the writer has done all that it was given.
    pub fn wait(&mut self, runtime: &tokio::runtime::Runtime) {
        for done in self.behind.drain(..) {
            let _ = runtime.block_on(done);
        }
    }

    /// Ends it; its disk must be dead already.
    pub fn end(mut self) -> Vec<Sent> {
        self.judged = None;
        self.service.stop();
        std::mem::take(&mut self.parked)
    }
}

fn look<T>(waiting: &mut Waiting<T>) -> Option<T> {
    match waiting
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}
