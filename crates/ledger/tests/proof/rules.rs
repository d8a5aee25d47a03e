//! The order of refusals. One row is one call; it breaks as many rules as can be broken at once from the one that is
//! expected on, so a rule that were looked for too late would show.

use rialto_kernel::{Amount, Asset, Id, Timestamp};
use rialto_ledger::{
    AccountState, Balancing, Books, Code, Command, House, Kind, LedgerError, Metadata, NewAccount, NewHold, NewReversal,
    NewTransfer, Outcome, Overdraft, open_account,
};

use crate::{
    cast::{cast, run, run_at, set_state, till, word},
    common::{amount, at, movement, new_hold, open},
};

fn with_memo(memo: &str, new: NewTransfer) -> NewTransfer {
    NewTransfer { memo: Some(memo.to_owned()), ..new }
}

fn words(key: &str) -> Metadata {
    Metadata::new([(key.to_owned(), "value".to_owned())].into()).unwrap()
}

async fn a_transfer_is_refused_in_the_order_of_its_rules(books: &impl Books) {
    let c = cast(books).await;
    let new = |payer, payee, minor_units| movement(Id::new(), payer, payee, minor_units);
    let known = |payer, payee, minor_units| movement(c.known, payer, payee, minor_units);
    let future = |new: NewTransfer| NewTransfer { effective_at: Some(at(11)), ..new };
    let far = |new: NewTransfer, micros| NewTransfer { effective_at: Some(Timestamp::from_micros(micros)), ..new };
    let long = "x".repeat(1_001);
    #[rustfmt::skip]
    let rows = [
        (future(with_memo("\0", known(c.nobody, c.nobody, 0))), "amount_zero"),
        (future(with_memo("\0", known(c.nobody, c.nobody, 1))), "text_invalid"),
        (with_memo(&long, known(c.nobody, c.nobody, 1)),        "text_invalid"),
        (far(known(c.nobody, c.nobody, 1), i64::MAX),           "time_out_of_range"),
        (far(known(c.nobody, c.nobody, 1), i64::MIN),           "time_out_of_range"),
        (future(known(c.nobody, c.nobody, 1)),                  "effective_in_future"),
        (known(c.nobody, c.nobody, 1),                          "id_mismatch"),
        (new(c.nobody, c.nobody, 9_999),                        "payer_unknown"),
        (new(c.rich, c.nobody, 9_999),                          "payee_unknown"),
        (new(c.closed, c.dollars, 9_999),                       "asset_mismatch"),
        (new(c.closed, c.closed, 9_999),                        "payer_not_open"),
        (new(c.frozen, c.closed, 9_999),                        "payer_not_open"),
        (new(c.rich, c.closed, 9_999),                          "payee_not_open"),
        (new(c.rich, c.capped, 9_999),                          "insufficient_funds"),
        (new(c.rich, c.full, 9_999),                            "insufficient_funds"),
        (new(c.deep, c.capped, 9_999),                          "credits_exceed_debits"),
        (new(c.rich, c.capped, 6),                              "credits_exceed_debits"),
        (new(c.deep, c.poor, 9_999),                            "out_of_range"),
        (new(c.rich, c.full, 1),                                "out_of_range"),
        (new(c.rich, c.frozen, 1_000),                          "done"),
        (new(c.rich, c.poor, 1),                                "insufficient_funds"),
        (new(c.overdrawn, c.poor, 61),                          "insufficient_funds"),
        (with_memo(&long[1..], new(c.overdrawn, c.poor, 60)),   "done"),
        (new(c.overdrawn, c.poor, 1),                           "insufficient_funds"),
        (new(c.poor, c.capped, 5),                              "done"),
        (new(c.poor, c.capped, 1),                              "credits_exceed_debits"),
        (new(c.poor, c.rich, 55),                               "done"),
        (new(c.poor, c.poor, 1),                                "insufficient_funds"),
    ];
    for (number, (new, expected)) in rows.into_iter().enumerate() {
        assert_eq!(word(run(books, Command::Transfer(new)).await), expected, "row {number}");
    }
}

