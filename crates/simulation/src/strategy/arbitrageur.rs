//! Buying where it is cheap and selling where it is dear.

use super::View;
use crate::figure::{scale, share};

/// What the arbitrageur has seen: something to buy in one book and to sell in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chance {
    /// By how much what is bid on average there exceeds the lowest ask here, in parts per million of that.
    pub spread_ppm: i64,
    /// What to bid here: one more than the lowest ask.
    pub bid: i64,
    /// What to ask for there: 95 % of what is bid on average.
    pub ask: i64,
}

/// The arbitrageur: acts when the average bid is at least 15 % above the lowest ask. It never sells what it does not have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Arbitrageur {
    /// What it paid for each unit that it has, the oldest first.
    stock: Vec<i64>,
}

impl Arbitrageur {
    /// The smallest spread that is worth the trouble.
    pub const SPREAD_PPM_MIN: i64 = 150_000;
    /// The most units that it keeps.
    pub const STOCK_MAX: usize = 3;
    /// What it asks for, of what is bid on average.
    const ASK_PPM: i64 = 950_000;

    /// Whether something can be bought in the book seen in `cheap` and sold in the one seen in `dear`.
    #[must_use]
    pub fn chance(cheap: &View, dear: &View) -> Option<Chance> {
        let (lowest_ask, avg_bid) = (cheap.lowest_ask?, dear.avg_bid()?);
        let spread_ppm = share(avg_bid - lowest_ask, lowest_ask);
        let chance = Chance { spread_ppm, bid: lowest_ask + 1, ask: scale(avg_bid, Self::ASK_PPM).max(1) };
        (spread_ppm >= Self::SPREAD_PPM_MIN).then_some(chance)
    }

    /// How many units it has.
    #[must_use]
    pub const fn stock(&self) -> usize {
        self.stock.len()
    }

    /// What it asks for the oldest unit, where `avg_bid` is bid on average: never less than it paid. `None` when it has none.
    #[must_use]
    pub fn ask(&self, avg_bid: i64) -> Option<i64> {
        self.stock.first().map(|paid| scale(avg_bid, Self::ASK_PPM).max(*paid))
    }

    /// It has bought a unit.
    pub fn bought(&mut self, price: i64) {
        self.stock.push(price);
    }

    /// It has sold its oldest unit.
    pub fn sold(&mut self) {
        if !self.stock.is_empty() {
            self.stock.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(bids: &[i64], asks: &[i64]) -> View {
        let mut view = View::default();
        bids.iter().for_each(|price| view.see_bids(*price, 1));
        asks.iter().for_each(|price| view.see_asks(*price, 1));
        view
    }

    #[test]
    fn it_acts_from_fifteen_percent_on_and_bids_and_asks_as_the_contract_says() {
        let here = book(&[], &[100, 140]);
        assert_eq!(Arbitrageur::chance(&here, &book(&[114], &[])), None);
        let chance = Arbitrageur::chance(&here, &book(&[110, 130], &[])).unwrap();
        assert_eq!(chance, Chance { spread_ppm: 200_000, bid: 101, ask: 114 });
        assert!(Arbitrageur::chance(&here, &book(&[115], &[])).is_some());
    }

    #[test]
    fn without_an_ask_here_or_a_bid_there_is_nothing_to_do() {
        assert_eq!(Arbitrageur::chance(&book(&[200], &[]), &book(&[200], &[])), None);
        assert_eq!(Arbitrageur::chance(&book(&[], &[1]), &book(&[], &[1])), None);
    }

    #[test]
    fn it_sells_what_it_has_and_not_below_what_it_paid() {
        let mut arbitrageur = Arbitrageur::default();
        assert_eq!(arbitrageur.ask(200), None);
        arbitrageur.bought(100);
        arbitrageur.bought(120);
        assert_eq!((arbitrageur.ask(200), arbitrageur.ask(90)), (Some(190), Some(100)));
        arbitrageur.sold();
        assert_eq!((arbitrageur.ask(90), arbitrageur.stock()), (Some(120), 1));
        arbitrageur.sold();
        arbitrageur.sold();
        assert_eq!(arbitrageur.stock(), 0);
    }
}
