//! Who stands before whom: the neighbours of each order in the queue of its price.
//!
//! Apart from the orders because an order that leaves touches both of its neighbours, anywhere in memory, and needs nothing else
//! of them: eight bytes each, of which a processor keeps several times as many at hand as of whole orders.

use super::{
    event::Corrupt,
    slab::{NONE, extend_by_an_eighth, place},
};

#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    /// The order behind.
    pub(super) next: u32,
    /// The order before.
    pub(super) previous: u32,
}

/// The links of all orders, at the orders' numbers.
#[derive(Debug, Clone)]
pub(super) struct Links {
    links: Vec<Link>,
}

impl Links {
    pub(super) const fn new() -> Self {
        Self { links: Vec::new() }
    }

    #[inline]
    pub(super) fn get(&self, order: u32) -> Result<Link, Corrupt> {
        self.links.get(place(order)).copied().ok_or(Corrupt)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, order: u32) -> Result<&mut Link, Corrupt> {
        self.links.get_mut(place(order)).ok_or(Corrupt)
    }

    /// Puts an order behind `previous`, or first.
    #[inline]
    pub(super) fn append(&mut self, order: u32, previous: u32) -> Result<(), Corrupt> {
        if place(order) == self.links.len() {
            extend_by_an_eighth(&mut self.links);
            self.links.push(Link { next: NONE, previous });
        } else {
            *self.get_mut(order)? = Link { next: NONE, previous };
        }
        if previous != NONE {
            self.get_mut(previous)?.next = order;
        }
        Ok(())
    }

    /// Joins the neighbours of an order, and says who they were.
    #[inline]
    pub(super) fn detach(&mut self, order: u32) -> Result<Link, Corrupt> {
        let link = self.get(order)?;
        if link.previous != NONE {
            self.get_mut(link.previous)?.next = link.next;
        }
        if link.next != NONE {
            self.get_mut(link.next)?.previous = link.previous;
        }
        Ok(link)
    }
}
