//! Rows that make no sense, and rows whose counterpart is gone: each is named, and none of them ends the reading.

use rialto_ledger::{
    HoldId, NewHold,
    verify::{VerifyReport, Wrong},
};
use rialto_store::testing::{Kind, TestDb};

use crate::{
    amount, moved, rich, seal,
    tamper::{Case, books, both, changed, each, tamper},
    verified,
};

/// SQLite's foreign keys cannot be put off within a transaction: they are taken out of the tables.
const UNTIE: &str = "PRAGMA writable_schema = ON;
    UPDATE sqlite_schema SET sql = replace(sql, 'REFERENCES ledger_accounts (no)', '')
    WHERE type = 'table' AND name IN ('ledger_transfers', 'ledger_holds', 'ledger_pages');
    PRAGMA writable_schema = RESET;";

/// With no CHECK in the way.
fn unchecked(table: &str, sql: &str) -> (&'static str, &'static str) {
    let lite = format!("PRAGMA ignore_check_constraints = ON; {sql}; PRAGMA ignore_check_constraints = OFF");
    let pg = format!(
        "DO $$ DECLARE name text; BEGIN
            FOR name IN SELECT conname FROM pg_constraint WHERE conrelid = '{table}'::regclass AND contype = 'c' LOOP
                EXECUTE format('ALTER TABLE {table} DROP CONSTRAINT %I', name);
            END LOOP;
        END $$; {sql}"
    );
    (lite.leak(), pg.leak())
}

fn case((sqlite, postgres): (&'static str, &'static str), expect: crate::tamper::Expect) -> Case {
    Case { sqlite, postgres, expect }
}

/// What names a transfer and its places: seals say which one, balances what no longer follows.
fn columns() -> Vec<Case> {
    let out_of_order =
        |sql| both(sql, |books, wrong, also| matches!(wrong, Some(Wrong::Sequence { .. })) && changed(books, 4, also));
    vec![
        Case {
            sqlite: "UPDATE ledger_transfers SET id = randomblob(16) WHERE no = 4",
            postgres: "UPDATE ledger_transfers SET id = gen_random_uuid() WHERE no = 4",
            expect: |books, wrong, also| {
                let named = matches!(wrong, Some(Wrong::Changed { no: 4, seal: 1, transfer, .. }) if *transfer != books.ids[3]);
                named && also.is_none()
            },
        },
        out_of_order("UPDATE ledger_transfers SET debit_no = credit_no WHERE no = 4"),
        out_of_order("UPDATE ledger_transfers SET credit_no = debit_no WHERE no = 4"),
        out_of_order("UPDATE ledger_transfers SET debit_seq = 40 WHERE no = 4"),
        out_of_order("UPDATE ledger_transfers SET credit_seq = 40 WHERE no = 4"),
        Case {
            sqlite: concat_untied("UPDATE ledger_transfers SET debit_no = 1000 WHERE no = 4"),
            postgres: "UPDATE ledger_transfers SET debit_no = 1000 WHERE no = 4",
            expect: |books, wrong, also| wrong == Some(&Wrong::Stray(books.ids[3])) && changed(books, 4, also),
        },
    ]
}

fn concat_untied(sql: &str) -> &'static str {
    format!("{UNTIE} {sql}").leak()
}

const GONE: &str = "DELETE FROM ledger_accounts WHERE entry_count = 11";

