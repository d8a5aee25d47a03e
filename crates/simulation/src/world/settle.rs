//! Orders arrive, meet, are paid for, and leave.

use rialto_kernel::{Amount, Asset};
use rialto_ledger::{Command, House, LedgerError, NewHold, NewTransfer};
use rialto_market::book::{Event, Order, SelfTrade, Side, TimeInForce};

use super::{
    Deal, Live, PlacedOrder, Round, World,
    agents::{ARBITRAGEUR_RELIABILITY_PPM, Who},
    broken,
    decide::Offer,
    hold_id, signed, transfer_id, unsigned,
    vault::wallet,
};
use crate::{error::SimulationError, figure::scale};

/// How long a delivery takes.
const LATENCY_MS: (i64, i64) = (50, 500);

impl World {
    /// Orders whose time is up leave.
    pub(super) fn expire(&mut self, round: &mut Round) -> Result<(), SimulationError> {
        let mut events = Vec::new();
        let mut gone = Vec::new();
        for shelf in &mut self.books {
            shelf.book.expire(self.tick.into(), &mut events).map_err(|refusal| broken(&refusal.to_string()))?;
        }
        for event in events {
            if let Event::Cancelled { id, .. } = event {
                gone.push(self.leave(round, id)?);
            }
        }
        let views = self.views();
        for order in gone {
            round.report.books.get_mut(order.book).ok_or_else(|| broken("a book is missing"))?.expired += 1;
            match order.who {
                Who::Buyer(place) => {
                    let strategy = self.agents.buyers.get_mut(place).and_then(|buyer| buyer.strategies.get_mut(order.book));
                    if let (Some(strategy), Some(view)) = (strategy, views.get(order.book)) {
                        strategy.missed(view, &mut self.rng);
                    }
                }
                Who::Service(_) | Who::Arbitrageur => {}
            }
        }
        Ok(())
    }

    /// An order leaves its book without a trade: a bid has its money back.
    fn leave(&mut self, round: &mut Round, no: u64) -> Result<Live, SimulationError> {
        let order = self.orders.remove(&no).ok_or_else(|| broken("an order is missing"))?;
        if order.side == Side::Bid {
            round.plan.run(&Command::Void(hold_id(no)))?;
        }
        self.mark(order, false);
        Ok(order)
    }

    /// Remembers whether an agent has an order that waits.
    fn mark(&mut self, order: Live, waits: bool) {
        let segments = self.config.scenario.layout().segments();
        let capability = order.book / segments;
        match order.who {
            Who::Service(place) => {
                let slot = self.agents.services.get_mut(place).and_then(|service| service.is_asking.get_mut(capability));
                slot.into_iter().for_each(|slot| *slot = waits);
            }
            Who::Buyer(place) => {
                self.agents.buyers.get_mut(place).into_iter().for_each(|buyer| buyer.is_bidding = waits);
            }
            Who::Arbitrageur => {
                if let Some(desk) = self.agents.desks.get_mut(capability) {
                    match order.side {
                        Side::Bid => desk.is_bidding = waits,
                        Side::Ask => desk.is_asking = waits,
                    }
                }
            }
        }
    }

