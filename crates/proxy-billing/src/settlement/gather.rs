//! Gathering the calls of a period.

use rialto_kernel::{Asset, Caller, Event, Timestamp};
use serde_json::json;

use super::{Claim, NewSettlement, Settlement, SettlementError, SettlementId, SettlementState, SettlementStore, Share};

/// How many calls one transaction takes, so that it never holds the writer for long.
pub const USAGE_BATCH: u32 = 5_000;

/// A settlement, and whether there are probably more calls for it: then go on with [`settle_more`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gathered {
    /// The settlement as it is now.
    pub settlement: Settlement,
    /// Whether it may not have all calls of its period yet.
    pub has_more: bool,
}

/// Makes a settlement of a provider's delivered calls that ended in the period and that no other settlement has, at most `batch`
/// of them. One without any calls is made as well, once for a period.
///
/// # Errors
/// [`SettlementError::NotAdmin`]; [`SettlementError::Invalid`] for a period that ends before it has begun;
/// [`SettlementError::Exists`].
pub async fn settle(
    tx: &mut impl SettlementStore,
    caller: &Caller,
    new: &NewSettlement,
    batch: u32,
    now: Timestamp,
) -> Result<Gathered, SettlementError> {
    if !caller.is_admin() {
        return Err(SettlementError::NotAdmin);
    }
    if new.from >= new.to {
        return Err(SettlementError::invalid("period_end", "must be later than period_start"));
    }
    tx.lock_provider(new.provider.owner).await?;
    let empty = Settlement {
        id: SettlementId::new(),
        provider: new.provider.clone(),
        from: new.from,
        to: new.to,
        state: SettlementState::Pending,
        share: Share::default(),
        payment_tx: None,
        failure: None,
        is_releasing: false,
        created_at: now,
        updated_at: now,
    };
    tx.insert_settlement(&empty).await?;
    let gathered = gather(tx, empty, batch, now).await?;
    if gathered.settlement.share.calls == 0
        && let Some(other) = tx.find_overlapping(&gathered.settlement).await?
    {
        return Err(SettlementError::Exists(other));
    }
    tx.append_settlement_event(event("settlement.created", &gathered.settlement, now)).await?;
    Ok(gathered)
}

/// Takes more calls into a settlement, at most `batch`, while it is pending. They are those that had ended when it was made: what
/// it comes to does not depend on how long that takes.
///
/// # Errors
/// [`SettlementError::Unknown`].
pub async fn settle_more(
    tx: &mut impl SettlementStore,
    id: SettlementId,
    batch: u32,
    now: Timestamp,
) -> Result<Gathered, SettlementError> {
    let settlement = tx.find_settlement(id).await?.ok_or(SettlementError::Unknown)?;
    // The provider first, as when a settlement is made.
    tx.lock_provider(settlement.provider.owner).await?;
    let settlement = tx.lock_settlement(id).await?.ok_or(SettlementError::Unknown)?;
    if settlement.state != SettlementState::Pending {
        return Ok(Gathered { settlement, has_more: false });
    }
    gather(tx, settlement, batch, now).await
}

async fn gather(
    tx: &mut impl SettlementStore,
    settlement: Settlement,
    batch: u32,
    now: Timestamp,
) -> Result<Gathered, SettlementError> {
    let Settlement { id, from, to, .. } = settlement;
    let to = to.min(settlement.created_at);
    let claim = Claim { settlement: id, provider: settlement.provider.owner, from, to, limit: batch };
    let calls = tx.claim_usage(&claim).await?;
    let has_more = calls.len() >= usize::try_from(batch).unwrap_or(usize::MAX);
    if calls.is_empty() {
        return Ok(Gathered { settlement, has_more });
    }
    let share = calls.into_iter().try_fold(settlement.share, Share::plus)?;
    let settlement = Settlement { share, updated_at: now, ..settlement };
    tx.save_settlement(&settlement).await?;
    Ok(Gathered { settlement, has_more })
}

/// What is told of a settlement.
pub(super) fn event(kind: &'static str, settlement: &Settlement, now: Timestamp) -> Event {
    let usdc = |amount: rialto_kernel::Amount| amount.to_decimal(Asset::USDC);
    let data = json!({
        "settlement_id": settlement.id,
        "provider_id": settlement.provider.name,
        "period_start": settlement.from,
        "period_end": settlement.to,
        "total_amount": usdc(settlement.share.gross),
        "platform_fee": usdc(settlement.share.commission),
        "net_amount": usdc(settlement.share.net()),
        "call_count": settlement.share.calls,
        "status": settlement.state.as_str(),
        "payment_tx": settlement.payment_tx,
    });
    Event { kind, subject: settlement.id.uuid(), owner: Some(settlement.provider.owner), data, at: now }
}
