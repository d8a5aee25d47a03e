//! Each scenario has a question to it; these are the answers, for many seeds.

use std::ops::RangeInclusive;

use rialto_simulation::{Config, Deal, Layout, Scenario, Shock, Tick, World, strategy::Pricing};

const SEEDS: RangeInclusive<u64> = 1..=12;

fn run(config: Config) -> Vec<Tick> {
    let mut world = World::new(config).unwrap();
    let mut ticks = Vec::new();
    while !world.is_over() {
        ticks.push(world.step().unwrap());
    }
    ticks
}

fn deals(ticks: &[Tick], window: RangeInclusive<u32>, book: usize) -> Vec<Deal> {
    let within = ticks.iter().filter(|tick| window.contains(&tick.tick));
    within.flat_map(|tick| tick.deals.iter()).filter(|deal| deal.book == book).copied().collect()
}

/// The average price, times 100.
fn price(ticks: &[Tick], window: RangeInclusive<u32>, book: usize) -> i64 {
    let deals = deals(ticks, window, book);
    assert!(deals.len() >= 5, "hardly anybody trades");
    deals.iter().map(|deal| deal.price * 100).sum::<i64>() / i64::try_from(deals.len()).unwrap()
}

fn welfare(ticks: &[Tick]) -> i64 {
    ticks.iter().flat_map(|tick| &tick.books).map(rialto_simulation::BookFigures::welfare).sum()
}

#[test]
fn price_discovery_comes_to_the_price_at_which_supply_meets_demand() {
    for seed in SEEDS {
        let config = Config { seed, ..Scenario::PriceDiscovery.defaults() };
        let clearing = World::new(config).unwrap().clearing_price().unwrap() * 100;
        let ticks = run(config);
        let late = price(&ticks, 51..=100, 0);
        assert!((late - clearing).abs() * 100 < clearing * 13, "seed {seed}: {late} where {clearing} clears");
        // Three of the five sellers are cheap enough for somebody.
        let sold = deals(&ticks, 51..=100, 0).len();
        assert!((100..=175).contains(&sold), "seed {seed}: {sold} in 50 ticks");
    }
}

#[test]
fn price_discovery_climbs_when_it_begins_too_low() {
    for seed in SEEDS {
        // Sellers who would take 50 to 90, and ten buyers, most of whom would pay more.
        let config = Config { seed, base_price: 50, ..Scenario::PriceDiscovery.defaults() };
        let clearing = World::new(config).unwrap().clearing_price().unwrap() * 100;
        let ticks = run(config);
        let (early, late) = (price(&ticks, 1..=3, 0), price(&ticks, 51..=100, 0));
        assert!(late > early && (clearing - late).abs() < (clearing - early).abs(), "seed {seed}: {early}, {late}, {clearing}");
    }
}

#[test]
fn a_supply_shock_raises_the_price_and_lowers_the_volume() {
    for seed in SEEDS {
        let config = Config { seed, ..Scenario::SupplyShock.defaults() };
        let (shocked, calm) = (run(config), run(Config { shock: None, ..config }));
        assert_eq!(shocked[..49], calm[..49], "until then nothing is different");
        assert_eq!(shocked[49].dropped_out, 2);
        let (before, after) = (price(&shocked, 25..=49, 0), price(&shocked, 70..=150, 0));
        assert!(after > before + 300, "seed {seed}: {before} became {after}");
        assert!(after > price(&calm, 70..=150, 0) + 300, "seed {seed}: without the shock it would not have");
        let (less, more) = (deals(&shocked, 70..=150, 0).len(), deals(&calm, 70..=150, 0).len());
        assert!(less * 10 < more * 8, "seed {seed}: {less} instead of {more}");
    }
}

#[test]
fn who_has_dropped_out_offers_nothing_and_its_last_orders_expire() {
    let config = Config { seed: 5, shock: Some(Shock { at_tick: 20, services: 3 }), ..Scenario::SupplyShock.defaults() };
    let ticks = run(config);
    let offers = |window: RangeInclusive<u32>| {
        let orders = ticks.iter().filter(|tick| window.contains(&tick.tick)).flat_map(|tick| &tick.orders);
        orders.filter(|order| order.agent < 3).count()
    };
    assert!(offers(1..=19) > 0);
    assert_eq!(offers(20..=150), 0);
    let sells = deals(&ticks, 23..=150, 0).iter().filter(|deal| deal.seller < 3).count();
    assert_eq!(sells, 0, "after three ticks nothing of them waits any more");
}

#[test]
fn arbitrage_brings_two_markets_together_and_all_gain() {
    for seed in SEEDS {
        let config = Config { seed, ..Scenario::Arbitrage.defaults() };
        let (with, without) = (run(config), run(Config { arbitrageur: false, ..config }));
        let gap = |ticks: &[Tick]| price(ticks, 30..=120, 1) - price(ticks, 30..=120, 0);
        let (narrow, wide) = (gap(&with), gap(&without));
        assert!(narrow * 10 < wide * 8, "seed {seed}: {narrow} instead of {wide}");
        assert!(welfare(&with) > welfare(&without), "seed {seed}: what nobody wanted here is wanted there");
    }
}

