//! The service: takes messages in, has them worked on, and tells how it goes.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::Stream;
use rialto_kernel::{Clock, Id, OwnerId, Timestamp};
use rialto_outbound::OutboundClient;
use rialto_registry::CredentialCipher;
use rialto_store::{Db, Tx};
use tokio::{runtime::Handle, sync::Semaphore, time::Instant};

use crate::{
    A2aError,
    card::{self, Fetched},
    check,
    executor::Executor,
    follow::{Until, follow},
    hub::Hub,
    import::CheckedCard,
    model::{RunnerId, Scope, StoredTask, TaskId},
    push, run,
    store::TaskStore,
    task::{self, Canceled, Opened, Opening},
    wire::{
        Version,
        params::{OfTask, PushConfig, Send as SendParams},
        types::{Message, StreamItem, Task},
    },
};

/// For how long it is believed that a process works on a task which has not said so again.
pub(crate) const LEASE: Duration = Duration::from_secs(15);
/// How often it says so.
pub(crate) const RENEW_EVERY: Duration = Duration::from_secs(4);
/// How long an answer may wait for a task's end. After that it tells how the task stands.
const WAIT_MAX: Duration = Duration::from_secs(600);
/// How many cards are fetched at once: in all, and for one owner. Whoever names servers that hang fills its own places.
const FETCHES_MAX: usize = 128;
const FETCHES_PER_OWNER_MAX: usize = 8;
/// How long a cancellation waits for work that is just about to begin.
const BEGIN_PATIENCE: Duration = Duration::from_secs(3);
const BEGIN_PAUSE: Duration = Duration::from_millis(30);

/// The A2A service: cheap to clone, shared by everything in the process.
#[derive(Clone)]
pub struct A2a {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) client: OutboundClient,
    pub(crate) cipher: CredentialCipher,
    pub(crate) executor: Arc<dyn Executor>,
    pub(crate) hub: Hub,
    pub(crate) runner: RunnerId,
    pub(crate) running: AtomicUsize,
    pub(crate) runtime: Handle,
    fetches: Semaphore,
    fetches_of: Mutex<HashMap<OwnerId, Arc<Semaphore>>>,
}

impl Inner {
    /// The places of one owner for fetching cards. Those of owners for whom none is fetched are forgotten.
    fn fetches_of(&self, owner: OwnerId) -> Arc<Semaphore> {
        let mut all = self.fetches_of.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, places| Arc::strong_count(places) > 1);
        Arc::clone(all.entry(owner).or_insert_with(|| Arc::new(Semaphore::new(FETCHES_PER_OWNER_MAX))))
    }
}

/// What a message comes to at first.
enum Begun {
    /// An answer without a task.
    Message(Box<Message>),
    /// A task.
    Task(Box<StoredTask>),
}

impl A2a {
    /// A service whose tasks are worked on by `executor`, on `runtime`, which should outlive those who ask.
    #[must_use]
    pub fn new(
        db: Db,
        clock: Clock,
        client: OutboundClient,
        cipher: CredentialCipher,
        executor: Arc<dyn Executor>,
        runtime: Handle,
    ) -> Self {
        let inner = Arc::new(Inner {
            db,
            clock,
            client,
            cipher,
            executor,
            hub: Hub::new(),
            runner: Id::new(),
            running: AtomicUsize::new(0),
            runtime,
            fetches: Semaphore::new(FETCHES_MAX),
            fetches_of: Mutex::default(),
        });
        run::keep_leases(&inner);
        Self { inner }
    }

    /// Takes a message, and answers with its task: when it is at rest, or at once if that was asked for.
    ///
    /// # Errors
    /// Any [`A2aError`] of opening a task.
    pub async fn send(&self, scope: Scope, send: SendParams, version: Version) -> Result<StreamItem, A2aError> {
        let (at_once, history) = (send.return_immediately, send.history_length);
        let task = match self.begin(scope, send, version).await? {
            Begun::Message(message) => return Ok(StreamItem::Message(*message)),
            Begun::Task(task) => *task,
        };
        if !at_once && !task.state.is_at_rest() {
            self.rest(task.id).await?;
        }
        self.now(task.id, history).await.map(|(task, _)| StreamItem::Task(task))
    }

