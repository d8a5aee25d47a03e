//! Random commands on two servers, which agree with each other, with the database, and with the naive market.

use std::sync::Arc;

use fastrand::Rng;
use rialto_kernel::Role;
use rialto_market::{Amendment, MarketError, NewOrder, Order, Placed, TimeInForce, Trade, Trader, book::Side};
use rialto_store::{Tx, testing::TestDb};

use crate::{
    naive::{Naive, Traded},
    support::{CAPABILITY, Floor, all_at_once, caller, check, check_not_crossed, trader, trader_of},
};

/// What each wallet starts with: enough for a while.
const CREDITS: i64 = 3_000;

async fn crowd(test: &TestDb) -> Vec<Trader> {
    let mut crowd = vec![trader(&test.db, CREDITS).await, trader(&test.db, CREDITS).await, trader(&test.db, CREDITS).await];
    crowd.push(trader_of(&test.db, crowd[0].owner, CREDITS).await);
    crowd
}

fn random_order(rng: &mut Rng, crowd: &[Trader]) -> NewOrder {
    let side = if rng.bool() { Side::Bid } else { Side::Ask };
    NewOrder {
        time_in_force: if rng.u8(..10) == 0 { TimeInForce::Ioc } else { TimeInForce::Gtc },
        immediate: rng.u8(..8) == 0,
        ..NewOrder::limit(crowd[rng.usize(..crowd.len())], side, CAPABILITY, rng.i64(90..=110), rng.i64(1..=6))
    }
}

fn seen(trades: &[Trade]) -> Vec<Traded> {
    trades.iter().map(|trade| (trade.bid, trade.ask, trade.price, trade.quantity)).collect()
}

/// The naive market and the servers get the same commands, and say the same.
struct Duel {
    servers: Vec<Floor>,
    naive: Naive,
    crowd: Vec<Trader>,
    rng: Rng,
}

impl Duel {
    async fn round(&mut self, number: usize) {
        let server = self.rng.usize(..self.servers.len());
        if self.rng.u8(..60) == 0 {
            // A server goes, and another one comes.
            self.servers[server] = self.servers[server].another();
        }
        let floor = &self.servers[server];
        let mut expected = Vec::new();
        match self.rng.u8(..20) {
            0..12 => {
                let new = random_order(&mut self.rng, &self.crowd);
                match floor.place(new.clone()).await {
                    Ok(Placed { order, trades, .. }) => {
                        self.naive.place(order.id, &new, &mut expected);
                        assert_eq!(seen(&trades), expected, "{number}: {new:?}");
                    }
                    // What waited before it has been matched all the same.
                    Err(MarketError::InsufficientFunds { .. }) if new.immediate || new.time_in_force == TimeInForce::Ioc => {
                        self.naive.meet(&mut expected);
                    }
                    Err(MarketError::InsufficientFunds { .. }) => {}
                    Err(error) => panic!("{number}: {error:?}"),
                }
            }
            12..15 if !self.naive.orders.is_empty() => {
                let id = self.naive.orders[self.rng.usize(..self.naive.orders.len())].id;
                floor.exchange.cancel(&crate::support::admin(), id).await.unwrap();
                assert!(self.naive.cancel(id));
            }
            15..18 if !self.naive.orders.is_empty() => {
                let order = &self.naive.orders[self.rng.usize(..self.naive.orders.len())];
                let amendment = Amendment {
                    price: self.rng.bool().then(|| self.rng.i64(90..=110)),
                    remaining: self.rng.bool().then(|| self.rng.i64(1..=order.remaining + 1)),
                    quantity: None,
                };
                let id = order.id;
                match floor.exchange.amend(&crate::support::admin(), id, amendment).await {
                    Ok(_) => assert!(self.naive.amend(id, amendment)),
                    Err(MarketError::InsufficientFunds { .. }) => {}
                    Err(error) => panic!("{number}: {error:?}"),
                }
            }
            18..20 => {
                let trades = floor.meet().await;
                self.naive.meet(&mut expected);
                assert_eq!(seen(&trades), expected, "{number}");
                check_not_crossed(&floor.db, CAPABILITY).await;
            }
            _ => {}
        }
    }

