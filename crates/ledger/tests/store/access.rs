use rialto_kernel::{AccountId, Amount, Asset, Caller, Clock, Id, OwnerId, Role};
use rialto_ledger::{
    Balancing, Code, Command, Exchange, HoldId, House, Kind, Ledger, LedgerError, Leg, Metadata, NewAccount, NewHold,
    NewReversal, NewTransfer, Outcome, Rate, TransferId,
    access::{self, AccessError, Teller},
    exchange, hold, open_account,
    wallet::{self, Grant, Movement, NewWalletTransfer, Sandbox, WalletError, kind},
};
use rialto_store::{Db, Tx, suite, testing::TestDb};

use crate::support::{admin, agent_wallet, amount, at, balance, caller, movement, user_wallet};

/// Ada with 500 and 50 in her agent's wallet, and Bob with 500.
struct Cast {
    teller: Teller,
    ada: Caller,
    bob: Caller,
    viewer: Caller,
    wallet: AccountId,
    agents: AccountId,
    bobs: AccountId,
}

async fn cast(db: &Db) -> Cast {
    let (ada, bob) = (OwnerId::new(), OwnerId::new());
    Cast {
        teller: Teller::new(Ledger::new(db.clone(), Clock::fixed(at(10)))),
        ada: caller(ada, Role::Operator),
        bob: caller(bob, Role::Operator),
        viewer: caller(ada, Role::Viewer),
        wallet: user_wallet(db, ada, 500).await.id,
        agents: agent_wallet(db, ada, Id::new(), 50).await.id,
        bobs: user_wallet(db, bob, 500).await.id,
    }
}

fn own(debit: AccountId, credit: AccountId, minor_units: i64) -> NewTransfer {
    movement(Id::new(), debit, credit, minor_units)
}

async fn money_is_its_owners_to_move(test: &TestDb) {
    let c = cast(&test.db).await;
    let house = House::Issuance.account(Asset::CREDIT);
    let nobody = AccountId::new();
    let kinded = |kind| NewTransfer { kind, ..own(c.wallet, c.bobs, 1) };
    let back = NewTransfer { effective_at: Some(at(1)), ..own(c.wallet, c.bobs, 1) };
    let balanced = |by, credit| NewTransfer { balancing: Some(by), ..own(c.wallet, credit, 1) };
    #[rustfmt::skip]
    let rows = [
        (c.ada,    own(c.wallet, c.bobs, 1),   None),
        (c.ada,    own(c.agents, c.wallet, 1), None),
        (c.ada,    own(c.wallet, c.wallet, 1), None),
        (admin(),  own(c.wallet, c.bobs, 1),   None),
        (admin(),  own(house, c.bobs, 1),      None),
        (admin(),  own(c.bobs, house, 1),      None),
        (c.bob,    own(c.wallet, c.bobs, 1),   Some(AccessError::NotYours(c.wallet))),
        (c.viewer, own(c.wallet, c.bobs, 1),   Some(AccessError::NotYours(c.wallet))),
        (c.ada,    own(c.wallet, house, 1),    Some(AccessError::House(house))),
        (c.ada,    own(house, c.wallet, 1),    Some(AccessError::House(house))),
        (c.ada,    own(nobody, nobody, 1),     Some(LedgerError::AccountUnknown { account: nobody, side: rialto_ledger::Side::Debit }.into())),
        (c.bob,    own(c.wallet, nobody, 1),   Some(LedgerError::AccountUnknown { account: nobody, side: rialto_ledger::Side::Credit }.into())),
        (c.ada,    kinded(kind::TRANSFER),     None),
        (c.ada,    kinded(Kind(1_000)),        None),
        (c.ada,    kinded(kind::PURCHASE),     Some(AccessError::KindReserved(kind::PURCHASE))),
        (admin(),  kinded(Kind(999)),          Some(AccessError::KindReserved(Kind(999)))),
        (c.ada,    kinded(Kind(-1)),           Some(AccessError::KindReserved(Kind(-1)))),
        (c.ada,    back.clone(),               Some(AccessError::Backdated)),
        (admin(),  NewTransfer { id: Id::new(), ..back }, None),
        (c.ada,    balanced(Balancing::Debit, c.bobs),    None),
        (c.ada,    balanced(Balancing::Credit, c.bobs),   Some(AccessError::Balancing(c.bobs))),
    ];
    for (number, (caller, new, expected)) in rows.into_iter().enumerate() {
        let held = NewHold { kind: new.kind, ..NewHold::new(Id::new(), new.debit, new.credit, new.amount) };
        let plain = new.effective_at.is_none() && new.balancing.is_none();
        assert_eq!(c.teller.transfer(&caller, new).await.err(), expected, "transfer, row {number}");
        if plain {
            assert_eq!(c.teller.hold(&caller, held).await.err(), expected, "hold, row {number}");
        }
    }
}