async fn a_hold_is_refused_in_the_same_order(books: &impl Books) {
    let c = cast(books).await;
    let first = NewHold { memo: None, ..new_hold(c.rich, c.poor, 1, None) };
    run(books, Command::Hold(first.clone())).await.unwrap();
    let new = |payer, payee, minor_units| NewHold::new(Id::new(), payer, payee, amount(minor_units));
    let known = |payer, payee, minor_units| NewHold { id: first.id, ..new(payer, payee, minor_units) };
    let noted = |new: NewHold| NewHold { memo: Some("\0".to_owned()), ..new };
    let later = NewHold { expires_at: Some(at(99)), ..first.clone() };
    let far = |new: NewHold| NewHold { expires_at: Some(Timestamp::from_micros(i64::MAX)), ..new };
    #[rustfmt::skip]
    let rows = [
        (noted(known(c.nobody, c.nobody, 0)), "amount_zero"),
        (noted(known(c.nobody, c.nobody, 1)), "text_invalid"),
        (far(known(c.nobody, c.nobody, 1)),   "time_out_of_range"),
        (known(c.nobody, c.nobody, 1),        "id_mismatch"),
        (far(first.clone()),                  "done"),
        (first.clone(),                       "done"),
        (later,                               "done"),
        (new(c.nobody, c.nobody, 9_999),      "payer_unknown"),
        (new(c.rich, c.nobody, 9_999),        "payee_unknown"),
        (new(c.closed, c.dollars, 9_999),     "asset_mismatch"),
        (new(c.frozen, c.closed, 9_999),      "payer_not_open"),
        (new(c.rich, c.closed, 9_999),        "payee_not_open"),
        (new(c.rich, c.capped, 1_000),        "insufficient_funds"),
        (new(c.rich, c.full, 1_000),          "insufficient_funds"),
        (new(c.deep, c.capped, 9_999),        "credits_exceed_debits"),
        (new(c.deep, c.poor, 9_999),          "out_of_range"),
        (new(c.rich, c.full, 1),              "out_of_range"),
        (new(c.rich, c.capped, 5),            "done"),
        (new(c.rich, c.capped, 1),            "credits_exceed_debits"),
        (new(c.rich, c.poor, 994),            "done"),
        (new(c.rich, c.poor, 1),              "insufficient_funds"),
        (new(c.overdrawn, c.poor, 60),        "done"),
        (new(c.overdrawn, c.poor, 1),         "insufficient_funds"),
        // What is held for it is not its own yet.
        (new(c.poor, c.rich, 1),              "insufficient_funds"),
    ];
    for (number, (new, expected)) in rows.into_iter().enumerate() {
        assert_eq!(word(run(books, Command::Hold(new)).await), expected, "row {number}");
    }
}

async fn a_hold_ends_in_the_order_of_its_rules(books: &impl Books) {
    let c = cast(books).await;
    let new = |expires_at| new_hold(c.rich, c.poor, 10, expires_at);
    let holds = [new(None), new(None), new(Some(at(5))), new(Some(at(50)))];
    let [paid, voided, due, still] = [0, 1, 2, 3].map(|place: usize| holds[place].id);
    for new in holds {
        run_at(books, Command::Hold(new), 1).await.unwrap();
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
        (part(still, 11), "hold_exceeded"),
        (all(still), "done"),
        (part(still, 10), "done"),
        (Command::Void(due), "done"),
    ];
    for (number, (command, expected)) in rows.into_iter().enumerate() {
        assert_eq!(word(run(books, command).await), expected, "row {number}");
    }
    let new = new_hold(c.rich, c.poor, 10, Some(at(20)));
    let id = new.id;
    run(books, Command::Hold(new)).await.unwrap();
    books.write(async move |tx| rialto_ledger::expire_holds(tx, at(20), 9).await).await.unwrap();
    for (command, expected) in [(part(id, 11), "hold_expired"), (Command::Void(id), "hold_expired")] {
        // Also by a clock that has not come so far.
        assert_eq!(word(run(books, command).await), expected);
    }
}

