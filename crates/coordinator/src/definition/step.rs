//! Reading one step.

use std::{collections::BTreeSet, time::Duration};

use rialto_kernel::Amount;
use serde_json::Value;

use super::{Action, Branch, Step, fields::Fields};
use crate::{
    expression::{Expression, parse},
    recovery::{ALTERNATIVES_MAX, ATTEMPTS_MAX, BACKOFF_MAX, Recovery},
    template::Template,
};

/// The longest name of a target, in characters.
const TARGET_CHARS_MAX: usize = 255;
/// The longest goal, in characters.
const GOAL_CHARS_MAX: usize = 4_000;
/// The longest id, in characters.
pub(super) const ID_CHARS_MAX: usize = 100;
/// The most branches of one condition, or guards of one step.
const BRANCHES_MAX: usize = 50;
/// The longest that one step may take.
const STEP_TIME_MAX: Duration = Duration::from_secs(86_400);
/// What `max_alternatives` is when alternatives are wanted and it is not said how many.
const ALTERNATIVES_DEFAULT: u32 = 2;

/// Reads a step; `place` gives the place of the step with an id. What is wrong goes to the fields.
pub(super) fn read(
    id: &str,
    fields: &mut Fields<'_, '_>,
    recovery_default: Recovery,
    place: &dyn Fn(&str) -> Option<usize>,
) -> Option<Step> {
    for unsupported in ["loop", "aggregate"] {
        if fields.get(unsupported).is_some() {
            fields.flaw(unsupported, "is not supported");
        }
    }
    let (guards, branches) = when(fields, place);
    let action = action(fields, branches);
    let input = input(fields);
    let recovery = recovery(fields, recovery_default);
    let time_max = fields.seconds("timeout_seconds", STEP_TIME_MAX);
    let spend_max = fields.integer("max_credits", 0, Amount::MAX.get()).and_then(|credits| Amount::new(credits).ok());
    let mut step =
        Step { id: id.to_owned(), action: action?, input: input?, guards, recovery, time_max, spend_max, reads: BTreeSet::new() };
    reads(&mut step);
    Some(step)
}

fn reads(step: &mut Step) {
    let mut found = BTreeSet::new();
    step.input.steps(&mut found);
    step.guards.iter().for_each(|guard| guard.steps(&mut found));
    match &step.action {
        Action::Goal(goal) => goal.steps(&mut found),
        Action::Condition(branches) => {
            branches.iter().filter_map(|branch| branch.condition.as_ref()).for_each(|condition| condition.steps(&mut found));
        }
        Action::Agent(_) | Action::Skill(_) | Action::SubWorkflow(_) => {}
    }
    step.reads = found;
}

/// What it does: as its type says, or as its fields do.
fn action(fields: &mut Fields<'_, '_>, branches: Vec<Branch>) -> Option<Action> {
    let agent = fields.text("agent", TARGET_CHARS_MAX).map(str::to_owned);
    let skill = fields.text("skill", TARGET_CHARS_MAX).map(str::to_owned);
    let workflow = fields.text("workflow", TARGET_CHARS_MAX).map(str::to_owned);
    let goal = fields.text("goal", GOAL_CHARS_MAX).map(str::to_owned);
    let kind = fields.text("type", 20);
    let inferred = match (&agent, &skill, &workflow, &goal) {
        _ if fields.get("type").is_some() => kind?,
        (Some(_), ..) => "agent",
        (None, Some(_), ..) => "skill",
        (None, None, Some(_), _) => "sub_workflow",
        (None, None, None, Some(_)) => "plan",
        _ if !branches.is_empty() => "condition",
        _ => {
            fields.flaw("agent", "is required, or one of skill, workflow, goal, and when with goto");
            return None;
        }
    };
    let (field, action) = match inferred {
        "agent" => ("agent", agent.map(Action::Agent)),
        "skill" => ("skill", skill.or(agent).map(Action::Skill)),
        "sub_workflow" => ("workflow", workflow.map(Action::SubWorkflow)),
        "plan" | "goal" => ("goal", goal.map(|goal| template(fields, "goal", &Value::from(goal))).map(Action::Goal)),
        "condition" => ("when", (!branches.is_empty()).then_some(Action::Condition(branches))),
        _ => {
            fields.flaw("type", "must be agent, skill, condition, sub_workflow or plan");
            return None;
        }
    };
    if action.is_none() && fields.get(field).is_none() {
        fields.flaw(field, "is required for this type of step");
    }
    action
}