#[test]
fn the_arbitrageur_buys_low_sells_high_and_never_sells_what_it_does_not_have() {
    let config = Config { seed: 2, ..Scenario::Arbitrage.defaults() };
    let arbitrageur = 14;
    let mut stock: Vec<i64> = Vec::new();
    let mut sold = 0;
    for deal in run(config).iter().flat_map(|tick| &tick.deals).filter(|deal| deal.delivered) {
        if deal.buyer == arbitrageur {
            stock.push(deal.price);
        }
        if deal.seller == arbitrageur {
            assert!(!stock.is_empty());
            assert!(deal.price >= stock.remove(0), "at a loss");
            sold += 1;
        }
    }
    assert!(sold > 30 && stock.len() <= 3, "{sold} sold, {} left", stock.len());
}

#[test]
fn reputation_earns_a_premium() {
    for seed in SEEDS {
        let config = Config { seed, ..Scenario::ReputationPremium.defaults() };
        let ticks = run(config);
        for capability in [0, 2] {
            let (open, trusted) = (price(&ticks, 20..=100, capability), price(&ticks, 20..=100, capability + 1));
            assert!(trusted > open + 400, "seed {seed}: {trusted} for the trusted ones, {open} for the others");
        }
        // Sellers 0, 2 and 4 deliver nearly always, 1 and 3 often do not; their costs are the same on average.
        let income = |sellers: &[usize]| {
            let all = ticks.iter().flat_map(|tick| &tick.deals).filter(|deal| deal.delivered);
            let paid: i64 = all.filter(|deal| sellers.contains(&deal.seller)).map(|deal| deal.price).sum();
            paid / i64::try_from(sellers.len()).unwrap()
        };
        let (reliable, unreliable) = (income(&[0, 2, 4]), income(&[1, 3]));
        assert!(reliable * 10 > unreliable * 13, "seed {seed}: {reliable} and {unreliable}");
    }
}

#[test]
fn nobody_bids_more_than_the_budget_or_than_it_has() {
    for scenario in Scenario::ALL {
        let config = Config { seed: 9, balance: 150, arbitrageur: false, ..scenario.defaults() };
        for tick in run(config) {
            let bids = tick.orders.iter().filter(|order| usize::try_from(config.services).unwrap() <= order.agent);
            assert!(bids.clone().all(|bid| bid.price <= config.buyer_budget.min(150 + tick.money.total())), "{scenario:?}");
        }
    }
    let broke = run(Config { balance: 0, ..Scenario::PriceDiscovery.defaults() });
    assert!(broke.iter().all(|tick| tick.deals.is_empty() && tick.money.total() == 0), "who has nothing buys nothing");
}

#[test]
fn an_auction_moves_around_the_base_price() {
    let config = Config { seed: 4, pricing: Pricing::Auction, ..Scenario::PriceDiscovery.defaults() };
    let services = usize::try_from(config.services).unwrap();
    let mut asked = vec![Vec::new(); services];
    for order in run(config).iter().flat_map(|tick| &tick.orders).filter(|order| order.agent < services) {
        asked[order.agent].push(order.price);
    }
    for (agent, prices) in asked.iter().enumerate() {
        let base = 80 + 10 * i64::try_from(agent).unwrap();
        assert!(prices.iter().all(|price| (base * 9 / 10..=base * 11 / 10).contains(price)), "{prices:?}");
        assert!(prices.iter().any(|price| *price != base));
    }
}

#[test]
fn orders_expire_and_unfilled_ones_do_not_pile_up() {
    for scenario in Scenario::ALL {
        let config = Config { seed: 3, ticks: 80, ..scenario.defaults() };
        let ticks = run(config);
        assert!(ticks.iter().flat_map(|tick| &tick.books).map(|book| book.expired).sum::<i64>() > 0);
        let capabilities = u32::try_from(scenario.capabilities().len()).unwrap();
        let most = i64::from(config.services * capabilities + config.buyers + 2);
        for tick in &ticks {
            let waiting: i64 = tick.books.iter().map(|book| book.bids + book.asks).sum();
            assert!(waiting <= most, "{scenario:?}: {waiting} orders wait at tick {}", tick.tick);
        }
    }
}

#[test]
fn the_market_is_alive_to_the_last_tick() {
    for scenario in Scenario::ALL {
        for seed in SEEDS {
            let config = Config { seed, ticks: 1_000, ..scenario.defaults() };
            let ticks = run(config);
            let late: usize = (0..scenario.books().len()).map(|book| deals(&ticks, 951..=1_000, book).len()).sum();
            assert!(late >= 20, "{scenario:?} seed {seed}: {late} trades in the last 50 ticks");
        }
    }
    assert_eq!(Scenario::Arbitrage.layout(), Layout::Venues);
}