async fn a_reversal_is_refused_in_the_order_of_its_rules(books: &impl Books) {
    let c = cast(books).await;
    let paid = async |payer, payee, minor_units| {
        let new = movement(Id::new(), payer, payee, minor_units);
        run(books, Command::Transfer(new.clone())).await.unwrap();
        new.id
    };
    let taken_back = paid(c.rich, c.poor, 7).await;
    let reversal = Id::new();
    let back = |id, transfer| NewReversal { id, transfer, memo: None };
    let noted = |new: NewReversal| NewReversal { memo: Some("\0".to_owned()), ..new };
    run(books, Command::Reverse(back(reversal, taken_back))).await.unwrap();

    let spent = paid(c.rich, c.poor, 9).await;
    paid(c.poor, c.rich, 9).await;
    let by_capped = paid(c.rich, c.capped, 2).await;
    paid(c.capped, c.rich, 2).await;
    let to_frozen = paid(c.rich, c.frozen, 3).await;
    let fresh = open(books, till(Asset::CREDIT, 0), 0).await;
    let to_closed = paid(c.rich, fresh, 4).await;
    let from_closed = paid(fresh, c.poor, 4).await;
    set_state(books, fresh, AccountState::Closed).await.unwrap();
    let issuance = House::Issuance.account(Asset::CREDIT);
    let brimful = open(books, till(Asset::CREDIT, 0), 0).await;
    paid(issuance, brimful, Amount::MAX.get()).await;
    let from_full = paid(brimful, c.rich, 1).await;
    paid(issuance, brimful, 1).await;
    let lent = open(books, NewAccount { credits_capped: true, ..till(Asset::CREDIT, 9) }, 0).await;
    let by_loan = paid(lent, c.rich, 9).await;
    let repaid = paid(c.rich, lent, 5).await;
    #[rustfmt::skip]
    let rows = [
        (noted(back(c.known, Id::new())),  "text_invalid"),
        (back(c.known, Id::new()),         "id_mismatch"),
        (back(c.known, reversal),          "id_mismatch"),
        (back(c.known, taken_back),        "id_mismatch"),
        (back(taken_back, taken_back),     "id_mismatch"),
        (back(reversal, spent),            "id_mismatch"),
        (back(Id::new(), Id::new()),       "transfer_unknown"),
        (back(Id::new(), reversal),        "is_reversal"),
        (back(Id::new(), taken_back),      "already_reversed"),
        (back(reversal, taken_back),       "done"),
        (back(Id::new(), to_closed),       "payer_not_open"),
        (back(Id::new(), to_frozen),       "payer_not_open"),
        (back(Id::new(), from_closed),     "payee_not_open"),
        (back(Id::new(), spent),           "insufficient_funds"),
        (back(Id::new(), by_capped),       "insufficient_funds"),
        (back(Id::new(), by_loan),         "credits_exceed_debits"),
        (back(Id::new(), from_full),       "out_of_range"),
        (back(Id::new(), repaid),          "done"),
        (back(Id::new(), by_loan),         "done"),
    ];
    for (number, (new, expected)) in rows.into_iter().enumerate() {
        assert_eq!(word(run(books, Command::Reverse(new)).await), expected, "row {number}");
    }
}

