//! Pairing movements of one amount: nearest dates first, equals as one, and nothing guessed.

use std::{cmp::Reverse, collections::BinaryHeap};

/// A member of either side: its place in time, and its index in the caller's list.
pub(super) type Member = (i64, usize);

/// What came of it, in the caller's indexes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pairing {
    /// A line and one of ours.
    pub(super) pairs: Vec<(usize, usize)>,
    /// Lines and ours of which nobody can tell which are which.
    pub(super) ambiguous: Vec<(Vec<usize>, Vec<usize>)>,
    /// Lines that found nothing.
    pub(super) lines: Vec<usize>,
    /// Ours that found nothing.
    pub(super) ours: Vec<usize>,
}

/// Pairs what is no farther apart than `window`. Both sides are sorted.
pub(super) fn pair(lines: &[Member], ours: &[Member], window: i64) -> Pairing {
    let mut field = Field::new(lines, ours, window);
    field.run();
    field.settle()
}

/// Equals: all of one side at one place.
struct Node {
    place: i64,
    is_line: bool,
    members: Vec<usize>,
    /// How many of them are paired.
    used: usize,
    /// Those that are paired were paired with, or cannot be told from, those of the other nodes of this set.
    set: usize,
    /// Some of the set stay alone, and nobody can tell which.
    unclear: bool,
    before: Option<usize>,
    behind: Option<usize>,
    gone: bool,
}

impl Node {
    const fn left(&self) -> usize {
        self.members.len() - self.used
    }
}

/// The nodes in the order of their places. The nearest two of different sides are always neighbours, once what is used up is
/// taken out, so a heap of neighbours finds them.
struct Field {
    nodes: Vec<Node>,
    heap: BinaryHeap<Reverse<(i64, usize, usize)>>,
    /// Pairs of nodes, and how many were paired.
    links: Vec<(usize, usize, usize)>,
    window: i64,
}

#[expect(clippy::indexing_slicing, reason = "every index is one of a node, and nodes are never removed from the vector")]
impl Field {
    fn new(lines: &[Member], ours: &[Member], window: i64) -> Self {
        let mut all: Vec<(i64, bool, usize)> = lines.iter().map(|(place, index)| (*place, true, *index)).collect();
        all.extend(ours.iter().map(|(place, index)| (*place, false, *index)));
        // Stable: members of a node stay in the order in which they were given.
        all.sort_by_key(|(place, is_line, _)| (*place, *is_line));
        let mut nodes: Vec<Node> = Vec::new();
        for (place, is_line, index) in all {
            match nodes.last_mut().filter(|node| (node.place, node.is_line) == (place, is_line)) {
                Some(node) => node.members.push(index),
                None => {
                    let (at, members) = (nodes.len(), vec![index]);
                    let before = at.checked_sub(1);
                    let fresh =
                        Node { place, is_line, members, used: 0, set: at, unclear: false, before, behind: None, gone: false };
                    nodes.push(fresh);
                }
            }
        }
        let last = nodes.len().saturating_sub(1);
        for (at, node) in nodes.iter_mut().enumerate().take(last) {
            node.behind = Some(at + 1);
        }
        let mut field = Self { nodes, heap: BinaryHeap::new(), links: Vec::new(), window };
        for at in 0..last {
            field.offer(at, at + 1);
        }
        field
    }

    fn distance(&self, left: usize, right: usize) -> i64 {
        self.nodes[right].place.saturating_sub(self.nodes[left].place)
    }

    /// Puts two neighbours forward, if they can be paired.
    fn offer(&mut self, left: usize, right: usize) {
        let distance = self.distance(left, right);
        if self.nodes[left].is_line != self.nodes[right].is_line && distance <= self.window {
            self.heap.push(Reverse((distance, left, right)));
        }
    }

    fn run(&mut self) {
        while let Some(Reverse((distance, left, right))) = self.heap.pop() {
            let stale = self.nodes[left].gone || self.nodes[right].gone || self.nodes[left].behind != Some(right);
            if stale {
                continue;
            }
            let chain = self.chain(distance, left, right);
            let links = self.fill(&chain);
            if chain.len() > 2 && chain.iter().any(|at| self.nodes[*at].left() > 0) {
                // Somebody has two that are equally near, and it matters which.
                for at in &chain {
                    self.nodes[*at].unclear = true;
                    self.join(left, *at);
                }
                chain.into_iter().for_each(|at| self.take_out(at));
                continue;
            }
            for (one, other, count) in links {
                self.links.push((one, other, count));
                self.join(one, other);
            }
            for at in chain {
                if self.nodes[at].left() == 0 {
                    self.take_out(at);
                }
            }
        }
    }

    /// All neighbours of changing sides that are just as far apart as these two, to the left and to the right.
    fn chain(&self, distance: i64, left: usize, right: usize) -> Vec<usize> {
        let next = |from: usize, to: Option<usize>, gap: fn(&Self, usize, usize) -> i64| {
            to.filter(|to| self.nodes[*to].is_line != self.nodes[from].is_line && gap(self, from, *to) == distance)
        };
        let mut chain = vec![left];
        let mut at = left;
        while let Some(found) = next(at, self.nodes[at].before, |field, from, to| field.distance(to, from)) {
            chain.push(found);
            at = found;
        }
        chain.reverse();
        chain.push(right);
        at = right;
        while let Some(found) = next(at, self.nodes[at].behind, Self::distance) {
            chain.push(found);
            at = found;
        }
        chain
    }

