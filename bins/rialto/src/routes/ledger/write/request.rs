//! What is asked for.

use std::collections::BTreeMap;

use rialto_kernel::{AccountId, Amount, Id, Timestamp};
use rialto_ledger::{
    Balancing, HoldId, Kind, Metadata, NewHold, NewReversal, NewTransfer, ReferenceId, TransferId, access::may_choose,
    wallet::kind,
};
use serde::{Deserialize, Deserializer, de};
use utoipa::ToSchema;

/// An id that a client may choose: any UUID but those of version 8, which are Rialto's own (the settlement of a purchase has
/// one that is known before it happens), and the empty and the full one, which somebody would take from all others.
fn own_id<'de, T, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Id<T>>, D::Error> {
    let id = Option::<Id<T>>::deserialize(deserializer)?;
    match id {
        Some(id) if id.uuid().is_nil() || id.uuid().is_max() => Err(de::Error::custom("must not be the nil or the max UUID")),
        Some(id) if id.uuid().get_version_num() == 8 => Err(de::Error::custom("a UUID of version 8 is the server's own")),
        id => Ok(id),
    }
}

/// The times that both databases can hold: from 1970 to the year 9999.
const TIMES: std::ops::RangeInclusive<i64> = 0..=253_402_300_799_999_999;

fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
    let amount = Amount::deserialize(deserializer)?;
    if amount.is_zero() { Err(de::Error::custom("must be at least 1")) } else { Ok(amount) }
}

fn part<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Amount>, D::Error> {
    let amount = Option::<Amount>::deserialize(deserializer)?;
    if amount.is_some_and(Amount::is_zero) { Err(de::Error::custom("must be at least 1")) } else { Ok(amount) }
}

fn memo<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    if text.as_ref().is_some_and(|text| text.chars().count() > NewTransfer::MEMO_CHARS_MAX) {
        return Err(de::Error::custom(format!("must be at most {} characters", NewTransfer::MEMO_CHARS_MAX)));
    }
    Ok(text)
}

fn movement_kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Kind, D::Error> {
    match Option::<i32>::deserialize(deserializer)?.map(Kind) {
        None => Ok(kind::TRANSFER),
        Some(kind) if may_choose(kind) => Ok(kind),
        Some(_) => Err(de::Error::custom(format!("must be at least {}; what is below is Rialto's own", Kind::OWN.0))),
    }
}

const fn plain_kind() -> Kind {
    kind::TRANSFER
}

fn metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Metadata, D::Error> {
    let words = Option::<BTreeMap<String, String>>::deserialize(deserializer)?;
    Metadata::new(words.unwrap_or_default()).map_err(de::Error::custom)
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let time = Option::<Timestamp>::deserialize(deserializer)?;
    let holds = time.is_none_or(|time| TIMES.contains(&time.micros()));
    if holds { Ok(time) } else { Err(de::Error::custom("must be between the years 1970 and 9999")) }
}

/// Which account says how much there is to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LedgerBalancing {
    /// At most what is available in the account that pays.
    Debit,
    /// At most what brings the account that is paid up to zero.
    Credit,
}

/// A movement that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000030", "debit_account_id": "0198c0de-0000-7000-8000-000000000010",
    "credit_account_id": "0198c0de-0000-7000-8000-000000000011", "amount": 25, "balancing": null, "kind": 1000,
    "reference_id": "0198c0de-0000-7000-8000-000000000020", "memo": "Thanks", "metadata": {"order": "42"}, "effective_at": null,
}))]
// A field that is ignored is money that moves otherwise than was asked for: `balance` for `balancing` would move all of it.
#[serde(deny_unknown_fields)]
pub struct LedgerTransferRequest {
    /// Chosen by you: the same id and the same fields give the first result, other fields are refused. Made for you when it
    /// is left out of a single transfer; in a batch every transfer needs one.
    #[serde(default, deserialize_with = "own_id")]
    pub id: Option<TransferId>,
    /// Who pays. It is yours.
    pub debit_account_id: AccountId,
    /// Who is paid.
    pub credit_account_id: AccountId,
    /// How much, in minor units of the accounts' asset. With `balancing`: how much at most.
    #[serde(deserialize_with = "positive")]
    #[schema(minimum = 1)]
    pub amount: Amount,
    /// Moves only as much of `amount` as there is.
    #[serde(default)]
    pub balancing: Option<LedgerBalancing>,
    /// What kind of movement it is, a number of your own from 1,000 on; a plain transfer (8) when it is left out.
    #[serde(default = "plain_kind", deserialize_with = "movement_kind")]
    #[schema(value_type = Option<i32>, minimum = 8)]
    pub kind: Kind,
    /// What it has in common with other movements.
    #[serde(default)]
    pub reference_id: Option<ReferenceId>,
    /// A text for people. `description` is read as well.
    #[serde(default, alias = "description", deserialize_with = "memo")]
    #[schema(max_length = 1000)]
    pub memo: Option<String>,
    /// Words to words: at most 50 keys of 40 characters, with values of 500; at most 4,096 bytes of UTF-8 in all.
    #[serde(default, deserialize_with = "metadata")]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub metadata: Metadata,
    /// When it counts from, if that is earlier than now. For administrators.
    #[serde(default, deserialize_with = "time")]
    pub effective_at: Option<Timestamp>,
}

