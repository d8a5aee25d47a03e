//! What was bought is delivered, or paid back.

use std::sync::Arc;

use rialto_kernel::{AccountId, Amount, Asset, Id, OwnerId, Role};
use rialto_ledger::{AccountState, House, LedgerError, NewReversal, NewTransfer, reverse, set_account_state, transfer};
use rialto_market::{
    Delivery, MarketError, MarketStore, NewDelivery, NewOrder, Trade, TradeStatus, Trader, abandon_delivery, begin_delivery,
    book::Side, finish_delivery, pay_back_held,
};
use rialto_store::{Tx, outbox, testing::TestDb};

use crate::support::{CAPABILITY, Floor, admin, at, caller, trader};

/// One trade of 100 with a fee of 10.
async fn one_trade(floor: &Floor) -> (Trade, Trader, Trader) {
    floor.continuous(100_000).await;
    let (buyer, seller) = (trader(&floor.db, 100).await, trader(&floor.db, 0).await);
    floor.ask(seller, 50, 2).await;
    let placed = floor.place(NewOrder::limit(buyer, Side::Bid, CAPABILITY, 50, 2)).await.unwrap();
    (placed.trades[0].clone(), buyer, seller)
}

fn wanted(trade: &Trade, call: u128) -> NewDelivery {
    NewDelivery { trade: trade.id, invocation: invocation(call), at_own_risk: false, patience: PATIENCE }
}

async fn begin_as(floor: &Floor, owner: OwnerId, new: NewDelivery) -> Result<Trade, MarketError> {
    let (now, asking) = (floor.clock.now(), caller(owner, Role::Operator));
    let begun = floor.db.write(async move |tx: &mut Tx| begin_delivery(tx, &asking, &new, now).await).await;
    begun.map(|(trade, _)| trade)
}

async fn begin(floor: &Floor, trade: &Trade, call: u128) -> Result<Trade, MarketError> {
    begin_as(floor, trade.buyer_owner, wanted(trade, call)).await
}

async fn at_own_risk(floor: &Floor, trade: &Trade, call: u128) -> Result<Trade, MarketError> {
    begin_as(floor, trade.buyer_owner, NewDelivery { at_own_risk: true, ..wanted(trade, call) }).await
}

async fn finish(floor: &Floor, trade: &Trade, call: u128, succeeded: bool) -> Result<TradeStatus, MarketError> {
    let error = (!succeeded).then(|| "Agent returned status 500".to_owned());
    let delivery = Delivery { invocation: invocation(call), succeeded, latency_ms: 42, error };
    let (id, now) = (trade.id, floor.clock.now());
    floor.db.write(async move |tx: &mut Tx| finish_delivery(tx, id, &delivery, now).await).await.map(|trade| trade.status)
}

/// Moves so much out of a wallet, as its owner may.
async fn sweep(floor: &Floor, from: AccountId, credits: i64) -> bool {
    let (to, now) = (House::Issuance.account(Asset::CREDIT), floor.clock.now());
    let new = NewTransfer::new(Id::new(), from, to, Amount::new(credits).unwrap());
    floor.db.write(async move |tx: &mut Tx| transfer(tx, new.clone(), now).await).await.is_ok()
}

/// What was told of deliveries and payments: the kind, the status, and the error.
async fn told(floor: &Floor) -> Vec<(String, String, Option<String>)> {
    let kinds = ["trade.settled", "trade.completed"].map(str::to_owned);
    let told = floor.db.read(async move |tx: &mut Tx| outbox::between(tx, &kinds, 0, i64::MAX).await).await.unwrap();
    let text = |data: &serde_json::Value, field: &str| data[field].as_str().map(str::to_owned);
    told.iter().map(|event| (event.kind.clone(), text(&event.data, "status").unwrap(), text(&event.data, "error"))).collect()
}

/// How long a delivery may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(900);

fn invocation(number: u128) -> Id<rialto_market::nouns::Invocation> {
    format!("{number:032x}").parse().unwrap()
}

