//! The coordinator: work that takes several agents, several attempts, or longer than a request.
//!
//! - A [`Workflow`] has versions; a [`definition::Definition`] is what one version consists of: steps, and what they wait for.
//! - An [`Execution`] is a run of one version. Its [`StepRun`]s are its steps, and every try of one is an [`Attempt`].
//! - A [`Task`] is a run of one step that was made up for a goal.
//! - [`Coordinator`] drives runs, as jobs. It knows neither the broker nor how agents are searched: see [`Agents`].
//!
//! # Invariants
//! 1. A run keeps the version that it began with.
//! 2. One driver at a time changes a run: each takes a number that rises, under the run's lock, and one whose number is not the
//!    newest changes nothing. No step is called twice at once, on however many replicas.
//! 3. An attempt is written before its call is made, and its id is the call's idempotency key: whoever takes over hears how the
//!    call ended, and makes no second one.
//! 4. How a run ends is decided once, under its lock: a run that was completed is never cancelled, nor the other way round.
//! 5. A step starts when all that it waits for has ended. After a failure nothing is started; what runs may end.
//! 6. Every run ends: it has a deadline, and so has everything that it waits for.
//! 7. What one run may bring about is bounded: so many runs inside of it, so many of them driven at once, so many changed in one
//!    transaction.
//! 8. An owner sees and changes its own, and nothing else.
//!
//! The rules are apart from all I/O: [`dag`] says what comes next, [`recovery`] whom to try, [`expression`] and [`template`]
//! what a condition and an input come to.

pub mod agents;
pub mod dag;
pub mod definition;
mod drive;
mod end;
mod error;
pub mod execution;
pub mod expression;
mod job;
mod model;
pub mod recovery;
mod sql;
pub mod store;
pub mod task;
pub mod template;
mod tree;
pub mod workflow;

pub use agents::Agents;
pub use drive::{Coordinator, DEPTH_MAX, PARALLEL_MAX, RUNS_MAX, UNNAMED_MAX};
pub use error::CoordinatorError;
pub use job::Advance;
pub use model::{
    Attempt, AttemptId, AttemptStatus, Candidate, Execution, ExecutionFilter, ExecutionId, Process, Status, StepId, StepRun,
    StepStatus, Task, Workflow, WorkflowId,
};
pub use tree::{CallOff, INSIDE_MAX};
