//! An agent stops trading.

use rialto_kernel::{AgentId, Timestamp};
use rialto_ledger::plan::Plan;
use rialto_store::StoreError;

use super::{ExchangeOptions, Request, batch, gather::Books};
use crate::{error::MarketError, store::MarketStore};

/// Ends all open orders of an agent, frees their money, and lets it place none until [`resume_trading`]; returns how many they
/// were. It does so in the caller's transaction, which deletes the agent or switches it off. It is done once, and harmless twice.
///
/// Books in memory, here and in other processes, learn of it by the version of their capability, as of any change.
///
/// # Errors
/// [`MarketError::Store`]. [`StoreError::Again`] when an order was placed meanwhile: run again, this one will find it.
pub async fn stop_trading(tx: &mut impl MarketStore, agent: AgentId, now: Timestamp) -> Result<usize, MarketError> {
    tx.stop_trader(agent, now).await?;
    let Some(account) = tx.find_agent_account(agent).await? else { return Ok(0) };
    let Some(owner) = account.owner else { return Ok(0) };
    let open = tx.open_orders_of(owner, agent).await?;
    let requests: Vec<Request> = open.iter().map(|(order, _)| Request::Withdraw(*order)).collect();
    if !requests.is_empty() {
        let (names, options) = (open.into_iter().collect(), ExchangeOptions::default());
        let (answers, _) = batch::run_named(tx, &Books::default(), &requests, names, options, now).await?;
        for answer in answers {
            match answer {
                // It has traded or was cancelled while we waited for its capability.
                Ok(_) | Err(MarketError::OrderNotOpen(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }
    // Whoever places an order has locked the wallet before it looks whether the agent may: now that we have, its order is to be
    // seen, or it will see that we were here.
    Plan::lock(tx, vec![account.id], Vec::new(), now).await?;
    if !tx.open_orders_of(owner, agent).await?.is_empty() {
        return Err(StoreError::Again("an order was placed by an agent that is being stopped".into()).into());
    }
    Ok(requests.len())
}

/// Lets an agent trade again that was stopped.
///
/// # Errors
/// [`MarketError::Store`].
pub async fn resume_trading(tx: &mut impl MarketStore, agent: AgentId) -> Result<(), MarketError> {
    Ok(tx.resume_trader(agent).await?)
}