async fn a_trade_is_delivered_once(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let (trade, buyer, seller) = one_trade(&floor).await;
    assert!(matches!(begin_as(&floor, seller.owner, wanted(&trade, 1)).await, Err(MarketError::Forbidden(_))));
    assert_eq!(finish(&floor, &trade, 1, true).await, Err(MarketError::NotDeliverable(TradeStatus::Settled)));
    assert_eq!(begin(&floor, &trade, 1).await.unwrap().status, TradeStatus::Delivering);
    assert_eq!(begin(&floor, &trade, 2).await.unwrap_err(), MarketError::NotDeliverable(TradeStatus::Delivering));
    // Whoever began it is gone.
    floor.advance(900);
    begin(&floor, &trade, 3).await.unwrap();
    assert_eq!(floor.purse(seller).await, (90, 90), "held once, whoever delivers");
    assert_eq!(finish(&floor, &trade, 1, false).await, Err(MarketError::NotDeliverable(TradeStatus::Delivering)));
    assert_eq!(finish(&floor, &trade, 3, true).await, Ok(TradeStatus::Delivered));
    assert_eq!(finish(&floor, &trade, 3, true).await, Ok(TradeStatus::Delivered));
    assert_eq!(finish(&floor, &trade, 3, false).await, Err(MarketError::NotDeliverable(TradeStatus::Delivered)));
    assert_eq!((floor.purse(buyer).await, floor.purse(seller).await), ((0, 0), (90, 0)));
    let told: Vec<_> = told(&floor).await.into_iter().map(|(kind, status, error)| (kind, status, error.is_some())).collect();
    let expected = [("trade.settled", "settled"), ("trade.settled", "delivered"), ("trade.completed", "delivered")];
    assert_eq!(told, expected.map(|(kind, status)| (kind.to_owned(), status.to_owned(), false)));
}

async fn a_delivery_that_was_not_made_leaves_the_trade_free(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let (trade, _, seller) = one_trade(&floor).await;
    let abandon = async |call| {
        let (id, call, now) = (trade.id, invocation(call), floor.clock.now());
        floor.db.write(async move |tx: &mut Tx| abandon_delivery(tx, id, call, false, now).await).await.unwrap()
    };
    assert!(!abandon(1).await, "it was not reserved");
    begin(&floor, &trade, 1).await.unwrap();
    assert!(!abandon(2).await, "it is reserved for another call");
    assert_eq!(floor.purse(seller).await, (90, 90));
    assert!(abandon(1).await);
    assert_eq!(floor.purse(seller).await, (90, 0));
    assert_eq!(finish(&floor, &trade, 1, true).await, Err(MarketError::NotDeliverable(TradeStatus::Settled)));
    begin(&floor, &trade, 2).await.unwrap();
    assert_eq!(finish(&floor, &trade, 2, true).await, Ok(TradeStatus::Delivered));
    assert!(!abandon(2).await, "it was delivered");
}

async fn what_was_not_delivered_is_paid_back_with_its_fee(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let (trade, buyer, seller) = one_trade(&floor).await;
    begin(&floor, &trade, 1).await.unwrap();
    // What may have to be paid back cannot be spent, in whatever way.
    assert!(!sweep(&floor, seller.account, 1).await);
    let bid = floor.place(NewOrder::limit(seller, Side::Bid, "elsewhere", 1, 1)).await;
    assert!(matches!(bid, Err(MarketError::InsufficientFunds { available: 0, .. })), "{bid:?}");
    assert_eq!(finish(&floor, &trade, 1, false).await, Ok(TradeStatus::Reversed));
    assert_eq!(finish(&floor, &trade, 1, false).await, Ok(TradeStatus::Reversed));
    assert_eq!((floor.purse(buyer).await, floor.purse(seller).await), ((100, 0), (0, 0)));
    // Once it is delivered it is the seller's own.
    let (trade, _, seller) = one_trade(&floor).await;
    begin(&floor, &trade, 2).await.unwrap();
    finish(&floor, &trade, 2, true).await.unwrap();
    assert!(sweep(&floor, seller.account, 90).await);
}