fn accounts() -> Vec<Case> {
    let of_b = |set: &str| unchecked("ledger_accounts", &format!("UPDATE ledger_accounts SET {set} WHERE entry_count = 11"));
    vec![
        Case {
            sqlite: concat_untied(GONE),
            postgres: GONE,
            expect: |books, wrong, also| wrong == Some(&Wrong::Stray(books.ids[1])) && changed(books, 2, also),
        },
        case(of_b("state = 'odd'"), |_, wrong, also| is_odd("ledger_accounts", wrong) && also.is_none()),
        case(of_b("overdraft = 9000000000000000000"), |_, wrong, also| is_odd("ledger_accounts", wrong) && also.is_none()),
        both("UPDATE ledger_accounts SET asset = 'odd' WHERE asset = 'CREDIT'", |_, wrong, also| {
            is_odd("ledger_accounts", wrong) && also.is_none()
        }),
        both("UPDATE ledger_accounts SET asset = 'odd' WHERE entry_count = 11", |books, wrong, also| {
            wrong == Some(&Wrong::Assets(books.ids[1])) && also.is_none()
        }),
        case(of_b("held_out = -1"), |books, wrong, also| {
            wrong == Some(&Wrong::Held { account: books.b, held: (-1, 0), found: (0, 0) }) && also.is_none()
        }),
        // The issuance gives more than it is said to have given, behind the sum's back.
        both("UPDATE ledger_accounts SET balance = balance - 1 WHERE balance = -1000", |_, wrong, also| {
            matches!(wrong, Some(Wrong::Balance { balance: -1_001, found: -1_000, .. })) && also.is_none()
        }),
    ]
}

fn is_odd(name: &str, wrong: Option<&Wrong>) -> bool {
    matches!(wrong, Some(Wrong::Unreadable { table, .. }) if *table == name)
}

fn seals() -> Vec<Case> {
    let of = |no: i64, set: &str| unchecked("ledger_seals", &format!("UPDATE ledger_seals SET {set} WHERE no = {no}"));
    let short = |no| {
        let (sqlite, _) = of(no, "hash = x'00'");
        let (_, postgres) = of(no, "hash = '\\x00'");
        (sqlite, postgres)
    };
    let uneven = {
        let (sqlite, _) = of(1, "digests = x'00'");
        let (_, postgres) = of(1, "digests = '\\x00'");
        (sqlite, postgres)
    };
    vec![
        case(short(1), |_, wrong, also| wrong == Some(&Wrong::Unreadable { table: "ledger_seals", no: 1 }) && also.is_none()),
        case(short(2), |_, wrong, also| wrong == Some(&Wrong::Unreadable { table: "ledger_seals", no: 2 }) && also.is_none()),
        case(uneven, |_, wrong, also| wrong == Some(&Wrong::Unreadable { table: "ledger_seals", no: 1 }) && also.is_none()),
    ]
}

async fn columns_that_name_are_named(kind: Kind) {
    each(kind, columns()).await;
}

async fn accounts_that_make_no_sense_are_named(kind: Kind) {
    each(kind, accounts()).await;
}

async fn seals_that_make_no_sense_are_named(kind: Kind) {
    each(kind, seals()).await;
}

/// A transfer of an account that is gone says so; it does not stop the seals behind it.
async fn an_account_that_is_gone_stops_no_seal(kind: Kind) {
    let Some(test) = TestDb::open(kind).await else { return };
    let books = books(&test.db).await;
    moved(&books.ledger, rich(crate::issuance(), books.a, 13)).await;
    tamper(&test.db, concat_untied(GONE), GONE).await;
    let sealed = seal(&books.ledger).await;
    assert_eq!((sealed.seals, sealed.transfers), (1, 3));
    assert_eq!(verified(&books.ledger).await.wrong, Some(Wrong::Stray(books.ids[1])));
}

/// An id that is none is possible on SQLite alone, where it is sixteen bytes by a CHECK.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_that_are_none_are_named() {
    let cases = vec![
        Case {
            sqlite: unchecked("", "UPDATE ledger_transfers SET id = x'00' WHERE no = 4").0,
            postgres: "",
            expect: |_, wrong, also| wrong == Some(&Wrong::Unreadable { table: "ledger_transfers", no: 4 }) && also.is_none(),
        },
        Case {
            sqlite: unchecked("", "UPDATE ledger_accounts SET id = x'00' WHERE entry_count = 11").0,
            postgres: "",
            expect: |books, wrong, also| changed(books, 2, wrong) && is_odd("ledger_accounts", also),
        },
    ];
    each(Kind::Sqlite, cases).await;
    // What can be read before it is sealed, and no more.
    let test = TestDb::open(Kind::Sqlite).await.unwrap();
    let books = books(&test.db).await;
    let odd = unchecked("", "UPDATE ledger_transfers SET id = x'00' WHERE no = 12").0;
    tamper(&test.db, odd, "").await;
    let sealed = rialto_ledger::seal::Sealer::default().run(books.ledger.books(), books.ledger.clock()).await;
    assert!(matches!(&sealed, Err(rialto_store::StoreError::Corrupt(text)) if text.contains("number 12")), "{sealed:?}");
    let VerifyReport { head, .. } = verified(&books.ledger).await;
    assert_eq!(head.map(|anchor| anchor.no), Some(3), "number 11 was sealed");
}

