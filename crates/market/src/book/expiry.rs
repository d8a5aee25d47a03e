//! The orders that expire, soonest first: a binary heap whose entries the orders know, so that one can leave the middle.

use super::{
    event::Corrupt,
    nodes::{NONE, Nodes, number, place},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    at: u64,
    // Orders that expire together do so by id: the same after a restore as before.
    id: u64,
    order: u32,
}

#[derive(Debug, Clone)]
pub(super) struct Expiries {
    heap: Vec<Entry>,
}

impl Expiries {
    pub(super) const fn new() -> Self {
        Self { heap: Vec::new() }
    }

    /// When the order whose entry has this number expires.
    pub(super) fn time(&self, entry: u32) -> Option<u64> {
        self.heap.get(place(entry)).map(|entry| entry.at)
    }

    /// The next order that expires at `now` or before.
    pub(super) fn due(&self, now: u64) -> Option<u32> {
        self.heap.first().filter(|entry| entry.at <= now).map(|entry| entry.order)
    }

    #[cold]
    pub(super) fn insert(&mut self, nodes: &mut Nodes, order: u32, at: u64) -> Result<(), Corrupt> {
        let entry = Entry { at, id: nodes.get(order)?.id, order };
        self.heap.push(entry);
        self.rise(nodes, self.heap.len() - 1, entry)
    }

    /// Takes the entry with this number out.
    #[cold]
    pub(super) fn remove(&mut self, nodes: &mut Nodes, entry: u32) -> Result<(), Corrupt> {
        let gap = place(entry);
        let gone = *self.heap.get(gap).ok_or(Corrupt)?;
        nodes.get_mut(gone.order)?.expiry = NONE;
        let last = self.heap.pop().ok_or(Corrupt)?;
        if gap == self.heap.len() {
            return Ok(());
        }
        if last < gone { self.rise(nodes, gap, last) } else { self.sink(nodes, gap, last) }
    }

    fn rise(&mut self, nodes: &mut Nodes, mut at: usize, entry: Entry) -> Result<(), Corrupt> {
        while at > 0 {
            let above = (at - 1) / 2;
            let parent = *self.heap.get(above).ok_or(Corrupt)?;
            if parent <= entry {
                break;
            }
            self.put(nodes, at, parent)?;
            at = above;
        }
        self.put(nodes, at, entry)
    }

    fn sink(&mut self, nodes: &mut Nodes, mut at: usize, entry: Entry) -> Result<(), Corrupt> {
        while let Some(left) = self.heap.get(2 * at + 1) {
            let right = self.heap.get(2 * at + 2).filter(|right| *right < left);
            let (below, child) = right.map_or((2 * at + 1, *left), |right| (2 * at + 2, *right));
            if entry <= child {
                break;
            }
            self.put(nodes, at, child)?;
            at = below;
        }
        self.put(nodes, at, entry)
    }

    fn put(&mut self, nodes: &mut Nodes, at: usize, entry: Entry) -> Result<(), Corrupt> {
        *self.heap.get_mut(at).ok_or(Corrupt)? = entry;
        nodes.get_mut(entry.order)?.expiry = number(at);
        Ok(())
    }
}
