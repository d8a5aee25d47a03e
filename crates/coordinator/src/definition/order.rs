//! The order of steps.
//!
//! If no step has a `depends_on`, the steps are a list: each waits for the one before it, and steps with `parallel_with` go
//! together with the step that they name; what comes after them waits for all of them. A step that was skipped keeps nobody
//! waiting.
//!
//! If any step has a `depends_on`, the steps are a graph: each waits for what it names, and one that names nothing starts at
//! once, or together with the step that it is `parallel_with`. A step is skipped when all that it waits for were.
//!
//! Either way, a step that a condition may go to waits for that condition.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::{
    Action, Flaw, Step,
    fields::Fields,
    step::{self, ID_CHARS_MAX},
};
use crate::{
    dag::{Graph, Node},
    recovery::Recovery,
};

/// Reads all steps and their order. What is wrong goes to `flaws`; `None` when there is no whole.
pub(super) fn read(raw: &[Value], recovery: Recovery, flaws: &mut Vec<Flaw>) -> Option<(Vec<Step>, Graph)> {
    let ids = ids(raw, flaws)?;
    let places: HashMap<&str, usize> = ids.iter().enumerate().map(|(place, id)| (*id, place)).collect();
    let place = |id: &str| places.get(id).copied();
    let (mut steps, mut waits) = (Vec::new(), Vec::new());
    for (n, (id, value)) in ids.iter().zip(raw).enumerate() {
        let Some(map) = value.as_object() else { continue };
        let mut fields = Fields::new(format!("steps[{n}]"), map, flaws);
        steps.extend(step::read(id, &mut fields, recovery, &place));
        waits.push(Waits { depends_on: depends_on(&mut fields, n, &place), peer: peer(&mut fields, n, &place) });
    }
    if steps.len() != raw.len() || !flaws.is_empty() {
        return None;
    }
    let graph = graph(&steps, &waits);
    for stuck in graph.never_ready() {
        flaws.push(Flaw::new(format!("steps[{stuck}].depends_on"), "it waits, by others, for itself: the order has a circle"));
    }
    if flaws.is_empty() {
        check_reads(&steps, &graph, &place, flaws);
    }
    Some((steps, graph))
}

/// The ids, each one there, well formed, and once.
fn ids<'v>(raw: &'v [Value], flaws: &mut Vec<Flaw>) -> Option<Vec<&'v str>> {
    let mut seen = BTreeSet::new();
    let mut ids = Vec::new();
    for (n, step) in raw.iter().enumerate() {
        let at = format!("steps[{n}]");
        let Some(step) = step.as_object() else {
            flaws.push(Flaw::new(at, "must be an object"));
            continue;
        };
        let fits = |id: &&str| {
            (1..=ID_CHARS_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        };
        match step.get("id").and_then(Value::as_str).filter(fits) {
            Some(id) if seen.insert(id) => ids.push(id),
            Some(_) => flaws.push(Flaw::new(format!("{at}.id"), "must not occur twice")),
            None => {
                let message = format!("must be 1 to {ID_CHARS_MAX} letters, digits, hyphens and underscores");
                flaws.push(Flaw::new(format!("{at}.id"), message));
            }
        }
    }
    (ids.len() == raw.len()).then_some(ids)
}

/// What a step says about its order, by places.
struct Waits {
    depends_on: Vec<usize>,
    peer: Option<usize>,
}

fn depends_on(fields: &mut Fields<'_, '_>, own: usize, place: &dyn Fn(&str) -> Option<usize>) -> Vec<usize> {
    let mut found = Vec::new();
    for (n, id) in fields.list("depends_on").unwrap_or_default().iter().enumerate() {
        let at = format!("depends_on[{n}]");
        match id.as_str().map(|id| (id, place(id))) {
            Some((_, Some(other))) if other == own => fields.flaw(&at, "must not be the step itself"),
            Some((_, Some(other))) if found.contains(&other) => {}
            Some((_, Some(other))) => found.push(other),
            Some((id, None)) => fields.flaw(&at, format!("there is no step {id}")),
            None => fields.flaw(&at, "must be the id of a step"),
        }
    }
    found
}

fn peer(fields: &mut Fields<'_, '_>, own: usize, place: &dyn Fn(&str) -> Option<usize>) -> Option<usize> {
    let id = fields.text("parallel_with", ID_CHARS_MAX)?;
    let peer = place(id).filter(|peer| *peer < own);
    if peer.is_none() {
        fields.flaw("parallel_with", "must be the id of a step before it");
    }
    peer
}

fn graph(steps: &[Step], waits: &[Waits]) -> Graph {
    let is_list = waits.iter().all(|wait| wait.depends_on.is_empty());
    let mut nodes: Vec<Node> = if is_list { in_a_row(waits) } else { as_named(waits) };
    for (place, step) in steps.iter().enumerate() {
        let Action::Condition(branches) = &step.action else { continue };
        let mut targets: Vec<usize> = branches.iter().map(|branch| branch.target).collect();
        targets.sort_unstable();
        targets.dedup();
        for target in &targets {
            if let Some(node) = nodes.get_mut(*target).filter(|node| !node.after.contains(&place)) {
                node.after.push(place);
            }
        }
        if let Some(node) = nodes.get_mut(place) {
            node.targets = targets;
        }
    }
    Graph { nodes, skips_spread: !is_list }
}

fn in_a_row(waits: &[Waits]) -> Vec<Node> {
    // Which group each step is in; groups go one after another.
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut group_of: Vec<usize> = Vec::new();
    for (place, wait) in waits.iter().enumerate() {
        let group = wait.peer.and_then(|peer| group_of.get(peer).copied());
        match group.and_then(|group| groups.get_mut(group)) {
            Some(together) => together.push(place),
            None => groups.push(vec![place]),
        }
        group_of.push(group.unwrap_or(groups.len() - 1));
    }
    let before = |group: usize| group.checked_sub(1).and_then(|before| groups.get(before)).cloned().unwrap_or_default();
    group_of.iter().map(|group| Node { after: before(*group), targets: Vec::new() }).collect()
}

fn as_named(waits: &[Waits]) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    for wait in waits {
        let with_peer = || wait.peer.and_then(|peer| nodes.get(peer)).map(|node| node.after.clone()).unwrap_or_default();
        let after = if wait.depends_on.is_empty() { with_peer() } else { wait.depends_on.clone() };
        nodes.push(Node { after, targets: Vec::new() });
    }
    nodes
}

/// A step may look only at steps that have ended when it starts.
fn check_reads(steps: &[Step], graph: &Graph, place: &dyn Fn(&str) -> Option<usize>, flaws: &mut Vec<Flaw>) {
    for (n, step) in steps.iter().enumerate().filter(|(_, step)| !step.reads.is_empty()) {
        let before = graph.before(n);
        for id in &step.reads {
            let message = match place(id) {
                None => format!("it looks at a step {id}, which there is not"),
                Some(other) if !before.contains(&other) => {
                    format!("it looks at the step {id}, which need not have ended before it")
                }
                Some(_) => continue,
            };
            flaws.push(Flaw::new(format!("steps[{n}]"), message));
        }
    }
}