/// Balancing transfers: how much each moves, or why it moves nothing.
async fn a_balancing_transfer_moves_what_there_is(books: &impl Books) {
    let c = cast(books).await;
    let balancing = |by, payer, payee, minor_units| {
        Command::Transfer(NewTransfer { balancing: Some(by), ..movement(Id::new(), payer, payee, minor_units) })
    };
    let (debit, credit) = (Balancing::Debit, Balancing::Credit);
    #[rustfmt::skip]
    let rows = [
        (balancing(debit,  c.rich,      c.capped, 9_999), Err("credits_exceed_debits")),
        (balancing(debit,  c.rich,      c.full,   9_999), Err("out_of_range")),
        // An overdraft is not money.
        (balancing(debit,  c.overdrawn, c.poor,   9_999), Ok(10)),
        (balancing(debit,  c.overdrawn, c.poor,   9_999), Err("insufficient_funds")),
        (balancing(debit,  c.deep,      c.capped, 9_999), Err("insufficient_funds")),
        (balancing(debit,  c.poor,      c.rich,   4),     Ok(4)),
        (balancing(debit,  c.poor,      c.rich,   0),     Err("amount_zero")),
        (balancing(debit,  c.poor,      c.closed, 4),     Err("payee_not_open")),
        (balancing(debit,  c.poor,      c.poor,   9_999), Ok(6)),
        (balancing(debit,  c.poor,      c.rich,   9_999), Ok(6)),
        (balancing(debit,  c.poor,      c.rich,   9_999), Err("insufficient_funds")),
        (balancing(credit, c.rich,      c.poor,   9_999), Err("credits_exceed_debits")),
        (balancing(credit, c.poor,      c.capped, 9_999), Err("insufficient_funds")),
        (balancing(credit, c.rich,      c.capped, 2),     Ok(2)),
        (balancing(credit, c.rich,      c.capped, 9_999), Ok(3)),
        (balancing(credit, c.rich,      c.capped, 9_999), Err("credits_exceed_debits")),
        // The debt says how much is asked for; the payer has to have it.
        (balancing(credit, c.rich,      c.deep,   9_999), Err("insufficient_funds")),
        (balancing(credit, c.rich,      c.deep,   1_005), Ok(1_005)),
    ];
    for (number, (command, expected)) in rows.into_iter().enumerate() {
        let result = run(books, command.clone()).await;
        match (expected, &result) {
            (Ok(moved), Ok(Outcome::Posted(posted))) => {
                assert_eq!(posted.transfer.amount, amount(moved), "row {number}");
                // Asked again it is the same, however much there is by now.
                let again = run(books, command).await.unwrap().into_posted().unwrap();
                assert!(again.existed && again.transfer == posted.transfer, "row {number}");
            }
            (Err(expected), _) => assert_eq!(word(result), expected, "row {number}"),
            _ => panic!("row {number}: {result:?}"),
        }
    }
}

async fn every_field_belongs_to_an_id(books: &impl Books) {
    let c = cast(books).await;
    let id = Id::new();
    let full = NewTransfer {
        balancing: Some(Balancing::Debit),
        kind: Kind(1_234),
        reference: Some(Id::new()),
        memo: Some("rent".to_owned()),
        effective_at: Some(at(2)),
        metadata: words("month"),
        ..movement(id, c.rich, c.poor, 50)
    };
    assert_eq!(word(run(books, Command::Transfer(full.clone())).await), "done");
    let others = [
        NewTransfer { debit: c.poor, ..full.clone() },
        NewTransfer { credit: c.nobody, ..full.clone() },
        NewTransfer { amount: amount(51), ..full.clone() },
        NewTransfer { balancing: None, ..full.clone() },
        NewTransfer { balancing: Some(Balancing::Credit), ..full.clone() },
        NewTransfer { kind: Kind::OWN, ..full.clone() },
        NewTransfer { reference: None, ..full.clone() },
        NewTransfer { memo: Some(String::new()), ..full.clone() },
        NewTransfer { effective_at: None, ..full.clone() },
        NewTransfer { effective_at: Some(at(3)), ..full.clone() },
        NewTransfer { metadata: Metadata::NONE, ..full.clone() },
        NewTransfer { metadata: words("year"), ..full.clone() },
    ];
    for (number, other) in others.into_iter().enumerate() {
        assert_eq!(run(books, Command::Transfer(other)).await, Err(LedgerError::IdMismatch(id)), "row {number}");
    }
    // Also by a clock by which it has not happened yet.
    let again = run_at(books, Command::Transfer(full), 1).await.unwrap().into_posted().unwrap();
    assert!(again.existed && again.transfer.metadata == words("month") && again.transfer.effective_at == Some(at(2)));

    let held = NewHold { metadata: words("order"), kind: Kind(77), ..new_hold(c.rich, c.poor, 5, None) };
    run(books, Command::Hold(held.clone())).await.unwrap();
    let others = [
        NewHold { debit: c.poor, ..held.clone() },
        NewHold { credit: c.rich, ..held.clone() },
        NewHold { amount: amount(4), ..held.clone() },
        NewHold { kind: Kind::OWN, ..held.clone() },
        NewHold { reference: None, ..held.clone() },
        NewHold { memo: None, ..held.clone() },
        NewHold { metadata: Metadata::NONE, ..held.clone() },
    ];
    for (number, other) in others.into_iter().enumerate() {
        assert_eq!(word(run(books, Command::Hold(other)).await), "id_mismatch", "row {number}");
    }
    // What a hold comes to is as it was asked for.
    let posted = run(books, Command::Post { hold: held.id, amount: None }).await.unwrap().into_posted().unwrap().transfer;
    assert_eq!(
        (posted.kind, posted.reference, posted.memo, posted.metadata),
        (held.kind, held.reference, held.memo, held.metadata)
    );
}