    /// Pairs along a chain from the left, which pairs as many as can be.
    fn fill(&mut self, chain: &[usize]) -> Vec<(usize, usize, usize)> {
        let mut links = Vec::with_capacity(chain.len());
        for (one, other) in chain.iter().zip(chain.iter().skip(1)) {
            let count = self.nodes[*one].left().min(self.nodes[*other].left());
            if count > 0 {
                self.nodes[*one].used += count;
                self.nodes[*other].used += count;
                links.push((*one, *other, count));
            }
        }
        links
    }

    fn take_out(&mut self, at: usize) {
        let (before, behind) = (self.nodes[at].before, self.nodes[at].behind);
        self.nodes[at].gone = true;
        if let Some(before) = before {
            self.nodes[before].behind = behind;
        }
        if let Some(behind) = behind {
            self.nodes[behind].before = before;
        }
        if let (Some(before), Some(behind)) = (before, behind) {
            self.offer(before, behind);
        }
    }

    fn root(&mut self, mut at: usize) -> usize {
        while self.nodes[at].set != at {
            let above = self.nodes[at].set;
            self.nodes[at].set = self.nodes[above].set;
            at = above;
        }
        at
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.nodes[one].set = other;
    }

    /// Says what became of every member.
    fn settle(mut self) -> Pairing {
        let roots: Vec<usize> = (0..self.nodes.len()).map(|at| self.root(at)).collect();
        let mut unclear = vec![false; self.nodes.len()];
        for (at, root) in roots.iter().enumerate() {
            let node = &self.nodes[at];
            unclear[*root] |= node.unclear || (node.used > 0 && node.left() > 0);
        }
        let mut result = Pairing::default();
        let mut given = vec![0; self.nodes.len()];
        for (one, other, count) in &self.links {
            if unclear[roots[*one]] {
                continue;
            }
            let (line, own) = if self.nodes[*one].is_line { (*one, *other) } else { (*other, *one) };
            for _ in 0..*count {
                result.pairs.push((self.nodes[line].members[given[line]], self.nodes[own].members[given[own]]));
                given[line] += 1;
                given[own] += 1;
            }
        }
        let mut groups: Vec<(Vec<usize>, Vec<usize>)> = vec![Default::default(); self.nodes.len()];
        for (at, node) in self.nodes.into_iter().enumerate() {
            let (lines, ours) = if unclear[roots[at]] {
                let (lines, ours) = &mut groups[roots[at]];
                (lines, ours)
            } else if node.used == 0 {
                (&mut result.lines, &mut result.ours)
            } else {
                continue;
            };
            if node.is_line { lines } else { ours }.extend(node.members);
        }
        result.ambiguous = groups.into_iter().filter(|(lines, _)| !lines.is_empty()).collect();
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paired(lines: &[i64], ours: &[i64], window: i64) -> Pairing {
        let members = |places: &[i64]| places.iter().enumerate().map(|(index, place)| (*place, index)).collect::<Vec<_>>();
        pair(&members(lines), &members(ours), window)
    }

    #[test]
    fn nearest_first_and_each_once() {
        let found = paired(&[10, 12], &[9, 13], 3);
        assert_eq!((found.pairs, found.ambiguous), (vec![(0, 0), (1, 1)], vec![]));
        // 11 takes 12, which is nearer than 9; 9 is then left to nobody within the window.
        let found = paired(&[11], &[9, 12], 3);
        assert_eq!((found.pairs, found.ours), (vec![(0, 1)], vec![0]));
        let found = paired(&[1, 20], &[5], 3);
        assert_eq!((found.pairs, found.lines, found.ours), (vec![], vec![0, 1], vec![0]));
        assert_eq!(paired(&[i64::MIN], &[i64::MAX], 3).lines, [0]);
    }

    #[test]
    fn what_is_equally_near_is_not_guessed() {
        let found = paired(&[10], &[9, 11], 3);
        assert_eq!((found.pairs, found.ambiguous), (vec![], vec![(vec![0], vec![0, 1])]));
        // Both find one: whichever way, nothing is missing.
        let found = paired(&[10, 10], &[9, 11], 3);
        assert_eq!((found.pairs.len(), found.ambiguous), (2, vec![]));
        // A chain that cannot be filled, though both sides are as many.
        let found = paired(&[1, 1, 3], &[2, 4, 4], 1);
        assert_eq!(found.ambiguous, [(vec![0, 1, 2], vec![0, 1, 2])]);
    }

    #[test]
    fn equals_are_told_apart_only_by_who_stays_alone() {
        assert_eq!(paired(&[5, 5, 5], &[5, 5, 5], 0).pairs.len(), 3);
        assert_eq!(paired(&[5, 5], &[5, 5, 5], 3).ambiguous, [(vec![0, 1], vec![0, 1, 2])]);
        // The third finds a later line, so nobody stays alone.
        assert_eq!(paired(&[5, 5, 7], &[5, 5, 5], 3).pairs.len(), 3);
    }
}
