//! What somebody with the database's password can do, and how it is found.

use rialto_kernel::AccountId;
use rialto_ledger::{
    Ledger, TransferId,
    seal::Anchor,
    verify::{VerifyReport, Wrong, verify_with},
};
use rialto_store::{
    Db, StoreError, Tx,
    testing::{Kind, TestDb},
};

use crate::{clock, issuance, moved, open, rich, seal, verified};

/// Twelve transfers: 1 to 5 are sealed by seal 1, 6 to 10 by seal 2, the rest by none.
pub struct Books {
    pub ledger: Ledger,
    /// The transfer with the number 1 comes first.
    pub ids: Vec<TransferId>,
    pub a: AccountId,
    pub b: AccountId,
    anchors: Vec<Anchor>,
}

pub async fn books(db: &Db) -> Books {
    let ledger = Ledger::new(db.clone(), clock());
    let (a, b) = (open(&ledger).await, open(&ledger).await);
    let mut ids = vec![moved(&ledger, rich(issuance(), a, 1_000)).await];
    let mut anchors = Vec::new();
    for n in 2..=12 {
        ids.push(moved(&ledger, rich(a, b, n)).await);
        if n == 5 || n == 10 {
            anchors.extend(seal(&ledger).await.head);
        }
    }
    let report = verified(&ledger).await;
    assert_eq!((report.transfers, report.sealed, report.wrong, report.also), (12, 10, None, None));
    Books { ledger, ids, a, b, anchors }
}

/// Runs statements with no trigger in the way; the second text is PostgreSQL's where it has to differ.
pub async fn tamper(db: &Db, sqlite: &'static str, postgres: &'static str) {
    const OFF: [(&str, &[&str]); 4] = [
        ("ledger_transfers", &["no_update", "no_delete"]),
        ("ledger_seals", &["no_update", "no_delete"]),
        ("ledger_holds", &["no_delete", "ended", "terms"]),
        ("ledger_accounts", &["no_delete", "terms"]),
    ];
    db.write(async move |tx: &mut Tx| {
        for (table, triggers) in OFF {
            if tx.is_postgres() {
                tx.batch(&format!("ALTER TABLE {table} DISABLE TRIGGER USER")).await?;
            } else {
                for trigger in triggers {
                    tx.batch(&format!("DROP TRIGGER {table}_{trigger}")).await?;
                }
            }
        }
        tx.batch(if tx.is_postgres() { postgres } else { sqlite }).await
    })
    .await
    .unwrap();
}

pub type Expect = fn(&Books, Option<&Wrong>, Option<&Wrong>) -> bool;

pub struct Case {
    pub sqlite: &'static str,
    pub postgres: &'static str,
    pub expect: Expect,
}

pub const fn both(sql: &'static str, expect: Expect) -> Case {
    Case { sqlite: sql, postgres: sql, expect }
}

pub fn changed(books: &Books, place: i64, wrong: Option<&Wrong>) -> bool {
    let expected = (books.ids[usize::try_from(place - 1).unwrap()], place, (place - 1) / 5 + 1);
    matches!(wrong, Some(Wrong::Changed { transfer, no, seal, expected: was, found })
        if (*transfer, *no, *seal) == expected && was != found)
}

fn fell(books: &Books, place: i64, wrong: Option<&Wrong>) -> bool {
    let expected = (books.a, place, books.ids[usize::try_from(place - 1).unwrap()]);
    matches!(wrong, Some(Wrong::Time { account, seq, transfer, before, found })
        if (*account, *seq, *transfer) == expected && found < before)
}

/// Balances that fit each other again, after the amount of number 7 was raised.
const FORGED: &str = "
    UPDATE ledger_transfers SET amount = amount + 1 WHERE no = 7;
    UPDATE ledger_transfers SET debit_balance = debit_balance - 1, credit_balance = credit_balance + 1 WHERE no >= 7;
    UPDATE ledger_accounts SET balance = balance - 1 WHERE entry_count = 12;
    UPDATE ledger_accounts SET balance = balance + 1 WHERE entry_count = 11;";