async fn an_account_is_refused_in_the_order_of_its_rules(books: &impl Books) {
    let c = cast(books).await;
    let open = async |new: NewAccount| books.write(async move |tx| open_account(tx, new.clone(), at(1)).await).await;
    let user = |owner| NewAccount::owned_by(owner, Asset::CREDIT, Code::USER);
    let (owner, agent) = (Id::new(), Id::new());
    let own = user(owner);
    let agents = NewAccount { agent: Some(agent), ..NewAccount::owned_by(owner, Asset::CREDIT, Code::AGENT) };
    let coded = |id, code: String| NewAccount { id, ..NewAccount::new(Asset::CREDIT, Code::new(code)) };
    let rows = [
        (coded(c.rich, "x".repeat(33)), "text_invalid"),
        (coded(c.rich, String::new()), "text_invalid"),
        (coded(c.rich, "\0".to_owned()), "text_invalid"),
        (coded(c.rich, "other".to_owned()), "id_mismatch"),
        (own.clone(), "done"),
        (own.clone(), "done"),
        (NewAccount { credits_capped: true, ..own.clone() }, "id_mismatch"),
        (NewAccount { overdraft: Overdraft::Unlimited, ..own.clone() }, "id_mismatch"),
        (NewAccount { asset: Asset::USDC, ..own.clone() }, "id_mismatch"),
        (user(owner), "id_mismatch"),
        (NewAccount { asset: Asset::USDC, ..user(owner) }, "done"),
        (agents.clone(), "done"),
        (NewAccount { id: Id::new(), ..agents.clone() }, "id_mismatch"),
        (NewAccount { id: Id::new(), asset: Asset::USDC, ..agents }, "done"),
    ];
    for (number, (new, expected)) in rows.into_iter().enumerate() {
        assert_eq!(word(open(new).await), expected, "row {number}");
    }
    assert_eq!(word(set_state(books, c.nobody, AccountState::Closed).await), "payer_unknown");
    assert_eq!(word(set_state(books, c.capped, AccountState::Closed).await), "not_empty");
    assert_eq!(word(set_state(books, c.frozen, AccountState::Closed).await), "not_empty");
    run(books, Command::Hold(new_hold(c.rich, c.poor, 1, None))).await.unwrap();
    assert_eq!(word(set_state(books, c.poor, AccountState::Closed).await), "not_empty");
}

on_all_books! {
    a_transfer_is_refused_in_the_order_of_its_rules,
    a_hold_is_refused_in_the_same_order,
    a_hold_ends_in_the_order_of_its_rules,
    a_reversal_is_refused_in_the_order_of_its_rules,
    a_balancing_transfer_moves_what_there_is,
    every_field_belongs_to_an_id,
    an_account_is_refused_in_the_order_of_its_rules,
}
