//! A ladder: one place for each of 4096 neighbouring prices, and bits that say which of them are in use.
//!
//! 64 words of 64 bits, and one more word that says which of these are not zero: the next price in use is found in a few
//! instructions, however far away it is.

use super::nodes::{NONE, place};

/// How many prices a ladder has.
pub(super) const TICKS: u64 = 4096;

#[derive(Debug, Clone)]
pub(super) struct Window {
    lowest: u64,
    levels: Vec<u32>,
    words: [u64; 64],
    summary: u64,
}

/// The place of the highest bit at or below `bit`.
fn last_until(word: u64, bit: u32) -> Option<u32> {
    (word & (u64::MAX >> (63 - bit))).checked_ilog2()
}

/// The place of the lowest bit at or above `bit`.
fn first_from(word: u64, bit: u32) -> Option<u32> {
    let rest = word & (u64::MAX << bit);
    (rest != 0).then(|| rest.trailing_zeros())
}

impl Window {
    /// A ladder of no prices, which takes no memory.
    pub(super) const fn nowhere() -> Self {
        Self { lowest: 1, levels: Vec::new(), words: [0; 64], summary: 0 }
    }

    pub(super) fn new(lowest: u64) -> Self {
        let mut window = Self::nowhere();
        window.move_to(lowest, |_, _| ());
        window
    }

    pub(super) const fn lowest(&self) -> u64 {
        self.lowest
    }

    pub(super) fn covers(&self, price: u64) -> bool {
        self.get(price).is_some()
    }

    /// Whether it is not worth while to move the ladder so that it begins at `lowest`.
    pub(super) fn is_near(&self, lowest: u64) -> bool {
        !self.levels.is_empty() && self.lowest.abs_diff(lowest) < TICKS / 4
    }

    /// The level at a price of this ladder; `None` when the price is another.
    #[inline]
    pub(super) fn get(&self, price: u64) -> Option<u32> {
        let tick = usize::try_from(price.wrapping_sub(self.lowest)).ok()?;
        self.levels.get(tick).copied()
    }

    /// Enters the level of a price, or [`NONE`]; `false` when the price is not of this ladder.
    #[inline]
    pub(super) fn set(&mut self, price: u64, level: u32) -> bool {
        let tick = price.wrapping_sub(self.lowest);
        let Ok(tick) = u32::try_from(tick) else { return false };
        let (word_at, bit) = (tick / 64, tick % 64);
        let (Some(old), Some(word)) = (self.levels.get_mut(place(tick)), self.words.get_mut(place(word_at))) else {
            return false;
        };
        *old = level;
        if level == NONE {
            *word &= !(1 << bit);
        } else {
            *word |= 1 << bit;
        }
        let (in_use, word_bit) = (*word != 0, 1 << word_at);
        self.summary = if in_use { self.summary | word_bit } else { self.summary & !word_bit };
        true
    }

    /// The highest price in use at or below `price`, and its level.
    pub(super) fn at_or_below(&self, price: u64) -> Option<(u64, u32)> {
        let tick = u32::try_from(price.checked_sub(self.lowest)?.min(TICKS - 1)).ok()?;
        let (at, bit) = (tick / 64, tick % 64);
        let here = self.words.get(place(at)).and_then(|word| last_until(*word, bit)).map(|bit| (at, bit));
        let (at, bit) = here.or_else(|| {
            let at = last_until(self.summary, at.checked_sub(1)?)?;
            Some((at, last_until(*self.words.get(place(at))?, 63)?))
        })?;
        self.entry(at, bit)
    }

    /// The lowest price in use at or above `price`, and its level.
    pub(super) fn at_or_above(&self, price: u64) -> Option<(u64, u32)> {
        let tick = u32::try_from(price.saturating_sub(self.lowest)).ok().filter(|tick| u64::from(*tick) < TICKS)?;
        let (at, bit) = (tick / 64, tick % 64);
        let here = self.words.get(place(at)).and_then(|word| first_from(*word, bit)).map(|bit| (at, bit));
        let (at, bit) = here.or_else(|| {
            let at = first_from(self.summary, Some(at + 1).filter(|next| *next < 64)?)?;
            Some((at, first_from(*self.words.get(place(at))?, 0)?))
        })?;
        self.entry(at, bit)
    }

    fn entry(&self, word: u32, bit: u32) -> Option<(u64, u32)> {
        let tick = word * 64 + bit;
        Some((self.lowest + u64::from(tick), *self.levels.get(place(tick))?))
    }

    /// Moves the ladder, and hands every price it had to `dropped`.
    pub(super) fn move_to(&mut self, lowest: u64, mut dropped: impl FnMut(u64, u32)) {
        let mut next = self.at_or_above(self.lowest);
        while let Some((price, level)) = next {
            dropped(price, level);
            self.set(price, NONE);
            next = self.at_or_above(price + 1);
        }
        self.levels.resize(usize::try_from(TICKS).unwrap_or_default(), NONE);
        // Price 0 does not exist, and the highest price of the ladder has to.
        self.lowest = lowest.clamp(1, u64::MAX - TICKS);
    }
}