fn rows() -> Vec<Case> {
    vec![
        both("UPDATE ledger_transfers SET amount = amount + 1 WHERE no = 4", |books, wrong, also| {
            let figures = matches!(wrong, Some(Wrong::Entry { account, seq: 4, transfer, expected: 990, found: 991 })
                if (*account, *transfer) == (books.a, books.ids[3]));
            figures && changed(books, 4, also)
        }),
        both(
            "UPDATE ledger_transfers SET debit_balance = debit_balance + 5, credit_balance = credit_balance + 5 WHERE no = 4",
            |books, wrong, also| matches!(wrong, Some(Wrong::Entry { found: 996, .. })) && changed(books, 4, also),
        ),
        both("UPDATE ledger_transfers SET memo = 'x' WHERE no = 4", |books, wrong, also| {
            changed(books, 4, wrong) && also.is_none()
        }),
        both("UPDATE ledger_transfers SET memo = NULL WHERE no = 10", |books, wrong, _| changed(books, 10, wrong)),
        both("UPDATE ledger_transfers SET memo = '' WHERE no = 1", |books, wrong, _| changed(books, 1, wrong)),
        both("UPDATE ledger_transfers SET reference_id = NULL WHERE no = 6", |books, wrong, _| changed(books, 6, wrong)),
        both("UPDATE ledger_transfers SET reference_id = id WHERE no = 6", |books, wrong, _| changed(books, 6, wrong)),
        both("UPDATE ledger_transfers SET kind = 7 WHERE no = 2", |books, wrong, _| changed(books, 2, wrong)),
        both("UPDATE ledger_transfers SET effective_at = created_at WHERE no = 2", |books, wrong, _| changed(books, 2, wrong)),
        both("UPDATE ledger_transfers SET metadata = '{\"n\":\"3\"}' WHERE no = 3", |books, wrong, _| changed(books, 3, wrong)),
        both("UPDATE ledger_transfers SET metadata = '{\"n\":3}' WHERE no = 3", |books, wrong, _| changed(books, 3, wrong)),
        both("UPDATE ledger_transfers SET metadata = '[]' WHERE no = 3", |books, wrong, _| changed(books, 3, wrong)),
        both(
            "UPDATE ledger_transfers SET reverses = (SELECT id FROM ledger_transfers WHERE no = 1) WHERE no = 3",
            |books, wrong, _| changed(books, 3, wrong),
        ),
        both("UPDATE ledger_transfers SET at_most = amount, balancing = 1 WHERE no = 3", |books, wrong, _| {
            changed(books, 3, wrong)
        }),
        Case {
            sqlite: "UPDATE ledger_transfers SET created_at = created_at + 1 WHERE no = 8",
            postgres: "UPDATE ledger_transfers SET created_at = created_at + interval '1 microsecond' WHERE no = 8",
            expect: |books, wrong, also| changed(books, 8, wrong) && fell(books, 9, also),
        },
        // What is not sealed yet: times do not fall within an account.
        Case {
            sqlite: "UPDATE ledger_transfers SET created_at = created_at + 1 WHERE no = 11",
            postgres: "UPDATE ledger_transfers SET created_at = created_at + interval '1 microsecond' WHERE no = 11",
            expect: |books, wrong, also| fell(books, 12, wrong) && also.is_none(),
        },
        both(FORGED, |books, wrong, also| changed(books, 7, wrong) && also.is_none()),
        both("DELETE FROM ledger_transfers WHERE no = 4", |books, wrong, also| {
            let hole = matches!(wrong, Some(Wrong::Missing { seal: 1, after: Some(after), before: Some(before), .. })
                if (*after, *before) == (books.ids[2], books.ids[4]));
            let next = matches!(also, Some(Wrong::Sequence { account, expected_after: 3, found: 5, transfer })
                if (*account, *transfer) == (books.a, books.ids[4]));
            hole && next
        }),
        both(
            "DELETE FROM ledger_transfers WHERE no IN (4, 5)",
            |books, wrong, _| matches!(wrong, Some(Wrong::Missing { seal: 1, after: Some(after), before: None, .. }) if *after == books.ids[2]),
        ),
        both("DELETE FROM ledger_transfers WHERE no >= 6", |_, wrong, also| {
            matches!(wrong, Some(Wrong::Missing { seal: 2, after: None, before: None, .. }))
                && matches!(also, Some(Wrong::Balance { .. }))
        }),
    ]
}