    /// The orders in the database are those of the naive market, in its order.
    async fn compare(&self) {
        let db = &self.servers[0].db;
        let mut open: Vec<Order> =
            db.read(async |tx: &mut Tx| rialto_market::MarketStore::open_orders(tx, CAPABILITY).await).await.unwrap();
        open.sort_unstable_by_key(|order| order.priority);
        let open: Vec<_> = open.iter().map(|order| (order.id, order.price, order.remaining)).collect();
        let naive: Vec<_> = self.naive.orders.iter().map(|order| (order.id, Some(order.price), order.remaining)).collect();
        assert_eq!(open, naive);
        check(db).await;
    }
}

async fn two_servers_and_the_naive_market_say_the_same(test: &TestDb) {
    let first = Floor::new(&test.db);
    let second = first.another();
    for seed in [1, 2, 3] {
        let crowd = crowd(test).await;
        let servers = vec![first.another(), second.another()];
        let mut duel = Duel { servers, naive: Naive::default(), crowd, rng: Rng::with_seed(seed) };
        for number in 0..250 {
            duel.round(number).await;
            if number % 50 == 49 {
                duel.compare().await;
            }
        }
        for order in std::mem::take(&mut duel.naive.orders) {
            first.exchange.cancel(&crate::support::admin(), order.id).await.unwrap();
        }
        duel.compare().await;
        // Money went round and none got lost.
        let mut total = 0;
        for trader in &duel.crowd {
            let (balance, held) = first.purse(*trader).await;
            assert_eq!(held, 0);
            total += balance;
        }
        assert_eq!(total, 4 * CREDITS);
    }
}

/// Does random things to a market of several capabilities, and takes what comes.
pub async fn trouble(floor: &Floor, crowd: &[Trader], seed: u64, commands: usize) -> usize {
    let mut rng = Rng::with_seed(seed);
    let (mut mine, mut trades): (Vec<Order>, usize) = (Vec::new(), 0);
    for _ in 0..commands {
        let capability = format!("{CAPABILITY} {}", rng.u8(..2));
        let done = match rng.u8(..10) {
            0..6 => {
                let new = NewOrder { capability, ..random_order(&mut rng, crowd) };
                floor.place(new).await.map(|placed| {
                    trades += placed.trades.len();
                    mine.push(placed.order);
                })
            }
            6..8 if !mine.is_empty() => floor.cancel(&mine.swap_remove(rng.usize(..mine.len()))).await.map(drop),
            8 if !mine.is_empty() => {
                let order = &mine[rng.usize(..mine.len())];
                let amendment = Amendment { price: Some(rng.i64(90..=110)), remaining: Some(rng.i64(1..=6)), quantity: None };
                floor.exchange.amend(&caller(order.trader.owner, Role::Operator), order.id, amendment).await.map(drop)
            }
            _ => floor.exchange.match_orders(&capability, 0).await.map(|some| trades += some.len()),
        };
        match done {
            Ok(()) | Err(MarketError::InsufficientFunds { .. } | MarketError::OrderNotOpen(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    trades
}

/// After trouble: everything adds up, and a server that knows nothing finds nothing left to match.
pub async fn calm(floor: &Floor) {
    check(&floor.db).await;
    for number in 0..2 {
        let capability = format!("{CAPABILITY} {number}");
        floor.exchange.match_orders(&capability, 0).await.unwrap();
        check_not_crossed(&floor.db, &capability).await;
        assert_eq!(floor.another().exchange.match_orders(&capability, 0).await.unwrap(), []);
    }
    check(&floor.db).await;
}

async fn two_servers_under_load_keep_the_books(test: &TestDb) {
    let first = Arc::new(Floor::new(&test.db));
    let second = Arc::new(first.another());
    let crowd: Arc<[Trader]> = crowd(test).await.into();
    let trades = all_at_once(8, |number| {
        let floor = Arc::clone(if number % 2 == 0 { &first } else { &second });
        let crowd = Arc::clone(&crowd);
        async move { trouble(&floor, &crowd, u64::try_from(number).unwrap(), 60).await }
    })
    .await;
    assert!(trades.iter().sum::<usize>() > 20, "{trades:?}");
    calm(&first).await;
}

crate::market_suite! {
    two_servers_and_the_naive_market_say_the_same,
    two_servers_under_load_keep_the_books,
}
