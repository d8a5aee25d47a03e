//! A simulated economy: agents, a [`Book`] for each capability, and books of account, tick after tick.

mod agents;
mod decide;
mod report;
mod settle;
mod vault;

use std::collections::HashMap;

use rialto_kernel::{AgentId, Amount, Asset, Timestamp};
use rialto_ledger::{Command, HoldId, House, NewTransfer, TransferId, plan::Plan};
use rialto_market::book::{Book, Level, Side, Structure};
use uuid::Uuid;

use crate::{
    config::Config,
    error::SimulationError,
    rng::Rng,
    scenario::Layout,
    strategy::{Arbitrageur, Pricing, View},
};
use agents::{Agents, Who};
use vault::{Vault, wallet};

pub use report::{AgentNo, BookFigures, Deal, PlacedOrder, Tick, Totals};
pub use vault::Money;

/// A run in memory. Pure: no clock, no I/O, and the same configuration always gives the same run.
///
/// ```
/// use rialto_simulation::{Scenario, World};
///
/// let mut world = World::new(Scenario::PriceDiscovery.defaults())?;
/// while !world.is_over() {
///     let tick = world.step()?;
///     assert_eq!(tick.money.total(), 15 * 1_000, "nothing is lost");
/// }
/// assert!(world.totals().trades > 100);
/// # Ok::<(), rialto_simulation::SimulationError>(())
/// ```
///
/// # A tick
/// 1. Orders whose time is up leave the books, and the bids among them have their money back. Their agents learn from it.
/// 2. Sellers that are to drop out do.
/// 3. Everybody decides: sellers first, by what waits in the books; then buyers, who see what is asked too. An agent with an order
///    that waits places no other one.
/// 4. The orders arrive, in an order that is chance, and after them the arbitrageur's, who sees what they have left. A bid has its
///    money held before it enters the book, and does not enter when there is not enough.
/// 5. Who meets trades at the maker's price: the seller delivers or does not; the buyer's hold is voided, and, if it did, the
///    seller is paid.
/// 6. What a seller has above what it began with is spent again: it goes to the buyers with the least.
pub struct World {
    config: Config,
    rng: Rng,
    tick: u32,
    agents: Agents,
    books: Vec<Shelf>,
    orders: HashMap<u64, Live>,
    vault: Vault,
    next_order: u64,
    next_deal: u64,
    totals: Totals,
}

/// A book and what it is called.
struct Shelf {
    name: String,
    book: Book,
    last: Option<i64>,
}

/// An order that waits.
#[derive(Debug, Clone, Copy)]
struct Live {
    who: Who,
    book: usize,
    side: Side,
    price: i64,
}

/// What is under way within a tick.
struct Round {
    plan: Plan,
    report: Tick,
}

/// The ids of a run's agents, orders and trades: the same for the same run, and others for every other.
#[derive(Debug, Clone, Copy)]
pub struct Names(Uuid);

impl Names {
    /// Those of the run with this id.
    #[must_use]
    pub const fn of(run: Uuid) -> Self {
        Self(run)
    }

    /// The id of an agent.
    #[must_use]
    pub fn agent(self, agent: AgentNo) -> AgentId {
        AgentId::from_uuid(self.name(1, u64::try_from(agent).unwrap_or(u64::MAX)))
    }

    /// The id of an order.
    #[must_use]
    pub fn order(self, no: u64) -> Uuid {
        self.name(2, no)
    }

    /// The id of a trade.
    #[must_use]
    pub fn trade(self, no: u64) -> Uuid {
        self.name(3, no)
    }