    /// An order arrives: its money is held, it enters the book, and trades if it meets somebody.
    pub(super) fn arrive(&mut self, round: &mut Round, offer: Offer) -> Result<(), SimulationError> {
        let Offer { who, book, side, price } = offer;
        let agent = self.agents.number(who);
        let no = self.next_order;
        if side == Side::Bid {
            let escrow = House::Escrow.account(Asset::CREDIT);
            let hold = NewHold::new(hold_id(no), wallet(agent), escrow, amount(price)?);
            match round.plan.run(&Command::Hold(hold)) {
                Ok(_) => {}
                // It has spent its money on something else in this very tick.
                Err(LedgerError::InsufficientFunds { .. }) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        self.next_order += 1;
        let waits = if who == Who::Arbitrageur { 1 } else { self.config.order_ticks };
        let until = u64::from(self.tick) + u64::from(waits);
        let order = Order::limit(no, side, unsigned(price), 1)
            .owner(u64::try_from(agent).unwrap_or(0).saturating_add(1))
            .time_in_force(TimeInForce::GoodTill(until))
            .self_trade(SelfTrade::CancelNewest);
        let live = Live { who, book, side, price };
        self.orders.insert(no, live);
        self.mark(live, true);
        round.report.orders.push(PlacedOrder { no, agent, book, side, price });
        round.report.books.get_mut(book).ok_or_else(|| broken("a book is missing"))?.orders += 1;
        let mut events = Vec::new();
        let shelf = self.books.get_mut(book).ok_or_else(|| broken("a book is missing"))?;
        shelf.book.place(&order, &mut events).map_err(|refusal| broken(&refusal.to_string()))?;
        for event in events {
            match event {
                Event::Traded { maker, taker, side: Side::Bid, price, .. } => self.settle(round, taker, maker, signed(price))?,
                Event::Traded { maker, taker, side: Side::Ask, price, .. } => self.settle(round, maker, taker, signed(price))?,
                Event::Cancelled { id, .. } => drop(self.leave(round, id)?),
                Event::Rested { .. } | Event::Decremented { .. } | Event::Amended { .. } | Event::Refused { .. } => {}
            }
        }
        Ok(())
    }

    /// Two orders have met: the seller delivers, or does not, and is paid, or is not.
    fn settle(&mut self, round: &mut Round, bid: u64, ask: u64, price: i64) -> Result<(), SimulationError> {
        let missing = || broken("an order is missing");
        let buys = self.orders.remove(&bid).ok_or_else(missing)?;
        let sells = self.orders.remove(&ask).ok_or_else(missing)?;
        self.mark(buys, false);
        self.mark(sells, false);
        let (buyer, seller) = (self.agents.number(buys.who), self.agents.number(sells.who));
        let no = self.next_deal;
        self.next_deal += 1;
        let reliability = match sells.who {
            Who::Service(place) => self.agents.services.get(place).map_or(0, |service| service.reliability_ppm),
            Who::Buyer(_) | Who::Arbitrageur => ARBITRAGEUR_RELIABILITY_PPM,
        };
        let delivered = self.rng.chance(reliability);
        let latency_ms = self.rng.between(LATENCY_MS.0, LATENCY_MS.1);
        let mut commands = vec![Command::Void(hold_id(bid))];
        if delivered {
            let pay = NewTransfer::new(transfer_id(1, no), wallet(buyer), wallet(seller), amount(price)?);
            commands.push(Command::Transfer(pay));
        }
        round.plan.run_linked(&commands).map_err(|refused| SimulationError::from(refused.source))?;
        let deal = Deal { no, bid, ask, buyer, seller, book: buys.book, price, delivered, latency_ms };
        round.report.deals.push(deal);
        self.account(round, buys, sells, &deal)?;
        self.learn(buys, sells, &deal);
        Ok(())
    }

    /// Counts a trade, and what it was worth to whom.
    fn account(&mut self, round: &mut Round, buys: Live, sells: Live, deal: &Deal) -> Result<(), SimulationError> {
        let value = match buys.who {
            Who::Buyer(place) => self.agents.buyers.get(place).map_or(0, |buyer| buyer.value),
            // It gains when it sells again.
            Who::Service(_) | Who::Arbitrageur => 0,
        };
        let cost = match sells.who {
            Who::Service(place) => self.agents.services.get(place).map_or(0, |service| service.strategy.cost()),
            Who::Buyer(_) | Who::Arbitrageur => 0,
        };
        let figures = round.report.books.get_mut(deal.book).ok_or_else(|| broken("a book is missing"))?;
        figures.trade(deal.price, deal.delivered);
        if deal.delivered {
            figures.consumer_surplus += value - deal.price;
            figures.producer_surplus += deal.price - cost;
        } else {
            figures.consumer_surplus -= scale(value, self.config.scenario.failure_cost_ppm());
        }
        if let Some(shelf) = self.books.get_mut(deal.book) {
            shelf.last = Some(deal.price);
        }
        Ok(())
    }

    /// Both sides learn from a trade.
    fn learn(&mut self, buys: Live, sells: Live, deal: &Deal) {
        let capability = deal.book / self.config.scenario.layout().segments();
        match buys.who {
            Who::Buyer(place) => {
                let strategy = self.agents.buyers.get_mut(place).and_then(|buyer| buyer.strategies.get_mut(deal.book));
                if let Some(strategy) = strategy {
                    strategy.filled(deal.price, &mut self.rng);
                }
            }
            Who::Arbitrageur if deal.delivered => {
                self.agents.desks.get_mut(capability).into_iter().for_each(|desk| desk.stock.bought(deal.price));
            }
            Who::Service(_) | Who::Arbitrageur => {}
        }
        match sells.who {
            Who::Service(place) => {
                if let Some(service) = self.agents.services.get_mut(place) {
                    service.reputation.record(deal.delivered);
                }
            }
            Who::Arbitrageur if deal.delivered => {
                self.agents.desks.get_mut(capability).into_iter().for_each(|desk| desk.stock.sold());
            }
            Who::Buyer(_) | Who::Arbitrageur => {}
        }
    }

    /// What sellers have above what they began with is spent again, by the buyers with the least. Otherwise all money would end with
    /// the sellers, and the market with it.
    pub(super) fn spend_again(&mut self, round: &mut Round) -> Result<(), SimulationError> {
        let available = |round: &Round, agent| round.plan.account(wallet(agent)).map_or(0, rialto_ledger::Account::available);
        let services = self.agents.services.len();
        let mut buyers: Vec<_> =
            (services..services + self.agents.buyers.len()).map(|buyer| (available(round, buyer), buyer)).collect();
        buyers.sort_unstable();
        let arbitrageur = (!self.agents.desks.is_empty()).then(|| self.agents.number(Who::Arbitrageur));
        let payers: Vec<usize> = (0..services).chain(arbitrageur).collect();
        for (payer, (_, buyer)) in payers.into_iter().zip(buyers.iter().cycle()) {
            let surplus = available(round, payer).saturating_sub(self.config.balance);
            if surplus > 0 {
                let id = transfer_id(2 + u64::from(self.tick), u64::try_from(payer).unwrap_or(0));
                let pay = NewTransfer::new(id, wallet(payer), wallet(*buyer), amount(surplus)?);
                round.plan.run(&Command::Transfer(pay))?;
            }
        }
        Ok(())
    }
}

fn amount(credits: i64) -> Result<Amount, SimulationError> {
    Amount::new(credits).map_err(|_| broken("an amount is out of range"))
}
