//! One transaction: lock, look, serve the requests in their order, write everything at once.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use rialto_kernel::{AccountId, AgentId, OwnerId, Timestamp};
use rialto_ledger::HoldId;
use rialto_store::idempotency::Key;

use super::{
    Answer, ExchangeOptions, Request,
    desk::{Desk, Kept},
    gather::Books,
    meet::Till,
    place::is_at_once,
    shop::{Shop, broken, signed},
    step::{escrow, fees},
};
use crate::{
    book::Side,
    error::MarketError,
    model::{Capability, NewOrder, Order, OrderId},
    store::{Changes, Found, Look, MarketStore},
};

/// How many orders of one side are foreseen to trade. If it is more, their wallets are locked late.
const FORESEEN_MAX: usize = 1_024;

type Answers = Vec<Result<Answer, MarketError>>;

/// Serves `requests`. Returns the answers, and the books as they will be once this has committed.
pub(super) async fn run(
    tx: &mut impl MarketStore,
    books: &Books,
    requests: &[Request],
    options: ExchangeOptions,
    now: Timestamp,
) -> Result<(Answers, Vec<Shop>), MarketError> {
    let names = name_orders(tx, requests).await?;
    run_named(tx, books, requests, names, options, now).await
}

/// The same, where the orders that the requests name are known already, each with its capability.
pub(super) async fn run_named(
    tx: &mut impl MarketStore,
    books: &Books,
    requests: &[Request],
    names: HashMap<OrderId, Arc<str>>,
    options: ExchangeOptions,
    now: Timestamp,
) -> Result<(Answers, Vec<Shop>), MarketError> {
    let asked = Asked::of(requests);
    let look = if names.is_empty() { asked.at_once(books, requests) } else { None };
    let (found, shops, clients) = match glance(tx, books, look, now).await? {
        Some((found, shops)) => (found, shops, HashMap::new()),
        None => {
            let mut shops = open_shops(tx, books, requests, &names, now).await?;
            let clients = learn_orders(tx, &mut shops, &names).await?;
            let (accounts, holds) = foresee(&shops, requests, &names);
            (tx.look(asked.under_locks(accounts, holds), now).await?, shops, clients)
        }
    };
    let Found { plan, standings, answers, .. } = found;
    let till = Till { now, fee: options.fee, plan, trades: Vec::new(), facts: Vec::new() };
    let mut desk = Desk {
        till,
        shops,
        homes: names,
        clients,
        orders_max: options.orders_max.into(),
        open_orders: standings.iter().map(|standing| (standing.owner, standing.open_orders)).collect(),
        orders_per_owner_max: options.orders_per_owner_max.into(),
        stopped: standings.iter().filter(|standing| standing.is_stopped).map(|standing| standing.agent).collect(),
        answers: Kept::new(asked.keys, answers),
    };
    let mut answers = Vec::with_capacity(requests.len());
    for request in requests {
        answers.push(match desk.serve(tx, request).await {
            Err(MarketError::Store(error)) => return Err(error.into()),
            answer => answer,
        });
    }
    write(tx, desk).await.map(|shops| (answers, shops))
}

/// The orders that the requests name and that exist, each with its capability, which never changes.
async fn name_orders(tx: &mut impl MarketStore, requests: &[Request]) -> Result<HashMap<OrderId, Arc<str>>, MarketError> {
    let mut ids = Vec::new();
    let mut clients = Vec::new();
    for request in requests {
        match request {
            Request::Cancel { order, .. } | Request::Amend { order, .. } => ids.push(*order),
            Request::Expire(order) | Request::Withdraw(order) => ids.push(*order),
            Request::Place(new, _) => {
                ids.extend(new.id);
                clients.extend(new.client_order_id.clone().map(|id| (new.trader.agent, id)));
            }
            Request::Match { .. } | Request::Configure { .. } => {}
        }
    }
    ids.sort_unstable();
    ids.dedup();
    let mut found = if ids.is_empty() { Vec::new() } else { tx.find_orders(&ids).await? };
    if !clients.is_empty() {
        found.extend(tx.find_client_orders(&clients).await?);
    }
    Ok(found.into_iter().map(|order| (order.id, order.capability)).collect())
}