    /// Takes a message, and answers with its task and all that happens with it until it is at rest.
    ///
    /// # Errors
    /// Any [`A2aError`] of opening a task; later ones come in the stream, and end it.
    pub async fn stream(
        &self,
        scope: Scope,
        send: SendParams,
        version: Version,
    ) -> Result<impl Stream<Item = Result<StreamItem, A2aError>> + Send + use<>, A2aError> {
        let history = send.history_length;
        let (first, seq, id) = match self.begin(scope, send, version).await? {
            Begun::Message(message) => (StreamItem::Message(*message), 0, None),
            Begun::Task(task) => {
                let (now, seq) = self.now(task.id, history).await?;
                (StreamItem::Task(now), seq, Some(task.id))
            }
        };
        Ok(follow(self, first, id.map(|id| (id, seq)), Until::Rest))
    }

    /// Tells how a task stands, and all that happens with it until its end.
    ///
    /// # Errors
    /// [`A2aError::TaskNotFound`], or [`A2aError::Unsupported`] when it has come to its end.
    pub async fn subscribe(
        &self,
        scope: Scope,
        asked: &OfTask,
    ) -> Result<impl Stream<Item = Result<StreamItem, A2aError>> + Send + use<>, A2aError> {
        let id = asked.id.clone();
        let task = self.inner.db.read(async move |tx: &mut Tx| task::find(tx, &scope, &id).await).await?;
        if task.state.is_terminal() {
            return Err(A2aError::Unsupported(format!("The task is {}: nothing more will happen", task.state.legacy())));
        }
        let (now, seq) = self.now(task.id, asked.history_length).await?;
        Ok(follow(self, StreamItem::Task(now), Some((task.id, seq)), Until::End))
    }

    /// Cancels a task. Whatever it has begun is stopped with it, and not paid, unless a piece of it was given.
    ///
    /// # Errors
    /// [`A2aError::TaskNotFound`], [`A2aError::ReadOnly`], [`A2aError::NotCancelable`] when it has come to another end, or
    /// [`A2aError::Busy`] when its work is just about to begin.
    pub async fn cancel(&self, scope: Scope, id: &str) -> Result<Task, A2aError> {
        let deadline = Instant::now() + BEGIN_PATIENCE;
        loop {
            let (executor, wanted, now) = (self.inner.executor.clone(), id.to_owned(), self.inner.clock.now());
            let work = async move |tx: &mut Tx| task::cancel(tx, executor.as_ref(), &scope, &wanted, now).await;
            match self.inner.db.write(work).await? {
                Canceled::Done(task) => {
                    self.inner.hub.ring(task.id);
                    return self.now(task.id, None).await.map(|(task, _)| task);
                }
                Canceled::TooLate(state) => {
                    if let Ok(task) = id.parse() {
                        self.inner.hub.ring(task);
                    }
                    return Err(A2aError::NotCancelable(state.legacy()));
                }
                Canceled::NotYet if Instant::now() < deadline => tokio::time::sleep(BEGIN_PAUSE).await,
                Canceled::NotYet => return Err(A2aError::Busy("The task is just beginning; try again".to_owned())),
            }
        }
    }

    /// A configuration as it may be kept: its URL judged, its secrets encrypted.
    ///
    /// # Errors
    /// [`A2aError::InvalidParams`].
    pub async fn checked_push(
        &self,
        task: TaskId,
        push: PushConfig,
        version: Version,
    ) -> Result<crate::model::StoredPush, A2aError> {
        push::check(self.inner.client.policy(), &push).await?;
        push::seal(&self.inner.cipher, task, push, version, self.inner.clock.now())
    }

    /// Fetches a card, reads it, and checks its signatures.
    ///
    /// # Errors
    /// [`A2aError::Fetch`], or [`A2aError::Card`] when an import could take nothing from it, or its endpoint may not be called.
    pub async fn checked_card(&self, owner: OwnerId, url: &str) -> Result<CheckedCard, A2aError> {
        let fetched = self.fetched_card(owner, url).await?;
        let view = card::read(&fetched.value)?;
        let judged = self.inner.client.policy().check_url(&view.endpoint).await;
        judged.map_err(|refusal| A2aError::Fetch(card::FetchError::Refused(refusal)))?;
        let signature = card::verify(&self.inner.client, &fetched.value).await;
        Ok(CheckedCard { fetched, view, signature })
    }

