//! What the tests start from: owners, agents that do as they are told, and a worker.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use diesel::ExpressionMethods;
use rialto_coordinator::{
    Advance, Agents, AttemptId, CallOff, Candidate, Coordinator, CoordinatorError, Execution, ExecutionId, Process, Status,
    Workflow,
    agents::{Call, Called, NotYet, Refusal},
    execution,
    store::ExecutionStore,
    workflow::{self, NewWorkflow, Source},
};
use rialto_jobs::{Running, Worker, WorkerOptions};
use rialto_kernel::{AgentId, Amount, Caller, Clock, CredentialKind, Id, OwnerId, PageRequest, Role};
use rialto_store::{Db, StoreError, Tx, on, testing::TestDb};
use serde_json::{Map, Value, json};

mod schema {
    diesel::table! {
        use diesel::sql_types::*;
        use rialto_store::types::*;
        owners (id) {
            id -> Uid,
            kind -> Text,
            created_at -> UtcTime,
        }
    }
}
use schema::owners;

/// What an agent does when it is called.
#[derive(Debug, Clone)]
pub enum Act {
    /// It answers this, and costs its price.
    Answer(Value),
    /// It answers its input.
    Echo,
    /// It fails, and may do better another time.
    Fail,
    /// It fails, and always will.
    Refuse,
    /// It fails for good, but not before another call has begun beside it.
    RefuseBeside,
    /// It answers its input, but only after this long.
    Slow(Duration),
}

/// Agents that do as they are told, and remember how often. A call of one attempt is made once, like the broker's.
#[derive(Default, Clone)]
pub struct Script(Arc<State>);

/// By name: its id, its price, and what it does.
type Known = BTreeMap<String, (AgentId, i64, Vec<Act>)>;

#[derive(Default)]
pub struct State {
    agents: Mutex<Known>,
    made: Mutex<HashMap<AttemptId, Called>>,
    under_way: Mutex<Vec<AttemptId>>,
    log: Mutex<Vec<(String, Value)>>,
    together: Mutex<(usize, usize)>,
}

impl std::ops::Deref for Script {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

impl State {
    /// An agent with this name, price and behaviour: one act a call, the last one for ever.
    pub fn agent(&self, name: &str, price: i64, acts: &[Act]) {
        self.agents.lock().unwrap().insert(name.to_owned(), (AgentId::new(), price, acts.to_vec()));
    }

    /// Whom was called with what, in order.
    pub fn log(&self) -> Vec<(String, Value)> {
        self.log.lock().unwrap().clone()
    }

    /// How often an agent was called.
    pub fn calls(&self, name: &str) -> usize {
        self.log().iter().filter(|(called, _)| called == name).count()
    }

    /// How many calls were under way at once, at most.
    pub fn together_max(&self) -> usize {
        self.together.lock().unwrap().1
    }

    fn act(&self, agent: AgentId, input: &Value) -> Option<(Act, i64)> {
        let mut agents = self.agents.lock().unwrap();
        let (name, (_, price, acts)) = agents.iter_mut().find(|(_, (id, ..))| *id == agent)?;
        self.log.lock().unwrap().push((name.clone(), input.clone()));
        let act = if acts.len() > 1 { acts.remove(0) } else { acts[0].clone() };
        Some((act, *price))
    }

    fn candidate(name: &str, (id, price, _): &(AgentId, i64, Vec<Act>)) -> Candidate {
        Candidate { id: *id, name: name.to_owned(), price: *price, spend_max: None }
    }
}

fn refused(message: &str, may_pass: bool, is_timeout: bool) -> Called {
    let refusal = Refusal { message: message.to_owned(), may_pass, is_timeout };
    Called { answer: Err(refusal), credits_charged: None, invocation: None, conversation: None }
}

#[async_trait::async_trait]
impl Agents for Script {
    async fn discover(&self, text: &str, limit: u32) -> Result<Vec<Candidate>, NotYet> {
        let agents = self.agents.lock().unwrap();
        let words: Vec<&str> = text.split_whitespace().collect();
        let fits = agents.iter().filter(|(name, _)| words.iter().any(|word| name.contains(word)));
        Ok(fits.map(|(name, agent)| State::candidate(name, agent)).take(limit.try_into().unwrap()).collect())
    }

