//! The order of refusals: each row breaks one rule more than the row before it, and the earlier rule is the one that is
//! reported. One row is one call; what is expected stands last.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it")]

use rialto_kernel::{AccountId, Amount, Asset, Id, Timestamp};
use rialto_ledger::{
    AccountState, Code, Command, House, LedgerError, NewAccount, NewHold, NewTransfer, Overdraft, TransferId, group, hold,
    open_account, set_account_state, transfer,
};
use rialto_store::{
    Db, Tx,
    testing::{Kind as Database, TestDb},
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(4_102_444_800_000_000 + seconds * 1_000_000)
}

fn amount(minor_units: i64) -> Amount {
    Amount::new(minor_units).unwrap()
}

/// The cast: who is there before the rows are played.
struct Cast {
    rich: AccountId,
    poor: AccountId,
    overdrawn: AccountId,
    dollars: AccountId,
    frozen: AccountId,
    closed: AccountId,
    full: AccountId,
    nobody: AccountId,
    known: TransferId,
}

async fn open(db: &Db, asset: Asset, overdraft: i64, minor_units: i64) -> AccountId {
    let new = NewAccount { overdraft: Overdraft::Limit(amount(overdraft)), ..NewAccount::new(asset, Code::new("till")) };
    let id = new.id;
    db.write(async move |tx: &mut Tx| {
        open_account(tx, new.clone(), at(0)).await?;
        if minor_units > 0 {
            transfer(tx, movement(Id::new(), House::Issuance.account(asset), id, minor_units), at(0)).await?;
        }
        Ok::<_, LedgerError>(())
    })
    .await
    .unwrap();
    id
}

fn movement(id: TransferId, debit: AccountId, credit: AccountId, minor_units: i64) -> NewTransfer {
    NewTransfer::new(id, debit, credit, amount(minor_units))
}

async fn cast(db: &Db) -> Cast {
    let cast = Cast {
        rich: open(db, Asset::CREDIT, 0, 1_000).await,
        poor: open(db, Asset::CREDIT, 0, 0).await,
        overdrawn: open(db, Asset::CREDIT, 50, 10).await,
        dollars: open(db, Asset::USDC, 0, 1_000).await,
        frozen: open(db, Asset::CREDIT, 0, 1_000).await,
        closed: open(db, Asset::CREDIT, 0, 0).await,
        full: open(db, Asset::CREDIT, 0, Amount::MAX.get()).await,
        nobody: AccountId::new(),
        known: Id::new(),
    };
    let (rich, poor, frozen, closed, known) = (cast.rich, cast.poor, cast.frozen, cast.closed, cast.known);
    db.write(async move |tx: &mut Tx| {
        transfer(tx, movement(known, rich, poor, 1), at(0)).await?;
        transfer(tx, movement(Id::new(), poor, rich, 1), at(0)).await?;
        set_account_state(tx, frozen, AccountState::Frozen, at(0)).await?;
        set_account_state(tx, closed, AccountState::Closed, at(0)).await
    })
    .await
    .unwrap();
    cast
}

/// What became of a call, in one word.
fn word<T>(result: Result<T, LedgerError>) -> &'static str {
    let Err(error) = result else { return "done" };
    match error {
        LedgerError::AmountZero => "amount_zero",
        LedgerError::TextInvalid(_) => "text_invalid",
        LedgerError::EffectiveInFuture => "effective_in_future",
        LedgerError::IdMismatch(_) => "id_mismatch",
        LedgerError::HoldUnknown(_) => "hold_unknown",
        LedgerError::HoldResolved { .. } => "hold_resolved",
        LedgerError::HoldExpired(_) => "hold_expired",
        LedgerError::HoldExceeded { .. } => "hold_exceeded",
        LedgerError::TransferUnknown(_) => "transfer_unknown",
        LedgerError::IsReversal(_) => "is_reversal",
        LedgerError::AlreadyReversed { .. } => "already_reversed",
        LedgerError::AccountUnknown { side: rialto_ledger::Side::Debit, .. } => "payer_unknown",
        LedgerError::AccountUnknown { side: rialto_ledger::Side::Credit, .. } => "payee_unknown",
        LedgerError::AssetMismatch { .. } => "asset_mismatch",
        LedgerError::AccountNotOpen { side: rialto_ledger::Side::Debit, .. } => "payer_not_open",
        LedgerError::AccountNotOpen { side: rialto_ledger::Side::Credit, .. } => "payee_not_open",
        LedgerError::InsufficientFunds { .. } => "insufficient_funds",
        LedgerError::CreditsExceedDebits { .. } => "credits_exceed_debits",
        LedgerError::BalanceOutOfRange(_) => "out_of_range",
        LedgerError::AccountNotEmpty(_) => "not_empty",
        LedgerError::Store(_) => "store",
    }
}

