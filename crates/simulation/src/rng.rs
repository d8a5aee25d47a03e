//! Chance that can be repeated: one seed, one run.

/// SplitMix64: a small generator whose numbers are the same on every machine. For simulations; never for secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rng(u64);

impl Rng {
    /// A generator that always gives the same numbers for the same seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number, any of 64 bits.
    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 when that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The upper half of the product: as even as a bound of far fewer than 64 bits can tell.
        let product = u128::from(self.draw()) * u128::from(bound);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included; `low` when they are the wrong way round.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = u64::try_from(high.saturating_sub(low)).unwrap_or(0);
        low.saturating_add_unsigned(self.below(width.saturating_add(1)))
    }

    /// Whether something happens that happens `ppm` times in a million.
    pub fn chance(&mut self, ppm: i64) -> bool {
        self.between(0, 999_999) < ppm
    }

    /// Puts `items` into an order in which each is as likely as any other.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let bound = u64::try_from(last).unwrap_or(u64::MAX).saturating_add(1);
            items.swap(last, usize::try_from(self.below(bound)).unwrap_or(last));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_splitmix64() {
        // The first three of the reference implementation for the seed 1234567.
        let mut rng = Rng::new(1_234_567);
        let numbers = [rng.draw(), rng.draw(), rng.draw()];
        assert_eq!(numbers, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn bounds_are_kept_and_reached() {
        let mut rng = Rng::new(7);
        let drawn: Vec<i64> = (0..2_000).map(|_| rng.between(-3, 3)).collect();
        assert!((-3..=3).all(|value| drawn.contains(&value)));
        assert!(drawn.iter().all(|value| (-3..=3).contains(value)));
        assert_eq!((rng.between(5, 5), rng.between(5, 4), rng.below(0)), (5, 5, 0));
        let often = (0..10_000).filter(|_| rng.chance(250_000)).count();
        assert!((2_300..2_700).contains(&often), "{often}");
        assert!(!rng.chance(0) && rng.chance(1_000_000));
    }

    #[test]
    fn a_shuffle_loses_nothing_and_moves_everything() {
        let mut rng = Rng::new(1);
        let mut firsts = [0; 5];
        for _ in 0..5_000 {
            let mut items = [0_usize, 1, 2, 3, 4];
            rng.shuffle(&mut items);
            firsts[items[0]] += 1;
            items.sort_unstable();
            assert_eq!(items, [0, 1, 2, 3, 4]);
        }
        assert!(firsts.iter().all(|count| (850..1_150).contains(count)), "{firsts:?}");
    }
}