    async fn find(&self, agent: &str) -> Result<Option<Candidate>, NotYet> {
        Ok(self.agents.lock().unwrap().get(agent).map(|found| State::candidate(agent, found)))
    }

    async fn call(&self, call: Call) -> Result<Called, NotYet> {
        // On a task of its own, like the broker's: it is made and settled whether or not anybody waits for it.
        let agents = self.clone();
        tokio::spawn(async move { agents.make(call).await }).await.unwrap()
    }

    async fn recall(&self, _: OwnerId, attempt: AttemptId) -> Result<Option<Called>, NotYet> {
        Ok(self.made.lock().unwrap().get(&attempt).cloned())
    }
}

impl Script {
    async fn make(&self, call: Call) -> Result<Called, NotYet> {
        if let Some(called) = self.made.lock().unwrap().get(&call.attempt) {
            return Ok(called.clone());
        }
        {
            let mut under_way = self.under_way.lock().unwrap();
            if under_way.contains(&call.attempt) {
                return Err(NotYet { reason: "under way".to_owned() });
            }
            under_way.push(call.attempt);
            let mut together = self.together.lock().unwrap();
            together.0 += 1;
            together.1 = together.1.max(together.0);
        }
        let acted = self.act(call.agent, &call.input);
        let answer = |value: Value, price: i64| Called {
            answer: Ok(value),
            credits_charged: Some(Amount::new(price).unwrap()),
            invocation: Some(Id::new()),
            conversation: Some(call.conversation.unwrap_or_else(Id::new)),
        };
        let called = match acted {
            None => refused("Agent not found or inactive", false, false),
            Some((_, price)) if call.spend_max.is_some_and(|cap| price > cap.get()) => refused("too dear", false, false),
            Some((Act::Answer(value), price)) => answer(value, price),
            Some((Act::Echo, price)) => answer(json!({"echo": call.input}), price),
            Some((Act::Fail, _)) => refused("Agent returned status 500", true, false),
            Some((Act::Refuse, _)) => refused("Agent returned status 400", false, false),
            Some((Act::RefuseBeside, _)) => {
                while self.together_max() < 2 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                refused("Agent returned status 400", false, false)
            }
            Some((Act::Slow(time), price)) => {
                tokio::time::sleep(time.min(call.time_max)).await;
                if time > call.time_max {
                    refused("Request timeout", true, true)
                } else {
                    answer(json!({"echo": call.input}), price)
                }
            }
        };
        self.made.lock().unwrap().insert(call.attempt, called.clone());
        self.under_way.lock().unwrap().retain(|attempt| *attempt != call.attempt);
        self.together.lock().unwrap().0 -= 1;
        Ok(called)
    }
}

/// A database with two owners, agents, and a worker that drives runs.
pub struct World {
    pub db: Db,
    pub ada: Caller,
    pub bob: Caller,
    pub agents: Script,
    pub coordinator: Coordinator,
    worker: Mutex<Option<Running>>,
}

pub fn caller(owner: OwnerId, role: Role) -> Caller {
    Caller { owner, role, credential: CredentialKind::Token, rate_limit_per_minute: None }
}

impl World {
    /// A world whose worker works.
    pub async fn new(test: &TestDb) -> Self {
        let world = Self::idle(test).await;
        world.work();
        world
    }

    /// A world whose worker does not work yet.
    pub async fn idle(test: &TestDb) -> Self {
        let (ada, bob) = (OwnerId::new(), OwnerId::new());
        let insert = async move |tx: &mut Tx| {
            for owner in [ada, bob] {
                let row = (owners::id.eq(owner), owners::kind.eq("user"), owners::created_at.eq(Clock::system().now()));
                on!(tx, conn => diesel::insert_into(owners::table).values(row).execute(conn).await)?;
            }
            Ok::<_, StoreError>(())
        };
        test.db.write(insert).await.unwrap();
        let agents = Script::default();
        let coordinator = Coordinator::new(test.db.clone(), Clock::system(), Arc::new(agents.clone()));
        let (ada, bob) = (caller(ada, Role::Operator), caller(bob, Role::Operator));
        Self { db: test.db.clone(), ada, bob, agents, coordinator, worker: Mutex::default() }
    }

