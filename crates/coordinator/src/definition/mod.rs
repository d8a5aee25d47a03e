//! Definitions: what a workflow consists of, and everything that can be wrong with one before it runs.
//!
//! The order of steps comes from `depends_on` if any step has one, and is that of the list otherwise; see [`order`].

mod fields;
mod order;
mod step;

use std::{collections::BTreeSet, time::Duration};

use rialto_kernel::Amount;
use serde_json::Value;

use crate::{
    dag::Graph,
    expression::Expression,
    recovery::Recovery,
    template::{Template, depth, weight},
};
use fields::Fields;
pub use fields::Flaw;

/// The most steps of one definition.
pub const STEPS_MAX: usize = 200;
/// The largest definition, in bytes of JSON.
pub const DEFINITION_BYTES_MAX: usize = 256 * 1_024;
/// How deep a definition may be nested.
const DEFINITION_DEPTH_MAX: usize = 64;
/// How long a run may take that says nothing else.
pub const DURATION_DEFAULT: Duration = Duration::from_secs(3_600);
/// How long any run may take: a week.
pub const DURATION_MAX: Duration = Duration::from_secs(7 * 86_400);
/// The most runs of one workflow at a time that a definition may allow itself.
const CONCURRENT_MAX: i64 = 1_000;

/// A definition that can be run.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// The steps, in the order of the definition.
    pub steps: Vec<Step>,
    /// What they wait for.
    pub graph: Graph,
    /// How long a run may take in all.
    pub duration_max: Duration,
    /// How many runs may be under way at a time.
    pub concurrent_max: Option<u32>,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What it is called in the definition.
    pub id: String,
    /// What it does.
    pub action: Action,
    /// What it is done with: a template of an object.
    pub input: Template,
    /// It is skipped unless all of these hold.
    pub guards: Vec<Expression>,
    /// What it does when its target fails.
    pub recovery: Recovery,
    /// How long it may take, with all its attempts.
    pub time_max: Option<Duration>,
    /// The most that one of its calls may cost.
    pub spend_max: Option<Amount>,
    /// The steps whose outputs it looks at.
    pub reads: BTreeSet<String>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Calls an agent, by its id or readable id; `search:` finds one.
    Agent(String),
    /// Calls whoever can do this: an agent by its id, or the best that is found by these words.
    Skill(String),
    /// Finds agents for a goal, and calls them in order until one succeeds.
    Goal(Template),
    /// Chooses which of several steps is done.
    Condition(Vec<Branch>),
    /// Runs a workflow of the same owner, by its id or name.
    SubWorkflow(String),
}

/// One way that a condition may go.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// It goes this way if this holds; `None` for the way that is left.
    pub condition: Option<Expression>,
    /// Where it goes: the place of a step.
    pub target: usize,
}

impl Action {
    /// The word that databases and clients see.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Agent(_) => "agent",
            Self::Skill(_) => "skill",
            Self::Goal(_) => "plan",
            Self::Condition(_) => "condition",
            Self::SubWorkflow(_) => "sub_workflow",
        }
    }

    /// Whom or what it is about, before anybody is found for it.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        match self {
            Self::Agent(target) | Self::Skill(target) | Self::SubWorkflow(target) => Some(target),
            Self::Goal(_) | Self::Condition(_) => None,
        }
    }
}

impl Definition {
    /// Reads a definition: an object with `steps`, and perhaps `recovery`, `max_duration_seconds` and
    /// `max_concurrent_executions`. Fields that it does not know are let be.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place: `steps[2].depends_on`.
    pub fn read(value: &Value) -> Result<Self, Vec<Flaw>> {
        let mut flaws = Vec::new();
        let Some(map) = value.as_object() else { return Err(vec![Flaw::new("", "must be an object")]) };
        if weight(value) > DEFINITION_BYTES_MAX || depth(value) > DEFINITION_DEPTH_MAX {
            let message = format!("must have at most {DEFINITION_BYTES_MAX} bytes and {DEFINITION_DEPTH_MAX} levels");
            return Err(vec![Flaw::new("", message)]);
        }
        let mut fields = Fields::new(String::new(), map, &mut flaws);
        let recovery = step::recovery(&mut fields, Recovery::default());
        let duration_max = fields.seconds("max_duration_seconds", DURATION_MAX).unwrap_or(DURATION_DEFAULT);
        let concurrent_max = fields.integer("max_concurrent_executions", 1, CONCURRENT_MAX).and_then(|n| u32::try_from(n).ok());
        let raw = fields.list("steps").unwrap_or_default();
        if raw.is_empty() || raw.len() > STEPS_MAX {
            fields.flaw("steps", format!("must be a list of 1 to {STEPS_MAX} steps"));
            return Err(flaws);
        }
        let read = order::read(raw, recovery, &mut flaws);
        match read {
            Some((steps, graph)) if flaws.is_empty() => Ok(Self { steps, graph, duration_max, concurrent_max }),
            _ => Err(flaws),
        }
    }

    /// One step that finds agents for a goal and calls them in order, at no more than `spend_max` a call. The goal is taken as
    /// it is, and whatever the run is started with is the agents' input.
    #[must_use]
    pub fn of_goal(goal: &str, input: &Value, spend_max: Option<Amount>, duration_max: Duration) -> Self {
        let mut fields = vec![("goal".to_owned(), Template::Plain(Value::from(goal)))];
        for (name, value) in input.as_object().into_iter().flatten() {
            fields.retain(|(other, _)| other != name);
            fields.push((name.clone(), Template::Plain(value.clone())));
        }
        let step = Step {
            id: "goal".to_owned(),
            action: Action::Goal(Template::Plain(Value::from(goal))),
            input: Template::Object(fields),
            guards: Vec::new(),
            recovery: Recovery { attempts_max: 1, ..Recovery::default() },
            time_max: None,
            spend_max,
            reads: BTreeSet::new(),
        };
        let graph = Graph { nodes: vec![crate::dag::Node::default()], skips_spread: false };
        Self { steps: vec![step], graph, duration_max, concurrent_max: None }
    }
}
