//! From a price to its level: by a ladder where prices are close together, by a tree everywhere else.
//!
//! Both sides share it, since a book that is not crossed has each price on one side only.

use super::{
    nodes::NONE,
    tree::Tree,
    window::{TICKS, Window},
};

/// How a book finds a price. It changes speed and memory, and never what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Structure {
    /// A tree at first. Once there is enough to do, a ladder of 4096 ticks (16 kB) around the best prices, which follows
    /// them; the tree keeps the prices outside of it.
    #[default]
    Automatic,
    /// A tree alone: the least memory, any prices.
    Tree,
    /// A ladder of 4096 ticks from this price upwards that stays where it is, and the tree for prices outside of it.
    Ladder(u64),
}

/// So many look-ups have to miss the ladder before it moves, which costs about as much.
const MISSES: u32 = 4096;

#[derive(Debug, Clone)]
pub(super) struct Prices {
    window: Window,
    tree: Tree,
    is_automatic: bool,
    misses: u32,
}

impl Prices {
    pub(super) fn new(structure: Structure) -> Self {
        let window = match structure {
            Structure::Ladder(lowest) => Window::new(lowest),
            Structure::Automatic | Structure::Tree => Window::nowhere(),
        };
        Self { window, tree: Tree::new(), is_automatic: structure == Structure::Automatic, misses: 0 }
    }

    /// The level at `price` if the ladder has it, otherwise [`NONE`].
    #[inline]
    pub(super) fn near(&self, price: u64) -> u32 {
        self.window.get(price).unwrap_or(NONE)
    }

    /// The level at `price`. Counts what the ladder does not cover.
    pub(super) fn find(&mut self, price: u64) -> Option<u32> {
        if let Some(level) = self.window.get(price) {
            return (level != NONE).then_some(level);
        }
        self.misses = self.misses.saturating_add(1);
        self.tree.get(price)
    }

    /// The level at `price`, without counting.
    #[cfg(test)]
    pub(super) fn peek(&self, price: u64) -> Option<u32> {
        Some(self.near(price)).filter(|level| *level != NONE).or_else(|| self.tree.get(price))
    }

    /// Adds a price that is not there yet.
    pub(super) fn insert(&mut self, price: u64, level: u32) {
        if !self.window.set(price, level) {
            self.tree.insert(price, level);
        }
    }

    /// Takes a price out; `false` when it was not there.
    pub(super) fn remove(&mut self, price: u64) -> bool {
        self.window.set(price, NONE) || self.tree.remove(price)
    }

    /// The level with the highest price below `price`.
    pub(super) fn below(&self, price: u64) -> Option<u32> {
        let price = price.checked_sub(1)?;
        let near = self.window.at_or_below(price);
        let far = if self.tree.is_empty() { None } else { self.tree.at_or_below(price) };
        near.max(far).map(|(_, level)| level)
    }

    /// The level with the lowest price above `price`.
    pub(super) fn above(&self, price: u64) -> Option<u32> {
        let price = price.checked_add(1)?;
        let near = self.window.at_or_above(price);
        let far = if self.tree.is_empty() { None } else { self.tree.at_or_above(price) };
        // Nothing is farther away than anything.
        near.into_iter().chain(far).min().map(|(_, level)| level)
    }

    /// Whether the ladder may have to move.
    #[inline]
    pub(super) const fn is_missed(&self) -> bool {
        self.is_automatic && self.misses >= MISSES
    }

    /// Puts the ladder around `price`, if it is far from there or nowhere yet.
    #[cold]
    pub(super) fn centre(&mut self, price: u64) {
        self.misses = 0;
        let lowest = price.saturating_sub(TICKS / 2).max(1);
        if self.window.is_near(lowest) {
            return;
        }
        let Self { window, tree, .. } = self;
        window.move_to(lowest, |price, level| tree.insert(price, level));
        let mut next = tree.at_or_above(window.lowest());
        while let Some((price, level)) = next.filter(|(price, _)| window.covers(*price)) {
            tree.remove(price);
            window.set(price, level);
            next = tree.at_or_above(price);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Prices near a ladder that starts at 5000, at both ends of what there is, and far apart.
    fn price() -> impl Strategy<Value = u64> {
        prop_oneof![1_u64..300, 4_900_u64..9_200, 1_u64..1_000_000, (u64::MAX - 5_000)..=u64::MAX]
    }

    proptest! {
        #[test]
        fn agrees_with_a_b_tree(
            structure in prop::sample::select(vec![Structure::Automatic, Structure::Tree, Structure::Ladder(5_000), Structure::Ladder(u64::MAX)]),
            steps in prop::collection::vec((price(), 0_u8..10), 1..600),
        ) {
            let mut prices = Prices::new(structure);
            let mut model = BTreeMap::new();
            for (level, (price, action)) in (0_u32..).zip(steps) {
                match action {
                    0..6 if !model.contains_key(&price) => {
                        prices.insert(price, level);
                        model.insert(price, level);
                    }
                    0..6 => prop_assert_eq!(prices.find(price), model.get(&price).copied()),
                    6..9 => {
                        let near = model.range(price..).next().map(|(price, _)| *price);
                        if let Some(near) = near {
                            prop_assert!(prices.remove(near));
                            model.remove(&near);
                        }
                    }
                    _ => prices.centre(price),
                }
                prop_assert_eq!(prices.peek(price), model.get(&price).copied());
                prop_assert_eq!(prices.below(price), model.range(..price).next_back().map(|(_, level)| *level));
                let above = model.range((std::ops::Bound::Excluded(price), std::ops::Bound::Unbounded)).next();
                prop_assert_eq!(prices.above(price), above.map(|(_, level)| *level));
            }
        }
    }
}