    /// Another coordinator on the same database and agents, as on another replica.
    pub fn replica(&self) -> Coordinator {
        Coordinator::new(self.db.clone(), Clock::system(), Arc::new(self.agents.clone()))
    }

    pub fn work(&self) {
        *self.worker.lock().unwrap() = Some(start(&self.db, &self.coordinator));
    }

    /// Stops the worker as a power cut would.
    pub fn stop(&self) {
        self.worker.lock().unwrap().take();
    }

    pub async fn workflow(&self, name: &str, definition: Value) -> Workflow {
        self.try_workflow(name, definition).await.unwrap()
    }

    pub async fn try_workflow(&self, name: &str, definition: Value) -> Result<Workflow, CoordinatorError> {
        let Value::Object(fields) = definition else { panic!("a definition is an object") };
        let new = NewWorkflow { name: Some(name.to_owned()), source: Source::Json(fields), triggers: None, recovery: None };
        let (checked, caller) = (new.check()?, self.ada);
        let now = Clock::system().now();
        self.db.write(async move |tx: &mut Tx| workflow::create(tx, &caller, &checked, now).await).await
    }

    pub async fn run(&self, workflow: &Workflow, trigger: Value) -> Execution {
        let (caller, id, now) = (self.ada, workflow.id, Clock::system().now());
        let trigger: Map<String, Value> = trigger.as_object().unwrap().clone();
        self.db.write(async move |tx: &mut Tx| execution::run(tx, &caller, id, &trigger, now).await).await.unwrap()
    }

    /// Makes a workflow of these steps and runs it to its end.
    pub async fn ran(&self, name: &str, definition: Value, trigger: Value) -> Execution {
        let workflow = self.workflow(name, definition).await;
        let run = self.run(&workflow, trigger).await;
        self.ended(run.id).await
    }

    pub async fn find(&self, id: ExecutionId) -> Execution {
        self.db.read(async move |tx: &mut Tx| tx.find_execution(id).await).await.unwrap().unwrap()
    }

    pub async fn ended(&self, id: ExecutionId) -> Execution {
        let ended = self.coordinator.wait(id, Duration::from_secs(60)).await.unwrap();
        let run = self.find(id).await;
        assert!(ended, "it never ended: {run:?}");
        run
    }

    pub async fn processes(&self, id: ExecutionId) -> Vec<Process> {
        let caller = self.ada;
        let read = async move |tx: &mut Tx| execution::processes(tx, &caller, id, PageRequest::first(500)).await;
        self.db.read(read).await.unwrap().items
    }

    /// The process table in short: step, attempt, status.
    pub async fn table(&self, id: ExecutionId) -> Vec<String> {
        let line = |line: &Process| match &line.attempt {
            Some(attempt) => format!("{} {} {}", line.step.step, attempt.attempt, attempt.status.as_str()),
            None => format!("{} - {}", line.step.step, line.step.status.as_str()),
        };
        self.processes(id).await.iter().map(line).collect()
    }

    /// What a step came to.
    pub async fn output(&self, id: ExecutionId, step: &str) -> Value {
        let lines = self.processes(id).await;
        lines.into_iter().filter(|line| line.step.step == step).find_map(|line| line.attempt?.output).unwrap_or(Value::Null)
    }
}

pub fn start(db: &Db, coordinator: &Coordinator) -> Running {
    let options = WorkerOptions { concurrency: 16, lease: Duration::from_secs(2), poll: Duration::from_millis(100) };
    Worker::new(db.clone(), Clock::system(), options)
        .job::<Advance>(Arc::new(coordinator.clone()))
        .job::<CallOff>(Arc::new(coordinator.clone()))
        .start()
}

/// Asks again and again until there is an answer.
pub async fn eventually<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let patient = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), patient).await.unwrap_or_else(|_| panic!("it never happened: {what}"))
}

pub fn is(run: &Execution, status: Status) {
    assert_eq!(run.status, status, "{:?}", run.error);
}
