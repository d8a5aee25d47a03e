//! What everybody wants to do in a tick.

use rialto_ledger::plan::Plan;
use rialto_market::book::Side;

use super::{
    Shelf, World,
    agents::{Trader, Who},
    signed,
    vault::wallet,
};
use crate::{
    figure::average,
    scenario::Layout,
    strategy::{Arbitrageur, Chance, Reputation, View, utility, worth},
};

/// An order that somebody wants to place.
#[derive(Debug, Clone, Copy)]
pub struct Offer {
    pub who: Who,
    pub book: usize,
    pub side: Side,
    pub price: i64,
}

impl World {
    /// The orders that everybody wants to place, in the order in which they arrive.
    pub(super) fn decide(&mut self, plan: &Plan) -> Vec<Offer> {
        let mut views = self.views();
        let mut offers = self.asks(&views);
        see(&mut views, &offers);
        let bids = self.bids(&views, plan);
        see(&mut views, &bids);
        offers.extend(bids);
        self.rng.shuffle(&mut offers);
        offers
    }

    fn book_of(&self, capability: usize, segment: usize) -> usize {
        capability * self.config.scenario.layout().segments() + segment
    }

    /// Each seller asks once for each capability, in the book where it sells.
    fn asks(&mut self, views: &[View]) -> Vec<Offer> {
        let layout = self.config.scenario.layout();
        let mut offers = Vec::new();
        for place in 0..self.agents.services.len() {
            for capability in 0..self.config.scenario.capabilities().len() {
                let Some(service) = self.agents.services.get_mut(place).filter(|service| !service.is_disabled) else { continue };
                if service.is_asking.get(capability).copied().unwrap_or(true) {
                    continue;
                }
                let segment = match layout {
                    Layout::Single | Layout::Venues => service.venue,
                    Layout::Grades => usize::from(service.reputation.is_trusted()),
                };
                let book = capability * layout.segments() + segment;
                let reached = self.books.get(book).map_or(0, |shelf| bids_from(shelf, service.strategy.asked()));
                let view = View { bids: reached, ..views.get(book).copied().unwrap_or_default() };
                let price = service.strategy.ask(&view, &mut self.rng);
                offers.push(Offer { who: Who::Service(place), book, side: Side::Ask, price });
            }
        }
        offers
    }

    /// Each buyer bids for one capability that it needs, as it happens, in the book that it prefers.
    fn bids(&mut self, views: &[View], plan: &Plan) -> Vec<Offer> {
        let needs = u64::try_from(self.config.scenario.capabilities().len()).unwrap_or(1);
        let scores = self.scores();
        let mut offers = Vec::new();
        for place in 0..self.agents.buyers.len() {
            if self.agents.buyers.get(place).is_none_or(|buyer| buyer.is_bidding) {
                continue;
            }
            let need = usize::try_from(self.rng.below(needs)).unwrap_or(0);
            let number = self.agents.number(Who::Buyer(place));
            let purse = plan.account(wallet(number)).map_or(0, rialto_ledger::Account::available);
            let book = self.preferred(place, need, views, &scores);
            let view = views.get(book).copied().unwrap_or_default();
            let Some(buyer) = self.agents.buyers.get_mut(place) else { continue };
            let Some(strategy) = buyer.strategies.get_mut(book) else { continue };
            if let Some(price) = strategy.bid(&view, purse, &mut self.rng) {
                offers.push(Offer { who: Who::Buyer(place), book, side: Side::Bid, price });
            }
        }
        offers
    }

    /// How sure a delivery is in each segment: the average reputation of those who sell there; `None` where nobody does.
    fn scores(&self) -> [Option<i64>; 2] {
        if self.config.scenario.layout() != Layout::Grades {
            return [None; 2];
        }
        [false, true].map(|trusted| {
            let sellers = self.agents.services.iter().filter(|service| !service.is_disabled);
            let own = sellers.map(|service| &service.reputation).filter(|reputation| reputation.is_trusted() == trusted);
            let (sum, count) = own.map(Reputation::score_ppm).fold((0, 0), |(sum, count), score| (sum + score, count + 1));
            average(sum, count)
        })
    }