fn more_rows() -> Vec<Case> {
    const COPY: &str =
        "debit_no, 1000, debit_balance, credit_no, 1000, credit_balance, created_at, kind FROM ledger_transfers WHERE no = 4";
    const COLUMNS: &str = "INSERT INTO ledger_transfers (no, id, amount, debit_no, debit_seq, debit_balance, credit_no, credit_seq, credit_balance, created_at, kind)";
    let insert = |no: &str| -> (&'static str, &'static str) {
        let lite = format!("{COLUMNS} SELECT {no}, randomblob(16), amount, {COPY}");
        let pg = format!("{COLUMNS} OVERRIDING SYSTEM VALUE SELECT {no}, gen_random_uuid(), amount, {COPY}");
        (lite.leak(), pg.leak())
    };
    let (before, behind) = (insert("-1"), insert("13"));
    let stray = {
        let columns = "INSERT INTO ledger_accounts (no, id, asset, code, state, balance, created_at, updated_at)";
        let rest = "asset, code, state, balance, created_at, updated_at FROM ledger_accounts WHERE entry_count = 11";
        let lite: &'static str = format!("{columns} SELECT -1, randomblob(16), {rest}").leak();
        let pg: &'static str = format!("{columns} OVERRIDING SYSTEM VALUE SELECT -1, gen_random_uuid(), {rest}").leak();
        (lite, pg)
    };
    vec![
        Case {
            sqlite: before.0,
            postgres: before.1,
            expect: |_, wrong, also| {
                matches!(wrong, Some(Wrong::Sequence { found: 1_000, .. }))
                    && matches!(also, Some(Wrong::Extra { no: -1, seal: 1, .. }))
            },
        },
        Case {
            sqlite: behind.0,
            postgres: behind.1,
            expect: |books, wrong, also| {
                also.is_none()
                    && matches!(wrong, Some(Wrong::Sequence { account, expected_after: 12, found: 1_000, .. }) if *account == books.a)
            },
        },
        // Two rows change places.
        Case {
            sqlite: "UPDATE ledger_transfers SET no = 99 WHERE no = 3; UPDATE ledger_transfers SET no = 3 WHERE no = 4;
                     UPDATE ledger_transfers SET no = 4 WHERE no = 99",
            postgres: "ALTER TABLE ledger_transfers ALTER no DROP IDENTITY; UPDATE ledger_transfers SET no = 99 WHERE no = 3;
                       UPDATE ledger_transfers SET no = 3 WHERE no = 4; UPDATE ledger_transfers SET no = 4 WHERE no = 99",
            expect: |books, wrong, also| {
                matches!(wrong, Some(Wrong::Sequence { expected_after: 2, found: 4, transfer, .. }) if *transfer == books.ids[3])
                    && matches!(also, Some(Wrong::Changed { no: 3, seal: 1, transfer, .. }) if *transfer == books.ids[3])
            },
        },
        // What two rows say changes places.
        both(
            "UPDATE ledger_transfers SET memo = 'movement 9' WHERE no = 8; UPDATE ledger_transfers SET memo = 'movement 8' WHERE no = 9",
            |books, wrong, also| changed(books, 8, wrong) && also.is_none(),
        ),
        // Money changes hands without any transfer: two accounts change their names.
        Case {
            sqlite: "UPDATE ledger_accounts SET id = randomblob(16) WHERE entry_count = 12",
            postgres: "UPDATE ledger_accounts SET id = gen_random_uuid() WHERE entry_count = 12",
            expect: |books, wrong, also| changed(books, 1, wrong) && also.is_none(),
        },
        both("UPDATE ledger_accounts SET balance = balance + 1 WHERE entry_count = 11", |books, wrong, also| {
            let figures = matches!(wrong, Some(Wrong::Balance { account, balance: 78, found: 77, .. }) if *account == books.b);
            figures && also.is_none()
        }),
        // Accounts that the ledger would never number so.
        Case {
            sqlite: stray.0,
            postgres: stray.1,
            expect: |_, wrong, also| {
                let figures = matches!(wrong, Some(Wrong::Balance { balance: 77, entries: 0, found: 0, found_entries: 0, .. }));
                figures && also.is_none()
            },
        },
        // What is not sealed yet is protected by the balances alone.
        both("UPDATE ledger_transfers SET amount = amount + 1 WHERE no = 12", |books, wrong, also| {
            matches!(wrong, Some(Wrong::Entry { transfer, .. }) if *transfer == books.ids[11]) && also.is_none()
        }),
    ]
}

