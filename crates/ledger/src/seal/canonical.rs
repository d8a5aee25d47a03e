//! A transfer as bytes, always the same ones, on whatever database.
//!
//! # Version 1
//! The byte 1, then these fields in this order: `no`, `id`, `amount`; for the side that pays the account's id, its number,
//! the entry's number, the balance after it; the same for the side that is paid; `reference_id`, `reverses`, `created_at`,
//! `kind`, `memo`, `effective_at`, `at_most`, `balancing`, `metadata`.
//!
//! Each field is its length as four bytes and then its bytes; a field that is NULL is the length `ff ff ff ff` alone. Numbers
//! are eight bytes, signed, the highest first (also `kind` and `balancing`). Times are numbers: microseconds since 1970. Ids
//! are their sixteen bytes. Texts are UTF-8. Metadata is the byte 1 and then each key and each value as a field, in the
//! order of the keys' bytes; what is not words to words (only somebody with the database's password can have written
//! that) is the byte 0 and then its text.
//!
//! So no two different transfers have the same bytes, and a change of the layout shows in the first byte.

use std::collections::BTreeMap;

use rialto_kernel::{AccountId, Timestamp};

use crate::verify::{JournalRow, Leg};

/// The layout that is written.
const VERSION: u8 = 1;

/// The bytes of a transfer. The ids are those of its accounts; `None` for an account that is not there.
pub(crate) fn bytes(row: &JournalRow, debit: Option<AccountId>, credit: Option<AccountId>) -> Vec<u8> {
    let mut out = Bytes(Vec::with_capacity(384));
    out.0.push(VERSION);
    out.number(Some(row.no));
    out.field(Some(row.transfer.uuid().as_bytes()));
    out.number(Some(row.amount));
    out.leg(row.debit, debit);
    out.leg(row.credit, credit);
    out.field(row.reference.map(|id| id.uuid()).as_ref().map(|id| &id.as_bytes()[..]));
    out.field(row.reverses.map(|id| id.uuid()).as_ref().map(|id| &id.as_bytes()[..]));
    out.number(Some(row.created_at.micros()));
    out.number(Some(row.kind.into()));
    out.field(row.memo.as_deref().map(str::as_bytes));
    out.number(row.effective_at.map(Timestamp::micros));
    out.number(row.at_most);
    out.number(row.balancing.map(i64::from));
    out.field(row.metadata.as_deref().map(metadata).as_deref());
    out.0
}

fn metadata(json: &str) -> Vec<u8> {
    match serde_json::from_str::<BTreeMap<String, String>>(json) {
        Ok(words) => {
            let mut out = Bytes(vec![1]);
            for text in words.iter().flat_map(|(key, value)| [key, value]) {
                out.field(Some(text.as_bytes()));
            }
            out.0
        }
        Err(_) => [&[0], json.as_bytes()].concat(),
    }
}

struct Bytes(Vec<u8>);

impl Bytes {
    fn field(&mut self, value: Option<&[u8]>) {
        match value {
            None => self.0.extend([0xff; 4]),
            Some(value) => {
                // No column holds four gigabytes: neither database has values that long.
                let length = u32::try_from(value.len()).unwrap_or(u32::MAX - 1);
                self.0.extend(length.to_be_bytes());
                self.0.extend(value);
            }
        }
    }

    fn number(&mut self, value: Option<i64>) {
        self.field(value.map(i64::to_be_bytes).as_ref().map(|bytes| &bytes[..]));
    }

    fn leg(&mut self, leg: Leg, account: Option<AccountId>) {
        self.field(account.map(|id| id.uuid()).as_ref().map(|id| &id.as_bytes()[..]));
        for number in [leg.account_no, leg.seq, leg.balance] {
            self.number(Some(number));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rialto_kernel::Id;
    use sha2::{Digest as _, Sha256};
    use uuid::Uuid;

    use super::*;

    fn row() -> JournalRow {
        JournalRow {
            no: 7,
            transfer: Id::from_uuid(Uuid::from_u128(1)),
            amount: 100,
            debit: Leg { account_no: 1, seq: 2, balance: -100 },
            credit: Leg { account_no: 3, seq: 4, balance: 100 },
            reference: Some(Id::from_uuid(Uuid::from_u128(2))),
            reverses: None,
            created_at: Timestamp::from_micros(1_700_000_000_000_001),
            kind: 1_000,
            memo: Some("Zahlung für März".into()),
            effective_at: None,
            at_most: Some(200),
            balancing: Some(1),
            metadata: Some("{\"a\": \"1\", \"é\": \"ü\"}".into()),
            filed: true,
        }
    }

    fn account(number: u128) -> Option<AccountId> {
        Some(Id::from_uuid(Uuid::from_u128(number)))
    }

    /// Whoever changes the layout breaks every seal that was ever made: it takes a new version, and reading both.
    #[test]
    fn the_layout_is_what_it_was() {
        let hash = Sha256::digest(bytes(&row(), account(8), account(9)));
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "1adc06d95a25bd4e536805c495af0702a7c2848ec41744749747086d42ea039f");
    }

    #[test]
    fn every_field_counts() {
        let change: [fn(&mut JournalRow); 20] = [
            |_| {},
            |row| row.no += 1,
            |row| row.transfer = Id::from_uuid(Uuid::from_u128(5)),
            |row| row.amount += 1,
            |row| row.debit.account_no += 1,
            |row| row.debit.seq += 1,
            |row| row.debit.balance += 1,
            |row| row.credit.account_no += 1,
            |row| row.credit.seq += 1,
            |row| row.credit.balance += 1,
            |row| row.reference = None,
            |row| (row.reverses, row.reference) = (row.reference.map(Id::cast), None),
            |row| row.created_at = Timestamp::from_micros(5),
            |row| row.kind = 5,
            |row| row.memo = None,
            |row| row.memo = Some(String::new()),
            |row| row.effective_at = Some(row.created_at),
            |row| row.at_most = None,
            |row| row.balancing = Some(2),
            |row| row.metadata = None,
        ];
        let mut seen: HashSet<Vec<u8>> = change
            .into_iter()
            .map(|change| {
                let mut changed = row();
                change(&mut changed);
                bytes(&changed, account(8), account(9))
            })
            .collect();
        seen.insert(bytes(&row(), account(9), account(8)));
        seen.insert(bytes(&row(), account(8), None));
        for metadata in ["{}", "{\"a\":\"1\"}", "{\"a1\":\"\"}", "{\"a\":1}", "no json"] {
            seen.insert(bytes(&JournalRow { metadata: Some(metadata.into()), ..row() }, account(8), account(9)));
        }
        assert_eq!(seen.len(), change.len() + 7);
    }

    #[test]
    fn how_a_database_spells_metadata_does_not_count() {
        let spelt = |json: &str| bytes(&JournalRow { metadata: Some(json.into()), ..row() }, account(8), account(9));
        assert_eq!(spelt("{\"é\":\"ü\",\"a\":\"1\"}"), spelt("{ \"a\" : \"1\", \"\\u00e9\": \"\\u00fc\" }"));
    }
}
