//! What the tests of tasks start from: somebody who asks, and a worker that does as it is told.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use diesel::ExpressionMethods;
use rialto_a2a::{
    A2a, A2aError, Abandoned, Executor, Update, Work,
    model::{Ended, Scope, TaskId},
    task::{self, result},
    wire::{
        TaskState, Version,
        params::Send as SendParams,
        types::{Message, Part, StreamItem, Task},
    },
};
use rialto_kernel::{Caller, Clock, CredentialKind, OwnerId, Role, Timestamp};
use rialto_outbound::{ClientOptions, OutboundClient, OutboundPolicy};
use rialto_registry::CredentialCipher;
use rialto_store::{Db, StoreError, Tx, on, testing::TestDb};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

mod schema {
    diesel::table! {
        use diesel::sql_types::*;
        use rialto_store::types::{Uid, UtcTime};
        owners (id) {
            id -> Uid,
            kind -> Text,
            created_at -> UtcTime,
        }
    }
}
use schema::owners;

pub const NOON: Timestamp = Timestamp::from_micros(1_795_348_800_000_000);

/// Hands the work of each task to the test.
#[derive(Default)]
pub struct Hands {
    pub begun: Mutex<HashMap<TaskId, UnboundedSender<Update>>>,
    pub had_ended: Mutex<Option<Ended>>,
    /// What was let go, and what was stopped.
    pub let_go: Mutex<Vec<TaskId>>,
    pub stopped: Mutex<Vec<TaskId>>,
}

#[async_trait]
impl Executor for Hands {
    fn answer(&self, _: Option<rialto_kernel::AgentId>, message: &Message) -> Option<Vec<Part>> {
        (message.message_id == "hello").then(|| vec![Part::text("hello yourself")])
    }

    fn start(&self, work: Work) -> UnboundedReceiver<Update> {
        let (sender, receiver) = unbounded_channel();
        self.begun.lock().unwrap().insert(work.task, sender);
        receiver
    }

    async fn let_go(&self, _: &mut Tx, task: TaskId, _: Timestamp) -> Result<Abandoned, A2aError> {
        self.let_go.lock().unwrap().push(task);
        Ok(Abandoned::LetGo(Ended::saying(TaskState::Canceled, "it goes on")))
    }

    async fn abandon(&self, _: &mut Tx, task: TaskId, _: Timestamp) -> Result<Abandoned, A2aError> {
        self.stopped.lock().unwrap().push(task);
        Ok(self.had_ended.lock().unwrap().clone().map_or(Abandoned::Stopped, Abandoned::HadEnded))
    }
}

pub struct World {
    pub db: Db,
    pub clock: Clock,
    pub hands: Arc<Hands>,
    pub a2a: A2a,
}

pub fn world(test: &TestDb) -> World {
    let (clock, hands) = (Clock::fixed(NOON), Arc::new(Hands::default()));
    let policy: OutboundPolicy = "127.0.0.1".parse().unwrap();
    let client = OutboundClient::new(policy, &ClientOptions::default()).unwrap();
    let cipher = CredentialCipher::new(&[7; 32]);
    let runtime = tokio::runtime::Handle::current();
    let a2a = A2a::new(test.db.clone(), clock.clone(), client, cipher, hands.clone(), runtime);
    World { db: test.db.clone(), clock, hands, a2a }
}

impl World {
    pub async fn somebody(&self, role: Role) -> Scope {
        let owner = OwnerId::new();
        let insert = async move |tx: &mut Tx| {
            let row = (owners::id.eq(owner), owners::kind.eq("user"), owners::created_at.eq(NOON));
            on!(tx, conn => diesel::insert_into(owners::table).values(row).execute(conn).await).map(drop)
        };
        self.db.write::<_, StoreError, _>(insert).await.unwrap();
        let caller = Caller { owner, role, credential: CredentialKind::Token, rate_limit_per_minute: None };
        Scope { caller, agent: None }
    }

    /// Begins a task, and gives its id and the worker's end of it.
    pub async fn begin(&self, scope: Scope, message_id: &str) -> (TaskId, UnboundedSender<Update>) {
        let task = task_of(self.a2a.send(scope, at_once(message_id), Version::V10).await.unwrap());
        let id: TaskId = task.id.parse().unwrap();
        loop {
            if let Some(sender) = self.hands.begun.lock().unwrap().get(&id) {
                return (id, sender.clone());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub async fn get(&self, scope: Scope, id: TaskId) -> Result<Task, A2aError> {
        let read = async move |tx: &mut Tx| {
            let found = task::find(tx, &scope, &id.to_string()).await?;
            Ok::<_, A2aError>(task::snapshot(tx, found, None).await?)
        };
        self.db.read(read).await
    }

    pub async fn until(&self, scope: Scope, id: TaskId, state: TaskState) -> Task {
        for _ in 0..2_000 {
            let task = self.get(scope, id).await.unwrap();
            if task.status.state == state {
                return task;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the task never came to {state:?}");
    }
}

pub fn said(message_id: &str) -> SendParams {
    let message =
        Message { role: rialto_a2a::wire::Role::User, ..Message::of_agent(message_id.to_owned(), vec![Part::text("hi")]) };
    SendParams { message, return_immediately: false, history_length: None, push: None, metadata: None }
}

pub fn at_once(message_id: &str) -> SendParams {
    SendParams { return_immediately: true, ..said(message_id) }
}

pub fn task_of(item: StreamItem) -> Task {
    match item {
        StreamItem::Task(task) => task,
        other => panic!("expected a task, not {other:?}"),
    }
}

pub fn made(text: &str, append: bool) -> Update {
    Update::Made { artifact: result(vec![Part::text(text)]), append, last_chunk: false }
}

pub fn done() -> Update {
    Update::Ended(Ended::saying(TaskState::Completed, "done"))
}
