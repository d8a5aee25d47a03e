//! What the lists of the ledger may be asked.

use rialto_kernel::{Amount, Asset, OwnerId, Timestamp};
use rialto_ledger::{
    AccountState, Code, Kind, ReferenceId, Side,
    history::{AccountFilter, Cursor, EntryFilter, HoldPhase, Order, PAGE_MAX, Period, Slice},
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::dto::{LedgerAccountState, LedgerHoldState, LedgerSide};
use crate::http::Problem;

/// How many items a page has, unless it is said.
const PAGE: u32 = 50;
/// The most kinds that one list can be narrowed to.
const KINDS_MAX: usize = 50;

/// Which end of a list comes first.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ListOrder {
    /// The newest first.
    Desc,
    /// The oldest first.
    Asc,
}

/// The page that is asked for, or 422.
pub fn slice(limit: Option<i64>, cursor: Option<&str>) -> Result<Slice, Problem> {
    let limit = u32::try_from(limit.unwrap_or_else(|| PAGE.into())).ok().filter(|limit| (1..=PAGE_MAX).contains(limit));
    let limit = limit.ok_or_else(|| Problem::invalid("query.limit", format!("must be between 1 and {PAGE_MAX}")))?;
    let cursor = cursor.map(str::parse::<Cursor>).transpose()?;
    Ok(Slice::new(limit, cursor))
}

fn code(word: Option<String>) -> Result<Option<Code>, Problem> {
    match word {
        Some(word) if !(1..=Code::CHARS_MAX).contains(&word.chars().count()) => {
            Err(Problem::invalid("query.code", format!("must have 1 to {} characters", Code::CHARS_MAX)))
        }
        word => Ok(word.map(Code::new)),
    }
}

/// Which accounts.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AccountsQuery {
    /// Whose; your own if it is left out. Somebody else's take an administrator.
    #[param(example = "0198c0de-0000-7000-8000-000000000001")]
    pub owner_id: Option<OwnerId>,
    /// Everybody's, and those of the house; for administrators.
    #[param(default = false)]
    pub all: Option<bool>,
    /// Only those that count this.
    #[param(value_type = Option<String>, example = "CREDIT")]
    pub asset: Option<Asset>,
    /// Only those for this.
    #[param(example = "user")]
    pub code: Option<String>,
    /// Only those in this state.
    #[param(inline)]
    pub state: Option<LedgerAccountState>,
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<i64>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl AccountsQuery {
    /// The accounts that are asked for, of this owner or of everybody.
    pub fn filter(&self, owner: Option<OwnerId>) -> Result<AccountFilter, Problem> {
        let state = self.state.map(|state| match state {
            LedgerAccountState::Open => AccountState::Open,
            LedgerAccountState::Frozen => AccountState::Frozen,
            LedgerAccountState::Closed => AccountState::Closed,
        });
        Ok(AccountFilter { owner, asset: self.asset, code: code(self.code.clone())?, state })
    }
}

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EntriesQuery {
    /// Only of these kinds. It may be repeated.
    #[serde(default)]
    #[param(example = json!([8]))]
    pub kind: Vec<i32>,
    /// Only of this side.
    #[param(inline)]
    pub side: Option<LedgerSide>,
    /// Only with this reference.
    #[param(example = "0198c0de-0000-7000-8000-000000000020")]
    pub reference: Option<ReferenceId>,
    /// Only those created at this moment or later.
    #[param(example = "2026-11-01T00:00:00Z")]
    pub from: Option<Timestamp>,
    /// Only those created before this moment.
    #[param(example = "2036-12-01T00:00:00Z")]
    pub to: Option<Timestamp>,
    /// Only of at least so much.
    pub min_amount: Option<Amount>,
    /// Only of at most so much.
    pub max_amount: Option<Amount>,
    /// Which come first.
    #[param(inline, default = "desc")]
    pub order: Option<ListOrder>,
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<i64>,
    /// The `next_cursor` of the page before, of the same list in the same order.
    pub cursor: Option<String>,
}

impl EntriesQuery {
    /// The entries that are asked for.
    pub fn filter(&self) -> Result<EntryFilter, Problem> {
        if self.kind.len() > KINDS_MAX {
            return Err(Problem::invalid("query.kind", format!("must be given at most {KINDS_MAX} times")));
        }
        Ok(EntryFilter {
            kinds: self.kind.iter().map(|kind| Kind(*kind)).collect(),
            side: self.side.map(|side| match side {
                LedgerSide::Debit => Side::Debit,
                LedgerSide::Credit => Side::Credit,
            }),
            reference: self.reference,
            period: Period::new(self.from, self.to)?,
            amount_min: self.min_amount,
            amount_max: self.max_amount,
        })
    }

    /// Which come first.
    pub const fn order(&self) -> Order {
        match self.order {
            None | Some(ListOrder::Desc) => Order::NewestFirst,
            Some(ListOrder::Asc) => Order::OldestFirst,
        }
    }
}

/// The accounts whose entries are read as one list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WhoseQuery {
    /// Whose; your own if it is left out. Somebody else's take an administrator.
    #[param(example = "0198c0de-0000-7000-8000-000000000001")]
    pub owner_id: Option<OwnerId>,
    /// Only accounts that count this.
    #[param(value_type = Option<String>, example = "CREDIT")]
    pub asset: Option<Asset>,
    /// Only accounts for this.
    #[param(example = "user")]
    pub code: Option<String>,
}

impl WhoseQuery {
    /// The accounts that are asked for.
    pub fn filter(&self, owner: OwnerId) -> Result<AccountFilter, Problem> {
        Ok(AccountFilter { owner: Some(owner), asset: self.asset, code: code(self.code.clone())?, state: None })
    }
}

/// Which holds.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HoldsQuery {
    /// Only those that stand so.
    #[param(inline)]
    pub state: Option<LedgerHoldState>,
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<i64>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl HoldsQuery {
    /// The holds that are asked for.
    pub fn phase(&self) -> Option<HoldPhase> {
        self.state.map(|state| match state {
            LedgerHoldState::Pending => HoldPhase::Pending,
            LedgerHoldState::Posted => HoldPhase::Posted,
            LedgerHoldState::Voided => HoldPhase::Voided,
            LedgerHoldState::Expired => HoldPhase::Expired,
        })
    }
}

/// Which transfers.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TransfersQuery {
    /// What they have in common.
    #[param(example = "0198c0de-0000-7000-8000-000000000020")]
    pub reference: ReferenceId,
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<i64>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Which moment.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BalanceQuery {
    /// The moment, RFC 3339; now if it is left out.
    #[param(example = "2036-12-01T00:00:00Z")]
    pub at: Option<Timestamp>,
}

/// Which period.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StatementQuery {
    /// Its first moment; from the beginning if it is left out.
    #[param(example = "2026-11-01T00:00:00Z")]
    pub from: Option<Timestamp>,
    /// The moment at which it is over; up to now if it is left out.
    #[param(example = "2036-12-01T00:00:00Z")]
    pub to: Option<Timestamp>,
}
