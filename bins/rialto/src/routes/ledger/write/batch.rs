//! One transfer, or many: which of them a body is.

use std::{fmt, marker::PhantomData};

use rialto_ledger::{Command, TransferId};
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, SeqAccess, Visitor},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Ref, RefOr, Schema,
        schema::{ArrayBuilder, OneOfBuilder},
    },
};

use super::request::LedgerTransferRequest;
use crate::http::{Problem, body, command::FromBody};

/// The most transfers of one request.
pub const TRANSFERS_MAX: usize = 8_000;
/// How large a body of so many may be, in bytes: two thousand for each.
pub const BODY_BYTES_MAX: usize = 16 << 20;

/// One transfer, or a batch of them.
#[derive(Debug, Clone)]
pub enum LedgerTransfersRequest {
    /// The body is a transfer.
    One(Box<LedgerTransferRequest>),
    /// The body is a list of transfers, or has `transfers` or `groups`.
    Many(LedgerTransferBatch),
}

/// Many transfers, at most 8,000 in all, each with an id.
#[derive(Debug, Clone, ToSchema)]
#[schema(example = json!({
    "transfers": [{
        "id": "0198c0de-0000-7000-8000-000000000032", "debit_account_id": "0198c0de-0000-7000-8000-000000000010",
        "credit_account_id": "0198c0de-0000-7000-8000-000000000011", "amount": 1,
    }],
    "groups": [[{
        "id": "0198c0de-0000-7000-8000-000000000033", "debit_account_id": "0198c0de-0000-7000-8000-000000000010",
        "credit_account_id": "0198c0de-0000-7000-8000-000000000011", "amount": 2,
    }]],
}))]
pub struct LedgerTransferBatch {
    /// Each on its own: one that is refused harms no other.
    #[schema(max_items = 8000, required = false)]
    pub transfers: Vec<LedgerTransferRequest>,
    /// Each as a whole or not at all. They come after `transfers`.
    #[schema(max_items = 8000, required = false)]
    pub groups: Vec<Vec<LedgerTransferRequest>>,
}

impl LedgerTransferBatch {
    /// What the ledger is to do: every transfer as a group of its own, then the groups.
    pub fn commands(&self) -> Vec<Vec<Command>> {
        // Every one of them has an id.
        let command = |new: &LedgerTransferRequest| Command::Transfer(new.clone().transfer(TransferId::new()));
        let single = self.transfers.iter().map(|new| vec![command(new)]);
        single.chain(self.groups.iter().map(|group| group.iter().map(command).collect())).collect()
    }
}

/// A transfer of a batch: it has an id, since that is how one finds out what became of it when the answer is lost.
struct Named(LedgerTransferRequest);

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let new = LedgerTransferRequest::deserialize(deserializer)?;
        if new.id.is_some() { Ok(Self(new)) } else { Err(de::Error::missing_field("id")) }
    }
}

/// A list of 1 to [`TRANSFERS_MAX`], given up at the first that is too many.
struct Bounded<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Bounded<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(BoundedVisitor(PhantomData))
    }
}

struct BoundedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for BoundedVisitor<T> {
    type Value = Bounded<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of 1 to {TRANSFERS_MAX}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut found = Vec::new();
        while let Some(next) = list.next_element()? {
            if found.len() == TRANSFERS_MAX {
                return Err(de::Error::custom(too_many_said()));
            }
            found.push(next);
        }
        if found.is_empty() { Err(de::Error::invalid_length(0, &self)) } else { Ok(Bounded(found)) }
    }
}

fn too_many_said() -> String {
    format!("must be at most {TRANSFERS_MAX} transfers in all")
}

/// A body that has `transfers` or `groups`, and nothing else: `group` for `groups` would not be done, and nobody told.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists {
    #[serde(default)]
    transfers: Option<Bounded<Named>>,
    #[serde(default)]
    groups: Option<Bounded<Bounded<Named>>>,
}

fn plain(list: Bounded<Named>) -> Vec<LedgerTransferRequest> {
    list.0.into_iter().map(|Named(new)| new).collect()
}

impl LedgerTransferBatch {
    fn of(Lists { transfers, groups }: Lists) -> Result<Self, Problem> {
        let groups = groups.map(|groups| groups.0.into_iter().map(plain).collect());
        let batch = Self { transfers: transfers.map(plain).unwrap_or_default(), groups: groups.unwrap_or_default() };
        let all = batch.transfers.len() + batch.groups.iter().map(Vec::len).sum::<usize>();
        if all > TRANSFERS_MAX { Err(Problem::invalid("body", too_many_said())) } else { Ok(batch) }
    }
}

/// Which of the two a JSON object is.
#[derive(Deserialize)]
struct Shape {
    transfers: Option<IgnoredAny>,
    groups: Option<IgnoredAny>,
}

impl FromBody for LedgerTransfersRequest {
    const BYTES_MAX: usize = BODY_BYTES_MAX;

    fn parse(json: &[u8]) -> Result<Self, Problem> {
        if json.trim_ascii_start().starts_with(b"[") {
            let transfers = plain(body::parse(json)?);
            return Ok(Self::Many(LedgerTransferBatch { transfers, groups: Vec::new() }));
        }
        // What is not even JSON is told so below.
        let shape: Option<Shape> = serde_json::from_slice(json).ok();
        if shape.is_some_and(|shape| shape.transfers.is_some() || shape.groups.is_some()) {
            return LedgerTransferBatch::of(body::parse(json)?).map(Self::Many);
        }
        body::parse(json).map(|new| Self::One(Box::new(new)))
    }
}

