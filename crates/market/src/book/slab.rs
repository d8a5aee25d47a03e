//! Records in one vector, named by 32-bit numbers: half the size of pointers, and a freed place is used again.

use super::{SelfTrade, Side, event::Corrupt};

/// The number of no record.
pub(super) const NONE: u32 = u32::MAX;

/// A record's place in a vector. Free of cost where pointers have 64 bits.
pub(super) fn place(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The number of the record at `place`.
pub(super) fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(NONE)
}

pub(super) trait Record {
    /// A link that a record does not need once it is free.
    fn spare_link(&mut self) -> &mut u32;
}

/// Records and the list of those that are free, linked through themselves.
#[derive(Debug, Clone)]
pub(super) struct Slab<T> {
    records: Vec<T>,
    free: u32,
}

impl<T: Record> Slab<T> {
    pub(super) const fn new() -> Self {
        Self { records: Vec::new(), free: NONE }
    }

    #[inline]
    pub(super) fn get(&self, at: u32) -> Result<&T, Corrupt> {
        self.records.get(place(at)).ok_or(Corrupt)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, at: u32) -> Result<&mut T, Corrupt> {
        self.records.get_mut(place(at)).ok_or(Corrupt)
    }

    #[inline]
    pub(super) fn insert(&mut self, record: T) -> u32 {
        if let Some(free) = self.records.get_mut(place(self.free)) {
            let at = self.free;
            self.free = *free.spare_link();
            *free = record;
            return at;
        }
        extend_by_an_eighth(&mut self.records);
        self.records.push(record);
        number(self.records.len().saturating_sub(1))
    }

    #[inline]
    pub(super) fn remove(&mut self, at: u32) -> Result<(), Corrupt> {
        let free = self.free;
        *self.get_mut(at)?.spare_link() = free;
        self.free = at;
        Ok(())
    }
}

/// Makes room for one more. By an eighth: doubling would leave half of a big book's memory empty.
#[inline]
pub(super) fn extend_by_an_eighth<T>(records: &mut Vec<T>) {
    if records.len() == records.capacity() {
        records.reserve_exact((records.len() / 8).max(16));
    }
}

/// An order that rests, in 32 bytes that are all in one cache line. Its neighbours are in [`Links`](super::links::Links).
#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
pub(super) struct Node {
    pub(super) id: u64,
    pub(super) owner: u64,
    pub(super) quantity: u64,
    /// The number of its price level, over three bits of [`Terms`].
    level_and_terms: u32,
    /// Its place in the queue of expiries, or [`NONE`].
    pub(super) expiry: u32,
}

/// What an order keeps of its arrival, for the case that it is amended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) post_only: bool,
    pub(super) self_trade: SelfTrade,
}

const TERMS_BITS: u32 = 3;
const POST_ONLY: u32 = 4;

/// The highest number of levels, and so of orders, that leaves room for the terms.
pub(super) const NUMBERS_MAX: u32 = u32::MAX >> TERMS_BITS;

impl Node {
    pub(super) const fn new(id: u64, owner: u64, quantity: u64, level: u32, terms: Terms) -> Self {
        let self_trade = match terms.self_trade {
            SelfTrade::CancelNewest => 0,
            SelfTrade::CancelOldest => 1,
            SelfTrade::CancelBoth => 2,
            SelfTrade::Decrement => 3,
        };
        let terms = self_trade | if terms.post_only { POST_ONLY } else { 0 };
        Self { id, owner, quantity, level_and_terms: level << TERMS_BITS | terms, expiry: NONE }
    }

    #[inline]
    pub(super) const fn level(&self) -> u32 {
        self.level_and_terms >> TERMS_BITS
    }

    pub(super) const fn terms(&self) -> Terms {
        let self_trade = match self.level_and_terms & 3 {
            0 => SelfTrade::CancelNewest,
            1 => SelfTrade::CancelOldest,
            2 => SelfTrade::CancelBoth,
            _ => SelfTrade::Decrement,
        };
        Terms { post_only: self.level_and_terms & POST_ONLY != 0, self_trade }
    }
}

impl Record for Node {
    fn spare_link(&mut self) -> &mut u32 {
        &mut self.expiry
    }
}

/// A price with the queue of its orders, between its neighbours of the same side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Queue {
    pub(super) price: u64,
    pub(super) quantity: u64,
    pub(super) orders: u32,
    pub(super) head: u32,
    pub(super) tail: u32,
    pub(super) better: u32,
    pub(super) worse: u32,
    pub(super) side: Side,
}

impl Queue {
    pub(super) const fn new(side: Side, price: u64) -> Self {
        Self { price, quantity: 0, orders: 0, head: NONE, tail: NONE, better: NONE, worse: NONE, side }
    }
}

impl Record for Queue {
    fn spare_link(&mut self) -> &mut u32 {
        &mut self.worse
    }
}

#[cfg(test)]
mod tests {
    use super::{super::links::Link, *};

    #[test]
    fn an_order_takes_40_bytes_with_its_links_and_a_level_too() {
        assert_eq!((size_of::<Node>() + size_of::<Link>(), size_of::<Queue>()), (40, 40));
    }

    #[test]
    fn terms_and_level_share_a_number() {
        use SelfTrade::{CancelBoth, CancelNewest, CancelOldest, Decrement};
        for self_trade in [CancelNewest, CancelOldest, CancelBoth, Decrement] {
            for post_only in [false, true] {
                let node = Node::new(1, 2, 3, NUMBERS_MAX, Terms { post_only, self_trade });
                assert_eq!((node.level(), node.terms().post_only), (NUMBERS_MAX, post_only));
                assert_eq!(node.terms().self_trade, self_trade);
            }
        }
    }
}