async fn a_hold_is_ended_by_those_whom_it_concerns(test: &TestDb) {
    let c = cast(&test.db).await;
    let make = async |kind| {
        let new = NewHold { kind, ..NewHold::new(Id::new(), c.wallet, c.bobs, amount(10)) };
        let id = new.id;
        test.db.write(async move |tx: &mut Tx| hold(tx, new.clone(), at(1)).await).await.unwrap();
        id
    };
    let eve = caller(OwnerId::new(), Role::Operator);
    let first = make(kind::TRANSFER).await;
    for stranger in [eve, c.viewer, c.bob] {
        assert_eq!(c.teller.post(&stranger, first, None).await.err(), Some(AccessError::NotYourHold(first)));
    }
    for stranger in [eve, c.viewer] {
        assert_eq!(c.teller.void(&stranger, first).await.err(), Some(AccessError::NotYourHold(first)));
    }
    assert_eq!(c.teller.post(&c.ada, first, Some(amount(4))).await.unwrap().transfer.amount, amount(4));
    for voider in [c.ada, c.bob, admin()] {
        let id = make(Kind::OWN).await;
        assert!(!c.teller.void(&voider, id).await.unwrap().existed);
    }
    let unknown = HoldId::new();
    assert_eq!(c.teller.void(&c.ada, unknown).await.err(), Some(LedgerError::HoldUnknown(unknown).into()));

    // The hold of a call that is running.
    let brokers = make(kind::INVOCATION).await;
    for caller in [c.ada, c.bob, admin()] {
        let refused = if caller == c.bob { AccessError::NotYourHold(brokers) } else { AccessError::Managed(brokers) };
        assert_eq!(c.teller.post(&caller, brokers, None).await.err(), Some(refused));
        assert_eq!(c.teller.void(&caller, brokers).await.err(), Some(AccessError::Managed(brokers)));
    }
    assert_eq!(c.teller.void(&eve, brokers).await.err(), Some(AccessError::NotYourHold(brokers)));
}

async fn reversing_is_for_admins(test: &TestDb) {
    let c = cast(&test.db).await;
    let moved = c.teller.transfer(&c.ada, own(c.wallet, c.bobs, 100)).await.unwrap().transfer.id;
    let back = || NewReversal { id: Id::new(), transfer: moved, memo: None };
    assert_eq!(c.teller.reverse(&c.ada, back()).await.err(), Some(AccessError::Reversal));
    assert_eq!(c.teller.reverse(&c.bob, back()).await.err(), Some(AccessError::Reversal));
    c.teller.reverse(&admin(), back()).await.unwrap();
    assert!(matches!(c.teller.reverse(&admin(), back()).await, Err(AccessError::Ledger(LedgerError::AlreadyReversed { .. }))));
    assert_eq!((balance(&test.db, c.wallet).await, balance(&test.db, c.bobs).await), (500, 500));
}