impl PartialSchema for LedgerTransfersRequest {
    fn schema() -> RefOr<Schema> {
        let one = Ref::from_schema_name(LedgerTransferRequest::name());
        let list = ArrayBuilder::new().items(one.clone()).min_items(Some(1)).max_items(Some(TRANSFERS_MAX));
        OneOfBuilder::new().item(one).item(Ref::from_schema_name(LedgerTransferBatch::name())).item(list).into()
    }
}

impl ToSchema for LedgerTransfersRequest {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((LedgerTransferRequest::name().into_owned(), LedgerTransferRequest::schema()));
        schemas.push((LedgerTransferBatch::name().into_owned(), LedgerTransferBatch::schema()));
        LedgerTransferRequest::schemas(schemas);
        LedgerTransferBatch::schemas(schemas);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEM: &str = r#"{"id":"0198c0de-0000-7000-8000-000000000030","debit_account_id":"0198c0de-0000-7000-8000-000000000010",
        "credit_account_id":"0198c0de-0000-7000-8000-000000000011","amount":25}"#;

    fn parse(json: &str) -> Result<LedgerTransfersRequest, String> {
        LedgerTransfersRequest::parse(json.as_bytes()).map_err(|problem| problem.to_string())
    }

    fn counts(json: &str) -> (usize, Vec<usize>) {
        match parse(json).unwrap() {
            LedgerTransfersRequest::One(_) => panic!("one transfer: {json}"),
            LedgerTransfersRequest::Many(batch) => (batch.transfers.len(), batch.groups.iter().map(Vec::len).collect()),
        }
    }

    #[test]
    fn a_body_is_one_transfer_or_many() {
        assert!(matches!(parse(ITEM).unwrap(), LedgerTransfersRequest::One(_)));
        assert_eq!(counts(&format!(" [{ITEM},{ITEM}]")), (2, vec![]));
        assert_eq!(counts(&format!(r#"{{"transfers":[{ITEM}],"groups":[[{ITEM}],[{ITEM},{ITEM}]]}}"#)), (1, vec![1, 2]));
        assert_eq!(counts(&format!(r#"{{"groups":[[{ITEM}]],"transfers":null}}"#)), (0, vec![1]));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let nameless = ITEM.replacen(r#""id":"0198c0de-0000-7000-8000-000000000030","#, "", 1);
        let long = ITEM.replacen('{', &format!(r#"{{"memo":"{}","#, "x".repeat(1_001)), 1);
        for (json, said) in [
            (String::new(), "body:"),
            ("[]".into(), "body: invalid length 0"),
            (format!(r#"{{"group":[[{ITEM}]]}}"#), "body.group: unknown field"),
            (format!(r#"{{"transfers":[{ITEM}],"group":[[{ITEM}]]}}"#), "body.group: unknown field"),
            (ITEM.replacen('{', r#"{"balance":"debit","#, 1), "body.balance: unknown field"),
            (format!("[{ITEM},{}]", ITEM.replacen('{', r#"{"balance":"debit","#, 1)), "body.[1].balance: unknown field"),
            (r#"{"transfers":[]}"#.into(), "body.transfers: invalid length 0"),
            (r#"{"groups":[[]]}"#.into(), "body.groups[0]: invalid length 0"),
            (format!("[{ITEM},{}]", ITEM.replace("25", "0")), "body.[1].amount: must be at least 1"),
            (format!(r#"{{"transfers":[{ITEM},{}]}}"#, ITEM.replace("25", "1.5")), "body.transfers[1].amount: invalid type"),
            (format!(r#"{{"groups":[[{ITEM}],[{ITEM},{nameless}]]}}"#), "body.groups[1][1].id: is required"),
            (ITEM.replace(r#","amount":25"#, ""), "body.amount: is required"),
            (ITEM.replacen('{', r#"{"kind":9,"#, 1), "body.kind: must be at least 1000"),
            (ITEM.replacen('{', r#"{"kind":3000000000,"#, 1), "body.kind: invalid value"),
            (ITEM.replacen('{', r#"{"metadata":{"a":1},"#, 1), "body.metadata.a: invalid type"),
            (ITEM.replacen('{', r#"{"metadata":{"":"x"},"#, 1), "body.metadata: a metadata key"),
            (ITEM.replacen('{', r#"{"effective_at":"+200000-01-01T00:00:00","#, 1), "body.effective_at: must be in a year"),
            (ITEM.replacen('{', r#"{"memo":"a","description":"b","#, 1), "duplicate field"),
            (long, "body.memo: must be at most 1000 characters"),
            (ITEM.replacen('{', r#"{"memo":"\u0000","#, 1), "NUL"),
        ] {
            let told = parse(&json).unwrap_err();
            assert!(told.contains(said), "{told} does not say {said}");
        }
        assert!(parse(&nameless).is_ok(), "a single transfer may do without an id");
    }

    #[test]
    fn there_are_at_most_8000() {
        let items = |n: usize| vec![ITEM; n].join(",");
        assert_eq!(counts(&format!("[{}]", items(8_000))).0, 8_000);
        assert!(parse(&format!("[{}]", items(8_001))).unwrap_err().contains("at most 8000 transfers"));
        let both = |a, b| format!(r#"{{"transfers":[{}],"groups":[[{}]]}}"#, items(a), items(b));
        assert_eq!(counts(&both(7_000, 1_000)), (7_000, vec![1_000]));
        assert!(parse(&both(7_000, 1_001)).unwrap_err().contains("at most 8000 transfers"));
        assert!(8_000 * ITEM.len() < BODY_BYTES_MAX);
    }
}