    /// The book in which a buyer looks for what it needs. Where it has a choice, it takes the one that promises more, and
    /// bids no more there than a delivery of that certainty is worth to it.
    fn preferred(&mut self, place: usize, need: usize, views: &[View], scores: &[Option<i64>; 2]) -> usize {
        let Some(buyer) = self.agents.buyers.get(place) else { return 0 };
        if self.config.scenario.layout() != Layout::Grades {
            return self.book_of(need, buyer.venue);
        }
        let (value, budget) = (buyer.value, self.config.buyer_budget);
        let failure = crate::figure::scale(value, self.config.scenario.failure_cost_ppm());
        let mut best: Option<(i64, usize, i64)> = None;
        for (segment, score) in scores.iter().enumerate() {
            let Some(score) = *score else { continue };
            let book = self.book_of(need, segment);
            let limit = worth(value, score, failure).min(budget);
            let price = views.get(book).and_then(View::price).unwrap_or(self.config.base_price).min(budget);
            let promise = utility(value, price, score, failure);
            if best.is_none_or(|(most, ..)| promise > most) {
                best = Some((promise, book, limit));
            }
        }
        let (_, book, limit) = best.unwrap_or((0, self.book_of(need, 0), budget));
        let strategy = self.agents.buyers.get_mut(place).and_then(|buyer| buyer.strategies.get_mut(book));
        if let Some(strategy) = strategy {
            strategy.set_limit(limit);
        }
        book
    }

    /// What the arbitrageur does about a capability once everybody's orders have met: its next order, if it wants one. It sells
    /// what it has before it buys more.
    pub(super) fn arbitrage(&self, capability: usize, is_first: bool) -> Option<Offer> {
        let layout = self.config.scenario.layout();
        let first = self.book_of(capability, 0);
        let books = first..first + layout.segments();
        let views = self.views();
        let Trader { stock, is_bidding, is_asking } = self.agents.desks.get(capability)?;
        let dearest = books.clone().filter_map(|book| Some((views.get(book)?.avg_bid()?, book))).max();
        if let Some((avg_bid, book)) = dearest.filter(|_| !is_asking)
            && let Some(price) = stock.ask(avg_bid)
        {
            return Some(Offer { who: Who::Arbitrageur, book, side: Side::Ask, price });
        }
        if !is_first || *is_bidding || stock.stock() >= Arbitrageur::STOCK_MAX {
            return None;
        }
        let chance = |cheap: usize, dear: usize| Some((Arbitrageur::chance(views.get(cheap)?, views.get(dear)?)?, cheap));
        // What is trusted is not the same thing as what is not.
        let pairs = books.clone().flat_map(|cheap| books.clone().map(move |dear| (cheap, dear)));
        let pairs = pairs.filter(|(cheap, dear)| layout != Layout::Grades || cheap == dear);
        let best = pairs.filter_map(|(cheap, dear)| chance(cheap, dear)).max_by_key(|(chance, _)| chance.spread_ppm);
        best.map(|(Chance { bid, .. }, book)| Offer { who: Who::Arbitrageur, book, side: Side::Bid, price: bid })
    }
}

/// How many bids wait at this price or a better one.
fn bids_from(shelf: &Shelf, price: i64) -> i64 {
    let levels = shelf.book.depth(Side::Bid).take_while(|level| signed(level.price) >= price);
    levels.map(|level| i64::from(level.orders)).sum()
}

/// Others see the orders too.
fn see(views: &mut [View], offers: &[Offer]) {
    for offer in offers {
        if let Some(view) = views.get_mut(offer.book) {
            match offer.side {
                Side::Bid => view.see_bids(offer.price, 1),
                Side::Ask => view.see_asks(offer.price, 1),
            }
        }
    }
}