/// Locks all capabilities that the requests concern, and takes or makes a shop for each.
async fn open_shops(
    tx: &mut impl MarketStore,
    books: &Books,
    requests: &[Request],
    names: &HashMap<OrderId, Arc<str>>,
    now: Timestamp,
) -> Result<HashMap<Arc<str>, Shop>, MarketError> {
    let mut wanted: BTreeSet<&str> = names.values().map(|name| &**name).collect();
    let mut needed: BTreeSet<&str> = BTreeSet::new();
    for request in requests {
        match request {
            Request::Place(NewOrder { capability, .. }, _) => _ = needed.insert(capability),
            Request::Configure { capability, .. } => _ = needed.insert(capability),
            Request::Match { capability, .. } => _ = wanted.insert(capability),
            Request::Cancel { .. } | Request::Amend { .. } | Request::Expire(_) | Request::Withdraw(_) => {}
        }
    }
    wanted.extend(&needed);
    let wanted: Vec<&str> = wanted.into_iter().collect();
    let mut rows = tx.lock_capabilities(&wanted).await?;
    let missing: Vec<&str> = needed.into_iter().filter(|name| rows.iter().all(|row| *row.name != **name)).collect();
    if !missing.is_empty() {
        tx.insert_capabilities(&missing, now).await?;
        rows.extend(tx.lock_capabilities(&missing).await?);
    }
    let mut shops = HashMap::with_capacity(rows.len());
    for row in rows {
        let name = Arc::clone(&row.name);
        books.note(&row);
        let shop = match kept(books, &row) {
            Some(shop) => shop,
            None if needs_book(&row, requests, names) => {
                let orders = tx.open_orders(&name).await?;
                Shop::new(row, true, sorted(orders))
            }
            None => Shop::new(row, false, Vec::new()),
        };
        shops.insert(name, shop);
    }
    Ok(shops)
}

/// The shop that is in memory, if it is as in the database.
fn kept(books: &Books, row: &Capability) -> Option<Shop> {
    books.take(&row.name).filter(|shop| shop.row.version == row.version)
}

/// What requests ask for that needs no order to be known.
struct Asked {
    traders: Vec<(OwnerId, AgentId)>,
    keys: Vec<Key>,
}

impl Asked {
    fn of(requests: &[Request]) -> Self {
        let mut traders = BTreeSet::new();
        let mut keys = Vec::new();
        for request in requests {
            match request {
                Request::Place(new, keyed) => {
                    traders.insert((new.trader.owner, new.trader.agent));
                    keys.extend(keyed.as_ref().map(|keyed| keyed.key.clone()));
                }
                Request::Match { keyed, .. } => keys.extend(keyed.as_ref().map(|keyed| keyed.key.clone())),
                _ => {}
            }
        }
        Self { traders: traders.into_iter().collect(), keys }
    }

    /// All that there is to be found for orders that only come to rest: their wallets are known before their capabilities are
    /// locked, so that one look does. `None` if a request is something else, or may be.
    fn at_once<'r>(&self, books: &Books, requests: &'r [Request]) -> Option<Look<'r>> {
        let mut capabilities = BTreeSet::new();
        let mut accounts = vec![escrow()];
        for request in requests {
            let Request::Place(new, _) = request else { return None };
            if is_at_once(new, false) {
                return None;
            }
            capabilities.insert(new.capability.as_str());
            accounts.push(new.trader.account);
        }
        let capabilities: Vec<_> = capabilities.into_iter().collect();
        books.are_calm(&capabilities).then(|| Look { capabilities, accounts, ..self.under_locks(Vec::new(), Vec::new()) })
    }

    /// What is to be found when the capabilities are locked.
    ///
    /// How those stand who place orders is read when their wallets are locked, and escrow, which every transaction of an exchange
    /// locks: nobody is counting the same owner's orders now, and nobody is stopping the same agent.
    fn under_locks(&self, accounts: Vec<AccountId>, holds: Vec<HoldId>) -> Look<'static> {
        Look { capabilities: Vec::new(), accounts, holds, traders: self.traders.clone(), keys: self.keys.clone() }
    }
}

