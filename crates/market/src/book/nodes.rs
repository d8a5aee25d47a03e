//! The orders that rest: half a cache line each, with their neighbours in the queue of their price, and named by 32-bit numbers,
//! which are half the size of pointers.

use super::{SelfTrade, event::Corrupt};

/// The number of no order and no level.
pub(super) const NONE: u32 = u32::MAX;

/// Where the record with this number is in a vector. Free of cost where pointers have 64 bits.
#[inline]
pub(super) fn place(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The number of the record at `place`.
#[inline]
pub(super) fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(NONE)
}

/// An order that rests: all that a cancellation or a trade needs of it, in 32 bytes of one cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
pub(super) struct Node {
    pub(super) id: u64,
    pub(super) quantity: u64,
    /// The number of its price level, over three bits of [`Terms`].
    level_and_terms: u32,
    /// The order before it.
    pub(super) previous: u32,
    /// The order behind it, or the next free place.
    pub(super) next: u32,
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

/// There are so many numbers of levels, and so of orders, if terms are to have room beside them.
pub(super) const NUMBERS: u32 = 1 << (u32::BITS - TERMS_BITS);

impl Node {
    const FREE: Self = Self { id: 0, quantity: 0, level_and_terms: 0, previous: NONE, next: NONE, expiry: NONE };

