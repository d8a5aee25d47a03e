//! From an order's id to its number, whatever the id, in 8 bytes a place.
//!
//! The ids themselves are not here but in the orders, which a look-up reads anyway. A place holds 32 bits of the id's hash,
//! so that almost only the right order is read. Collisions take the next place; a removal moves what follows back, so
//! nothing is left behind that would have to be cleaned up.

use super::nodes::{NONE, place};

/// Some bits of an id's hash, and the number of its order.
#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u32,
    order: u32,
}

const EMPTY: Entry = Entry { hash: 0, order: NONE };

/// A power of two of places, at most four fifths of them in use.
#[derive(Debug, Clone)]
pub(super) struct Table {
    entries: Vec<Entry>,
    used: usize,
    /// The number of places less one.
    mask: usize,
}

/// Fibonacci hashing of all but the lowest bits: eight ids in a row, which most ids are, share a cache line, and the next
/// eight land far away.
#[inline]
fn hash(id: u64) -> u32 {
    let block = id >> BLOCK_BITS;
    let mixed = (block ^ block >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    u32::try_from(mixed << BLOCK_BITS & 0xFFFF_FFFF | id & BLOCK_MASK).unwrap_or_default()
}

const BLOCK_BITS: u32 = 3;
const BLOCK_MASK: u64 = (1 << BLOCK_BITS) - 1;

impl Table {
    pub(super) const fn new() -> Self {
        Self { entries: Vec::new(), used: 0, mask: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.used
    }

    /// The order of `id`; `is_it` says whether a number is that of the order.
    #[inline]
    pub(super) fn find(&self, id: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        self.find_place(id, is_it).map(|(_, order)| order)
    }

    #[inline]
    fn find_place(&self, id: u64, is_it: impl Fn(u32) -> bool) -> Option<(usize, u32)> {
        let hash = hash(id);
        let mut at = place(hash) & self.mask;
        // Ends at the latest at an empty place, of which there always is one; without any places it does not begin.
        while let Some(entry) = self.entries.get(at) {
            if entry.order == NONE {
                return None;
            }
            if entry.hash == hash && is_it(entry.order) {
                return Some((at, entry.order));
            }
            at = (at + 1) & self.mask;
        }
        None
    }

    /// Adds an id that is not there yet.
    #[inline]
    pub(super) fn insert(&mut self, id: u64, order: u32) {
        if (self.used + 1) * 5 > self.entries.len() * 4 {
            self.grow();
        }
        self.used += 1;
        self.put(Entry { hash: hash(id), order });
    }

    #[inline]
    fn put(&mut self, new: Entry) {
        let mut at = place(new.hash) & self.mask;
        while let Some(entry) = self.entries.get_mut(at) {
            if entry.order == NONE {
                *entry = new;
                return;
            }
            at = (at + 1) & self.mask;
        }
    }

    #[cold]
    fn grow(&mut self) {
        let places = (self.entries.len() * 2).max(16);
        let old = std::mem::replace(&mut self.entries, vec![EMPTY; places]);
        self.mask = places - 1;
        for entry in old.into_iter().filter(|entry| entry.order != NONE) {
            self.put(entry);
        }
    }

    /// Takes `id` out, and returns the order it had.
    #[inline]
    pub(super) fn remove(&mut self, id: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let (mut gap, order) = self.find_place(id, is_it)?;
        let mut at = (gap + 1) & self.mask;
        // What follows without a gap moves up, unless it would then stand before the place where its search begins.
        while let Some(entry) = self.entries.get(at).copied().filter(|entry| entry.order != NONE) {
            let home = place(entry.hash) & self.mask;
            let strayed = at.wrapping_sub(home) & self.mask;
            if strayed >= at.wrapping_sub(gap) & self.mask {
                if let Some(free) = self.entries.get_mut(gap) {
                    *free = entry;
                }
                gap = at;
            }
            at = (at + 1) & self.mask;
        }
        if let Some(free) = self.entries.get_mut(gap) {
            *free = EMPTY;
        }
        self.used = self.used.saturating_sub(1);
        Some(order)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::nodes::number, *};

    proptest! {
        /// Few ids in a small table, and ids that differ only above or below: every collision there is.
        #[test]
        fn agrees_with_a_hash_map(steps in prop::collection::vec((0_u64..48, 0_u32..40, any::<bool>()), 1..400)) {
            let mut table = Table::new();
            let mut model = std::collections::HashMap::new();
            let mut names: Vec<u64> = Vec::new();
            for (low, shift, add) in steps {
                let id = low << shift;
                let found = table.find(id, |order| names[place(order)] == id);
                prop_assert_eq!(found, model.get(&id).copied());
                if add && found.is_none() {
                    names.push(id);
                    table.insert(id, number(names.len() - 1));
                    model.insert(id, number(names.len() - 1));
                } else if !add {
                    prop_assert_eq!(table.remove(id, |order| names[place(order)] == id), model.remove(&id));
                }
                prop_assert_eq!(table.len(), model.len());
                for (id, order) in &model {
                    prop_assert_eq!(table.find(*id, |order| names[place(order)] == *id), Some(*order));
                }
            }
        }
    }
}
