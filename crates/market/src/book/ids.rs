//! From an order's id to its number.
//!
//! Ids mostly come in a row. Those near the newest are in a ring with a place for each id, 4 bytes, which answers without a
//! search: the next id in a row costs a look at its place, and so does a removal. The ring grows while a third of its places
//! are in use, so that an order of a book that grows costs 12 to 24 bytes of it. All other ids, of orders that have waited for long or that do not come in
//! a row, are in a hash table.

use super::{nodes::NONE, table::Table};

/// How many places the ring may move on for each order that comes. A caller that numbers its orders by leaps then uses the
/// table, instead of turning the ring all the time.
const STEPS_PER_ORDER: u64 = 4;

#[derive(Debug, Clone)]
pub(super) struct Ids {
    /// A power of two of places. An id's place is its lowest bits.
    ring: Vec<u32>,
    /// Those bits.
    mask: u64,
    /// The ids that the ring has, from the first up to, but without, the second. They are nowhere else.
    from: u64,
    end: u64,
    others: Table,
    /// The highest id that was too far away for the ring, which the ring therefore must not cover.
    farthest: u64,
    /// How many places the ring may still move on, and up to which id orders have been counted for that.
    steps: u64,
    counted: u64,
}

/// The ring has no ids from here upwards, so that there always is one after those that it has.
const RING_END: u64 = 1 << 63;

impl Ids {
    pub(super) const fn new() -> Self {
        Self { ring: Vec::new(), mask: 0, from: 0, end: 0, others: Table::new(), farthest: 0, steps: 0, counted: 0 }
    }

    #[inline]
    const fn covers(&self, id: u64) -> bool {
        id.wrapping_sub(self.from) < self.end - self.from
    }

    #[inline]
    fn place(&self, id: u64) -> usize {
        place(id & self.mask)
    }

    /// The order of `id`; `is_it` says whether a number is that of the order.
    #[inline]
    pub(super) fn find(&self, id: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        if self.is_beyond(id) {
            None
        } else if self.covers(id) {
            self.ring.get(self.place(id)).copied().filter(|order| *order != NONE)
        } else {
            self.others.find(id, is_it)
        }
    }

    /// Whether an id is higher than all that there are.
    #[inline]
    const fn is_beyond(&self, id: u64) -> bool {
        id >= self.end && id > self.farthest
    }

    /// Whether `id` continues the row, and its place in the ring is free.
    #[inline]
    fn is_next(&self, id: u64) -> bool {
        id == self.end && id > self.farthest && self.ring.get(self.place(id)) == Some(&NONE)
    }

    /// Adds an id that is not there yet, after which there are `resting` of them.
    #[inline]
    pub(super) fn insert(&mut self, id: u64, order: u32, resting: u32) {
        if !self.is_next(id) {
            return self.insert_apart(id, order, resting);
        }
        self.advance();
        let at = self.place(id);
        if let Some(place) = self.ring.get_mut(at) {
            *place = order;
        }
    }

    /// Lets the row go on behind an id that has come and left no order.
    #[inline]
    pub(super) fn pass(&mut self, id: u64) {
        if self.is_next(id) {
            self.advance();
        }
    }

    /// Covers the next id, whose place is free.
    #[inline]
    const fn advance(&mut self) {
        // In a full ring that is the place of the oldest.
        if self.end - self.from > self.mask {
            self.from += 1;
        }
        self.end += 1;
    }

    /// Adds an id that is not the next, or for which a place has to be made.
    #[inline(never)]
    fn insert_apart(&mut self, id: u64, order: u32, resting: u32) {
        self.count();
        if self.covers(id) || self.reach(id, place(resting.into())) {
            let at = self.place(id);
            if let Some(place) = self.ring.get_mut(at) {
                *place = order;
            }
        } else {
            self.farthest = self.farthest.max(id);
            self.others.insert(id, order);
        }
        self.counted = self.end;
    }

    /// Counts the orders that have come since the last time: this one, and those that continued the row.
    fn count(&mut self) {
        let in_row = self.end - self.counted;
        self.steps = self.steps.saturating_add(STEPS_PER_ORDER + in_row.saturating_mul(STEPS_PER_ORDER - 1));
    }

    /// Moves the ring on to a higher id, if that is not too far.
    fn reach(&mut self, id: u64, resting: usize) -> bool {
        if !self.is_beyond(id) || id >= RING_END {
            return false;
        }
        let ahead = id - self.end;
        // The ids on the way there have to be free too.
        let is_near = ahead <= self.mask && self.farthest < self.end;
        let steps = if is_near { ahead + 1 } else { self.end - self.from };
        if steps > self.steps {
            return false;
        }
        self.steps -= steps;
        if !is_near {
            self.leap(id);
        }
        while !self.covers(id) {
            self.step(resting);
        }
        true
    }

    /// Covers one id more, and the oldest no longer if there is no room.
    fn step(&mut self, resting: usize) {
        if place(self.end - self.from) == self.ring.len() {
            // Where a third of the ids have an order, a bigger ring is worth its memory.
            let used = resting.saturating_sub(self.others.len());
            if used * 3 >= self.ring.len() {
                self.grow();
            } else {
                self.forget_oldest();
            }
        }
        self.end += 1;
    }

