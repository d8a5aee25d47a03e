//! From an order's id to its number.
//!
//! Ids mostly come in a row. Those near the newest are in a ring with a place for each id, 4 bytes, which answers without a
//! search; the ring grows while a third of its places are in use. All other ids, of orders that have waited for long or that do
//! not come in a row, are in a hash table.

use super::{
    nodes::NONE,
    table::Table,
};

/// How many places the ring may move on for each order that comes. A caller that numbers its orders by leaps then uses the
/// table, instead of turning the ring all the time.
const STEPS_PER_ORDER: u64 = 4;

#[derive(Debug, Clone)]
pub(super) struct Ids {
    /// A power of two of places. An id's place is its lowest bits.
    ring: Vec<u32>,
    /// Those bits.
    mask: u64,
    /// The ids that the ring has: `covered` of them from here upwards. They are nowhere else.
    from: u64,
    covered: u64,
    /// The id that continues the row, right after those that the ring has; [`NO_ID`] when there might be an order with a
    /// higher one.
    next: u64,
    /// How many of the covered ids have an order.
    used: usize,
    others: Table,
    /// The highest id that was too far away for the ring, which the ring therefore must not cover.
    farthest: u64,
    /// How many places the ring may still move on, and up to which id orders have been counted for that.
    steps: u64,
    counted: u64,
}

/// Continues no row, since a row begins with an id above another one.
const NO_ID: u64 = 0;

/// The ring has no ids from here upwards, so that there always is one after those that it has.
const RING_END: u64 = 1 << 63;

impl Ids {
    pub(super) const fn new() -> Self {
        Self {
            ring: Vec::new(),
            mask: 0,
            from: 0,
            covered: 0,
            next: NO_ID,
            used: 0,
            others: Table::new(),
            farthest: 0,
            steps: 0,
            counted: 0,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.used + self.others.len()
    }

    #[inline]
    const fn covers(&self, id: u64) -> bool {
        id.wrapping_sub(self.from) < self.covered
    }

    #[inline]
    fn place(&self, id: u64) -> usize {
        place(id & self.mask)
    }

    /// The order of `id`; `is_it` says whether a number is that of the order.
    #[inline]
    pub(super) fn find(&self, id: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        if id == self.next && id != NO_ID {
            return None;
        }
        if self.covers(id) {
            return self.ring.get(self.place(id)).copied().filter(|order| *order != NONE);
        }
        if self.is_beyond(id) { None } else { self.others.find(id, is_it) }
    }

    /// Whether an id is higher than all that there are.
    #[inline]
    const fn is_beyond(&self, id: u64) -> bool {
        id >= self.end() && id > self.farthest
    }

    #[inline]
    const fn end(&self) -> u64 {
        self.from + self.covered
    }

    /// Adds an id that is not there yet.
    #[inline]
    pub(super) fn insert(&mut self, id: u64, order: u32) {
        let at = self.place(id);
        match self.ring.get_mut(at) {
            Some(place) if id == self.next && id != NO_ID && *place == NONE => {
                *place = order;
                self.used += 1;
                self.next += 1;
                // In a full ring the newest id has the place of the oldest.
                if self.covered <= self.mask {
                    self.covered += 1;
                } else {
                    self.from += 1;
                }
            }
            _ => self.insert_apart(id, order),
        }
    }

    /// Adds an id that is not the next, or for which a place has to be made.
    #[inline(never)]
    fn insert_apart(&mut self, id: u64, order: u32) {
        self.count();
        if !self.covers(id) && !self.reach(id) {
            self.farthest = self.farthest.max(id);
            self.others.insert(id, order);
        } else {
            let at = self.place(id);
            if let Some(place) = self.ring.get_mut(at) {
                *place = order;
                self.used += 1;
            }
        }
        self.next = if self.end() > self.farthest { self.end() } else { NO_ID };
        self.counted = self.end();
    }

    /// Counts the orders that have come since the last time: this one, and those that continued the row.
    fn count(&mut self) {
        let in_row = self.end() - self.counted;
        self.steps = self.steps.saturating_add(STEPS_PER_ORDER + in_row.saturating_mul(STEPS_PER_ORDER - 1));
    }

    /// Moves the ring on to a higher id, if that is not too far.
    fn reach(&mut self, id: u64) -> bool {
        if !self.is_beyond(id) || id >= RING_END {
            return false;
        }
        let ahead = id - self.end();
        // The ids on the way there have to be free too.
        let is_near = ahead <= self.mask && self.farthest < self.end();
        let steps = if is_near { ahead + 1 } else { self.covered };
        if steps > self.steps {
            return false;
        }
        self.steps -= steps;
        if !is_near {
            self.leap(id);
        }
        while !self.covers(id) {
            self.step();
        }
        true
    }

    /// Covers one id more, and the oldest no longer if there is no room.
    fn step(&mut self) {
        if place(self.covered) == self.ring.len() {
            // Where a third of the ids have an order, a bigger ring is worth its memory.
            if self.used * 3 >= self.ring.len() {
                self.grow();
            } else {
                self.forget_oldest();
            }
        }
        self.covered += 1;
    }

    fn forget_oldest(&mut self) {
        let (id, at) = (self.from, self.place(self.from));
        self.from += 1;
        self.covered -= 1;
        let Some(oldest) = self.ring.get_mut(at).filter(|order| **order != NONE) else { return };
        let order = std::mem::replace(oldest, NONE);
        self.used -= 1;
        self.others.insert(id, order);
    }

    /// Starts anew at a higher id.
    #[cold]
    fn leap(&mut self, id: u64) {
        while self.covered > 0 {
            self.forget_oldest();
        }
        self.from = id;
    }

    /// Twice as many places for a full ring.
    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        let places = self.ring.len();
        let mut ring = vec![NONE; (places * 2).max(16)];
        let mask = u64::try_from(ring.len() - 1).unwrap_or(u64::MAX);
        // In the old ring, the ids before the place of the oldest are of the next turn. Each turn has its half in the new one.
        let oldest = self.place(self.from);
        let (even, odd) = ring.split_at_mut(places);
        let (first, second) = if place(self.from & mask) < places { (even, odd) } else { (odd, even) };
        copy(self.ring.get(oldest..), first.get_mut(oldest..));
        copy(self.ring.get(..oldest), second.get_mut(..oldest));
        (self.ring, self.mask) = (ring, mask);
    }

