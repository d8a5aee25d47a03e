//! Accounts for every refusal, and one word for each.

use rialto_kernel::{AccountId, Amount, Asset, Id};
use rialto_ledger::{
    AccountState, Books, Code, Command, House, LedgerError, NewAccount, NewTransfer, Outcome, Overdraft, Side, TransferId, group,
    open_account, set_account_state,
};

use crate::common::{amount, at, move_money, movement, open};

/// The cast: who is there before the rows are played.
pub struct Cast {
    pub rich: AccountId,
    pub poor: AccountId,
    pub overdrawn: AccountId,
    pub dollars: AccountId,
    pub frozen: AccountId,
    pub closed: AccountId,
    pub full: AccountId,
    /// It may go as low as it likes, and has gone as low as any can.
    pub deep: AccountId,
    /// It may not go above zero, and is 5 below.
    pub capped: AccountId,
    pub nobody: AccountId,
    pub known: TransferId,
}

pub fn till(asset: Asset, overdraft: i64) -> NewAccount {
    NewAccount { overdraft: Overdraft::Limit(amount(overdraft)), ..NewAccount::new(asset, Code::new("till")) }
}

pub async fn run(books: &impl Books, command: Command) -> Result<Outcome, LedgerError> {
    run_at(books, command, 10).await
}

pub async fn run_at(books: &impl Books, command: Command, seconds: i64) -> Result<Outcome, LedgerError> {
    let commands = [command];
    Ok(books.write(async move |tx| group(tx, &commands, at(seconds)).await).await?.remove(0))
}

pub async fn set_state(books: &impl Books, id: AccountId, state: AccountState) -> Result<(), LedgerError> {
    books.write(async move |tx| set_account_state(tx, id, state, at(1)).await).await.map(|_| ())
}

/// An account that has paid out all that one can: 512 times the largest amount, to as many others.
async fn open_deep(books: &impl Books) -> AccountId {
    let deep = NewAccount { overdraft: Overdraft::Unlimited, ..till(Asset::CREDIT, 0) };
    let id = open(books, deep, 0).await;
    let dig = books.write(async move |tx| {
        let others: Vec<NewAccount> = (0..512).map(|_| till(Asset::CREDIT, 0)).collect();
        let pay = |other: &NewAccount| Command::Transfer(NewTransfer::new(Id::new(), id, other.id, Amount::MAX));
        let payments: Vec<Command> = others.iter().map(pay).collect();
        for other in others {
            open_account(tx, other, at(0)).await?;
        }
        group(tx, &payments, at(0)).await.map_err(LedgerError::from)
    });
    dig.await.unwrap();
    id
}

pub async fn cast(books: &impl Books) -> Cast {
    let cast = Cast {
        rich: open(books, till(Asset::CREDIT, 0), 1_000).await,
        poor: open(books, till(Asset::CREDIT, 0), 0).await,
        overdrawn: open(books, till(Asset::CREDIT, 50), 10).await,
        dollars: open(books, till(Asset::USDC, 0), 0).await,
        frozen: open(books, till(Asset::CREDIT, 0), 1_000).await,
        closed: open(books, till(Asset::CREDIT, 0), 0).await,
        full: open(books, till(Asset::CREDIT, 0), Amount::MAX.get()).await,
        deep: open_deep(books).await,
        capped: open(books, NewAccount { credits_capped: true, ..till(Asset::CREDIT, 5) }, 0).await,
        nobody: AccountId::new(),
        known: Id::new(),
    };
    move_money(books, movement(cast.known, cast.rich, cast.poor, 1)).await.unwrap();
    move_money(books, movement(Id::new(), cast.poor, cast.rich, 1)).await.unwrap();
    move_money(books, movement(Id::new(), cast.capped, House::Fees.account(Asset::CREDIT), 5)).await.unwrap();
    set_state(books, cast.frozen, AccountState::Frozen).await.unwrap();
    set_state(books, cast.closed, AccountState::Closed).await.unwrap();
    set_state(books, cast.dollars, AccountState::Closed).await.unwrap();
    cast
}

/// What became of a call, in one word. Every variant has one, so a new one cannot be forgotten here.
pub fn word<T>(result: Result<T, LedgerError>) -> &'static str {
    let Err(error) = result else { return "done" };
    match error {
        LedgerError::AmountZero => "amount_zero",
        LedgerError::TextInvalid(_) => "text_invalid",
        LedgerError::TimeOutOfRange(_) => "time_out_of_range",
        LedgerError::EffectiveInFuture => "effective_in_future",
        LedgerError::IdMismatch(_) => "id_mismatch",
        LedgerError::HoldUnknown(_) => "hold_unknown",
        LedgerError::HoldResolved { .. } => "hold_resolved",
        LedgerError::HoldExpired(_) => "hold_expired",
        LedgerError::HoldExceeded { .. } => "hold_exceeded",
        LedgerError::TransferUnknown(_) => "transfer_unknown",
        LedgerError::IsReversal(_) => "is_reversal",
        LedgerError::AlreadyReversed { .. } => "already_reversed",
        LedgerError::AccountUnknown { side: Side::Debit, .. } => "payer_unknown",
        LedgerError::AccountUnknown { side: Side::Credit, .. } => "payee_unknown",
        LedgerError::AssetMismatch { .. } => "asset_mismatch",
        LedgerError::AccountNotOpen { side: Side::Debit, .. } => "payer_not_open",
        LedgerError::AccountNotOpen { side: Side::Credit, .. } => "payee_not_open",
        LedgerError::InsufficientFunds { .. } => "insufficient_funds",
        LedgerError::CreditsExceedDebits { .. } => "credits_exceed_debits",
        LedgerError::BalanceOutOfRange(_) => "out_of_range",
        LedgerError::AccountNotEmpty(_) => "not_empty",
        LedgerError::Store(_) => "store",
    }
}