async fn what_was_reversed_by_hand_is_not_reversed_again(test: &TestDb) {
    let floor = Floor::new(&test.db);
    for by_hand in ["the fee", "the payment", "both"] {
        let (trade, buyer, seller) = one_trade(&floor).await;
        begin(&floor, &trade, 1).await.unwrap();
        let (to, now) = (seller.account, floor.clock.now());
        let (fee, payment) = (trade.fee_transfer.unwrap(), trade.id.cast());
        let by_admin = async move |tx: &mut Tx| {
            // What is held of the proceeds cannot be taken; the seller has other money.
            let gift = NewTransfer::new(Id::new(), House::Issuance.account(Asset::CREDIT), to, Amount::new(100).unwrap());
            transfer(tx, gift, now).await?;
            if by_hand != "the payment" {
                reverse(tx, NewReversal { id: Id::new(), transfer: fee, memo: None }, now).await?;
            }
            if by_hand != "the fee" {
                reverse(tx, NewReversal { id: Id::new(), transfer: payment, memo: None }, now).await?;
            }
            Ok::<_, LedgerError>(())
        };
        floor.db.write(by_admin).await.unwrap();
        assert_eq!(finish(&floor, &trade, 1, false).await, Ok(TradeStatus::Reversed), "{by_hand}");
        assert_eq!((floor.purse(buyer).await, floor.purse(seller).await), ((100, 0), (100, 0)), "{by_hand}");
    }
}

async fn where_the_proceeds_are_spent_nobody_is_called(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let (trade, buyer, seller) = one_trade(&floor).await;
    let spent = floor.bid(seller, 1, 1).await;
    assert_eq!(begin(&floor, &trade, 1).await.unwrap_err(), MarketError::ProceedsSpent);
    assert_eq!(finish(&floor, &trade, 1, true).await, Err(MarketError::NotDeliverable(TradeStatus::Settled)));
    // At its own risk the buyer gets what it may get.
    assert_eq!(at_own_risk(&floor, &trade, 2).await.unwrap().hold, None);
    assert_eq!(finish(&floor, &trade, 2, false).await, Ok(TradeStatus::Failed));
    assert_eq!(finish(&floor, &trade, 2, false).await, Ok(TradeStatus::Failed));
    assert_eq!(begin(&floor, &trade, 3).await.unwrap_err(), MarketError::ProceedsSpent, "it is owed, and not there");
    at_own_risk(&floor, &trade, 3).await.unwrap();
    assert_eq!(finish(&floor, &trade, 2, false).await, Err(MarketError::NotDeliverable(TradeStatus::Delivering)));
    assert_eq!(finish(&floor, &trade, 3, false).await, Ok(TradeStatus::Failed));
    floor.cancel(&spent).await.unwrap();
    assert_eq!(finish(&floor, &trade, 3, false).await, Ok(TradeStatus::Reversed));
    assert_eq!((floor.purse(buyer).await, floor.purse(seller).await), ((100, 0), (0, 0)));
    let why = Some("Agent returned status 500".to_owned());
    let expected = [
        ("trade.settled", "settled", None),
        ("trade.settled", "failed", why.clone()),
        ("trade.completed", "failed", None),
        ("trade.settled", "failed", why.clone()),
        ("trade.completed", "failed", None),
        ("trade.settled", "reversed", why),
        ("trade.completed", "reversed", None),
    ];
    assert_eq!(told(&floor).await, expected.map(|(kind, status, error)| (kind.to_owned(), status.to_owned(), error)));
}

