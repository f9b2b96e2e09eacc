//! A disk on which one operation fails, or from one operation on nothing works any more.
//!
//! Every call counts, those that read too, and each step of those that are made of several. It stands
//! before another disk, so that a test can go on with what that one has kept: the simulated one loses
//! what was not synced.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use rustix::io::Errno;

use super::{Batch, Disk, Files, Held, Page, SimDisk, StorageError, Store};

/// What becomes of the operation that is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process dies before it: neither it nor anything after it happens.
    Killed,
    /// The operating system refuses it, and nothing else.
    Refused(Errno),
}

impl Fault {
    /// Every fault that a test should try.
    pub const ALL: [Self; 4] = [
        Self::Killed,
        Self::Refused(Errno::IO),
        Self::Refused(Errno::NOSPC),
        Self::Refused(Errno::MFILE),
    ];
}

/// The disk with the fault; clones count together.
#[derive(Clone)]
pub struct FaultyDisk {
    inner: SimDisk,
    plan: Arc<Plan>,
}

struct Plan {
    at: u64,
    fault: Fault,
    count: AtomicU64,
}

impl Plan {
    /// Counts an operation, and refuses it where it is its turn.
    fn pass(&self, name: &str) -> Result<(), StorageError> {
        let number = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        let cause = match self.fault {
            Fault::Killed if number >= self.at => io::Error::other("the process is dead"),
            Fault::Refused(errno) if number == self.at => errno.into(),
            _ => return Ok(()),
        };
        Err(StorageError::io("use", name)(cause))
    }

    /// Whether the last operation was the first that met the fault.
    fn is_at_fault(&self) -> bool {
        self.count.load(Ordering::SeqCst) == self.at
    }
}

impl FaultyDisk {
    /// A disk whose operation of this number, from 1, meets the fault.
    pub fn new(inner: &SimDisk, at: u64, fault: Fault) -> Self {
        let (inner, count) = (inner.clone(), AtomicU64::new(0));
        let plan = Arc::new(Plan { at, fault, count });
        Self { inner, plan }
    }

    /// The number of operations so far.
    pub fn operations(&self) -> u64 {
        self.plan.count.load(Ordering::SeqCst)
    }
}

impl Disk for FaultyDisk {
    fn files(&self, name: &str) -> Result<Arc<dyn Files>, StorageError> {
        self.plan.pass(name)?;
        let (inner, plan) = (self.inner.files(name)?, self.plan.clone());
        Ok(Arc::new(FaultyFiles { inner, plan }))
    }

    fn files_at(&self, name: &str) -> Result<Arc<dyn Files>, StorageError> {
        // Nothing is asked of the operating system by this.
        let (inner, plan) = (self.inner.files_at(name)?, self.plan.clone());
        Ok(Arc::new(FaultyFiles { inner, plan }))
    }

    fn open_store(&self, name: &str) -> Result<Arc<dyn Store>, StorageError> {
        self.plan.pass(name)?;
        let (inner, plan) = (self.inner.open_store(name)?, self.plan.clone());
        Ok(Arc::new(FaultyStore { inner, plan }))
    }

    fn has_store(&self, name: &str) -> Result<bool, StorageError> {
        self.plan.pass(name)?;
        self.inner.has_store(name)
    }

    fn rename_store(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.plan.pass(from)?;
        self.inner.rename_store(from, to)
    }

    fn remove_store(&self, name: &str) -> Result<(), StorageError> {
        self.plan.pass(name)?;
        self.inner.remove_store(name)
    }
}

struct FaultyFiles {
    inner: Arc<dyn Files>,
    plan: Arc<Plan>,
}

impl FaultyFiles {
    fn pass<T>(
        &self,
        name: &str,
        work: impl FnOnce(&dyn Files) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        self.plan.pass(name)?;
        work(&*self.inner)
    }

    /// A write that meets the fault is not nothing: half of it is written before that.
    fn pass_half(
        &self,
        name: &str,
        bytes: &[u8],
        write: impl Fn(&dyn Files, &[u8]) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let passed = self.plan.pass(name);
        if passed.is_err() && self.plan.is_at_fault() {
            write(&*self.inner, bytes.split_at(bytes.len() / 2).0)?;
        }
        passed?;
        write(&*self.inner, bytes)
    }
}

impl Files for FaultyFiles {
    fn path(&self, name: &str) -> PathBuf {
        self.inner.path(name)
    }

    fn list_in(&self, dir: &str) -> Result<Vec<String>, StorageError> {
        self.pass(dir, |inner| inner.list_in(dir))
    }

    fn has_dir(&self, dir: &str) -> Result<bool, StorageError> {
        self.pass(dir, |inner| inner.has_dir(dir))
    }

    fn len(&self, name: &str) -> Result<u64, StorageError> {
        self.pass(name, |inner| inner.len(name))
    }

    fn read_at(&self, name: &str, offset: u64, limit: usize) -> Result<Vec<u8>, StorageError> {
        self.pass(name, |inner| inner.read_at(name, offset, limit))
    }

    fn keep_open(&self, name: &str) -> Result<(), StorageError> {
        self.pass(name, |inner| inner.keep_open(name))
    }

    fn reserve(&self, name: &str, bytes: usize) -> Result<(), StorageError> {
        self.pass(name, |inner| inner.reserve(name, bytes))
    }

    fn make_dir(&self, dir: &str) -> Result<bool, StorageError> {
        self.pass(dir, |inner| inner.make_dir(dir))
    }

    fn begin(&self, name: &str) -> Result<(), StorageError> {
        self.pass(name, |inner| inner.begin(name))
    }