#[tokio::test]
async fn a_transfer_and_a_hold_are_refused_in_the_same_order() {
    let test = TestDb::open(Database::Sqlite).await.unwrap();
    let c = cast(&test.db).await;
    let fresh = TransferId::new;
    #[rustfmt::skip]
    let rows = [
        // id,    payer,       payee,     amount, expected
        (c.known, c.nobody,    c.nobody,  0,      "amount_zero"),
        (c.known, c.nobody,    c.nobody,  1,      "id_mismatch"),
        (c.known, c.rich,      c.poor,    2,      "id_mismatch"),
        (c.known, c.rich,      c.poor,    1,      "done"),
        (fresh(), c.nobody,    c.nobody,  9_999,  "payer_unknown"),
        (fresh(), c.rich,      c.nobody,  9_999,  "payee_unknown"),
        (fresh(), c.closed,    c.dollars, 9_999,  "asset_mismatch"),
        (fresh(), c.closed,    c.closed,  9_999,  "payer_not_open"),
        (fresh(), c.frozen,    c.closed,  9_999,  "payer_not_open"),
        (fresh(), c.rich,      c.closed,  9_999,  "payee_not_open"),
        (fresh(), c.rich,      c.full,    9_999,  "insufficient_funds"),
        (fresh(), c.rich,      c.full,    1,      "out_of_range"),
        (fresh(), c.rich,      c.frozen,  1_000,  "done"),
        (fresh(), c.rich,      c.poor,    1,      "insufficient_funds"),
        (fresh(), c.overdrawn, c.poor,    61,     "insufficient_funds"),
        (fresh(), c.overdrawn, c.poor,    60,     "done"),
        (fresh(), c.overdrawn, c.poor,    1,      "insufficient_funds"),
        (fresh(), c.poor,      c.rich,    60,     "done"),
        (fresh(), c.poor,      c.poor,    1,      "insufficient_funds"),
    ];
    for (number, (id, payer, payee, minor_units, expected)) in rows.into_iter().enumerate() {
        let new = movement(id, payer, payee, minor_units);
        let result = test.db.write(async move |tx: &mut Tx| transfer(tx, new.clone(), at(1)).await).await;
        assert_eq!(word(result), expected, "transfer, row {number}");
    }

    let test = TestDb::open(Database::Sqlite).await.unwrap();
    let c = cast(&test.db).await;
    let known = NewHold::new(c.known.cast(), c.rich, c.poor, amount(1));
    let first = known.clone();
    test.db.write(async move |tx: &mut Tx| hold(tx, first.clone(), at(0)).await).await.unwrap();
    #[rustfmt::skip]
    let rows = [
        (c.known, c.nobody,    c.nobody,  0,      "amount_zero"),
        (c.known, c.rich,      c.poor,    2,      "id_mismatch"),
        (c.known, c.rich,      c.poor,    1,      "done"),
        (fresh(), c.nobody,    c.nobody,  9_999,  "payer_unknown"),
        (fresh(), c.rich,      c.nobody,  9_999,  "payee_unknown"),
        (fresh(), c.closed,    c.dollars, 9_999,  "asset_mismatch"),
        (fresh(), c.frozen,    c.closed,  9_999,  "payer_not_open"),
        (fresh(), c.rich,      c.closed,  9_999,  "payee_not_open"),
        (fresh(), c.rich,      c.full,    1_000,  "insufficient_funds"),
        (fresh(), c.rich,      c.full,    1,      "out_of_range"),
        (fresh(), c.rich,      c.poor,    999,    "done"),
        (fresh(), c.rich,      c.poor,    1,      "insufficient_funds"),
        (fresh(), c.overdrawn, c.poor,    60,     "done"),
        (fresh(), c.overdrawn, c.poor,    1,      "insufficient_funds"),
        (fresh(), c.poor,      c.rich,    1,      "insufficient_funds"),
    ];
    for (number, (id, debit, credit, minor_units, expected)) in rows.into_iter().enumerate() {
        let new = NewHold { id: id.cast(), debit, credit, amount: amount(minor_units), ..known.clone() };
        let result = test.db.write(async move |tx: &mut Tx| hold(tx, new.clone(), at(1)).await).await;
        assert_eq!(word(result), expected, "hold, row {number}");
    }
    test.check().await;
}

#[tokio::test]
async fn a_hold_ends_in_the_order_of_its_rules() {
    let test = TestDb::open(Database::Sqlite).await.unwrap();
    let c = cast(&test.db).await;
    let new = |expires_at| NewHold { expires_at, ..NewHold::new(Id::new(), c.rich, c.poor, amount(10)) };
    let holds = [new(None), new(None), new(Some(at(5))), new(Some(at(50)))];
    let [paid, voided, due, open] = [&holds[0], &holds[1], &holds[2], &holds[3]].map(|hold| hold.id);
    for new in holds {
        test.db.write(async move |tx: &mut Tx| hold(tx, new.clone(), at(1)).await).await.unwrap();
    }
    let all = |id| Command::Post { hold: id, amount: None };
    let part = |id, minor_units| Command::Post { hold: id, amount: Some(amount(minor_units)) };
    let rows = [
        (part(Id::new(), 0), "amount_zero"),
        (part(Id::new(), 1), "hold_unknown"),
        (Command::Void(Id::new()), "hold_unknown"),
        (part(paid, 4), "done"),
        (part(paid, 4), "done"),
        (part(paid, 0), "amount_zero"),
        (part(paid, 11), "hold_resolved"),
        (all(paid), "hold_resolved"),
        (Command::Void(paid), "hold_resolved"),
        (Command::Void(voided), "done"),
        (Command::Void(voided), "done"),
        (part(voided, 11), "hold_resolved"),
        (part(due, 11), "hold_expired"),
        (all(due), "hold_expired"),
        (part(open, 11), "hold_exceeded"),
        (all(open), "done"),
        (part(open, 10), "done"),
        (Command::Void(due), "done"),
    ];
    for (number, (command, expected)) in rows.into_iter().enumerate() {
        let commands = [command];
        let result = test.db.write(async move |tx: &mut Tx| group(tx, &commands, at(10)).await).await;
        assert_eq!(word(result.map_err(LedgerError::from)), expected, "row {number}");
    }
    test.check().await;
}