/// A second delivery that is not made leaves the debt of the first one, and what could be held for it stays held.
async fn what_is_owed_stays_owed(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let (trade, buyer, seller) = one_trade(&floor).await;
    let spent = floor.bid(seller, 30, 3).await;
    at_own_risk(&floor, &trade, 1).await.unwrap();
    assert_eq!(finish(&floor, &trade, 1, false).await, Ok(TradeStatus::Failed));
    floor.cancel(&spent).await.unwrap();
    let (new, now, asking) = (wanted(&trade, 2), floor.clock.now(), caller(buyer.owner, Role::Operator));
    let again = async move |tx: &mut Tx| {
        let (_, is_owed) = begin_delivery(tx, &asking, &new, now).await?;
        Ok::<_, MarketError>((is_owed, abandon_delivery(tx, new.trade, new.invocation, is_owed, now).await?))
    };
    assert_eq!(floor.db.write(again).await, Ok((true, true)));
    assert_eq!(floor.purse(seller).await, (90, 90));
    assert_eq!(finish(&floor, &trade, 2, false).await, Ok(TradeStatus::Reversed));
    assert_eq!((floor.purse(buyer).await, floor.purse(seller).await), ((100, 0), (0, 0)));
}

async fn a_wallet_that_is_frozen_pays_back_when_it_is_open_again(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let (trade, buyer, seller) = one_trade(&floor).await;
    let set = async |state| {
        let id = seller.account;
        test.db.write(async move |tx: &mut Tx| set_account_state(tx, id, state, at(1)).await).await.unwrap();
    };
    set(AccountState::Frozen).await;
    assert_eq!(begin(&floor, &trade, 1).await.unwrap_err(), MarketError::ProceedsSpent);
    set(AccountState::Open).await;
    begin(&floor, &trade, 2).await.unwrap();
    set(AccountState::Frozen).await;
    assert_eq!(finish(&floor, &trade, 2, false).await, Ok(TradeStatus::Failed));
    assert_eq!(floor.purse(seller).await, (90, 90), "it is held until then");
    set(AccountState::Open).await;
    assert_eq!(finish(&floor, &trade, 2, false).await, Ok(TradeStatus::Reversed));
    assert_eq!((floor.purse(buyer).await, floor.purse(seller).await), ((100, 0), (0, 0)));
}

/// Whoever looks after it comes back for as long as it takes, and does not look at the same one all the time.
async fn what_is_held_in_a_frozen_wallet_is_paid_back_however_late(test: &TestDb) {
    let floor = Floor::new(&test.db);
    let (trade, buyer, seller) = one_trade(&floor).await;
    let set = async |state| {
        let id = seller.account;
        test.db.write(async move |tx: &mut Tx| set_account_state(tx, id, state, at(1)).await).await.unwrap();
    };
    let owed = async || {
        let now = floor.clock.now();
        floor.db.read(async move |tx: &mut Tx| tx.owed_trades(now, 10).await).await.unwrap()
    };
    let try_again = async || {
        let (id, now) = (trade.id, floor.clock.now());
        floor.db.write(async move |tx: &mut Tx| pay_back_held(tx, id, now).await).await.unwrap()
    };
    begin(&floor, &trade, 1).await.unwrap();
    floor.advance(1);
    assert_eq!((owed().await, try_again().await), (vec![], false), "it is being delivered");
    set(AccountState::Frozen).await;
    assert_eq!(finish(&floor, &trade, 1, false).await, Ok(TradeStatus::Failed));
    for _ in 0..2 {
        assert_eq!(owed().await, []);
        floor.advance(86_400);
        assert_eq!((owed().await, try_again().await), (vec![trade.id], false));
        assert_eq!(floor.purse(seller).await, (90, 90));
    }
    set(AccountState::Open).await;
    floor.advance(1);
    assert_eq!((owed().await, try_again().await), (vec![trade.id], true));
    assert_eq!((floor.purse(buyer).await, floor.purse(seller).await), ((100, 0), (0, 0)));
    floor.advance(1);
    assert_eq!((owed().await, try_again().await), (vec![], false), "once");
    assert_eq!(told(&floor).await.last().unwrap().1, "reversed");
}

