//! Sweeping what agents have earned into their owner's wallet.

use rialto_kernel::{AgentId, Amount, Caller, Id, Timestamp};

use super::{ASSET, WalletError, WalletStore, kind};
use crate::{
    House,
    model::{AccountState, Kind, NewTransfer, ReferenceId},
    plan::Plan,
};

/// The most agent wallets that one call sweeps; another call sweeps the next ones.
pub const CONSOLIDATE_MAX: u32 = 1_000;

/// What was swept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consolidated {
    /// The reference that all its transfers have.
    pub reference: ReferenceId,
    /// How much in all.
    pub total_swept: Amount,
    /// From how many wallets: those that had something to give.
    pub wallets_swept: u32,
}

/// Sweeps what is available in the wallets of the caller's agents into the caller's own wallet, all or nothing: of the
/// named agents, or of all if none is named. Unknown and foreign agents, and wallets that are not open, are passed over.
///
/// The legs meet in the clearing account, so that every agent's wallet has one entry, and the owner's wallet one as well.
///
/// # Errors
/// [`WalletError::Forbidden`] for a viewer, [`WalletError::NoUserWallet`], [`WalletError::Ledger`].
pub async fn consolidate(
    tx: &mut impl WalletStore,
    caller: &Caller,
    agents: &[AgentId],
    now: Timestamp,
) -> Result<Consolidated, WalletError> {
    if !caller.may_write(caller.owner) {
        return Err(WalletError::Forbidden("Your role may only read."));
    }
    let target = tx.find_user_account(caller.owner).await?.ok_or(WalletError::NoUserWallet)?.id;
    let sources = tx.list_spendable_agent_accounts(caller.owner, agents, CONSOLIDATE_MAX).await?;

    let clearing = House::Clearing.account(ASSET);
    let reference = ReferenceId::new();
    let leg = |debit, credit, amount, kind: Kind, memo| NewTransfer {
        kind,
        reference: Some(reference),
        memo,
        ..NewTransfer::new(Id::new(), debit, credit, amount)
    };
    let mut plan = Plan::for_accounts(tx, sources.iter().copied().chain([target, clearing]).collect(), now).await?;
    let (mut total_swept, mut wallets_swept) = (Amount::ZERO, 0_u32);
    for source in sources {
        let Some(account) = plan.account(source) else { continue };
        let Ok(available) = Amount::new(account.available()) else { continue };
        if account.state != AccountState::Open || available.is_zero() {
            continue;
        }
        plan.transfer(&leg(source, clearing, available, kind::CONSOLIDATION_OUT, None))?;
        total_swept = total_swept.plus(available).map_err(|_| crate::LedgerError::BalanceOutOfRange(target))?;
        wallets_swept += 1;
    }
    if wallets_swept > 0 {
        plan.transfer(&leg(clearing, target, total_swept, kind::CONSOLIDATION_IN, Some(wallets_swept.to_string())))?;
    }
    plan.commit(tx).await?;
    Ok(Consolidated { reference, total_swept, wallets_swept })
}