    /// Of version 8, which nobody else makes: bits of the run and the kind, then the number.
    fn name(self, kind: u64, no: u64) -> Uuid {
        let (high, low) = self.0.as_u64_pair();
        let run = Rng::new(high ^ low.rotate_left(32) ^ kind.rotate_left(56)).draw();
        let high = (run & !0xf000) | 0x8000;
        let low = (no & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000;
        Uuid::from_u64_pair(high, low)
    }
}

impl World {
    /// A run before its first tick.
    ///
    /// # Errors
    /// [`SimulationError::Invalid`].
    pub fn new(config: Config) -> Result<Self, SimulationError> {
        config.check()?;
        let mut rng = Rng::new(config.seed);
        let agents = Agents::new(&config, &mut rng);
        let count = usize::try_from(config.agents()).unwrap_or(usize::MAX);
        let mut vault = Vault::open(count, moment(0))?;
        endow(&mut vault, count, config.balance)?;
        let shelf = |name| Shelf { name, book: Book::with(Structure::Automatic), last: None };
        Ok(Self {
            books: config.scenario.books().into_iter().map(shelf).collect(),
            orders: HashMap::new(),
            tick: 0,
            next_order: 1,
            next_deal: 1,
            totals: Totals::default(),
            config,
            rng,
            agents,
            vault,
        })
    }

    /// What was asked for.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The last tick that was done; 0 before the first.
    #[must_use]
    pub const fn tick(&self) -> u32 {
        self.tick
    }

    /// Whether all ticks are done.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.tick >= self.config.ticks
    }

    /// The run so far.
    #[must_use]
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    /// How many transfers the ledger has made.
    #[must_use]
    pub const fn transfers(&self) -> u64 {
        self.vault.transfers()
    }

    /// The names of the books.
    pub fn books(&self) -> impl Iterator<Item = &str> {
        self.books.iter().map(|shelf| shelf.name.as_str())
    }

    /// The price levels of one side of a book, best first.
    pub fn depth(&self, book: usize, side: Side) -> impl Iterator<Item = Level> {
        self.books.get(book).into_iter().flat_map(move |shelf| shelf.book.depth(side))
    }

    /// What all bids that wait are held for.
    #[must_use]
    pub fn open_bids(&self) -> i64 {
        self.orders.values().filter(|order| order.side == Side::Bid).map(|order| order.price).sum()
    }

    /// The price at which as much would be offered as would be bought, if everybody offered at its base price (with
    /// [`Pricing::Fixed`], else at cost) and bid what it is ready to pay. Where there are several, the one in the middle. `None`
    /// where sellers and buyers are divided.
    #[must_use]
    pub fn clearing_price(&self) -> Option<i64> {
        if self.config.scenario.layout() != Layout::Single {
            return None;
        }
        let services = self.agents.services.iter().filter(|service| !service.is_disabled).map(|service| &service.strategy);
        let is_fixed = self.config.pricing == Pricing::Fixed;
        let offers: Vec<i64> = services.map(|seller| if is_fixed { seller.asked() } else { seller.cost() }).collect();
        let limits: Vec<i64> = self.agents.buyers.iter().map(|buyer| buyer.value.min(self.config.buyer_budget)).collect();
        let excess = |price: i64| {
            let bought = limits.iter().filter(|limit| **limit >= price).count();
            bought.abs_diff(offers.iter().filter(|offer| **offer <= price).count())
        };
        let mut prices: Vec<i64> = offers.iter().chain(&limits).copied().collect();
        prices.sort_unstable();
        let least = prices.iter().map(|price| excess(*price)).min()?;
        let mut clearing = prices.iter().filter(|price| excess(**price) == least);
        let (low, high) = (clearing.next()?, clearing.next_back());
        Some((low + high.unwrap_or(low)) / 2)
    }