fn seals() -> Vec<Case> {
    vec![
        both("UPDATE ledger_seals SET hash = previous WHERE no = 2", |_, wrong, also| {
            matches!(wrong, Some(Wrong::Seal { no: 2, .. })) && also.is_none()
        }),
        both("UPDATE ledger_seals SET previous = hash WHERE no = 2", |_, wrong, _| {
            matches!(wrong, Some(Wrong::Link { no: 2, .. }))
        }),
        both("UPDATE ledger_seals SET first_no = first_no - 1 WHERE no = 2", |_, wrong, _| {
            matches!(wrong, Some(Wrong::Seal { no: 2, .. }))
        }),
        both("UPDATE ledger_seals SET last_no = last_no - 1 WHERE no = 1", |_, wrong, _| {
            matches!(wrong, Some(Wrong::Missing { seal: 1, .. }))
        }),
        Case {
            sqlite: "UPDATE ledger_seals SET sealed_at = sealed_at + 1 WHERE no = 1",
            postgres: "UPDATE ledger_seals SET sealed_at = sealed_at + interval '1 microsecond' WHERE no = 1",
            expect: |_, wrong, _| matches!(wrong, Some(Wrong::Seal { no: 1, .. })),
        },
        Case {
            sqlite: "UPDATE ledger_seals SET digests = CAST(substr(digests, 9) || substr(digests, 1, 8) AS BLOB) WHERE no = 1",
            postgres: "UPDATE ledger_seals SET digests = substr(digests, 9) || substr(digests, 1, 8) WHERE no = 1",
            expect: |_, wrong, _| matches!(wrong, Some(Wrong::Digests { no: 1 })),
        },
        both("DELETE FROM ledger_seals WHERE no = 1", |_, wrong, _| wrong == Some(&Wrong::SealMissing(1))),
    ]
}

pub async fn each(kind: Kind, cases: Vec<Case>) {
    for case in cases {
        let Some(test) = TestDb::open(kind).await else { return };
        let books = books(&test.db).await;
        tamper(&test.db, case.sqlite, case.postgres).await;
        let VerifyReport { wrong, also, .. } = verified(&books.ledger).await;
        let told = (case.expect)(&books, wrong.as_ref(), also.as_ref());
        assert!(told, "{kind:?}: {}\nwrong: {wrong:?}\nalso: {also:?}", case.sqlite);
    }
}

/// What only a hash kept elsewhere shows.
async fn a_chain_cut_off_is_caught_by_an_anchor(kind: Kind) {
    let cut = "DELETE FROM ledger_seals WHERE no = 2";
    let Some(test) = TestDb::open(kind).await else { return };
    let whole = books(&test.db).await;
    tamper(&test.db, cut, cut).await;
    assert_eq!(verified(&whole.ledger).await.wrong, None, "the rest of the chain is right");
    let check = async |books: &Books| verify_with(books.ledger.books(), &books.anchors, |_| {}).await.unwrap();
    let kept = whole.anchors[1];
    let gone = Wrong::Anchor { no: 2, expected: kept.hash, found: None };
    assert_eq!(check(&whole).await.wrong, Some(gone));
    // Who seals again has another chain: it was not made at the same time.
    whole.ledger.clock().advance(std::time::Duration::from_secs(1));
    let again = seal(&whole.ledger).await.head.unwrap();
    assert_eq!(verified(&whole.ledger).await.wrong, None);
    assert_eq!(check(&whole).await.wrong, Some(Wrong::Anchor { no: 2, expected: kept.hash, found: Some(again.hash) }));
}

