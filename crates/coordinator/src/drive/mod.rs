//! Driving a run: what is ready is done, several steps at a time, until the run ends or has to wait.
//!
//! All that changes is decided in short transactions ([`take`], [`prepare`], [`finish`]), each under the run's lock, and each
//! only if this driver is still the run's newest. Between them expressions are evaluated ([`evaluate`]) and agents called, with no
//! transaction open.

mod afford;
mod call;
mod decide;
mod evaluate;
mod finish;
mod inside;
mod prepare;
mod take;
mod turn;
mod wait;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use rialto_kernel::{Amount, Clock, OwnerId, Timestamp};
use rialto_outbound::Permits;
use rialto_store::{Db, StoreError, Tx};
use serde_json::Value;

use self::{turn::Turn, wait::Waiters};
use crate::{
    agents::Agents,
    definition::Definition,
    end::end,
    error::CoordinatorError,
    job::{enqueue, revive},
    model::{ExecutionId, Status},
    store::ExecutionStore,
    tree::Tree,
};

/// How many steps of one run are done at once.
pub const PARALLEL_MAX: usize = 16;
/// How many runs a process drives at once. They mostly wait for agents.
pub const RUNS_MAX: u32 = 64;
/// What an agent may cost that nobody named, in whole credits, where nothing else is said.
pub const UNNAMED_MAX: i64 = 100;
/// How many runs may be inside of each other.
pub const DEPTH_MAX: i32 = 5;
/// A wait that is longer than this gives the worker's place to others.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a run may be late before somebody else than its driver ends it.
const LATE: Duration = Duration::from_secs(300);
/// After how long a run that was let in and has not begun gets another job, and after how long it is ended. It may only be waiting
/// for others of its owner.
const UNBEGUN: Duration = Duration::from_secs(600);
const GIVEN_UP: Duration = Duration::from_secs(86_400);

/// Drives runs. Cheap to clone; one per process.
#[derive(Clone)]
pub struct Coordinator {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    clock: Clock,
    agents: Arc<dyn Agents>,
    waiters: Waiters,
    places: Permits,
    /// What an agent may cost that nobody named, for a step that does not say.
    unnamed_max: Amount,
}

/// A run that this driver has taken.
struct Run {
    id: ExecutionId,
    owner: OwnerId,
    /// This driver's number.
    driver: i64,
    depth: i32,
    deadline: Timestamp,
    input: Value,
    is_task: bool,
    definition: Definition,
    /// What bounds the runs inside of the outermost one around this.
    tree: Arc<Tree>,
}

/// How far driving a run came.
enum Drove {
    /// The run has ended.
    Ended,
    /// Nothing can be done before then.
    Pause(Timestamp),
    /// A younger driver has it.
    Lost,
}

/// How far one step came.
enum Went {
    /// Something was decided; this is what comes next.
    Turn(Turn),
    /// It has to wait until then.
    Wait(Timestamp),
    /// A younger driver has the run.
    Lost,
}

impl Coordinator {
    /// A coordinator that calls agents through `agents`. Agents that no step names are paid [`UNNAMED_MAX`] at most, unless
    /// the step says otherwise.
    #[must_use]
    pub fn new(db: Db, clock: Clock, agents: Arc<dyn Agents>) -> Self {
        Self::paying(db, clock, agents, Amount::new(UNNAMED_MAX).unwrap_or_default())
    }

    /// The same, with another most that is paid.
    #[must_use]
    pub fn paying(db: Db, clock: Clock, agents: Arc<dyn Agents>, unnamed_max: Amount) -> Self {
        let places = Permits::sharing(RUNS_MAX, RUNS_MAX);
        Self { inner: Arc::new(Inner { db, clock, agents, waiters: Waiters::default(), places, unnamed_max }) }
    }

    /// Waits, at most `patience`, until a run has ended. Whether it has.
    ///
    /// # Errors
    /// The store's.
    pub async fn wait(&self, id: ExecutionId, patience: Duration) -> Result<bool, CoordinatorError> {
        let ended = async || {
            let found = self.inner.db.read(async move |tx: &mut Tx| tx.find_execution(id).await).await?;
            Ok::<_, CoordinatorError>(found.is_none_or(|run| run.status.is_final()))
        };
        self.inner.waiters.wait(id, patience, ended).await
    }

