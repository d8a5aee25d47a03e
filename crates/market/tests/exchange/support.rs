//! What the tests share.

use std::{sync::Arc, time::Duration};

use diesel::{QueryableByName, sql_query, sql_types::Text};
use rialto_kernel::{AccountId, AgentId, Amount, Asset, Caller, Clock, CredentialKind, Id, OwnerId, Ppm, Role, Timestamp};
use rialto_ledger::{
    Account, House, LedgerStore, NewTransfer, transfer,
    wallet::{WalletError, open_agent_wallet},
};
use rialto_market::{
    Exchange, ExchangeOptions, MarketError, NewOrder, Order, OrderBook, OrderFilter, OrderId, Placed, Settings, Trade, Trader,
    book::Side, order, order_book, orders,
};
use rialto_store::{Db, StoreError, Tx, on};

/// A moment: later than when the migration opened the accounts of the house.
pub const START: i64 = 4_102_444_800_000_000;

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(START + seconds * 1_000_000)
}

pub fn caller(owner: OwnerId, role: Role) -> Caller {
    Caller { owner, role, credential: CredentialKind::Token, rate_limit_per_minute: None }
}

pub fn admin() -> Caller {
    caller(OwnerId::new(), Role::Admin)
}

/// An exchange on a database, with a clock that stands still.
pub struct Floor {
    pub db: Db,
    pub clock: Clock,
    pub exchange: Exchange,
}

impl Floor {
    pub fn new(db: &Db) -> Self {
        Self::with(db, ExchangeOptions::default())
    }

    pub fn with(db: &Db, options: ExchangeOptions) -> Self {
        let clock = Clock::fixed(at(0));
        Self { db: db.clone(), exchange: Exchange::new(db.clone(), clock.clone(), options), clock }
    }

    /// What another server would have: nothing in memory.
    pub fn another(&self) -> Self {
        let exchange = Exchange::new(self.db.clone(), self.clock.clone(), ExchangeOptions::default());
        Self { db: self.db.clone(), clock: self.clock.clone(), exchange }
    }

    /// The same, with options of its own.
    pub fn another_with(&self, options: ExchangeOptions) -> Self {
        let exchange = Exchange::new(self.db.clone(), self.clock.clone(), options);
        Self { db: self.db.clone(), clock: self.clock.clone(), exchange }
    }

    pub async fn place(&self, new: NewOrder) -> Result<Placed, MarketError> {
        let caller = caller(new.trader.owner, Role::Operator);
        self.exchange.place(&caller, new).await
    }

    pub async fn limit(&self, trader: Trader, side: Side, price: i64, quantity: i64) -> Order {
        self.place(NewOrder::limit(trader, side, CAPABILITY, price, quantity)).await.unwrap().order
    }

    pub async fn bid(&self, trader: Trader, price: i64, quantity: i64) -> Order {
        self.limit(trader, Side::Bid, price, quantity).await
    }

    pub async fn ask(&self, trader: Trader, price: i64, quantity: i64) -> Order {
        self.limit(trader, Side::Ask, price, quantity).await
    }

    pub async fn meet(&self) -> Vec<Trade> {
        self.exchange.match_orders(CAPABILITY, 7).await.unwrap()
    }

    pub async fn cancel(&self, order: &Order) -> Result<Order, MarketError> {
        self.exchange.cancel(&caller(order.trader.owner, Role::Operator), order.id).await
    }

    pub async fn continuous(&self, fee: u32) {
        let settings = Settings { continuous: true, fee: Ppm::new(fee) };
        self.exchange.configure(&admin(), CAPABILITY, settings.into()).await.unwrap();
    }

    pub async fn order(&self, id: OrderId) -> Order {
        self.db.read(async move |tx: &mut Tx| order(tx, &admin(), id).await).await.unwrap()
    }

    pub async fn book(&self) -> OrderBook {
        self.db.read(async move |tx: &mut Tx| order_book(tx, CAPABILITY).await).await.unwrap()
    }

    pub async fn all_orders(&self) -> Vec<Order> {
        let all = OrderFilter::default();
        self.db.read(async move |tx: &mut Tx| orders(tx, &admin(), all.clone(), 200).await).await.unwrap().items
    }

    pub async fn account(&self, trader: Trader) -> Account {
        account(&self.db, trader.account).await
    }