/// Twice: through the teller, and in a transaction of one's own.
async fn a_batch_does_what_its_caller_may_and_says_so_of_each(test: &TestDb) {
    let c = cast(&test.db).await;
    let groups = || {
        let give = |n| Command::Transfer(own(c.wallet, c.bobs, n));
        let take = Command::Transfer(own(c.bobs, c.wallet, 1));
        let repeat = give(1);
        vec![
            vec![give(10)],
            vec![take.clone()],
            vec![give(20), take],
            vec![repeat.clone()],
            vec![repeat],
            vec![give(1), give(9_999)],
        ]
    };
    let check = |results: access::GroupResults| {
        let told: Vec<_> =
            results.iter().map(|result| result.as_ref().map(Vec::len).map_err(|e| (e.index, e.source.clone()))).collect();
        let mine = AccessError::NotYours(c.bobs);
        assert_eq!(told[..5], [Ok(1), Err((0, mine.clone())), Err((1, mine)), Ok(1), Ok(1)]);
        assert!(matches!(told[5], Err((1, AccessError::Ledger(LedgerError::InsufficientFunds { .. })))), "{:?}", told[5]);
        assert!(matches!(&results[4], Ok(outcomes) if matches!(&outcomes[0], Outcome::Posted(posted) if posted.existed)));
    };
    check(c.teller.batch_linked(&c.ada, groups()).await.unwrap());
    assert_eq!(balance(&test.db, c.wallet).await, 489);
    let (ada, mine) = (c.ada, groups());
    check(test.db.write(async move |tx: &mut Tx| access::batch(tx, &ada, &mine, at(11)).await).await.unwrap());
    assert_eq!(balance(&test.db, c.wallet).await, 478);
}

/// What was looked for and not found is looked for again.
async fn an_account_that_is_opened_later_is_seen(test: &TestDb) {
    let c = cast(&test.db).await;
    let new = NewAccount::owned_by(c.bob.owner, Asset::CREDIT, Code::new("savings"));
    let id = new.id;
    let pay = async || c.teller.transfer(&c.ada, own(c.wallet, id, 5)).await;
    assert!(matches!(pay().await, Err(AccessError::Ledger(LedgerError::AccountUnknown { .. }))));
    test.db.write(async move |tx: &mut Tx| open_account(tx, new.clone(), at(1)).await).await.unwrap();
    pay().await.unwrap();
    assert_eq!(c.teller.transfer(&c.ada, own(id, c.wallet, 5)).await.err(), Some(AccessError::NotYours(id)));
    c.teller.transfer(&c.bob, own(id, c.wallet, 5)).await.unwrap();
}

async fn an_exchange_moves_both_assets_or_neither(test: &TestDb) {
    let c = cast(&test.db).await;
    let new = NewAccount::owned_by(c.ada.owner, Asset::USDC, Code::new("buyer"));
    let dollars = new.id;
    let ledger = c.teller.ledger();
    ledger.open_account(new).await.unwrap();
    ledger.transfer(movement(Id::new(), House::Issuance.account(Asset::USDC), dollars, 3_000_000)).await.unwrap();
    let rate = Rate::new(amount(20), amount(1_000_000)).unwrap();
    let buy = |paid: Amount| {
        exchange(Exchange {
            sold: Leg { id: TransferId::new(), account: dollars, asset: Asset::USDC, amount: paid },
            bought: Leg { id: TransferId::new(), account: c.wallet, asset: Asset::CREDIT, amount: rate.buy_for(paid).unwrap() },
            through: House::Issuance,
            kind: Kind::OWN,
            reference: Some(Id::new()),
            metadata: Metadata::NONE,
        })
    };
    ledger.group(buy(amount(1_070_000)).into()).await.unwrap();
    assert_eq!((balance(&test.db, dollars).await, balance(&test.db, c.wallet).await), (1_930_000, 521));
    let refused = ledger.group(buy(amount(2_000_000)).into()).await.unwrap_err();
    assert!(refused.index == 0 && matches!(refused.source, LedgerError::InsufficientFunds { .. }), "{refused:?}");
    assert_eq!((balance(&test.db, dollars).await, balance(&test.db, c.wallet).await), (1_930_000, 521));
}