    fn forget_oldest(&mut self) {
        let (id, at) = (self.from, self.place(self.from));
        self.from += 1;
        let Some(oldest) = self.ring.get_mut(at).filter(|order| **order != NONE) else { return };
        let order = std::mem::replace(oldest, NONE);
        self.others.insert(id, order);
    }

    /// Starts anew at a higher id.
    #[cold]
    fn leap(&mut self, id: u64) {
        while self.from < self.end {
            self.forget_oldest();
        }
        (self.from, self.end) = (id, id);
    }

    /// Twice as many places for a full ring.
    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        let old = std::mem::take(&mut self.ring);
        let places = (old.len() * 2).max(16);
        self.mask = u64::try_from(places - 1).unwrap_or(u64::MAX);
        // The oldest is in the middle: the ids before its place are of the next turn. Each turn gets a half of its own.
        let half = old.len();
        let (next_turn, this_turn) = old.split_at(place(self.from) & half.saturating_sub(1));
        self.ring.reserve_exact(places);
        if self.place(self.from) < half {
            self.ring.resize(next_turn.len(), NONE);
            self.ring.extend_from_slice(this_turn);
            self.ring.extend_from_slice(next_turn);
        } else {
            self.ring.extend_from_slice(next_turn);
            self.ring.resize(half + next_turn.len(), NONE);
            self.ring.extend_from_slice(this_turn);
        }
        self.ring.resize(places, NONE);
    }

    /// Takes `id` out, and returns the order it had.
    #[inline]
    pub(super) fn remove(&mut self, id: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        if !self.covers(id) {
            return self.others.remove(id, is_it);
        }
        let at = self.place(id);
        let order = self.ring.get_mut(at).filter(|order| **order != NONE)?;
        Some(std::mem::replace(order, NONE))
    }
}

/// A place in a ring that has so many. Free of cost where pointers have 64 bits.
fn place(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::nodes::number, *};

    /// What a caller does with its next id, from the one before: mostly the next in a row, and leaps of all sizes both ways.
    fn leap() -> impl Strategy<Value = i64> {
        prop_oneof![6 => Just(1_i64), 6 => 2_i64..12, 1 => 10_i64..5_000, 1 => -300_i64..0, 1 => any::<i64>()]
    }

    proptest! {
        #[test]
        fn agrees_with_a_hash_map(
            start in prop::sample::select(vec![0_u64, 1, 1_000_000, u64::MAX - 40]),
            steps in prop::collection::vec((leap(), 0_u8..4, any::<prop::sample::Index>()), 1..400),
        ) {
            let mut ids = Ids::new();
            let mut model = std::collections::HashMap::new();
            let mut names: Vec<u64> = Vec::new();
            let is = |names: &[u64], order: u32, id: u64| names.get(place(order.into())) == Some(&id);
            let mut next = start;
            for (leap, removals, any) in steps {
                let found = ids.find(next, |order| is(&names, order, next));
                prop_assert_eq!(found, model.get(&next).copied());
                if found.is_none() {
                    names.push(next);
                    model.insert(next, number(names.len() - 1));
                    ids.insert(next, number(names.len() - 1), number(model.len()));
                }
                // Three of four orders that come go soon, so that the ring gets sparse and forgets.
                for _ in 1..removals {
                    let id = *any.get(&names);
                    prop_assert_eq!(ids.remove(id, |order| is(&names, order, id)), model.remove(&id));
                }
                let in_ring = ids.ring.iter().filter(|order| **order != NONE).count();
                prop_assert_eq!(in_ring + ids.others.len(), model.len());
                for id in &names {
                    prop_assert_eq!(ids.find(*id, |order| is(&names, order, *id)), model.get(id).copied());
                }
                next = next.wrapping_add_signed(leap);
            }
        }
    }

    #[test]
    fn ids_in_a_row_stay_in_the_ring_and_the_old_ones_move_out_of_it() {
        let mut ids = Ids::new();
        let mut names = Vec::new();
        for id in 0..10_000_u64 {
            names.push(id);
            ids.insert(id, number(names.len() - 1), number(place(id) / 100 + 2));
            // Of a hundred orders, one stays.
            if id % 100 != 0 {
                assert!(ids.remove(id, |_| false).is_some(), "{id} is found without a look at the order");
            }
        }
        assert_eq!(ids.ring.len(), 16);
        assert!(ids.others.len() >= 99, "{}", ids.others.len());
        assert_eq!(ids.find(0, |order| order == 0), Some(0));
    }

    #[test]
    fn an_id_far_ahead_does_not_drive_the_others_out() {
        let mut ids = Ids::new();
        let orders = (1..=50).chain([1 << 60]).chain(51..=1_000);
        orders.clone().zip(0..).for_each(|(id, order)| ids.insert(id, order, order + 1));
        for (id, order) in orders.zip(0..) {
            assert_eq!(ids.find(id, |found| found == order), Some(order), "{id}");
        }
    }
}
