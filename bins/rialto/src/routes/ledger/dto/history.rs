//! Entries, balances, statements, and pages of lists.

use std::collections::BTreeMap;

use rialto_kernel::{AccountId, Amount, Asset, Timestamp};
use rialto_ledger::{
    Account, Entry, ReferenceId, TransferId,
    history::{Balance, OwnerEntry, Paged, StatementLine, WholeStatement},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{LedgerSide, words};

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct LedgerPage<T: ToSchema> {
    /// The items, in the list's order. A page may have fewer than asked for, even none, and still not be the last one.
    pub items: Vec<T>,
    /// What to ask for the next page with, as `cursor`; null when the list has ended.
    pub next_cursor: Option<String>,
}

impl<T: ToSchema> LedgerPage<T> {
    /// This page, each item as it is sent.
    pub fn of<U>(page: Paged<U>, item: impl FnMut(U) -> T) -> Self {
        let Paged { items, next } = page.map(item);
        Self { items, next_cursor: next.map(|next| next.to_string()) }
    }
}

/// One side of a transfer: a line of an account's history.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "account_id": "0198c0de-0000-7000-8000-000000000010", "seq": 3, "transfer_id": "0198c0de-0000-7000-8000-000000000030",
    "side": "debit", "asset": "CREDIT", "amount": 25, "balance_after": 475, "kind": 8,
    "reference_id": "0198c0de-0000-7000-8000-000000000020", "reverses": null, "memo": "Thanks", "metadata": {},
    "effective_at": "2026-11-22T04:54:03.000001Z", "created_at": "2026-11-22T04:54:03.000001Z",
}))]
pub struct LedgerEntry {
    /// Of which account.
    pub account_id: AccountId,
    /// The how manieth of its account it is, from 1.
    pub seq: i64,
    /// The transfer that it is one side of.
    pub transfer_id: TransferId,
    /// Which side: `debit` went out, `credit` came in.
    pub side: LedgerSide,
    /// What moved.
    #[schema(value_type = String)]
    pub asset: Asset,
    /// How much, in minor units, without a sign.
    pub amount: Amount,
    /// The account's balance after it, as the books had it when it was created.
    pub balance_after: i64,
    /// What kind of movement it is. Numbers below 1,000 are Rialto's.
    pub kind: i32,
    /// What the transfer has in common with others.
    pub reference_id: Option<ReferenceId>,
    /// The transfer that it takes back.
    pub reverses: Option<TransferId>,
    /// A text for people.
    pub memo: Option<String>,
    /// Whatever else was to be remembered.
    pub metadata: BTreeMap<String, String>,
    /// When it counts from. Earlier than `created_at` when it was backdated.
    pub effective_at: Timestamp,
    /// When it was posted.
    pub created_at: Timestamp,
}

impl LedgerEntry {
    /// An entry of this account.
    pub fn of(account: AccountId, asset: Asset, entry: Entry) -> Self {
        Self {
            account_id: account,
            seq: entry.seq,
            transfer_id: entry.transfer,
            side: entry.side.into(),
            asset,
            amount: entry.amount,
            balance_after: entry.balance,
            kind: entry.kind.0,
            reference_id: entry.reference,
            reverses: entry.reverses,
            memo: entry.memo,
            metadata: words(entry.metadata),
            effective_at: entry.effective_at.unwrap_or(entry.created_at),
            created_at: entry.created_at,
        }
    }
}

impl From<OwnerEntry> for LedgerEntry {
    fn from(of: OwnerEntry) -> Self {
        Self::of(of.account, of.asset, of.entry)
    }
}

/// What an account had.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "account_id": "0198c0de-0000-7000-8000-000000000010", "asset": "CREDIT", "at": "2026-11-22T04:54:03.000001Z",
    "posted": 500, "held_out": 50, "held_in": 0, "available": 450,
}))]
pub struct LedgerBalance {
    /// Which account.
    pub account_id: AccountId,
    /// What it counts.
    #[schema(value_type = String)]
    pub asset: Asset,
    /// When: the moment that was asked for, or the moment of the answer.
    pub at: Timestamp,
    /// What was posted, in minor units, what was held included. Backdated transfers count from their effective time on.
    pub posted: i64,
    /// What pending holds were to take.
    pub held_out: Amount,
    /// What pending holds were to bring.
    pub held_in: Amount,
    /// Posted without what was held out.
    pub available: i64,
}

impl LedgerBalance {
    /// What this account had.
    pub fn of(account: &Account, at: Timestamp, had: Balance) -> Self {
        Self {
            account_id: account.id,
            asset: account.asset,
            at,
            posted: had.posted,
            held_out: had.held_out,
            held_in: had.held_in,
            available: had.available(),
        }
    }
}

/// One line of a statement.
#[derive(Debug, Serialize, ToSchema)]
pub struct LedgerStatementLine {
    /// The balance after it, in the order of the statement.
    pub balance: i64,
    /// The entry.
    pub entry: LedgerEntry,
}

/// An account over a period. Backdated transfers stand where they count from.
#[derive(Debug, Serialize, ToSchema)]
pub struct LedgerStatement {
    /// Which account.
    pub account_id: AccountId,
    /// What it counts.
    #[schema(value_type = String)]
    pub asset: Asset,
    /// The first moment of the period; null from the beginning.
    pub from: Option<Timestamp>,
    /// The moment at which the period is over; null without an end.
    pub to: Option<Timestamp>,
    /// The balance when it begins.
    pub opening_balance: i64,
    /// What went out.
    pub total_debits: i64,
    /// What came in.
    pub total_credits: i64,
    /// The balance when it is over: opening, less debits, plus credits.
    pub closing_balance: i64,
    /// The lines, by when they count from.
    pub lines: Vec<LedgerStatementLine>,
}

impl From<WholeStatement> for LedgerStatement {
    fn from(statement: WholeStatement) -> Self {
        let WholeStatement { account, period, opening, totals, lines } = statement;
        let line = |line: StatementLine| LedgerStatementLine {
            balance: line.balance,
            entry: LedgerEntry::of(account.id, account.asset, line.entry),
        };
        Self {
            account_id: account.id,
            asset: account.asset,
            from: period.begins(),
            to: period.ends(),
            opening_balance: opening,
            total_debits: i64::try_from(totals.debits).unwrap_or(i64::MAX),
            total_credits: i64::try_from(totals.credits).unwrap_or(i64::MAX),
            closing_balance: totals.closing,
            lines: lines.into_iter().map(line).collect(),
        }
    }
}