/// Every refusal of the one is a refusal of the other, for the same reason.
async fn wallets_at_the_teller_are_used_as_in_a_transaction(test: &TestDb) {
    let c = cast(&test.db).await;
    let house = House::Issuance.account(Asset::CREDIT);
    let new = NewAccount::owned_by(c.ada.owner, Asset::CREDIT, Code::new("savings"));
    let savings = new.id;
    c.teller.ledger().open_account(new).await.unwrap();
    let db = &test.db;
    for who in [c.ada, c.bob, c.viewer, admin()] {
        for (from, to) in
            [c.wallet, c.agents, c.bobs, savings, house, AccountId::new()].into_iter().flat_map(|a| [(a, c.bobs), (c.wallet, a)])
        {
            for minor_units in [0, 1, 9_999] {
                let new =
                    || NewWalletTransfer { id: Id::new(), from, to, amount: amount(minor_units), description: Some("x".into()) };
                let (first, second) = (new(), new());
                let there = c.teller.transfer_credits(&who, first).await;
                let here = db.write(async move |tx: &mut Tx| wallet::transfer(tx, &who, second.clone(), at(10)).await).await;
                match (there, here) {
                    (Ok(there), Ok(here)) => assert_eq!(
                        (there.from.id, there.to.id, there.transfer.kind),
                        (here.from.id, here.to.id, here.transfer.kind)
                    ),
                    (there, here) => assert_eq!(plain(there.err()), plain(here.err()), "{who:?} {from} {to} {minor_units}"),
                }
            }
            for sandbox in [Sandbox(true), Sandbox(false)] {
                let one = || Movement { id: Id::new(), wallet: from, amount: amount(1), description: None };
                let (first, second, third) = (one(), one(), one());
                let there = [
                    c.teller.credit(&who, sandbox, one()).await.err(),
                    c.teller.grant(&who, sandbox, Grant::Reward, one()).await.err(),
                    c.teller.debit(&who, one()).await.err(),
                ];
                let here = [
                    db.write(async move |tx: &mut Tx| wallet::credit(tx, &who, sandbox, first.clone(), at(10)).await).await.err(),
                    db.write(async move |tx: &mut Tx| {
                        wallet::grant(tx, &who, sandbox, Grant::Reward, second.clone(), at(10)).await
                    })
                    .await
                    .err(),
                    db.write(async move |tx: &mut Tx| wallet::debit(tx, &who, third.clone(), at(10)).await).await.err(),
                ];
                assert_eq!(there, here, "{who:?} {from}");
            }
        }
    }
}

/// A refusal without how much there was: between the two somebody may have paid.
fn plain(error: Option<WalletError>) -> Option<String> {
    match error? {
        WalletError::Ledger(LedgerError::InsufficientFunds { account, asked, .. }) => Some(format!("{account} {asked}")),
        other => Some(format!("{other:?}")),
    }
}

/// The same on the books in memory, in short.
#[tokio::test]
async fn in_memory_the_same_is_asked() {
    let ledger = Ledger::in_memory();
    let teller = Teller::new(ledger.clone());
    let (ada, bob) = (caller(OwnerId::new(), Role::Operator), caller(OwnerId::new(), Role::Operator));
    let (mine, bobs) =
        (NewAccount::owned_by(ada.owner, Asset::CREDIT, Code::USER), NewAccount::owned_by(bob.owner, Asset::CREDIT, Code::USER));
    let (wallet, theirs) = (mine.id, bobs.id);
    for new in [mine, bobs] {
        ledger.open_account(new).await.unwrap();
    }
    teller.transfer(&admin(), own(House::Issuance.account(Asset::CREDIT), wallet, 100)).await.unwrap();
    assert_eq!(teller.transfer(&bob, own(wallet, theirs, 1)).await.err(), Some(AccessError::NotYours(wallet)));
    let brokers = NewHold { kind: kind::INVOCATION, ..NewHold::new(Id::new(), wallet, theirs, amount(10)) };
    let plain = NewHold { id: Id::new(), kind: Kind::OWN, ..brokers.clone() };
    for hold in [brokers.clone(), plain.clone()] {
        ledger.hold(hold).await.unwrap();
    }
    assert_eq!(teller.void(&ada, brokers.id).await.err(), Some(AccessError::Managed(brokers.id)));
    assert_eq!(teller.post(&bob, plain.id, None).await.err(), Some(AccessError::NotYourHold(plain.id)));
    assert_eq!(teller.post(&ada, plain.id, None).await.unwrap().debit.available(), 80);
}

suite! {
    money_is_its_owners_to_move,
    a_hold_is_ended_by_those_whom_it_concerns,
    reversing_is_for_admins,
    a_batch_does_what_its_caller_may_and_says_so_of_each,
    an_account_that_is_opened_later_is_seen,
    an_exchange_moves_both_assets_or_neither,
    wallets_at_the_teller_are_used_as_in_a_transaction,
}
