//! The prices in use, each with the queue of its orders. They are named by 32-bit numbers, half the size of pointers.

use super::{
    Side,
    event::Corrupt,
    nodes::{NONE, number, place},
};

/// A price with the queue of its orders, between its neighbours of the same side: 40 bytes.
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

/// All levels, in one vector. Those that are free are linked through `worse` and used again.
#[derive(Debug, Clone)]
pub(super) struct Levels {
    queues: Vec<Queue>,
    free: u32,
}

impl Levels {
    pub(super) const fn new() -> Self {
        Self { queues: Vec::new(), free: NONE }
    }

    #[inline]
    pub(super) fn get(&self, level: u32) -> Result<&Queue, Corrupt> {
        self.queues.get(place(level)).ok_or(Corrupt)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, level: u32) -> Result<&mut Queue, Corrupt> {
        self.queues.get_mut(place(level)).ok_or(Corrupt)
    }

    pub(super) fn insert(&mut self, queue: Queue) -> u32 {
        if let Some(free) = self.queues.get_mut(place(self.free)) {
            let level = self.free;
            self.free = free.worse;
            *free = queue;
            return level;
        }
        if self.queues.len() == self.queues.capacity() {
            // By an eighth: doubling would leave half of a big book's memory empty.
            self.queues.reserve_exact((self.queues.len() / 8).max(16));
        }
        self.queues.push(queue);
        number(self.queues.len() - 1)
    }

    pub(super) fn remove(&mut self, level: u32) -> Result<(), Corrupt> {
        let free = self.free;
        self.get_mut(level)?.worse = free;
        self.free = level;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_takes_40_bytes() {
        assert_eq!(size_of::<Queue>(), 40);
    }
}
