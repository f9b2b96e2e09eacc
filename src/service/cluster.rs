//! A service whose log others keep too: it is told when to decide and when to follow, takes what
//! others have decided, and is told what is settled.
//!
//! Who decides when is no matter of this floor. A service that follows takes no commands; it says
//! so, and nothing has happened.

use std::ops::Range;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::job::Job;
use super::opened_groups::OpenedGroups;
use super::order::Order;
use super::service::Service;
use super::{ApplyError, ReadError};
use crate::audit::{Frontier, Hash};
use crate::domain::Position;
use crate::keys::{ClusterKey, ExportError, InstallError, LostKeys, Slot};
use crate::log::Group;

impl Service {
    /// Decides from now on; `order` gives each group its place. What waits before is done first.
    ///
    /// # Errors
    /// The service is being stopped, or its log failed.
    pub async fn lead(&self, order: Arc<dyn Order>) -> Result<(), ApplyError> {
        let (done, said) = oneshot::channel();
        self.tell(Job::Lead { order, done }).await?;
        said.await.map_err(|_| stopped())
    }

    /// Decides nothing from now on. Returns once the group under way is done.
    ///
    /// # Errors
    /// The service is being stopped, or its log failed.
    pub async fn stand_back(&self) -> Result<(), ApplyError> {
        let (done, said) = oneshot::channel();
        self.tell(Job::Follow { done }).await?;
        said.await.map_err(|_| stopped())
    }

    /// Whether this service decides nothing, and takes what others decide.
    #[must_use]
    pub fn follows(&self) -> bool {
        self.shared.follows()
    }

    /// Takes groups that others have decided and that follow the log's end, all of them or none.
    /// They are on the disk and in the inline view when this returns, with the position reached.
    ///
    /// # Errors
    /// [`ApplyError`]; all but `Failed` change nothing.
    pub async fn apply(&self, groups: Vec<Group>) -> Result<Position, ApplyError> {
        let groups = self.open_groups(groups)?;
        let done = self.begin_apply(groups).await?;
        done.await.map_err(|_| stopped())?
    }

    /// Opens groups that others have decided, each of which stands behind the one before. That takes
    /// most of the time, and needs no writer: while one stretch of the log is opened, the one before
    /// may go on the disk.
    ///
    /// # Errors
    /// [`ApplyError`]; nothing has changed.
    pub fn open_groups(&self, groups: Vec<Group>) -> Result<OpenedGroups, ApplyError> {
        OpenedGroups::open(&self.shared, groups)
    }

    /// Has the writer take groups that were opened, as [`apply`](Self::apply) does; gives where it
    /// says what came of it.
    ///
    /// # Errors
    /// The service is being stopped, or its log failed.
    pub async fn begin_apply(
        &self,
        groups: OpenedGroups,
    ) -> Result<oneshot::Receiver<Result<Position, ApplyError>>, ApplyError> {
        let (done, said) = oneshot::channel();
        self.tell(Job::Apply { groups, done }).await?;
        Ok(said)
    }

    /// Notes that the log stands for good up to a position, as far as this disk has it: the keys of
    /// all who are erased up to there are destroyed, and the replies go that waited for that.
    /// Gives whether keys were destroyed, so that others should hear of it.
    pub fn settle(&self, position: Position) -> bool {
        self.shared.settle(position)
    }

    /// Notes that whoever is erased up to a position is so on a majority of disks: replies to
    /// erasures wait for that, too.
    pub fn confirm_erased(&self, position: Position) {
        self.shared.confirm_erased(position);
    }

    /// The hash tree of the log's events up to a position. It reads them.
    ///
    /// # Errors
    /// [`ReadError`] where the log can't give one.
    pub fn tree_at(&self, position: Position) -> Result<Frontier, ReadError> {
        self.grow(Frontier::default(), position)
    }

    /// The hash tree of the log's events up to a position, given that of some of them. It reads the
    /// others.
    ///
    /// # Errors
    /// [`ReadError`] where the log can't give one.
    pub fn grow(&self, mut tree: Frontier, upto: Position) -> Result<Frontier, ReadError> {
        let first = Position::new(tree.size()).next();
        if first <= upto {
            for entry in self.shared.reader.scan(first, upto) {
                let (_, bytes) = entry?;
                tree.push(Hash::leaf(&bytes));
            }
        }
        Ok(tree)
    }

    /// The slot behind those of all contacts that the log has.
    #[must_use]
    pub fn next_slot(&self) -> Slot {
        self.shared.contacts.read().next_slot()
    }

    /// The keys in these slots, sealed for other nodes.
    ///
    /// # Errors
    /// A key can't be read, or there are too many slots.
    pub fn export_keys(&self, slots: Range<Slot>, to: &ClusterKey) -> Result<Vec<u8>, ExportError> {
        self.shared.keys.export(slots, to)
    }

    /// Takes in keys that another node sealed; they are on the disk when this returns. Contacts
    /// that the log has keep theirs, and what is erased stays erased. Those that the other node has
    /// given up are given up here where `lost` says so.
    ///
    /// # Errors
    /// They are not of this cluster and log, or the disk refused.
    pub fn install_keys(
        &self,
        sealed: &[u8],
        from: &ClusterKey,
        lost: LostKeys,
    ) -> Result<Range<Slot>, InstallError> {
        // Nothing is folded meanwhile: a slot must not come into use between the look and the write.
        let contacts = self.shared.contacts.read();
        let next = contacts.next_slot();
        self.shared.keys.install(sealed, from, next, lost)
    }

    /// Tells the writer something that is no command. It waits for its turn.
    async fn tell(&self, job: Job) -> Result<(), ApplyError> {
        let queue: Option<mpsc::Sender<Job>> = self.sender();
        let queue = queue.ok_or_else(stopped)?;
        queue.send(job).await.map_err(|_| stopped())
    }
}

fn stopped() -> ApplyError {
    ApplyError::Failed("the writer has stopped".to_owned())
}