    /// An order behind `previous`, and the last of its queue.
    #[inline]
    pub(super) const fn new(id: u64, quantity: u64, level: u32, terms: Terms, previous: u32) -> Self {
        let self_trade = match terms.self_trade {
            SelfTrade::CancelNewest => 0,
            SelfTrade::CancelOldest => 1,
            SelfTrade::CancelBoth => 2,
            SelfTrade::Decrement => 3,
        };
        let terms = self_trade | if terms.post_only { POST_ONLY } else { 0 };
        Self { id, quantity, level_and_terms: level << TERMS_BITS | terms, previous, next: NONE, expiry: NONE }
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

/// So many orders lie together: 8 kB.
const CHUNK: usize = 256;

/// Records in chunks that never move: more of them cost an allocation of one chunk, and not a copy of all that there are.
type Chunks<T> = Vec<Box<[T; CHUNK]>>;

#[inline]
fn get<T>(chunks: &Chunks<T>, at: u32) -> Option<&T> {
    chunks.get(place(at) / CHUNK)?.get(place(at) % CHUNK)
}

#[inline]
fn get_mut<T>(chunks: &mut Chunks<T>, at: u32) -> Option<&mut T> {
    chunks.get_mut(place(at) / CHUNK)?.get_mut(place(at) % CHUNK)
}

/// All orders. A place that becomes free is the next to be used, since it still is in the processor's cache.
#[derive(Debug, Clone)]
pub(super) struct Nodes {
    chunks: Chunks<Node>,
    /// The first free place; the others follow through [`Node::next`].
    free: u32,
    /// Whose orders they are, at the same numbers. Apart, because nobody asks as long as no order has an owner.
    owners: Chunks<u64>,
}

impl Nodes {
    pub(super) const fn new() -> Self {
        Self { chunks: Vec::new(), free: NONE, owners: Vec::new() }
    }

    #[inline]
    pub(super) fn get(&self, at: u32) -> Result<&Node, Corrupt> {
        get(&self.chunks, at).ok_or(Corrupt)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, at: u32) -> Result<&mut Node, Corrupt> {
        get_mut(&mut self.chunks, at).ok_or(Corrupt)
    }

    /// Whose order it is; 0 for nobody's.
    #[inline]
    pub(super) fn owner(&self, at: u32) -> u64 {
        get(&self.owners, at).copied().unwrap_or_default()
    }

    /// Makes sure that there is a free place; `false` when there are as many orders as there can be.
    #[inline]
    pub(super) fn make_room(&mut self) -> bool {
        self.free != NONE || self.extend()
    }

    /// Adds an order behind `node.previous`. There has to be [room](Self::make_room).
    #[inline]
    pub(super) fn append(&mut self, node: Node, owner: u64) -> Result<u32, Corrupt> {
        let at = self.free;
        if node.previous != NONE {
            self.get_mut(node.previous)?.next = at;
        }
        let free = self.get_mut(at)?;
        let next = free.next;
        *free = node;
        self.free = next;
        if owner != 0 || !self.owners.is_empty() {
            self.own(at, owner)?;
        }
        Ok(at)
    }

    /// Takes an order out from between its neighbours, and returns what it was.
    #[inline]
    pub(super) fn remove(&mut self, at: u32) -> Result<Node, Corrupt> {
        let free = self.free;
        let place = self.get_mut(at)?;
        let node = *place;
        place.next = free;
        self.free = at;
        if node.previous != NONE {
            self.get_mut(node.previous)?.next = node.next;
        }
        if node.next != NONE {
            self.get_mut(node.next)?.previous = node.previous;
        }
        Ok(node)
    }

    /// Adds a chunk, which is used from its lowest number upwards.
    #[cold]
    #[inline(never)]
    fn extend(&mut self) -> bool {
        let first = self.chunks.len() * CHUNK;
        if first >= place(NUMBERS) {
            return false;
        }
        let mut chunk = vec![Node::FREE; CHUNK];
        for (free, next) in chunk.iter_mut().zip(first + 1..first + CHUNK) {
            free.next = number(next);
        }
        self.free = number(first);
        push(&mut self.chunks, chunk)
    }

    #[inline(never)]
    fn own(&mut self, at: u32, owner: u64) -> Result<(), Corrupt> {
        while self.owners.len() < self.chunks.len() && push(&mut self.owners, vec![0; CHUNK]) {}
        *get_mut(&mut self.owners, at).ok_or(Corrupt)? = owner;
        Ok(())
    }
}

fn push<T>(chunks: &mut Chunks<T>, chunk: Vec<T>) -> bool {
    // It always has the right length.
    chunk.into_boxed_slice().try_into().map(|chunk| chunks.push(chunk)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_takes_32_bytes_and_an_owner_8() {
        assert_eq!((size_of::<Node>(), size_of::<u64>()), (32, 8));
    }

    #[test]
    fn terms_and_level_share_a_number() {
        use SelfTrade::{CancelBoth, CancelNewest, CancelOldest, Decrement};
        for self_trade in [CancelNewest, CancelOldest, CancelBoth, Decrement] {
            for post_only in [false, true] {
                let node = Node::new(1, 2, NUMBERS - 1, Terms { post_only, self_trade }, NONE);
                assert_eq!((node.level(), node.terms().post_only), (NUMBERS - 1, post_only));
                assert_eq!(node.terms().self_trade, self_trade);
            }
        }
    }

    #[test]
    fn a_free_place_is_used_again_and_chunks_stay_where_they_are() {
        let mut nodes = Nodes::new();
        let node = |id, previous| Node::new(id, 1, 0, Terms { post_only: false, self_trade: SelfTrade::CancelNewest }, previous);
        let mut last = NONE;
        for id in 0..1_000 {
            assert!(nodes.make_room());
            last = nodes.append(node(id, last), 0).unwrap();
            assert_eq!(u64::from(last), id);
        }
        let first: *const Node = nodes.get(0).unwrap();
        assert_eq!(nodes.remove(500).unwrap().id, 500);
        assert_eq!((nodes.get(499).unwrap().next, nodes.get(501).unwrap().previous), (501, 499));
        assert_eq!(nodes.append(node(1_000, last), 7).unwrap(), 500);
        assert_eq!((nodes.owner(500), nodes.owner(499), nodes.owner(5_000)), (7, 0, 0));
        assert!(std::ptr::eq(first, nodes.get(0).unwrap()));
    }
}