    /// What is in a wallet, and what of it is held.
    pub async fn purse(&self, trader: Trader) -> (i64, i64) {
        let account = self.account(trader).await;
        (account.balance, account.held_out.get())
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

/// What is traded here.
pub const CAPABILITY: &str = "translation";

pub async fn account(db: &Db, id: AccountId) -> Account {
    db.read(async move |tx: &mut Tx| tx.find_account(id).await).await.unwrap().unwrap()
}

/// An agent of a new owner, with so much in its wallet.
pub async fn trader(db: &Db, credits: i64) -> Trader {
    trader_of(db, OwnerId::new(), credits).await
}

pub async fn trader_of(db: &Db, owner: OwnerId, credits: i64) -> Trader {
    let agent = AgentId::new();
    let account = db
        .write(async move |tx: &mut Tx| {
            let wallet = open_agent_wallet(tx, owner, agent, at(0)).await?;
            if credits > 0 {
                let amount = Amount::new(credits).unwrap();
                let new = NewTransfer::new(Id::new(), House::Issuance.account(Asset::CREDIT), wallet.id, amount);
                transfer(tx, new, at(0)).await?;
            }
            Ok::<_, WalletError>(wallet.id)
        })
        .await
        .unwrap();
    Trader { agent, owner, account }
}

#[derive(QueryableByName)]
struct Wrong {
    #[diesel(sql_type = Text)]
    what: String,
}

/// Whatever contradicts what always holds, one sentence each.
const CONTRADICTIONS: &str = "
SELECT 'a wallet holds ' || CAST(COALESCE(h.total, 0) AS TEXT) || ' for bids of ' || CAST(COALESCE(b.total, 0) AS TEXT) AS what
FROM (SELECT account_id, SUM(price * remaining) AS total FROM market_orders WHERE side = 'bid' AND remaining > 0 GROUP BY account_id) AS b
FULL JOIN (
    SELECT a.id AS account_id, SUM(h.amount) AS total FROM ledger_holds AS h JOIN ledger_accounts AS a ON a.no = h.debit_no
    WHERE h.kind = 12 AND h.state = 'pending' GROUP BY a.id
) AS h ON h.account_id = b.account_id
WHERE COALESCE(h.total, 0) <> COALESCE(b.total, 0);

SELECT 'a trade that is ' || t.status || ' without what is held for it, or another hold' AS what
FROM market_trades AS t LEFT JOIN ledger_holds AS h ON h.id = t.hold_id
WHERE t.hold_id IS NOT NULL AND (h.id IS NULL OR h.state <> 'pending' OR h.kind <> 14 OR h.amount <> t.price * t.quantity - t.fee);

SELECT 'proceeds that are held for nothing' AS what FROM ledger_holds
WHERE kind = 14 AND state = 'pending' AND id NOT IN (SELECT hold_id FROM market_trades WHERE hold_id IS NOT NULL);

SELECT 'a trade that is ' || t.status || ' and was paid back, or the other way round' AS what
FROM market_trades AS t LEFT JOIN ledger_transfers AS m ON m.reverses = t.id
WHERE (t.status = 'reversed') <> (m.id IS NOT NULL);

SELECT 'a bid of ' || CAST(o.price AS TEXT) || ' x ' || CAST(o.remaining AS TEXT) || ' with another hold' AS what
FROM market_orders AS o LEFT JOIN ledger_holds AS h ON h.id = o.hold_id
WHERE o.side = 'bid' AND o.remaining > 0 AND (h.id IS NULL OR h.state <> 'pending' OR h.amount <> o.price * o.remaining);

SELECT 'a trade of ' || CAST(t.price AS TEXT) || ' x ' || CAST(t.quantity AS TEXT) || ' that was paid otherwise' AS what
FROM market_trades AS t LEFT JOIN ledger_transfers AS m ON m.id = t.id
WHERE m.id IS NULL OR m.amount <> t.price * t.quantity OR m.kind <> 12;

SELECT 'payments without a trade' AS what FROM ledger_transfers
WHERE kind = 12 AND reverses IS NULL AND id NOT IN (SELECT id FROM market_trades);

SELECT 'a fee of ' || CAST(t.fee AS TEXT) || ' that was paid otherwise' AS what
FROM market_trades AS t LEFT JOIN ledger_transfers AS m ON m.id = t.fee_transfer_id
WHERE t.fee > 0 AND (m.id IS NULL OR m.amount <> t.fee OR m.kind <> 13);

SELECT 'an order with ' || CAST(o.filled AS TEXT) || ' filled by trades of ' || CAST(COALESCE(t.total, 0) AS TEXT) AS what
FROM market_orders AS o LEFT JOIN (
    SELECT id, SUM(quantity) AS total FROM (
        SELECT bid_order_id AS id, quantity FROM market_trades UNION ALL SELECT ask_order_id, quantity FROM market_trades
    ) AS sides GROUP BY id
) AS t ON t.id = o.id
WHERE o.filled <> COALESCE(t.total, 0);

SELECT 'a trade worse than its orders' AS what
FROM market_trades AS t JOIN market_orders AS b ON b.id = t.bid_order_id JOIN market_orders AS a ON a.id = t.ask_order_id
WHERE b.owner_id = a.owner_id OR b.capability <> t.capability OR a.capability <> t.capability;

SELECT c.capability || ' has ' || CAST(c.open_orders AS TEXT) || ' open orders, or not' AS what FROM market_capabilities AS c
WHERE c.open_orders <> (SELECT COUNT(*) FROM market_orders AS o WHERE o.capability = c.capability AND o.remaining > 0);

SELECT 'an owner with ' || CAST(c.open_orders AS TEXT) || ' open orders, or not' AS what FROM market_owners AS c
WHERE c.open_orders <> (SELECT COUNT(*) FROM market_orders AS o WHERE o.owner_id = c.owner_id AND o.remaining > 0);

SELECT 'open orders of an owner that nobody counts' AS what FROM market_orders
WHERE remaining > 0 AND owner_id NOT IN (SELECT owner_id FROM market_owners);

SELECT 'an open order of an agent that may not trade' AS what FROM market_orders
WHERE remaining > 0 AND agent_id IN (SELECT agent_id FROM market_stopped);

SELECT 'two open orders of one priority' AS what FROM market_orders WHERE remaining > 0
GROUP BY capability, priority HAVING COUNT(*) > 1;

SELECT 'candles of ' || CAST(i.seconds AS TEXT) || ' s that do not add up to the trades' AS what
FROM (
    SELECT 60 AS seconds UNION ALL SELECT 300 UNION ALL SELECT 900 UNION ALL SELECT 3600 UNION ALL SELECT 14400
    UNION ALL SELECT 86400
) AS i JOIN (
    SELECT capability, COUNT(*) AS trades, SUM(quantity) AS volume, SUM(price * quantity) AS credits FROM market_trades
    GROUP BY capability
) AS t ON TRUE LEFT JOIN (
    SELECT capability, seconds, SUM(trades) AS trades, SUM(volume) AS volume,
        SUM(credits_high * 16777216 + credits_low) AS credits
    FROM market_candles GROUP BY capability, seconds
) AS c ON c.capability = t.capability AND c.seconds = i.seconds
WHERE c.seconds IS NULL OR c.trades <> t.trades OR c.volume <> t.volume OR c.credits <> t.credits";

async fn contradictions(tx: &mut Tx) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    for sql in CONTRADICTIONS.split(';') {
        let rows: Vec<Wrong> = on!(tx, conn => sql_query(sql).load(conn).await)?;
        found.extend(rows.into_iter().map(|row| row.what));
    }
    Ok(found)
}

/// Checks what always holds.
pub async fn check(db: &Db) {
    let found = db.snapshot(async |tx: &mut Tx| contradictions(tx).await).await.unwrap();
    assert!(found.is_empty(), "{found:#?}");
}

/// Checks that no bid reaches an ask.
pub async fn check_not_crossed(db: &Db, capability: &str) {
    let name: Arc<str> = capability.into();
    let book = db.read(async move |tx: &mut Tx| order_book(tx, &name).await).await.unwrap();
    if let (Some(bid), Some(ask)) = (book.bids.first(), book.asks.first()) {
        assert!(bid.price < ask.price, "{capability} is crossed: {bid:?} {ask:?}");
    }
}

/// Runs `count` tasks at once and returns what each came to.
pub async fn all_at_once<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    count: usize,
    task: impl Fn(usize) -> F,
) -> Vec<T> {
    let tasks: Vec<_> = (0..count).map(|number| tokio::spawn(task(number))).collect();
    let mut results = Vec::with_capacity(count);
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

/// The suite of both databases, in which what always holds is checked after each test.
#[macro_export]
macro_rules! market_suite {
    ($($test:ident),* $(,)?) => {
        mod checked {
            use rialto_store::{suite, testing::TestDb};

            $(async fn $test(test: &TestDb) {
                super::$test(test).await;
                $crate::support::check(&test.db).await;
            })*

            suite! { $($test),* }
        }
    };
}
