//! Where the entries of an account are, on SQLite.
//!
//! An entry is named by its line in the journal: twice the number of its transfer, and one more if it is the credit. The row of
//! an account has the lines of its newest entries, `recent`; sixteen at a time become a row of `ledger_pages`, which never
//! changes. So an entry costs no place of its own in an index: what has to be written is written already. An entry is found
//! by its number in two steps: its page, or else the row of its account, and then its transfer.
//!
//! PostgreSQL has an index for each side.

use std::{collections::HashMap, fmt::Write as _, ops::RangeInclusive};

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl,
    sql_types::{BigInt, Bool, Nullable, SmallInt, Text},
};
use rialto_store::{StoreError, Tx, on, statement, types::Uid};

use super::{
    schema::ledger_accounts as a,
    transfers::{TransferColumns, TransferRow},
};
use crate::{
    history::{EntryScan, Order},
    model::{Account, ReferenceId, Side, Transfer},
};

/// How many entries a page has. It stands in the SQL below and in the schema as well, and so do the digits.
const PAGE: i64 = 16;
/// How many bytes a line takes.
const DIGITS: usize = 12;
/// How many bytes a page takes.
const PAGE_BYTES: i64 = 192;

/// The line of an entry, by its account and its number, which is at least 1. Of an entry that is not there yet it is zero, if its page
/// would be the next one, or else some line of `recent`: whoever asks stays within `entry_count`, or compares the line with the one
/// that it should be. NULL when there is no such account.
macro_rules! line_of {
    ($account:expr, $seq:expr) => {
        concat!(
            "CAST(substr(COALESCE((SELECT lines FROM ledger_pages WHERE account_no = ",
            $account,
            " AND page = (",
            $seq,
            " - 1) / 16), (SELECT recent FROM ledger_accounts AS placed WHERE placed.no = ",
            $account,
            ")), (",
            $seq,
            " - 1) % 16 * 12 + 1, 12) AS INTEGER)"
        )
    };
}
pub(super) use line_of;

/// An entry in the journal: whether it is the debit, the number of its transfer, and that.
pub(super) type LineRow = (bool, i64, TransferRow);

statement! {
    /// Entries of one account from one number to another, either way, as far as they are let through.
    struct Walk {
        account_no: i64 => BigInt,
        first: i64 => BigInt,
        step: i64 => BigInt,
        last: i64 => BigInt,
        side: Option<i16> => Nullable<SmallInt>,
        kinds: Option<String> => Nullable<Text>,
        reference: Option<ReferenceId> => Nullable<Uid>,
        amount_min: Option<i64> => Nullable<BigInt>,
        amount_max: Option<i64> => Nullable<BigInt>,
        limit: i64 => BigInt,
    }
    rows: (Bool, BigInt, TransferColumns);
    sqlite: concat!(
        "WITH RECURSIVE walk (seq, line) AS (
            SELECT ?2, ", line_of!("?1", "?2"), "
            UNION ALL SELECT seq + ?3, ", line_of!("?1", "(seq + ?3)"), " FROM walk WHERE seq <> ?4
        )
        SELECT line % 2 = 0, t.no, t.id, t.amount, t.debit_no, t.debit_seq, t.debit_balance, t.credit_no, t.credit_seq,
            t.credit_balance, t.reference_id, t.reverses, t.created_at, t.kind, t.memo, t.effective_at, t.at_most, t.balancing,
            t.metadata
        FROM walk CROSS JOIN ledger_transfers AS t ON t.no = line / 2
        WHERE (?5 IS NULL OR line % 2 = ?5) AND (?6 IS NULL OR t.kind IN (SELECT value FROM json_each(?6)))
            AND (?7 IS NULL OR t.reference_id = ?7) AND (?8 IS NULL OR t.amount >= ?8) AND (?9 IS NULL OR t.amount <= ?9)
        LIMIT ?10"
    );
}

impl Walk {
    fn of(scan: &EntryScan, first: i64, last: i64) -> Self {
        let (first, step, last) = match scan.order {
            Order::OldestFirst => (first, 1, last),
            Order::NewestFirst => (last, -1, first),
        };
        let kinds = || format!("[{}]", scan.kinds.iter().map(|kind| kind.0.to_string()).collect::<Vec<_>>().join(","));
        Self {
            account_no: scan.account_no,
            first,
            step,
            last,
            side: scan.side.map(|side| i16::from(side == Side::Credit)),
            kinds: (!scan.kinds.is_empty()).then(kinds),
            reference: scan.reference,
            amount_min: scan.amount_min.map(rialto_kernel::Amount::get),
            amount_max: scan.amount_max.map(rialto_kernel::Amount::get),
            limit: scan.limit.into(),
        }
    }
}

/// Entries of one account, in the order that is asked for.
pub(super) async fn scan(tx: &mut Tx, scan: &EntryScan) -> Result<Vec<LineRow>, StoreError> {
    let account_no = scan.account_no;
    let count: Option<i64> =
        on!(tx, conn => a::table.filter(a::no.eq(account_no)).select(a::entry_count).first(conn).await.optional())?;
    let (first, last) = (*scan.seqs.start().max(&1), *scan.seqs.end().min(&count.unwrap_or(0)));
    if first > last {
        return Ok(Vec::new());
    }
    on!(tx,
        sqlite conn => Walk::of(scan, first, last).load(conn).await,
        postgres _conn => Ok(Vec::new()))
}

/// All entries of one account with these numbers.
pub(super) async fn list(tx: &mut Tx, account_no: i64, seqs: &RangeInclusive<i64>) -> Result<Vec<LineRow>, StoreError> {
    let all = EntryScan {
        account_no,
        seqs: seqs.clone(),
        side: None,
        kinds: Vec::new(),
        reference: None,
        by_reference: false,
        amount_min: None,
        amount_max: None,
        order: Order::NewestFirst,
        limit: u32::MAX,
    };
    scan(tx, &all).await
}

/// The lines of what is entered, by the number of the account: `no` is the number of the first transfer.
pub(super) fn lines(transfers: &[Transfer], no: i64) -> HashMap<i64, String> {
    let mut lines: HashMap<i64, String> = HashMap::new();
    for (transfer, no) in transfers.iter().zip(no..) {
        // The debit comes first, also in an account that pays itself.
        for (posting, line) in [(transfer.debit, 2 * no), (transfer.credit, 2 * no + 1)] {
            let own = lines.entry(posting.account_no).or_default();
            // Writing into a text does not fail.
            let _ = write!(own, "{line:0DIGITS$}");
        }
    }
    lines
}

/// The pages that `lines` complete.
pub(super) struct Completed {
    /// The number of the first page that is completed.
    pub(super) first: i64,
    /// How many there are.
    pub(super) pages: i64,
}

impl Completed {
    /// Of an account as it is after them.
    pub(super) fn by(account: &Account, lines: &str) -> Self {
        let entered = i64::try_from(lines.len() / DIGITS).unwrap_or(i64::MAX);
        let first = account.entry_count.saturating_sub(entered) / PAGE;
        Self { first, pages: account.entry_count / PAGE - first }
    }

    /// How many bytes they take out of `recent`.
    pub(super) const fn bytes(&self) -> i64 {
        self.pages * PAGE_BYTES
    }

    /// Their numbers and lines, of all lines that are not on a page yet.
    pub(super) fn split(&self, lines: &str) -> Vec<(i64, String)> {
        let page = usize::try_from(PAGE_BYTES).unwrap_or(usize::MAX);
        let full = lines.as_bytes().chunks_exact(page).map(|page| String::from_utf8_lossy(page).into_owned());
        (self.first..).zip(full).collect()
    }
}
