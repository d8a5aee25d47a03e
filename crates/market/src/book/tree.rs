//! Prices without bounds: a tree of two floors, sorted runs of prices under a sorted directory.
//!
//! Two binary searches over adjacent memory beat a walk from node to node, and runs are used again, so that a book whose
//! prices come and go does not allocate.

const RUN_MAX: usize = 64;

#[derive(Debug, Clone, Copy)]
struct Entry {
    price: u64,
    level: u32,
}

/// At least one and at most [`RUN_MAX`] prices in a row.
#[derive(Debug, Clone)]
struct Run {
    lowest: u64,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
pub(super) struct Tree {
    runs: Vec<Run>,
    /// Empty runs that keep their memory.
    spare: Vec<Vec<Entry>>,
}

impl Tree {
    pub(super) const fn new() -> Self {
        Self { runs: Vec::new(), spare: Vec::new() }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The run in which `price` is, or would be; 0 when there is none.
    #[inline]
    fn run_of(&self, price: u64) -> usize {
        self.runs.partition_point(|run| run.lowest <= price).saturating_sub(1)
    }

    #[inline]
    pub(super) fn get(&self, price: u64) -> Option<u32> {
        let run = self.runs.get(self.run_of(price))?;
        let at = run.entries.partition_point(|entry| entry.price < price);
        run.entries.get(at).filter(|entry| entry.price == price).map(|entry| entry.level)
    }

    /// Adds a price that is not there yet.
    pub(super) fn insert(&mut self, price: u64, level: u32) {
        let at = self.run_of(price);
        let spare = &mut self.spare;
        let Some(run) = self.runs.get_mut(at) else {
            let mut entries = spare.pop().unwrap_or_else(|| Vec::with_capacity(RUN_MAX));
            entries.push(Entry { price, level });
            self.runs.push(Run { lowest: price, entries });
            return;
        };
        let split = (run.entries.len() == RUN_MAX).then(|| {
            let mut upper = spare.pop().unwrap_or_else(|| Vec::with_capacity(RUN_MAX));
            upper.extend(run.entries.drain(RUN_MAX / 2..));
            upper
        });
        let upper_lowest = split.as_ref().and_then(|upper| upper.first()).map(|entry| entry.price);
        match split.zip(upper_lowest) {
            Some((mut entries, lowest)) if lowest <= price => {
                put(&mut entries, price, level);
                self.runs.insert(at + 1, Run { lowest, entries });
            }
            Some((entries, lowest)) => {
                put(&mut run.entries, price, level);
                run.lowest = run.lowest.min(price);
                self.runs.insert(at + 1, Run { lowest, entries });
            }
            None => {
                put(&mut run.entries, price, level);
                run.lowest = run.lowest.min(price);
            }
        }
    }

    /// Takes a price out; `false` when it was not there.
    pub(super) fn remove(&mut self, price: u64) -> bool {
        let at = self.run_of(price);
        let Some(run) = self.runs.get_mut(at) else { return false };
        let Ok(place) = run.entries.binary_search_by_key(&price, |entry| entry.price) else { return false };
        run.entries.remove(place);
        match run.entries.first() {
            Some(first) => run.lowest = first.price,
            None => {
                let empty = self.runs.remove(at);
                self.spare.push(empty.entries);
                return true;
            }
        }
        if run.entries.len() < RUN_MAX / 4 {
            self.merge(at);
        }
        true
    }

    /// Joins a small run with the one above it, if there is room: prices that leave do not leave the directory long.
    fn merge(&mut self, at: usize) {
        let (lower, upper) = self.runs.split_at_mut(at + 1);
        let (Some(small), Some(above)) = (lower.last_mut(), upper.first_mut()) else { return };
        if small.entries.len() + above.entries.len() <= RUN_MAX * 3 / 4 {
            small.entries.append(&mut above.entries);
            let empty = self.runs.remove(at + 1);
            self.spare.push(empty.entries);
        }
    }

    /// The highest price at or below `price`, and its level.
    pub(super) fn at_or_below(&self, price: u64) -> Option<(u64, u32)> {
        let run = self.runs.get(self.run_of(price))?;
        let at = run.entries.partition_point(|entry| entry.price <= price);
        run.entries.get(at.checked_sub(1)?).map(|entry| (entry.price, entry.level))
    }

    /// The lowest price at or above `price`, and its level.
    pub(super) fn at_or_above(&self, price: u64) -> Option<(u64, u32)> {
        let at = self.run_of(price);
        let run = self.runs.get(at)?;
        let place = run.entries.partition_point(|entry| entry.price < price);
        let found = run.entries.get(place).or_else(|| self.runs.get(at + 1)?.entries.first());
        found.map(|entry| (entry.price, entry.level))
    }
}

fn put(entries: &mut Vec<Entry>, price: u64, level: u32) {
    let at = entries.partition_point(|entry| entry.price < price);
    entries.insert(at, Entry { price, level });
}