    /// Does one tick.
    ///
    /// # Errors
    /// [`SimulationError::Broken`] and [`SimulationError::Ledger`]: defects of ours. The run cannot go on.
    pub fn step(&mut self) -> Result<Tick, SimulationError> {
        self.tick = self.tick.saturating_add(1);
        let report = Tick { tick: self.tick, books: vec![BookFigures::default(); self.books.len()], ..Tick::default() };
        let mut round = Round { plan: self.vault.plan(moment(self.tick))?, report };
        self.expire(&mut round)?;
        self.drop_out(&mut round);
        for offer in self.decide(&round.plan) {
            self.arrive(&mut round, offer)?;
        }
        self.arbitrate(&mut round)?;
        self.spend_again(&mut round)?;
        let Round { plan, mut report } = round;
        self.vault.commit(plan)?;
        report.money = self.vault.audit()?;
        if report.money.held != self.open_bids() {
            return Err(broken("what is held is not what the open bids come to"));
        }
        for (figures, shelf) in report.books.iter_mut().zip(&self.books) {
            let (bids, asks) = (shelf.book.best(Side::Bid), shelf.book.best(Side::Ask));
            figures.best_bid = bids.map(|level| signed(level.price));
            figures.best_ask = asks.map(|level| signed(level.price));
            figures.bids = shelf.book.count(Side::Bid).into();
            figures.asks = shelf.book.count(Side::Ask).into();
        }
        self.totals.add(&report);
        Ok(report)
    }

    /// Sellers that are to drop out place no more orders. What waits of them expires.
    fn drop_out(&mut self, round: &mut Round) {
        let Some(shock) = self.config.shock.filter(|shock| shock.at_tick == self.tick) else { return };
        let gone = usize::try_from(shock.services).unwrap_or(usize::MAX);
        for service in self.agents.services.iter_mut().take(gone) {
            service.is_disabled = true;
            round.report.dropped_out += 1;
        }
    }

    /// The arbitrageur buys here and sells there, as long as it can and at most as often as it has room for.
    fn arbitrate(&mut self, round: &mut Round) -> Result<(), SimulationError> {
        for capability in 0..self.agents.desks.len() {
            let mut bids = 0;
            while let Some(offer) = self.arbitrage(capability, bids < Arbitrageur::STOCK_MAX) {
                bids += usize::from(offer.side == Side::Bid);
                self.arrive(round, offer)?;
            }
        }
        Ok(())
    }

    /// What each book looks like.
    fn views(&self) -> Vec<View> {
        let view = |shelf: &Shelf| {
            let mut view = View { last: shelf.last, ..View::default() };
            shelf.book.depth(Side::Bid).for_each(|level| view.see_bids(signed(level.price), level.orders.into()));
            shelf.book.depth(Side::Ask).for_each(|level| view.see_asks(signed(level.price), level.orders.into()));
            view
        };
        self.books.iter().map(view).collect()
    }
}

/// Gives everybody what they begin with.
fn endow(vault: &mut Vault, agents: usize, balance: i64) -> Result<(), SimulationError> {
    let Ok(amount) = Amount::new(balance) else { return Ok(()) };
    if amount.is_zero() {
        return Ok(());
    }
    let mut plan = vault.plan(moment(0))?;
    let issuance = House::Issuance.account(Asset::CREDIT);
    for agent in 0..agents {
        let gift = NewTransfer::new(transfer_id(0, u64::try_from(agent).unwrap_or(0)), issuance, wallet(agent), amount);
        plan.run(&Command::Transfer(gift))?;
    }
    vault.commit(plan)
}

/// The time of a tick: books of account want one.
fn moment(tick: u32) -> Timestamp {
    Timestamp::from_micros(i64::from(tick) * 1_000_000)
}

/// The hold of a bid.
fn hold_id(order: u64) -> HoldId {
    HoldId::from_uuid(Uuid::from_u64_pair(1, order))
}

/// A transfer, by what it is for.
fn transfer_id(kind: u64, no: u64) -> TransferId {
    TransferId::from_uuid(Uuid::from_u64_pair(2 + kind, no))
}

fn broken(what: &str) -> SimulationError {
    SimulationError::Broken(what.to_owned())
}

/// A price of the book, all of which come from here.
fn signed(figure: u64) -> i64 {
    i64::try_from(figure).unwrap_or(i64::MAX)
}

fn unsigned(figure: i64) -> u64 {
    u64::try_from(figure).unwrap_or(0)
}