    /// Takes `id` out, and returns the order it had.
    #[inline]
    pub(super) fn remove(&mut self, id: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        if !self.covers(id) {
            return self.others.remove(id, is_it);
        }
        let at = self.place(id);
        let order = self.ring.get_mut(at).filter(|order| **order != NONE)?;
        self.used -= 1;
        Some(std::mem::replace(order, NONE))
    }
}

fn copy(from: Option<&[u32]>, to: Option<&mut [u32]>) {
    from.into_iter().flatten().zip(to.into_iter().flatten()).for_each(|(from, to)| *to = *from);
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
                    ids.insert(next, number(names.len() - 1));
                    model.insert(next, number(names.len() - 1));
                }
                // Three of four orders that come go soon, so that the ring gets sparse and forgets.
                for _ in 1..removals {
                    let id = *any.get(&names);
                    prop_assert_eq!(ids.remove(id, |order| is(&names, order, id)), model.remove(&id));
                }
                prop_assert_eq!(ids.len(), model.len());
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
            ids.insert(id, number(names.len() - 1));
            // Of a hundred orders, one stays.
            if id % 100 != 0 {
                assert!(ids.remove(id, |_| false).is_some(), "{id} is found without a look at the order");
            }
        }
        assert_eq!((ids.len(), ids.ring.len()), (100, 16));
        assert!(ids.others.len() >= 99, "{}", ids.others.len());
        assert_eq!(ids.find(0, |order| order == 0), Some(0));
    }

    #[test]
    fn an_id_far_ahead_does_not_drive_the_others_out() {
        let mut ids = Ids::new();
        let orders = (1..=50).chain([1 << 60]).chain(51..=1_000);
        orders.clone().zip(0..).for_each(|(id, order)| ids.insert(id, order));
        for (id, order) in orders.zip(0..) {
            assert_eq!(ids.find(id, |found| found == order), Some(order), "{id}");
        }
    }
}