/// On SQLite histories are kept apart from the transfers: no page may stand behind their end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_behind_the_end_are_named() {
    for (page, account) in [("1", "no"), ("1", "no + 1000"), ("-1", "no")] {
        let test = TestDb::open(Kind::Sqlite).await.unwrap();
        let books = books(&test.db).await;
        let put = format!(
            "{UNTIE} PRAGMA ignore_check_constraints = ON;
             INSERT INTO ledger_pages (account_no, page, lines)
             SELECT {account}, {page}, printf('%0192d', 0) FROM ledger_accounts WHERE entry_count = 12;
             PRAGMA ignore_check_constraints = OFF"
        );
        tamper(&test.db, put.leak(), "").await;
        let VerifyReport { wrong, also, .. } = verified(&books.ledger).await;
        assert!(matches!(wrong, Some(Wrong::Pages { .. })) && also.is_none(), "{page} of {account}: {wrong:?}, {also:?}");
    }
}

async fn holds_that_say_what_was_not_are_named(kind: Kind) {
    /// Whether it is said first, the hold that was posted and the one that is pending.
    type Told = fn(HoldId, HoldId, &VerifyReport) -> bool;
    let cases: [(&'static str, Told); 5] = [
        ("UPDATE ledger_holds SET posted_amount = 4 WHERE state = 'posted'", |posted, _, report| {
            report.wrong == Some(Wrong::Hold(posted))
        }),
        (
            "UPDATE ledger_holds SET transfer_id = (SELECT id FROM ledger_transfers WHERE no = 2) WHERE state = 'posted'",
            |posted, _, report| report.wrong == Some(Wrong::Hold(posted)),
        ),
        ("UPDATE ledger_holds SET credit_no = debit_no WHERE state = 'posted'", |posted, _, report| {
            report.wrong == Some(Wrong::Hold(posted))
        }),
        ("UPDATE ledger_holds SET debit_no = 1000 WHERE state = 'posted'", |posted, _, report| {
            report.wrong == Some(Wrong::HoldStray(posted))
        }),
        ("UPDATE ledger_holds SET debit_no = 1000 WHERE state = 'pending'", |_, pending, report| {
            matches!(report.wrong, Some(Wrong::Held { held: (6, 0), found: (0, 0), .. }))
                && report.also == Some(Wrong::HoldStray(pending))
        }),
    ];
    for (sql, told) in cases {
        let Some(test) = TestDb::open(kind).await else { return };
        let books = books(&test.db).await;
        let (posted, pending) = (HoldId::new(), HoldId::new());
        for (id, held) in [(posted, 5), (pending, 6)] {
            books.ledger.hold(NewHold::new(id, books.a, books.b, amount(held))).await.unwrap();
        }
        books.ledger.post(posted, None).await.unwrap();
        assert_eq!(verified(&books.ledger).await.wrong, None);
        tamper(&test.db, concat_untied(sql), sql).await;
        let report = verified(&books.ledger).await;
        assert!(told(posted, pending, &report), "{kind:?}: {sql}\n{report:?}");
    }
}

crate::tamper::on_both! {
    columns_that_name_are_named,
    accounts_that_make_no_sense_are_named,
    seals_that_make_no_sense_are_named,
    an_account_that_is_gone_stops_no_seal,
    holds_that_say_what_was_not_are_named,
}
