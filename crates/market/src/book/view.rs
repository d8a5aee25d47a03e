//! What a book shows: best prices, depth, its orders in the order in which they would trade.

use super::{
    Book, Level, Resting, Side,
    slab::{NONE, Node, Queue},
};

impl Book {
    /// The best price of a side: the highest bid, the lowest ask. Takes the same time however big the book is.
    #[must_use]
    pub fn best(&self, side: Side) -> Option<Level> {
        self.depth(side).next()
    }

    /// The price levels of a side, best first. `book.depth(side).take(10)` is a snapshot of ten.
    pub fn depth(&self, side: Side) -> impl Iterator<Item = Level> {
        self.queues(side).map(|queue| Level { price: queue.price, quantity: queue.quantity, orders: queue.orders })
    }

    /// The orders of a side in the order in which they would trade: best price first, then longest there first.
    pub fn orders(&self, side: Side) -> impl Iterator<Item = Resting> {
        self.queues(side).flat_map(|queue| {
            let numbers = std::iter::successors(Some(queue.head), |at| self.links.get(*at).ok().map(|link| link.next));
            numbers.map_while(|at| self.nodes.get(at).ok()).map(|node| self.show(node, queue))
        })
    }

    /// The order with this id, if it rests.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<Resting> {
        let node = self.nodes.get(self.find(id)?).ok()?;
        Some(self.show(node, self.queues.get(node.level()).ok()?))
    }

    /// What all orders of a side have open together. Takes the same time however big the book is.
    #[must_use]
    pub const fn quantity(&self, side: Side) -> u64 {
        self.half(side).quantity
    }

    /// How many orders of a side rest.
    #[must_use]
    pub const fn count(&self, side: Side) -> u32 {
        self.half(side).orders
    }

    /// How many orders rest.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether nothing rests.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn queues(&self, side: Side) -> impl Iterator<Item = &Queue> {
        let best = self.queues.get(self.half(side).best).ok();
        std::iter::successors(best, |queue| self.queues.get(queue.worse).ok())
    }

    pub(super) fn show(&self, node: &Node, queue: &Queue) -> Resting {
        let expires_at = if node.expiry == NONE { None } else { self.expiries.time(node.expiry) };
        let terms = node.terms();
        Resting {
            id: node.id,
            owner: node.owner,
            side: queue.side,
            price: queue.price,
            quantity: node.quantity,
            expires_at,
            post_only: terms.post_only,
            self_trade: terms.self_trade,
        }
    }
}