impl LedgerTransferRequest {
    /// The transfer that is asked for, with `id` if it has none of its own.
    pub fn transfer(self, id: TransferId) -> NewTransfer {
        NewTransfer {
            id: self.id.unwrap_or(id),
            debit: self.debit_account_id,
            credit: self.credit_account_id,
            amount: self.amount,
            balancing: self.balancing.map(|by| match by {
                LedgerBalancing::Debit => Balancing::Debit,
                LedgerBalancing::Credit => Balancing::Credit,
            }),
            kind: self.kind,
            reference: self.reference_id,
            memo: self.memo,
            effective_at: self.effective_at,
            metadata: self.metadata,
        }
    }
}

/// Money that is to be set aside.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000040", "debit_account_id": "0198c0de-0000-7000-8000-000000000010",
    "credit_account_id": "0198c0de-0000-7000-8000-000000000011", "amount": 50, "kind": 1000, "reference_id": null,
    "memo": "Deposit", "metadata": {}, "expires_at": "2036-11-22T05:54:03Z",
}))]
#[serde(deny_unknown_fields)]
pub struct LedgerHoldRequest {
    /// Chosen by you: the same id and the same fields (but for `expires_at`) give the first result. Made for you when it is
    /// left out.
    #[serde(default, deserialize_with = "own_id")]
    pub id: Option<HoldId>,
    /// Who will pay. It is yours.
    pub debit_account_id: AccountId,
    /// Who will be paid.
    pub credit_account_id: AccountId,
    /// How much at most, in minor units.
    #[serde(deserialize_with = "positive")]
    #[schema(minimum = 1)]
    pub amount: Amount,
    /// What kind of movement it will be, as in a transfer.
    #[serde(default = "plain_kind", deserialize_with = "movement_kind")]
    #[schema(value_type = Option<i32>, minimum = 8)]
    pub kind: Kind,
    /// What it has in common with other movements.
    #[serde(default)]
    pub reference_id: Option<ReferenceId>,
    /// A text for people. `description` is read as well.
    #[serde(default, alias = "description", deserialize_with = "memo")]
    #[schema(max_length = 1000)]
    pub memo: Option<String>,
    /// Words to words, as in a transfer.
    #[serde(default, deserialize_with = "metadata")]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub metadata: Metadata,
    /// When it ends by itself, and the money is free again; never when it is left out.
    #[serde(default, deserialize_with = "time")]
    pub expires_at: Option<Timestamp>,
}

impl LedgerHoldRequest {
    /// The hold that is asked for, with `id` if it has none of its own.
    pub fn hold(self, id: HoldId) -> NewHold {
        NewHold {
            id: self.id.unwrap_or(id),
            debit: self.debit_account_id,
            credit: self.credit_account_id,
            amount: self.amount,
            kind: self.kind,
            reference: self.reference_id,
            memo: self.memo,
            metadata: self.metadata,
            expires_at: self.expires_at,
        }
    }
}

/// How much of what is held is to be paid.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[schema(example = json!({"amount": 30}))]
#[serde(deny_unknown_fields)]
pub struct LedgerPostRequest {
    /// So much; the rest goes back. All of it when it is left out.
    #[serde(default, deserialize_with = "part")]
    #[schema(minimum = 1)]
    pub amount: Option<Amount>,
}

/// How a transfer is to be taken back.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[schema(example = json!({"id": "0198c0de-0000-7000-8000-000000000031", "memo": "Paid twice"}))]
#[serde(deny_unknown_fields)]
pub struct LedgerReverseRequest {
    /// The id of the transfer that takes the other back. Made for you when it is left out.
    #[serde(default, deserialize_with = "own_id")]
    pub id: Option<TransferId>,
    /// A text for people. `description` is read as well.
    #[serde(default, alias = "description", deserialize_with = "memo")]
    #[schema(max_length = 1000)]
    pub memo: Option<String>,
}

impl LedgerReverseRequest {
    /// The reversal that is asked for, with `id` if it has none of its own.
    pub fn reversal(&self, transfer: TransferId, id: TransferId) -> NewReversal {
        NewReversal { id: self.id.unwrap_or(id), transfer, memo: self.memo.clone() }
    }
}