/// The seller sweeps its wallet as fast as it can while deliveries begin and fail. Whoever's seller was called has its money back.
async fn no_sweep_outruns_a_delivery_that_fails(test: &TestDb) {
    let floor = Arc::new(Floor::new(&test.db));
    let (mut called, mut swept) = (0, 0);
    for round in 0..12 {
        let (trade, buyer, seller) = one_trade(&floor).await;
        let thief = Arc::clone(&floor);
        let sweeps = tokio::spawn(async move {
            let mut swept = 0;
            for _ in 0..6 {
                swept += i64::from(sweep(&thief, seller.account, 45).await) * 45;
            }
            swept
        });
        if round % 3 == 0 {
            tokio::task::yield_now().await;
        }
        let begun = begin(&floor, &trade, 1).await;
        let ended = match &begun {
            Ok(_) => finish(&floor, &trade, 1, false).await.unwrap(),
            Err(error) => {
                assert_eq!(*error, MarketError::ProceedsSpent);
                TradeStatus::Settled
            }
        };
        let gone = sweeps.await.unwrap();
        if begun.is_ok() {
            called += 1;
            assert_eq!((ended, gone, floor.purse(buyer).await), (TradeStatus::Reversed, 0, (100, 0)));
        } else {
            swept += 1;
            assert_eq!((gone, floor.purse(buyer).await, floor.purse(seller).await), (90, (0, 0), (0, 0)));
        }
    }
    assert_eq!(called + swept, 12);
}

/// Many ends of one delivery at once, good and bad, from two servers, are one end.
async fn one_delivery_ends_once(test: &TestDb) {
    let floor = Arc::new(Floor::new(&test.db));
    for round in 0..4 {
        let (trade, buyer, seller) = one_trade(&floor).await;
        begin(&floor, &trade, 1).await.unwrap();
        let ends = crate::support::all_at_once(8, |number| {
            let (floor, trade) = (Arc::clone(&floor), trade.clone());
            async move { finish(&floor, &trade, 1, (number + round) % 2 == 0).await }
        })
        .await;
        let good = ends.iter().filter(|end| **end == Ok(TradeStatus::Delivered)).count();
        let bad = ends.iter().filter(|end| **end == Ok(TradeStatus::Reversed)).count();
        assert!((good, bad) == (4, 0) || (good, bad) == (0, 4), "{ends:?}");
        let expected = if good > 0 { ((0, 0), (90, 0)) } else { ((100, 0), (0, 0)) };
        assert_eq!((floor.purse(buyer).await, floor.purse(seller).await), expected);
    }
}

async fn where_the_house_takes_all_nothing_is_held(test: &TestDb) {
    let floor = Floor::new(&test.db);
    floor.continuous(1_000_000).await;
    let (buyer, seller) = (trader(&test.db, 100).await, trader(&test.db, 0).await);
    floor.ask(seller, 50, 2).await;
    let trade = floor.place(NewOrder::limit(buyer, Side::Bid, CAPABILITY, 50, 2)).await.unwrap().trades.remove(0);
    begin_as(&floor, admin().owner, wanted(&trade, 1)).await.unwrap_err();
    assert_eq!(begin(&floor, &trade, 1).await.unwrap().hold, None);
    assert_eq!(finish(&floor, &trade, 1, false).await, Ok(TradeStatus::Reversed));
    assert_eq!(floor.purse(buyer).await, (100, 0));
}

crate::market_suite! {
    a_trade_is_delivered_once,
    a_delivery_that_was_not_made_leaves_the_trade_free,
    what_was_not_delivered_is_paid_back_with_its_fee,
    what_was_reversed_by_hand_is_not_reversed_again,
    where_the_proceeds_are_spent_nobody_is_called,
    what_is_owed_stays_owed,
    a_wallet_that_is_frozen_pays_back_when_it_is_open_again,
    what_is_held_in_a_frozen_wallet_is_paid_back_however_late,
    no_sweep_outruns_a_delivery_that_fails,
    one_delivery_ends_once,
    where_the_house_takes_all_nothing_is_held,
}