    fn append(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.pass_half(name, bytes, |inner, bytes| inner.append(name, bytes))
    }

    fn write_at(&self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.pass_half(name, bytes, |inner, bytes| {
            inner.write_at(name, offset, bytes)
        })
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.pass_half(name, bytes, |inner, bytes| inner.write(name, bytes))
    }

    fn write_new(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.pass_half(name, bytes, |inner, bytes| inner.write_new(name, bytes))
    }

    fn set_len(&self, name: &str, length: u64) -> Result<(), StorageError> {
        self.pass(name, |inner| inner.set_len(name, length))
    }

    fn sync(&self, name: &str) -> Result<(), StorageError> {
        self.pass(name, |inner| inner.sync(name))
    }

    fn sync_dir(&self, dir: &str) -> Result<(), StorageError> {
        self.pass(dir, |inner| inner.sync_dir(dir))
    }

    fn link(&self, from: &str, to: &str) -> Result<bool, StorageError> {
        self.pass(to, |inner| inner.link(from, to))
    }

    fn move_name(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.pass(from, |inner| inner.move_name(from, to))
    }

    fn unlink(&self, name: &str) -> Result<(), StorageError> {
        self.pass(name, |inner| inner.unlink(name))
    }

    fn remove_dir(&self, dir: &str) -> Result<(), StorageError> {
        self.pass(dir, |inner| inner.remove_dir(dir))
    }

    fn hold(&self, name: &str) -> Result<Option<Box<dyn Held>>, StorageError> {
        let held = self.pass(name, |inner| inner.hold(name))?;
        Ok(held.map(|inner| {
            let (plan, name) = (self.plan.clone(), name.to_owned());
            Box::new(FaultyHeld { inner, plan, name }) as Box<dyn Held>
        }))
    }
}

struct FaultyHeld {
    inner: Box<dyn Held>,
    plan: Arc<Plan>,
    name: String,
}

impl Held for FaultyHeld {
    fn overwrite(&self) -> Result<(), StorageError> {
        self.plan.pass(&self.name)?;
        self.inner.overwrite()
    }
}

struct FaultyStore {
    inner: Arc<dyn Store>,
    plan: Arc<Plan>,
}

impl Store for FaultyStore {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        self.plan.pass("the store")?;
        self.inner.get(key)
    }

    fn last_at_or_before(&self, key: &[u8]) -> Result<Option<(Bytes, Bytes)>, StorageError> {
        self.plan.pass("the store")?;
        self.inner.last_at_or_before(key)
    }

    fn page(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Page, StorageError> {
        self.plan.pass("the store")?;
        self.inner.page(from, to, limit)
    }

    fn reserve(&self, bytes: usize) -> Result<(), StorageError> {
        self.plan.pass("the store")?;
        self.inner.reserve(bytes)
    }

    fn apply(&self, batch: Batch) -> Result<(), StorageError> {
        self.plan.pass("the store")?;
        self.inner.apply(batch)
    }

    fn flush(&self) -> Result<(), StorageError> {
        self.plan.pass("the store")?;
        self.inner.flush()
    }

    fn sync_data(&self) -> Result<(), StorageError> {
        self.plan.pass("the store")?;
        self.inner.sync_data()
    }
}

/// What became of an operation on a disk with a fault, once that life of the process has ended.
pub struct Tried<'a, T> {
    /// The disk as the operation has left it.
    pub disk: &'a SimDisk,
    /// The number of the file operation that met the fault.
    pub point: u64,
    /// The fault that it met.
    pub fault: Fault,
    /// The operation's own result.
    pub ended: T,
}

/// Runs an operation with every fault at every one of its file operations, or at a spread of them,
/// and has each end judged. There are `spread` of them unless `FAULT_POINTS` asks for more; a large
/// number means all. Each run begins on a fresh disk and ends by the power or by a kill.
pub fn every_fault<T>(
    name: &str,
    spread: u64,
    begin: impl Fn(u64) -> SimDisk,
    run: impl Fn(&FaultyDisk) -> T,
    mut judge: impl FnMut(Tried<'_, T>),
) {
    let whole = FaultyDisk::new(&begin(0), u64::MAX, Fault::Killed);
    run(&whole);
    let operations = whole.operations();
    assert!(operations > 0, "{name} uses no file");
    let mut tried = 0;
    for point in points(operations, spread) {
        for fault in Fault::ALL {
            let _said = Said(name, point, fault);
            let disk = begin(point);
            let ended = run(&FaultyDisk::new(&disk, point, fault));
            end(&disk, point);
            judge(Tried {
                disk: &disk,
                point,
                fault,
                ended,
            });
            tried += 1;
        }
    }
    println!("{name}: {operations} file operations, {tried} faults tried");
}

/// Says which fault it was that a test failed at.
struct Said<'a>(&'a str, u64, Fault);

impl Drop for Said<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}: {:?} at operation {}", self.0, self.2, self.1);
        }
    }
}

/// The numbers of some operations out of so many, the last among them, or of all where the
/// environment wants that.
fn points(operations: u64, spread: u64) -> impl Iterator<Item = u64> {
    let wanted = std::env::var("FAULT_POINTS").map_or(spread, |points| points.parse().unwrap());
    // An odd step, so that lives end by the power and by a kill in turn.
    let step = operations.div_ceil(wanted).max(1) | 1;
    let before = (1..operations).step_by(usize::try_from(step).unwrap());
    before.chain([operations])
}

/// Ends a life of the process: by the power, or by a kill.
pub fn end(disk: &SimDisk, point: u64) {
    if point.is_multiple_of(2) {
        disk.crash();
    } else {
        disk.kill();
    }
}