    /// Fetches a card for an owner. Only so many are fetched at once; others wait.
    ///
    /// # Errors
    /// [`A2aError::Fetch`].
    pub async fn fetched_card(&self, owner: OwnerId, url: &str) -> Result<Fetched, A2aError> {
        // They are never closed.
        let closed = |_| A2aError::Busy("The server is going down".to_owned());
        let own = self.inner.fetches_of(owner);
        let _own = own.acquire().await.map_err(closed)?;
        let _place = self.inner.fetches.acquire().await.map_err(closed)?;
        Ok(card::fetch(&self.inner.client, url).await?)
    }

    /// Ends at most `limit` tasks whose process has died, and returns how many.
    ///
    /// # Errors
    /// The store's.
    pub async fn sweep(&self, limit: u32) -> Result<usize, A2aError> {
        let now = self.inner.clock.now();
        let stale = self.inner.db.read(async move |tx: &mut Tx| tx.list_stale(now, limit).await).await?;
        let mut swept = 0;
        for id in stale {
            let executor = self.inner.executor.clone();
            let work = async move |tx: &mut Tx| task::fail_stale(tx, executor.as_ref(), id, now).await;
            if self.inner.db.write(work).await? {
                swept += 1;
                self.inner.hub.ring(id);
            }
        }
        Ok(swept)
    }

    /// Ends all streams and all waiting: the server goes down.
    pub fn close(&self) {
        self.inner.hub.close();
    }

    /// Waits, at most `patience`, until no task is being worked on here. Whether it came to that.
    pub async fn drain(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.inner.running.load(Ordering::SeqCst) > 0 {
            if Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        true
    }

    async fn begin(&self, scope: Scope, send: SendParams, version: Version) -> Result<Begun, A2aError> {
        check::send(&send)?;
        self.inner.executor.check(&send.message, send.metadata.as_ref())?;
        if self.inner.hub.is_closing() {
            return Err(A2aError::Busy("The server is going down".to_owned()));
        }
        let (executor, message) = (&self.inner.executor, &send.message);
        if let Some(parts) = executor.answer(scope.agent, message).filter(|_| message.task_id.is_none()) {
            let context_id = message.context_id.clone().unwrap_or_else(|| Id::<()>::new().to_string());
            let answer = Message::of_agent(Id::<()>::new().to_string(), parts);
            return Ok(Begun::Message(Box::new(Message { context_id: Some(context_id), ..answer })));
        }
        let once = executor.is_once(scope.agent, message);
        let id = message.task_id.as_deref().map_or_else(|| Ok(Id::new()), str::parse).map_err(|_| A2aError::TaskNotFound)?;
        let push = match send.push.clone() {
            Some(push) => Some(self.checked_push(id, push, version).await?),
            None => None,
        };
        let now = self.inner.clock.now();
        let opening = Opening { scope, id, send: send.clone(), push, once, lease: (self.inner.runner, lease(now)) };
        let opened = self.inner.db.write(async move |tx: &mut Tx| task::open(tx, &opening, now).await).await?;
        match opened {
            Opened::Repeated(task) => Ok(Begun::Task(Box::new(task))),
            Opened::Begun(task) => {
                run::spawn(&self.inner, &task, scope.caller, send);
                Ok(Begun::Task(Box::new(task)))
            }
        }
    }

    /// Waits until a task is at rest, or for as long as an answer may wait.
    async fn rest(&self, id: TaskId) -> Result<(), A2aError> {
        let (mut bell, deadline) = (self.inner.hub.bell(id), Instant::now() + WAIT_MAX);
        loop {
            let task = self.inner.db.read(async move |tx: &mut Tx| tx.find_task(id).await).await?;
            let is_over = task.is_none_or(|task| task.state.is_at_rest()) || Instant::now() >= deadline;
            if is_over || !bell.pause().await {
                return Ok(());
            }
        }
    }

    /// The task as it is, and the number of the latest event that is in it.
    async fn now(&self, id: TaskId, history: Option<u32>) -> Result<(Task, i64), A2aError> {
        let read = async move |tx: &mut Tx| {
            let task = tx.find_task(id).await?.ok_or(A2aError::TaskNotFound)?;
            let seq = task.last_event;
            Ok((task::snapshot(tx, task, history).await?, seq))
        };
        self.inner.db.read(read).await
    }
}

/// Until when it is believed that this process works on what it has now.
pub(crate) fn lease(now: Timestamp) -> Timestamp {
    now.after(LEASE)
}
