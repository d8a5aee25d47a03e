//! Agents that trade, and what always holds.

use diesel::{QueryableByName, sql_query, sql_types::Text};
use http::Method;
use rialto_store::{Db, DbOptions, StoreError, Tx, on};
use serde_json::{Value, json};

use crate::harness::{Agent, Answer, Api, PASSWORD, Person, Reply, World, signed_in, text};

/// What is traded here.
pub const CAPABILITY: &str = "translation";

/// Somebody's agent, with a wallet of its own.
#[derive(Clone)]
pub struct Trader {
    pub api: Api,
    pub agent: String,
    pub slug: String,
    pub wallet: String,
}

/// An agent that nobody calls.
pub async fn trader(world: &World, name: &str, credits: i64) -> Trader {
    let endpoint = Agent::start(Answer::Echo).await;
    trader_at(&world.person(name).await, name, &endpoint, credits).await
}

/// An agent of `person` at `endpoint`, with so much in its wallet.
pub async fn trader_at(person: &Person, name: &str, endpoint: &Agent, credits: i64) -> Trader {
    let agent = person.register_agent(name, endpoint, Some(7)).await;
    let id = text(&agent["id"]);
    let wallet = person.api.get(&format!("/wallets/agent/{id}")).await.expect(200);
    let wallet = text(&wallet["id"]);
    if credits > 0 {
        person.api.post(&format!("/wallets/{}/credit", person.wallet), &json!({"amount": credits})).await.expect(200);
        let body = json!({"from_wallet_id": person.wallet, "to_wallet_id": wallet, "amount": credits});
        person.api.post("/wallets/transfer", &body).await.expect(200);
    }
    Trader { api: person.api.clone(), agent: id, slug: text(&agent["agent_id"]), wallet }
}

/// Starts the server anew with an administrator, and signs that in.
pub async fn with_admin(world: &mut World, flags: &[&str]) -> Api {
    let password = format!("--admin-password={PASSWORD}");
    let flags = [&["--admin-email=root@example.com", &password], flags].concat();
    world.restart_with(&flags).await;
    signed_in(&world.stranger(), "root@example.com").await
}

impl Trader {
    /// The same agent, through another client.
    pub fn through(&self, api: Api) -> Self {
        Self { api, ..self.clone() }
    }

    /// An order of this agent, with these fields on top.
    pub async fn try_place(&self, side: &str, price: i64, quantity: i64, more: Value) -> Reply {
        let mut body =
            json!({"agent_id": self.agent, "side": side, "capability": CAPABILITY, "price": price, "quantity": quantity});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.api.post("/market/orders", &body).await
    }

    pub async fn place(&self, side: &str, price: i64, quantity: i64) -> Value {
        self.try_place(side, price, quantity, json!({})).await.expect(201)
    }

    pub async fn bid(&self, price: i64, quantity: i64) -> Value {
        self.place("bid", price, quantity).await
    }

    pub async fn ask(&self, price: i64, quantity: i64) -> Value {
        self.place("ask", price, quantity).await
    }

    pub async fn order(&self, order: &Value) -> Value {
        self.api.get(&path(order)).await.expect(200)
    }

    pub async fn cancel(&self, order: &Value) -> Reply {
        self.api.delete(&path(order)).await
    }

    pub async fn amend(&self, order: &Value, change: &Value) -> Reply {
        self.api.send_json(Method::PATCH, &path(order), change).await
    }

    /// Lets orders meet; gives the trades.
    pub async fn meet(&self) -> Vec<Value> {
        let trades = self.api.post(&format!("/market/match/{CAPABILITY}?tick=7"), &json!({})).await.expect(200);
        trades.as_array().unwrap().clone()
    }

    /// What is in the wallet, and what of it is held.
    pub async fn purse(&self) -> (i64, i64) {
        let account = self.api.get(&format!("/ledger/accounts/{}", self.wallet)).await.expect(200);
        (account["posted"].as_i64().unwrap(), account["held_out"].as_i64().unwrap())
    }
}

fn path(order: &Value) -> String {
    format!("/market/orders/{}", text(&order["id"]))
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

SELECT 'a trade of ' || CAST(t.price * t.quantity AS TEXT) || ' that was paid otherwise' AS what
FROM market_trades AS t LEFT JOIN ledger_transfers AS m ON m.id = t.id
WHERE m.id IS NULL OR m.amount <> t.price * t.quantity;

SELECT 'a payment without a trade' AS what FROM ledger_transfers
WHERE kind = 12 AND reverses IS NULL AND id NOT IN (SELECT id FROM market_trades);

SELECT 'a trade that is ' || t.status || ' and was paid back, or the other way round' AS what
FROM market_trades AS t LEFT JOIN ledger_transfers AS m ON m.reverses = t.id
WHERE (t.status = 'reversed') <> (m.id IS NOT NULL);

SELECT 'proceeds that are held for nothing, or not' AS what FROM ledger_holds AS h
FULL JOIN (SELECT hold_id FROM market_trades WHERE hold_id IS NOT NULL) AS t ON t.hold_id = h.id
WHERE (t.hold_id IS NOT NULL) <> (h.kind = 14 AND h.state = 'pending');

SELECT 'an owner with ' || CAST(c.open_orders AS TEXT) || ' open orders, or not' AS what FROM market_owners AS c
WHERE c.open_orders <> (SELECT COUNT(*) FROM market_orders AS o WHERE o.owner_id = c.owner_id AND o.remaining > 0);

SELECT 'an open order of an agent that may not trade' AS what FROM market_orders
WHERE remaining > 0 AND agent_id IN (SELECT agent_id FROM market_stopped);

SELECT 'a trade that is still being delivered' AS what FROM market_trades WHERE status = 'delivering'";

#[derive(QueryableByName)]
struct Wrong {
    #[diesel(sql_type = Text)]
    what: String,
}

async fn contradictions(tx: &mut Tx) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    for sql in CONTRADICTIONS.split(';') {
        let rows: Vec<Wrong> = on!(tx, conn => sql_query(sql).load(conn).await)?;
        found.extend(rows.into_iter().map(|row| row.what));
    }
    Ok(found)
}

/// Checks what always holds.
pub async fn check(world: &World) {
    let options = DbOptions { readers: 1, connections_max: 2, ..DbOptions::default() };
    let db = Db::open(&world.place.url, &options).await.unwrap();
    let found = db.snapshot(async |tx: &mut Tx| contradictions(tx).await).await.unwrap();
    assert!(found.is_empty(), "{found:#?}");
}