/// Takes one look, if that may do, and makes a shop for each capability; `None` if it does not do after all.
async fn glance(
    tx: &mut impl MarketStore,
    books: &Books,
    look: Option<Look<'_>>,
    now: Timestamp,
) -> Result<Option<(Found, HashMap<Arc<str>, Shop>)>, MarketError> {
    let Some(look) = look else { return Ok(None) };
    let count = look.capabilities.len();
    let found = tx.look(look, now).await?;
    found.capabilities.iter().for_each(|row| books.note(row));
    if found.capabilities.len() < count || found.capabilities.iter().any(|row| row.settings.continuous) {
        return Ok(None);
    }
    let shop = |row: &Capability| {
        let shop = kept(books, row).unwrap_or_else(|| Shop::new(row.clone(), false, Vec::new()));
        (Arc::clone(&row.name), shop)
    };
    let shops = found.capabilities.iter().map(shop).collect();
    Ok(Some((found, shops)))
}

/// By priority, so that what is numbered first came first.
fn sorted(mut orders: Vec<Order>) -> Vec<Order> {
    orders.sort_unstable_by_key(|order| order.priority);
    orders
}

/// Whether any request lets orders of this capability meet.
fn needs_book(row: &Capability, requests: &[Request], names: &HashMap<OrderId, Arc<str>>) -> bool {
    // A capability that becomes continuous within this batch is so for all that comes after.
    let is_here = |name: &str| *row.name == *name;
    let becomes = |request: &Request| match request {
        Request::Configure { capability, change } => change.continuous == Some(true) && is_here(capability),
        _ => false,
    };
    let is_continuous = row.settings.continuous || requests.iter().any(becomes);
    requests.iter().any(|request| match request {
        Request::Place(new, _) => is_here(&new.capability) && is_at_once(new, is_continuous),
        Request::Match { capability, .. } => is_here(capability),
        Request::Configure { .. } => becomes(request),
        Request::Amend { order, .. } => is_continuous && names.get(order).is_some_and(|name| is_here(name)),
        Request::Cancel { .. } | Request::Expire(_) | Request::Withdraw(_) => false,
    })
}

/// Reads the orders that were named and that no shop has, now that nobody else can change them. Returns what clients call them.
async fn learn_orders(
    tx: &mut impl MarketStore,
    shops: &mut HashMap<Arc<str>, Shop>,
    names: &HashMap<OrderId, Arc<str>>,
) -> Result<HashMap<(AgentId, String), OrderId>, MarketError> {
    let is_known = |id: OrderId, home: &str| shops.get(home).is_some_and(|shop| shop.find(id).is_some());
    let mut ids: Vec<OrderId> = names.iter().filter(|(id, home)| !is_known(**id, home)).map(|(id, _)| *id).collect();
    ids.sort_unstable();
    let orders = if ids.is_empty() { Vec::new() } else { tx.find_orders(&ids).await? };
    for order in sorted(orders) {
        let shop = shops.get_mut(&order.capability).ok_or_else(|| broken("an order has moved"))?;
        shop.learn(order);
    }
    let known = names.iter().filter_map(|(id, home)| shops.get(home)?.find(*id));
    Ok(known.filter_map(|order| Some(((order.trader.agent, order.client_order_id.clone()?), order.id))).collect())
}

