//! The order of steps: what may be started, given what has become of the others. No I/O, no clock.

use std::collections::BTreeSet;

/// What has become of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Progress {
    /// Nothing yet.
    Waiting,
    /// It was started, and has not ended.
    Running,
    /// It did what it was to do. A condition chose this step, by its place, or none of those it names.
    Completed {
        /// The place of the step that a condition chose.
        chosen: Option<usize>,
    },
    /// It was not needed.
    Skipped,
    /// It failed for good.
    Failed,
}

impl Progress {
    const fn has_ended(self) -> bool {
        matches!(self, Self::Completed { .. } | Self::Skipped | Self::Failed)
    }
}

/// One step, as far as order goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// The steps that have to end before it starts, by their places, each once.
    pub after: Vec<usize>,
    /// For a condition: the steps it chooses from.
    pub targets: Vec<usize>,
}

/// The steps of a definition and what they wait for. The places of all steps are below the number of nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    /// The steps, in the order of the definition.
    pub nodes: Vec<Node>,
    /// Whether a step is skipped when all that it waits for were. It is not where the order is just that of a list.
    pub skips_spread: bool,
}

/// What comes next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Next {
    /// To be skipped now, in this order.
    pub skip: Vec<usize>,
    /// To be started now, all at once.
    pub start: Vec<usize>,
    /// Whether the whole has ended, and how.
    pub end: Option<End>,
}

/// How a whole run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All steps completed or were skipped.
    Completed,
    /// This step failed, and nothing runs any more.
    Failed(usize),
}

impl Graph {
    /// What comes next. After a failure nothing is started; what runs may end.
    #[must_use]
    pub fn next(&self, progress: &[Progress]) -> Next {
        let mut now: Vec<Progress> = progress.to_vec();
        now.resize(self.nodes.len(), Progress::Waiting);
        let failed = now.iter().position(|one| *one == Progress::Failed);
        let is_running = now.contains(&Progress::Running);
        if let Some(failed) = failed {
            let end = (!is_running).then_some(End::Failed(failed));
            return Next { end, ..Next::default() };
        }
        let mut skip = Vec::new();
        // A skip may settle what others wait for.
        while let Some(place) = (0..self.nodes.len()).find(|place| self.is_skipped(*place, &now)) {
            if let Some(one) = now.get_mut(place) {
                *one = Progress::Skipped;
            }
            skip.push(place);
        }
        let start: Vec<usize> = (0..self.nodes.len()).filter(|place| self.is_ready(*place, &now)).collect();
        let all_ended = now.iter().all(|one| one.has_ended());
        Next { skip, start, end: all_ended.then_some(End::Completed) }
    }

    fn is_ready(&self, place: usize, now: &[Progress]) -> bool {
        let ended = |other: &usize| now.get(*other).is_some_and(|one| one.has_ended());
        now.get(place) == Some(&Progress::Waiting) && self.nodes.get(place).is_some_and(|node| node.after.iter().all(ended))
    }

    fn is_skipped(&self, place: usize, now: &[Progress]) -> bool {
        let Some(node) = self.nodes.get(place).filter(|_| self.is_ready(place, now)) else { return false };
        let is = |other: usize| now.get(other).copied().unwrap_or(Progress::Waiting);
        let mut named = (0..self.nodes.len()).filter(|other| self.nodes.get(*other).is_some_and(|n| n.targets.contains(&place)));
        let was_chosen = |other: usize| is(other) == Progress::Completed { chosen: Some(place) };
        let mut is_named = false;
        if named.any(|other| {
            is_named = true;
            was_chosen(other)
        }) {
            return false;
        }
        is_named
            || (self.skips_spread && !node.after.is_empty() && node.after.iter().all(|other| is(*other) == Progress::Skipped))
    }

    /// The steps that are in a circle, or behind one: none of them could ever start.
    #[must_use]
    pub fn never_ready(&self) -> Vec<usize> {
        let mut waits: Vec<usize> = self.nodes.iter().map(|node| node.after.len()).collect();
        let mut free: Vec<usize> = (0..waits.len()).filter(|place| waits.get(*place) == Some(&0)).collect();
        let mut seen = BTreeSet::new();
        while let Some(done) = free.pop() {
            if !seen.insert(done) {
                continue;
            }
            for (place, node) in self.nodes.iter().enumerate() {
                let held = node.after.iter().filter(|other| **other == done).count();
                if let Some(left) = waits.get_mut(place).filter(|_| held > 0) {
                    *left = left.saturating_sub(held);
                    if *left == 0 {
                        free.push(place);
                    }
                }
            }
        }
        (0..self.nodes.len()).filter(|place| !seen.contains(place)).collect()
    }

    /// The steps that have ended, in some way, whenever this one starts. For graphs without circles.
    #[must_use]
    pub fn before(&self, place: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut open = vec![place];
        while let Some(node) = open.pop().and_then(|place| self.nodes.get(place)) {
            for other in &node.after {
                if found.insert(*other) {
                    open.push(*other);
                }
            }
        }
        found
    }
}
