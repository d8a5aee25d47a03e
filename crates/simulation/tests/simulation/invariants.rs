//! What holds for every run, whatever its figures.

use proptest::prelude::*;
use rialto_simulation::{Config, Names, Scenario, Shock, SimulationError, Tick, World, strategy::Pricing};

fn configs() -> impl Strategy<Value = Config> {
    let pricing = prop::sample::select(Pricing::ALL.to_vec());
    let shock = prop::option::of((1_u32..60, 0_u32..8).prop_map(|(at_tick, services)| Shock { at_tick, services }));
    let agents = (1_u32..10, 1_u32..20, 0_i64..3_000);
    let prices = (1_i64..400, 1_i64..500, pricing, 1_u32..6);
    (prop::sample::select(Scenario::ALL.to_vec()), 1_u32..60, agents, prices, shock, any::<bool>(), any::<u64>()).prop_map(
        |(
            scenario,
            ticks,
            (services, buyers, balance),
            (base_price, buyer_budget, pricing, order_ticks),
            shock,
            arbitrageur,
            seed,
        )| {
            let figures =
                Config { ticks, services, buyers, balance, base_price, buyer_budget, order_ticks, ..scenario.defaults() };
            Config { pricing, shock, arbitrageur, seed, ..figures }
        },
    )
}

/// Runs it, and checks every tick of it.
fn checked(config: Config) -> Result<Vec<Tick>, TestCaseError> {
    let mut world = World::new(config).unwrap();
    let endowment = i64::from(config.agents()) * config.balance;
    let (mut placed, mut gone, mut ticks) = (0_i64, 0_i64, Vec::new());
    while !world.is_over() {
        // The world audits its books itself: this fails when balances do not sum to zero, or holds are not the open bids.
        let tick = world.step().map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(tick.money.total(), endowment, "money was made or lost");
        prop_assert!(tick.money.available >= 0 && tick.money.held >= 0);
        prop_assert_eq!(tick.money.held, world.open_bids());
        placed += i64::try_from(tick.orders.len()).unwrap();
        for book in &tick.books {
            prop_assert!(book.spread().is_none_or(|spread| spread > 0), "a book is crossed");
            prop_assert!(book.low <= book.high && (book.trades > 0) == book.close.is_some());
            gone += 2 * book.trades + book.expired;
        }
        let waiting: i64 = tick.books.iter().map(|book| book.bids + book.asks).sum();
        prop_assert_eq!(placed, gone + waiting, "an order was lost");
        for deal in &tick.deals {
            prop_assert!(deal.price > 0 && deal.buyer != deal.seller && (50..=500).contains(&deal.latency_ms));
        }
        ticks.push(tick);
    }
    let volume: i64 = ticks.iter().flat_map(|tick| &tick.deals).filter(|deal| deal.delivered).map(|deal| deal.price).sum();
    prop_assert_eq!(volume, world.totals().volume);
    Ok(ticks)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_books_balance_at_every_tick_and_a_seed_repeats_a_run(config in configs()) {
        let first = checked(config)?;
        prop_assert_eq!(checked(config)?, first);
    }
}

#[test]
fn another_seed_is_another_run() {
    let run = |seed| checked(Config { seed, ..Scenario::PriceDiscovery.defaults() }).unwrap();
    assert_ne!(run(1), run(2));
}

/// On every machine, and after every change that does not mean to change what agents do.
#[test]
fn a_seed_is_a_promise() {
    let totals = |scenario: Scenario| {
        let mut world = World::new(Config { seed: 7, ..scenario.defaults() }).unwrap();
        while !world.is_over() {
            world.step().unwrap();
        }
        let totals = world.totals();
        (totals.orders, totals.trades, totals.failed, totals.volume, totals.welfare)
    };
    let promised = [
        (822, 283, 13, 26_764, 18_349),
        (1_105, 371, 18, 40_848, 27_131),
        (1_679, 802, 41, 66_998, 67_877),
        (1_191, 406, 29, 36_142, 25_766),
    ];
    assert_eq!(Scenario::ALL.map(totals), promised);
}

#[test]
fn figures_out_of_bounds_are_refused() {
    let good = Scenario::SupplyShock.defaults();
    let shock = |at_tick| Some(Shock { at_tick, services: 1 });
    for (field, bad) in [
        ("tick_count", Config { ticks: 0, ..good }),
        ("tick_count", Config { ticks: u32::MAX, ..good }),
        ("tick_interval_ms", Config { interval_ms: 49, ..good }),
        ("service_agent_count", Config { services: 0, ..good }),
        ("buyer_agent_count", Config { buyers: u32::MAX, ..good }),
        ("initial_balance", Config { balance: -1, ..good }),
        ("initial_balance", Config { balance: i64::MAX, ..good }),
        ("base_price", Config { base_price: 0, ..good }),
        ("buyer_budget", Config { buyer_budget: i64::MAX, ..good }),
        ("order_ticks", Config { order_ticks: 0, ..good }),
        ("shock_at_tick", Config { shock: shock(0), ..good }),
    ] {
        let refused = World::new(bad).map(|_| ());
        assert!(matches!(refused, Err(SimulationError::Invalid { field: named, .. }) if named == field), "{field}: {refused:?}");
    }
}

#[test]
fn the_largest_figures_do_not_overflow() {
    let most = Config {
        ticks: 20,
        balance: Config::CREDITS_MAX,
        base_price: Config::PRICE_MAX,
        buyer_budget: Config::PRICE_MAX,
        pricing: Pricing::Dynamic,
        shock: Some(Shock { at_tick: 3, services: u32::from(u16::MAX).min(Config::SERVICES_MAX) }),
        ..Scenario::Arbitrage.defaults()
    };
    assert!(checked(most).unwrap().iter().any(|tick| !tick.deals.is_empty()));
}

#[test]
fn ids_are_the_runs_own_and_of_version_8() {
    let run = uuid::Uuid::now_v7();
    let (names, other) = (Names::of(run), Names::of(uuid::Uuid::now_v7()));
    let ids = [names.agent(7).uuid(), names.order(7), names.trade(7), names.order(8), other.order(7)];
    for (place, id) in ids.iter().enumerate() {
        assert_eq!((id.get_version_num(), id.get_variant()), (8, uuid::Variant::RFC4122));
        assert_eq!(ids.iter().position(|other| other == id), Some(place));
    }
    assert_eq!(Names::of(run).order(7), names.order(7));
}
