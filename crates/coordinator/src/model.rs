//! Workflows, their versions, runs, steps, attempts, and tasks.

use rialto_kernel::{AgentId, Amount, Id, OwnerId, Timestamp, nouns};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The id of a workflow.
pub type WorkflowId = Id<nouns::Workflow>;
/// The id of a run. A task has the id of its run.
pub type ExecutionId = Id<nouns::Execution>;
/// The id of a step of a run.
pub type StepId = Id<nouns::Step>;
/// The id of an attempt, which is also the idempotency key of its call.
pub type AttemptId = Id<nouns::Attempt>;

/// Makes an enum whose values are words, the same in the databases and for clients.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant),*
        }
        impl $name {
            /// The word that databases and clients see.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),*
                }
            }

            /// The one with this word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

words! {
    /// How far a run is.
    Status {
        /// It has not begun.
        Pending = "pending",
        /// It has begun.
        Running = "running",
        /// All its steps were done, or were not needed.
        Completed = "completed",
        /// A step failed for good.
        Failed = "failed",
        /// Its owner called it off.
        Cancelled = "cancelled",
        /// It took longer than it may.
        TimedOut = "timed_out",
    }
}

impl Status {
    /// Whether nothing changes any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }
}

words! {
    /// How far a step is.
    StepStatus {
        /// It waits for others.
        Pending = "pending",
        /// It was started.
        Running = "running",
        /// It did what it was to do.
        Completed = "completed",
        /// It failed for good.
        Failed = "failed",
        /// It was not needed.
        Skipped = "skipped",
        /// Its run ended before it did.
        Cancelled = "cancelled",
        /// It, or its run, took longer than it may.
        TimedOut = "timed_out",
    }
}

words! {
    /// How an attempt went.
    AttemptStatus {
        /// It is under way.
        Running = "running",
        /// It did what it was to do.
        Completed = "completed",
        /// It failed.
        Failed = "failed",
        /// Nobody answered in time.
        TimedOut = "timed_out",
    }
}

/// A workflow, as its newest version has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Workflow {
    /// Its id.
    pub id: WorkflowId,
    /// Whose it is.
    pub owner: OwnerId,
    /// What its owner calls it; once among those that are not archived.
    pub name: String,
    /// The version that new runs take.
    pub version: i32,
    /// The definition of that version, as it was given.
    pub definition: Value,
    /// What was given of triggers: a list. They are kept, and nothing is started by them yet.
    pub triggers: Option<Value>,
    /// When it was put away; it is not run any more.
    pub archived_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it got its newest version.
    pub updated_at: Timestamp,
}

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct Execution {
    /// Its id.
    pub id: ExecutionId,
    /// Whose it is, and who pays for its calls.
    pub owner: OwnerId,
    /// Of which version of which workflow; `None` for a task.
    pub workflow: Option<(WorkflowId, i32)>,
    /// The run, and the step of it, that this one is a part of.
    pub parent: Option<(ExecutionId, String)>,
    /// The outermost run that it is inside of; `None` for one that is inside of none.
    pub root: Option<ExecutionId>,
    /// How many runs it is inside of.
    pub depth: i32,
    /// How far it is.
    pub status: Status,
    /// The number of whoever drives it.
    pub driver: i64,
    /// What it was started with: an object.
    pub input: Value,
    /// Why it failed.
    pub error: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was its turn.
    pub admitted_at: Option<Timestamp>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it has to be done.
    pub deadline_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
}

/// A step of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRun {
    /// Its place in the definition.
    pub position: usize,
    /// Its id.
    pub id: StepId,
    /// What the definition calls it.
    pub step: String,
    /// The type of step.
    pub kind: String,
    /// Whom the definition names, if anybody.
    pub target: Option<String>,
    /// How far it is.
    pub status: StepStatus,
    /// The place of the step that it chose, if it is a condition.
    pub chosen: Option<usize>,
    /// Whom it may call, in order, once that is known.
    pub candidates: Option<Vec<Candidate>>,
    /// When the next attempt may be made.
    pub due_at: Option<Timestamp>,
    /// Why it failed, or was skipped.
    pub error: Option<String>,
    /// When it was started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
}

/// Whom a step may call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The agent.
    pub id: AgentId,
    /// What it is called.
    pub name: String,
    /// What a call of it cost when it was found, in whole credits.
    pub price: i64,
    /// The most that it may cost, where its step does not say that; `None` for the agent that the step names.
    #[serde(default)]
    pub spend_max: Option<i64>,
}

/// One try of one step.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// Its id.
    pub id: AttemptId,
    /// Of which run.
    pub execution: ExecutionId,
    /// The place of its step.
    pub position: usize,
    /// Which of that step's attempts it is, counted from one.
    pub attempt: i32,
    /// The place of its target among the step's candidates.
    pub candidate: usize,
    /// The agent that was called, or the workflow that was run.
    pub target: Option<Id<nouns::Reference>>,
    /// What that is called.
    pub target_name: String,
    /// How it went.
    pub status: AttemptStatus,
    /// Whether, if it failed, the same may go well another time.
    pub may_pass: bool,
    /// What it was done with.
    pub input: Value,
    /// What came of it.
    pub output: Option<Value>,
    /// Why it failed.
    pub error: Option<String>,
    /// The call in the broker's logs.
    pub invocation: Option<Id<nouns::Invocation>>,
    /// The run that it was, if its step is a workflow.
    pub child: Option<ExecutionId>,
    /// What it cost.
    pub credits_charged: Option<Amount>,
    /// When it was begun.
    pub started_at: Timestamp,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
}

/// One line of a run's process table: an attempt, or a step without one.
#[derive(Debug, Clone, PartialEq)]
pub struct Process {
    /// The step.
    pub step: StepRun,
    /// The attempt; `None` for a step that has had none.
    pub attempt: Option<Attempt>,
}

/// A goal that was given, and what has come of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Its run. The two have the same id.
    pub run: Execution,
    /// The goal, in words.
    pub goal: String,
    /// The conversation that its calls are part of, once there is one.
    pub conversation: Option<Id<nouns::Conversation>>,
    /// The message of that conversation that asks.
    pub message: Option<Id<nouns::Message>>,
    /// Whom its owner talks for.
    pub external_user_id: Option<String>,
    /// The most that it may cost.
    pub max_credits: Option<Amount>,
    /// How long it may take, in seconds.
    pub timeout_seconds: i32,
}

/// Which runs are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExecutionFilter {
    /// Only runs of this workflow.
    pub workflow: Option<WorkflowId>,
    /// Only those that are so far.
    pub status: Option<Status>,
}
