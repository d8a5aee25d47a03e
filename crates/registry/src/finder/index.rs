//! All vectors, in memory.
//!
//! A search compares the query with every vector: with ten thousand of them that takes some tenths of a millisecond, with a
//! hundred thousand some milliseconds, and it is never wrong about who is nearest, as an approximate index may be. Vectors lie in
//! segments that searches share; a change copies a segment only when a search is looking at it just then.

use std::{
    cmp::Ordering,
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rialto_embeddings::{Int8Vector, Probe};
use rialto_kernel::{AgentId, Id};
use uuid::Uuid;

use crate::store::{Cursor, VectorChange};

/// How many vectors lie together.
const SEGMENT_ROWS: usize = 4_096;

/// Before every change.
const BEGINNING: Cursor = Cursor { change_no: 0, agent: Id::from_uuid(Uuid::max()) };

pub(super) struct VectorIndex {
    dimensions: usize,
    state: Mutex<State>,
}

struct State {
    segments: Vec<Arc<Segment>>,
    /// Where each agent's vector is, counted over all segments.
    places: HashMap<AgentId, usize>,
    /// Every change up to here is in it.
    cursor: Cursor,
    /// Every change with this number or a smaller one is in it.
    complete_to: i64,
}

#[derive(Clone, Default)]
struct Segment {
    agents: Vec<AgentId>,
    scales: Vec<f32>,
    rows: Vec<i8>,
}

impl VectorIndex {
    pub(super) fn new(dimensions: usize) -> Self {
        Self { dimensions, state: Mutex::new(State::empty()) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked in the middle of a change left the cursor before it: it is done again.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets all of it, and begins anew.
    pub(super) fn clear(&self) {
        *self.state() = State::empty();
    }

    /// How many vectors there are.
    pub(super) fn len(&self) -> usize {
        self.state().places.len()
    }

    pub(super) fn contains(&self, agent: AgentId) -> bool {
        self.state().places.contains_key(&agent)
    }

    /// Where to go on reading.
    pub(super) fn cursor(&self) -> Cursor {
        self.state().cursor
    }

    /// Whether every change up to this number is in it.
    pub(super) fn is_complete_to(&self, change_no: i64) -> bool {
        self.state().complete_to >= change_no
    }

    /// Takes in what was read after `after`, unless somebody else was faster. When that was all there was, and
    /// `change_no` had been committed before, the index is complete to there.
    pub(super) fn apply(&self, after: Cursor, changes: Vec<VectorChange>, complete_to: Option<i64>) {
        let mut state = self.state();
        if state.cursor != after {
            return;
        }
        for change in changes {
            match change.vector.filter(|vector| vector.values.len() == self.dimensions) {
                Some(vector) => state.put(change.at.agent, &vector, self.dimensions),
                None => state.remove(change.at.agent, self.dimensions),
            }
            state.cursor = change.at;
        }
        state.complete_to = complete_to.unwrap_or(0).max(state.complete_to);
    }

    /// The `count` agents nearest to the query with their cosines, the nearest first.
    pub(super) fn nearest(&self, probe: &Probe, count: usize) -> Vec<(AgentId, f32)> {
        let segments = self.state().segments.clone();
        let mut best = Best { found: Vec::with_capacity(count.saturating_mul(2)), count, least: f32::NEG_INFINITY };
        for segment in &segments {
            for (agent, cosine) in segment.agents.iter().zip(probe.cosines(&segment.rows, &segment.scales)) {
                best.offer(*agent, cosine);
            }
        }
        best.into_sorted()
    }
}

impl State {
    fn empty() -> Self {
        Self { segments: Vec::new(), places: HashMap::new(), cursor: BEGINNING, complete_to: 0 }
    }

    fn put(&mut self, agent: AgentId, vector: &Int8Vector, dimensions: usize) {
        let next = self.places.len();
        let place = *self.places.entry(agent).or_insert(next);
        if place == self.segments.len().saturating_mul(SEGMENT_ROWS) {
            self.segments.push(Arc::default());
        }
        if let Some(segment) = self.segments.get_mut(place / SEGMENT_ROWS) {
            Arc::make_mut(segment).put(place % SEGMENT_ROWS, agent, vector, dimensions);
        }
    }

    /// The last one moves into the gap.
    fn remove(&mut self, agent: AgentId, dimensions: usize) {
        let Some(place) = self.places.remove(&agent) else { return };
        let Some(last) = self.segments.last_mut().and_then(|segment| Arc::make_mut(segment).pop(dimensions)) else { return };
        if self.segments.last().is_some_and(|segment| segment.agents.is_empty()) {
            self.segments.pop();
        }
        let (moved, vector) = last;
        if moved != agent {
            self.places.insert(moved, place);
            if let Some(segment) = self.segments.get_mut(place / SEGMENT_ROWS) {
                Arc::make_mut(segment).put(place % SEGMENT_ROWS, moved, &vector, dimensions);
            }
        }
    }
}

impl Segment {
    /// Writes row `at`, which is there already or is the next.
    fn put(&mut self, at: usize, agent: AgentId, vector: &Int8Vector, dimensions: usize) {
        let row = self.rows.get_mut(at.saturating_mul(dimensions)..).and_then(|rows| rows.get_mut(..dimensions));
        if let (Some(row), Some(id), Some(scale)) = (row, self.agents.get_mut(at), self.scales.get_mut(at)) {
            row.copy_from_slice(&vector.values);
            (*id, *scale) = (agent, vector.scale);
        } else {
            self.agents.push(agent);
            self.scales.push(vector.scale);
            self.rows.extend_from_slice(&vector.values);
        }
    }

    fn pop(&mut self, dimensions: usize) -> Option<(AgentId, Int8Vector)> {
        let (agent, scale) = self.agents.pop().zip(self.scales.pop())?;
        Some((agent, Int8Vector { scale, values: self.rows.split_off(self.rows.len().checked_sub(dimensions)?) }))
    }
}

/// The best of many, kept without sorting all.
struct Best {
    found: Vec<(AgentId, f32)>,
    count: usize,
    /// What is below this is not among the best.
    least: f32,
}

impl Best {
    fn offer(&mut self, agent: AgentId, cosine: f32) {
        if cosine < self.least {
            return;
        }
        self.found.push((agent, cosine));
        if self.found.len() >= self.count.saturating_mul(2).max(64) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.found.len() <= self.count || self.count == 0 {
            return;
        }
        let (_, last, _) = self.found.select_nth_unstable_by(self.count - 1, by_cosine);
        self.least = last.1;
        self.found.truncate(self.count);
    }

    fn into_sorted(mut self) -> Vec<(AgentId, f32)> {
        self.cut();
        self.found.sort_by(by_cosine);
        self.found.truncate(self.count);
        self.found
    }
}

/// The nearest first; among equals, those registered first.
fn by_cosine(a: &(AgentId, f32), b: &(AgentId, f32)) -> Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}

#[cfg(test)]
mod tests {
    use rialto_embeddings::Vector;

    use super::*;

    /// A vector of four numbers that points a little more to the right with each step.
    fn vector(step: u16) -> Vector {
        let angle = f32::from(step) / 10_000.0;
        Vector::new(vec![angle.cos(), angle.sin(), 0.0, 0.0]).unwrap()
    }

    fn change(change_no: i64, agent: AgentId, vector: Option<&Vector>) -> VectorChange {
        VectorChange { at: Cursor { change_no, agent }, vector: vector.map(Vector::to_int8) }
    }

    fn agents(count: usize) -> Vec<AgentId> {
        let mut agents: Vec<AgentId> = (0..count).map(|_| AgentId::new()).collect();
        agents.sort();
        agents
    }

    #[test]
    fn what_is_put_is_found_and_what_is_removed_is_not() {
        let index = VectorIndex::new(4);
        let agents = agents(3 * SEGMENT_ROWS + 5);
        let changes = agents.iter().zip(0..).map(|(agent, step)| change(1, *agent, Some(&vector(step)))).collect();
        index.apply(BEGINNING, changes, Some(1));
        assert_eq!(index.len(), agents.len());
        // Every third goes; the rest is turned around.
        let (gone, kept): (Vec<_>, Vec<_>) = agents.iter().enumerate().partition(|(number, _)| number % 3 == 0);
        let removals = gone.iter().map(|(_, agent)| change(2, **agent, None)).collect();
        index.apply(index.cursor(), removals, Some(2));
        let turned = |number: usize| vector(u16::try_from(30_000 - number).unwrap());
        let turns = kept.iter().map(|(number, agent)| change(3, **agent, Some(&turned(*number)))).collect();
        index.apply(index.cursor(), turns, Some(3));
        assert_eq!(index.len(), kept.len());
        assert!(gone.iter().all(|(_, agent)| !index.contains(**agent)));
        for (number, agent) in kept.iter().step_by(997) {
            let found = index.nearest(&Probe::new(&turned(*number)), 200);
            assert_eq!(found.len(), 200);
            // Bytes are coarse: neighbours share a vector.
            assert!(found.iter().any(|(found, cosine)| found == *agent && *cosine > 0.999), "{number}");
        }
        let all = kept.iter().map(|(_, agent)| change(4, **agent, None)).collect();
        index.apply(index.cursor(), all, None);
        assert_eq!((index.len(), index.nearest(&Probe::new(&vector(1)), 10).len()), (0, 0));
        assert!(index.is_complete_to(3) && !index.is_complete_to(4));
    }

    #[test]
    fn the_best_are_those_that_sorting_all_would_give() {
        let index = VectorIndex::new(4);
        let agents = agents(1_000);
        let step = |number: usize| u16::try_from(number * 7_919 % 15_000).unwrap();
        let changes = agents.iter().enumerate().map(|(number, agent)| change(1, *agent, Some(&vector(step(number))))).collect();
        index.apply(BEGINNING, changes, Some(1));
        let all = index.nearest(&Probe::new(&vector(4_000)), 2_000);
        assert_eq!(all.len(), 1_000);
        assert!(all.is_sorted_by(|a, b| by_cosine(a, b) == Ordering::Less));
        for count in [0, 1, 10, 31, 32, 33, 64, 999, 1_000] {
            assert_eq!(index.nearest(&Probe::new(&vector(4_000)), count), all[..count], "{count}");
        }
    }

    #[test]
    fn a_batch_that_was_overtaken_is_dropped() {
        let index = VectorIndex::new(4);
        let agent = AgentId::new();
        let (old, new) = (change(5, agent, Some(&vector(0))), change(9, agent, Some(&vector(9_000))));
        index.apply(BEGINNING, vec![old.clone(), new], Some(9));
        index.apply(BEGINNING, vec![old], Some(5));
        assert_eq!(index.cursor().change_no, 9);
        let [(found, cosine)] = index.nearest(&Probe::new(&vector(9_000)), 5)[..] else { panic!("one agent") };
        assert!(found == agent && cosine > 0.99, "{cosine}");
        // A vector of another size is no vector of this model.
        let odd = Vector::new(vec![1.0; 3]).unwrap();
        index.apply(index.cursor(), vec![change(10, agent, Some(&odd))], None);
        assert_eq!(index.len(), 0);
    }
}