/// The wallets and the holds that the requests will need, as far as can be told: better locked together and in order. The wallet
/// of whoever places an order is one of them, whichever its side.
fn foresee(
    shops: &HashMap<Arc<str>, Shop>,
    requests: &[Request],
    names: &HashMap<OrderId, Arc<str>>,
) -> (Vec<AccountId>, Vec<HoldId>) {
    let find = |id: &OrderId| names.get(id).and_then(|home| shops.get(home)?.find(*id));
    let mut accounts = vec![escrow()];
    let mut holds = Vec::new();
    for request in requests {
        match request {
            Request::Place(new, _) => accounts.push(new.trader.account),
            Request::Cancel { order, .. } | Request::Amend { order, .. } | Request::Expire(order) | Request::Withdraw(order) => {
                let order = find(order).filter(|order| order.status.is_open());
                accounts.extend(order.map(|order| order.trader.account));
                holds.extend(order.and_then(|order| order.hold));
            }
            Request::Match { .. } | Request::Configure { .. } => {}
        }
    }
    for shop in shops.values().filter(|shop| shop.is_whole && needs_book(&shop.row, requests, &HashMap::new())) {
        accounts.push(fees());
        let mut add = |order: &Order| {
            accounts.push(order.trader.account);
            holds.extend(order.hold);
        };
        shop.waiting().take(FORESEEN_MAX).for_each(&mut add);
        for side in [Side::Bid, Side::Ask] {
            let (quantity, limit) = arriving(shop, requests, side);
            let mut met = 0_i64;
            for resting in shop.book.orders(side.opposite()).take(FORESEEN_MAX) {
                if met >= quantity || limit.is_some_and(|limit| !side.accepts(limit, resting.price)) {
                    break;
                }
                met = met.saturating_add(signed(resting.quantity));
                shop.live.get(&resting.id).into_iter().for_each(&mut add);
            }
        }
    }
    (accounts, holds)
}

/// How much arrives on one side of a shop, and the best price that it offers; any if `None`.
fn arriving(shop: &Shop, requests: &[Request], side: Side) -> (i64, Option<u64>) {
    let placed = requests.iter().filter_map(|request| match request {
        Request::Place(new, _) if *new.capability == *shop.row.name && new.side == side => Some((new.quantity, new.price)),
        _ => None,
    });
    let waiting = shop.waiting().filter(|order| order.side == side).map(|order| (order.remaining, order.price));
    let mut quantity = 0_i64;
    let mut limits = Vec::new();
    for (more, limit) in placed.chain(waiting) {
        quantity = quantity.saturating_add(more);
        limits.push(limit.map(super::shop::unsigned));
    }
    let best = limits.into_iter().reduce(|best, next| match (best, next) {
        (Some(best), Some(next)) => Some(if side.prefers(next, best) { next } else { best }),
        _ => None,
    });
    (quantity, best.flatten())
}

/// Writes what has been decided, and returns the shops that are worth keeping.
async fn write(tx: &mut impl MarketStore, desk: Desk) -> Result<Vec<Shop>, MarketError> {
    let Desk { till, shops, answers, .. } = desk;
    let now = till.now;
    let mut changes = Changes { trades: till.trades, events: till.facts, answers: answers.into_fresh(), ..Changes::default() };
    let mut kept = Vec::new();
    let mut owners = BTreeMap::<_, i64>::new();
    for (_, mut shop) in shops {
        shop.take_more().into_iter().for_each(|(owner, more)| *owners.entry(owner).or_default() += more);
        let (row, opened, changed) = shop.settle();
        changes.capabilities.extend(row);
        changes.opened.extend(opened);
        changes.changed.extend(changed);
        if shop.is_whole {
            kept.push(shop);
        }
    }
    changes.owners = owners.into_iter().filter(|(_, more)| *more != 0).collect();
    tx.write_market(till.plan, changes, now).await?;
    Ok(kept)
}
