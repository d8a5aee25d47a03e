//! What a book shows: best prices, depth, its orders in the order in which they would trade.

use super::{
    Book, Level, Resting, Side,
    levels::Queue,
    nodes::{NONE, Node, place},
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
            let first = self.nodes.get(queue.head).ok().map(|node| (queue.head, node));
            let orders = std::iter::successors(first, |(_, node)| Some((node.next, self.nodes.get(node.next).ok()?)));
            orders.map(|(at, node)| self.show(at, node, queue))
        })
    }

    /// The order with this id, if it rests.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<Resting> {
        let at = self.find(id)?;
        let node = self.nodes.get(at).ok()?;
        Some(self.show(at, node, self.levels.get(node.level()).ok()?))
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
    pub fn len(&self) -> usize {
        place(self.bids.orders + self.asks.orders)
    }

    /// Whether nothing rests.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn queues(&self, side: Side) -> impl Iterator<Item = &Queue> {
        let best = self.levels.get(self.half(side).best).ok();
        std::iter::successors(best, |queue| self.levels.get(queue.worse).ok())
    }

    pub(super) fn show(&self, at: u32, node: &Node, queue: &Queue) -> Resting {
        let expires_at = if node.expiry == NONE { None } else { self.expiries.time(node.expiry) };
        let terms = node.terms();
        Resting {
            id: node.id,
            owner: self.nodes.owner(at),
            side: queue.side,
            price: queue.price,
            quantity: node.quantity,
            expires_at,
            post_only: terms.post_only,
            self_trade: terms.self_trade,
        }
    }
}