fn template(fields: &mut Fields<'_, '_>, name: &str, value: &Value) -> Template {
    Template::parse(value).unwrap_or_else(|(path, error)| {
        fields.flaw(&format!("{name}{path}"), error.to_string());
        Template::Plain(Value::Null)
    })
}

/// The input: an object, `{}` when absent.
fn input(fields: &mut Fields<'_, '_>) -> Option<Template> {
    match fields.get("input") {
        None => Some(Template::Object(Vec::new())),
        Some(value @ Value::Object(_)) => Some(template(fields, "input", value)),
        Some(_) => {
            fields.flaw("input", "must be an object");
            None
        }
    }
}

/// `when`: entries with `goto` are ways to go, entries without are guards; a text is one guard.
fn when(fields: &mut Fields<'_, '_>, place: &dyn Fn(&str) -> Option<usize>) -> (Vec<Expression>, Vec<Branch>) {
    let (mut guards, mut branches) = (Vec::new(), Vec::new());
    let entries = match fields.get("when") {
        None => return (guards, branches),
        Some(Value::String(text)) => {
            guards.extend(expression(fields, "when", text));
            return (guards, branches);
        }
        Some(_) => fields.list("when").unwrap_or_default(),
    };
    if entries.is_empty() || entries.len() > BRANCHES_MAX {
        fields.flaw("when", format!("must be a list of 1 to {BRANCHES_MAX} entries"));
        return (guards, branches);
    }
    for (n, entry) in entries.iter().enumerate() {
        let at = format!("when[{n}]");
        let Some(entry) = entry.as_object() else {
            fields.flaw(&at, "must be an object");
            continue;
        };
        let is_else = entry.get("else").and_then(Value::as_bool).unwrap_or(false);
        let condition = match entry.get("if") {
            Some(Value::String(text)) if !is_else => expression(fields, &format!("{at}.if"), text),
            None | Some(Value::Null) if is_else => None,
            _ => {
                fields.flaw(&at, "must have either an `if` with a condition, or `else: true`");
                continue;
            }
        };
        match entry.get("goto") {
            None | Some(Value::Null) if !is_else => guards.extend(condition),
            Some(Value::String(target)) => match place(target) {
                Some(target) => branches.push(Branch { condition, target }),
                None => fields.flaw(&format!("{at}.goto"), format!("there is no step {target}")),
            },
            _ => fields.flaw(&format!("{at}.goto"), "must be the id of a step"),
        }
    }
    if !guards.is_empty() && !branches.is_empty() {
        fields.flaw("when", "must have a goto in all entries, or in none");
    }
    (guards, branches)
}

fn expression(fields: &mut Fields<'_, '_>, at: &str, text: &str) -> Option<Expression> {
    parse(text).map_err(|error| fields.flaw(at, error.to_string())).ok()
}

/// `recovery`, here or as the whole definition has it.
pub(super) fn recovery(fields: &mut Fields<'_, '_>, otherwise: Recovery) -> Recovery {
    let Some(mut fields) = fields.object("recovery") else { return otherwise };
    let attempts = fields.integer("max_attempts", 1, ATTEMPTS_MAX.into()).and_then(|n| u32::try_from(n).ok());
    let backoff = fields.seconds("backoff_base_seconds", BACKOFF_MAX);
    let alternatives = fields.integer("max_alternatives", 0, ALTERNATIVES_MAX.into()).and_then(|n| u32::try_from(n).ok());
    let alternatives_max = match fields.flag("semantic_fallback") {
        None if alternatives.is_none() => otherwise.alternatives_max,
        None | Some(false) => 0,
        Some(true) => alternatives.unwrap_or(ALTERNATIVES_DEFAULT),
    };
    Recovery {
        attempts_max: attempts.unwrap_or(otherwise.attempts_max),
        backoff: backoff.unwrap_or(otherwise.backoff),
        alternatives_max,
    }
}