    /// Drives a run until it ends, or has to wait for longer than a worker should: then there is a job for it. Whoever drives it
    /// already is overtaken. `false`, and nothing has happened, when as many runs of its owner are driven as may be: no few owners
    /// whose agents hang keep the runs of others from being driven.
    ///
    /// # Errors
    /// The store's. The run can be driven again.
    pub async fn advance(&self, id: ExecutionId) -> Result<bool, CoordinatorError> {
        let found = self.inner.db.read(async move |tx: &mut Tx| tx.find_execution(id).await);
        let Some(run) = found.await.map_err(CoordinatorError::Store)? else { return Ok(true) };
        let Ok(_place) = self.inner.places.take(run.owner) else { return Ok(false) };
        match self.drive(id, self.tree(run.root.unwrap_or(id)).await?).await? {
            Drove::Ended => self.inner.waiters.tell(id),
            Drove::Pause(until) => {
                let now = self.now();
                self.inner.db.write(async move |tx: &mut Tx| enqueue(tx, id, until, now).await).await?;
            }
            Drove::Lost => tracing::debug!(execution.id = %id, "a younger driver has the run"),
        }
        Ok(true)
    }

    /// Ends runs whose driver did not, long after they should have ended: their jobs are dead. Those that were let in and that
    /// nobody has begun since get another job, and are ended when that did not help either: they take the place of others. At
    /// most `limit` of each; returns how many were ended.
    ///
    /// # Errors
    /// The store's.
    pub async fn close_late(&self, limit: u32) -> Result<usize, CoordinatorError> {
        let now = self.now();
        let close = async move |tx: &mut Tx| {
            let late = tx.list_late(now.before(LATE), limit).await?;
            for id in &late {
                let Some(run) = tx.lock_execution(*id).await?.filter(|run| !run.status.is_final()) else { continue };
                end(tx, run, Status::TimedOut, Some("it took longer than it may".to_owned()), now).await?;
            }
            let mut closed = late.len();
            for id in tx.list_unbegun(now.before(UNBEGUN), limit).await? {
                let unbegun = tx.lock_execution(id).await?.filter(|run| run.status == Status::Pending);
                let Some(run) = unbegun else { continue };
                if run.admitted_at.is_some_and(|at| at < now.before(GIVEN_UP)) {
                    end(tx, run, Status::Failed, Some("it could not be begun".to_owned()), now).await?;
                    closed += 1;
                } else {
                    revive(tx, id, now).await?;
                }
            }
            Ok::<_, CoordinatorError>(closed)
        };
        self.inner.db.write(close).await
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    pub(crate) async fn write<F>(&self, work: F) -> Result<(), StoreError>
    where
        F: AsyncFn(&mut Tx) -> Result<(), StoreError> + Send + 'static,
    {
        self.inner.db.write(work).await
    }

    /// Drives a run. It is boxed because a run may have runs inside, which are driven by whoever drives the outer one.
    fn drive(&self, id: ExecutionId, tree: Arc<Tree>) -> BoxFuture<'_, Result<Drove, CoordinatorError>> {
        async move {
            let now = self.now();
            let take = async move |tx: &mut Tx| take::take(tx, id, &tree, now).await;
            let Some((run, turn)) = self.inner.db.write(take).await? else {
                return Ok(Drove::Ended);
            };
            self.steps(&Arc::new(run), turn).await
        }
        .boxed()
    }

    async fn steps(&self, run: &Arc<Run>, mut turn: Turn) -> Result<Drove, CoordinatorError> {
        let mut working = FuturesUnordered::new();
        let mut busy: BTreeSet<usize> = BTreeSet::new();
        let mut waiting: BTreeMap<usize, Timestamp> = BTreeMap::new();
        loop {
            for place in &turn.ready {
                if busy.len() < PARALLEL_MAX && !waiting.contains_key(place) && busy.insert(*place) {
                    let (place, run) = (*place, Arc::clone(run));
                    working.push(async move { (place, self.step_in_turn(&run, place).await) });
                }
            }
            let due = waiting.values().min().copied();
            if working.is_empty() {
                match due {
                    Some(due) if due > self.now().after(PATIENCE) => return Ok(Drove::Pause(due)),
                    Some(_) => {}
                    None if turn.ended => return Ok(Drove::Ended),
                    // Somebody else's change: look again.
                    None => return Ok(Drove::Pause(self.now().after(PATIENCE))),
                }
            }
            let pause = due.map_or(PATIENCE, |due| due.since(self.now()));
            tokio::select! {
                Some((place, went)) = working.next() => {
                    busy.remove(&place);
                    match went? {
                        Went::Turn(next) => turn = next,
                        Went::Wait(until) => { waiting.insert(place, until); }
                        Went::Lost => return Ok(Drove::Lost),
                    }
                }
                () = tokio::time::sleep(pause), if due.is_some() => {
                    let now = self.now();
                    waiting.retain(|_, until| *until > now);
                }
            }
        }
    }
}
