//! Wallets at the [`Teller`]: the movements of `movement.rs`, gathered with those of other callers.

use rialto_kernel::{AccountId, Caller};

use super::{Grant, Movement, NewWalletTransfer, Sandbox, Transferred, Wallet, WalletError, kind, movement, wallet};
use crate::{
    Books,
    access::{AccessStore, Standing, Teller},
    model::{Kind, NewTransfer},
};

impl<B: Books<Tx: AccessStore>> Teller<B> {
    /// Moves credits from one wallet to another, as [`transfer`](super::transfer()).
    ///
    /// # Errors
    /// As [`transfer`](super::transfer()).
    pub async fn transfer_credits(&self, caller: &Caller, new: NewWalletTransfer) -> Result<Transferred, WalletError> {
        let rights = self.standings(&[new.from, new.to]).await?;
        movement::may_transfer(caller, rights.account(new.from), rights.account(new.to))?;
        Transferred::of(self.ledger().transfer(new.into()).await?)
    }

    /// Puts credits in, as [`credit`](super::credit).
    ///
    /// # Errors
    /// As [`credit`](super::credit).
    pub async fn credit(&self, caller: &Caller, sandbox: Sandbox, movement: Movement) -> Result<Wallet, WalletError> {
        self.mint(caller, sandbox, kind::CREDIT, movement).await
    }

    /// Grants credits, as [`grant`](super::grant).
    ///
    /// # Errors
    /// As [`grant`](super::grant).
    pub async fn grant(&self, caller: &Caller, sandbox: Sandbox, grant: Grant, new: Movement) -> Result<Wallet, WalletError> {
        self.mint(caller, sandbox, grant.kind(), new).await
    }

    /// Takes credits out, as [`debit`](super::debit).
    ///
    /// # Errors
    /// As [`debit`](super::debit).
    pub async fn debit(&self, caller: &Caller, movement: Movement) -> Result<Wallet, WalletError> {
        movement::may_debit(caller, self.standing(movement.wallet).await?)?;
        let posted = self.ledger().transfer(movement.debit()).await?;
        wallet(Some(&posted.debit), WalletError::Unknown)
    }

    async fn mint(&self, caller: &Caller, sandbox: Sandbox, kind: Kind, new: Movement) -> Result<Wallet, WalletError> {
        movement::may_mint(caller, sandbox, self.standing(new.wallet).await?)?;
        let new: NewTransfer = new.mint(kind);
        let posted = self.ledger().transfer(new).await?;
        wallet(Some(&posted.credit), WalletError::Unknown)
    }

    async fn standing(&self, id: AccountId) -> Result<Option<Standing>, WalletError> {
        Ok(self.standings(&[id]).await?.account(id))
    }
}