/// A forged journal with a new chain over it.
async fn a_chain_written_anew_is_caught_by_an_anchor(kind: Kind) {
    let Some(test) = TestDb::open(kind).await else { return };
    let books = books(&test.db).await;
    let sql: &'static str = format!("{FORGED} DELETE FROM ledger_seals").leak();
    tamper(&test.db, sql, sql).await;
    let again = seal(&books.ledger).await.head.unwrap();
    assert_eq!((again.no, verified(&books.ledger).await.wrong), (1, None));
    let report = verify_with(books.ledger.books(), &books.anchors, |_| {}).await.unwrap();
    let first = books.anchors[0];
    assert_eq!(report.wrong, Some(Wrong::Anchor { no: 1, expected: first.hash, found: Some(again.hash) }));
}

/// On SQLite histories are kept apart from the transfers, and have to lead to them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_that_leads_elsewhere_is_named() {
    let forged = [
        "UPDATE ledger_pages SET lines = substr(lines, 13) || substr(lines, 1, 12)",
        "DELETE FROM ledger_pages WHERE page = 0",
        "UPDATE ledger_accounts SET recent = substr(recent, 13) || substr(recent, 1, 12) WHERE entry_count = 30",
        "PRAGMA ignore_check_constraints = ON;
         UPDATE ledger_accounts SET recent = substr(recent, 1, 12) WHERE entry_count = 30;
         PRAGMA ignore_check_constraints = OFF",
    ];
    for sql in forged {
        let test = TestDb::open(Kind::Sqlite).await.unwrap();
        let books = books(&test.db).await;
        for n in 13..=30 {
            moved(&books.ledger, rich(books.a, books.b, n)).await;
        }
        assert_eq!(verified(&books.ledger).await.wrong, None);
        let forge = async |sql: &'static str| test.db.write(async move |tx: &mut Tx| tx.batch(sql).await).await;
        if sql.contains("ledger_pages") {
            let refused = forge(sql).await;
            assert!(matches!(&refused, Err(StoreError::Database(text)) if text.contains("append only")), "{refused:?}");
        }
        let shorter = forge("UPDATE ledger_accounts SET recent = '' WHERE entry_count = 30").await;
        assert!(matches!(shorter, Err(StoreError::Check(_))), "a history is as long as it says: {shorter:?}");
        forge("DROP TRIGGER ledger_pages_no_update; DROP TRIGGER ledger_pages_no_delete").await.unwrap();
        forge(sql).await.unwrap();
        let VerifyReport { wrong, also, .. } = verified(&books.ledger).await;
        assert!(matches!(wrong, Some(Wrong::Misfiled(_))) && also.is_none(), "{sql}: {wrong:?}, {also:?}");
    }
}

async fn rows_are_named(kind: Kind) {
    each(kind, rows()).await;
}

async fn rows_put_in_and_moved_are_named(kind: Kind) {
    each(kind, more_rows()).await;
}

async fn seals_are_named(kind: Kind) {
    each(kind, seals()).await;
}

/// Each on databases of its own, which are wrong afterwards: nothing checks them again.
macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() { super::$test(super::Kind::Sqlite).await; })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() { super::$test(super::Kind::Postgres).await; })*
        }
    };
}
pub(crate) use on_both;

on_both! {
    rows_are_named,
    rows_put_in_and_moved_are_named,
    seals_are_named,
    a_chain_cut_off_is_caught_by_an_anchor,
    a_chain_written_anew_is_caught_by_an_anchor,
}
