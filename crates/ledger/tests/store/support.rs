//! What the tests share.

use rialto_kernel::{AccountId, AgentId, Amount, Asset, Caller, CredentialKind, Id, OwnerId, Role, Timestamp};
use rialto_ledger::{
    Account, Code, House, LedgerError, LedgerStore, NewAccount, NewHold, NewTransfer, Posted, TransferId, open_account, transfer,
    wallet::{Wallet, WalletError, open_agent_wallet, open_user_wallet},
};
use rialto_store::{Db, Tx};

/// A moment.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(4_102_444_800_000_000 + seconds * 1_000_000)
}

pub fn amount(minor_units: i64) -> Amount {
    Amount::new(minor_units).unwrap()
}

pub fn caller(owner: OwnerId, role: Role) -> Caller {
    Caller { owner, role, credential: CredentialKind::Token, rate_limit_per_minute: None }
}

pub fn admin() -> Caller {
    caller(OwnerId::new(), Role::Admin)
}

pub fn movement(id: TransferId, debit: AccountId, credit: AccountId, minor_units: i64) -> NewTransfer {
    NewTransfer::new(id, debit, credit, amount(minor_units))
}

pub fn new_hold(debit: AccountId, credit: AccountId, minor_units: i64, expires_at: Option<Timestamp>) -> NewHold {
    NewHold {
        reference: Some(Id::new()),
        memo: Some("a hold".into()),
        expires_at,
        ..NewHold::new(Id::new(), debit, credit, amount(minor_units))
    }
}

/// Opens an account that may not go below zero, and fills it.
pub async fn account(db: &Db, minor_units: i64) -> AccountId {
    let new = NewAccount::new(Asset::CREDIT, Code::new("till"));
    let id = new.id;
    db.write(async move |tx: &mut Tx| {
        open_account(tx, new.clone(), at(0)).await?;
        if minor_units > 0 {
            transfer(tx, movement(Id::new(), House::Issuance.account(Asset::CREDIT), id, minor_units), at(0)).await?;
        }
        Ok::<_, LedgerError>(())
    })
    .await
    .unwrap();
    id
}

pub async fn move_money(db: &Db, new: NewTransfer) -> Result<Posted, LedgerError> {
    db.write(async move |tx: &mut Tx| transfer(tx, new.clone(), at(1)).await).await
}

pub async fn read(db: &Db, id: AccountId) -> Account {
    db.read(async move |tx: &mut Tx| tx.find_account(id).await).await.unwrap().unwrap()
}

pub async fn balance(db: &Db, id: AccountId) -> i64 {
    read(db, id).await.balance
}

/// An owner's wallet with so much in it.
pub async fn user_wallet(db: &Db, owner: OwnerId, welcome: i64) -> Wallet {
    db.write(async move |tx: &mut Tx| open_user_wallet(tx, owner, amount(welcome), at(0)).await).await.unwrap()
}

/// An agent's wallet with so much in it.
pub async fn agent_wallet(db: &Db, owner: OwnerId, agent: AgentId, minor_units: i64) -> Wallet {
    db.write(async move |tx: &mut Tx| {
        let wallet = open_agent_wallet(tx, owner, agent, at(0)).await?;
        if minor_units > 0 {
            let new = movement(Id::new(), House::Issuance.account(Asset::CREDIT), wallet.id, minor_units);
            transfer(tx, new, at(0)).await?;
        }
        Ok::<_, WalletError>(wallet)
    })
    .await
    .unwrap()
}

/// Runs `count` tasks at once and returns what each came to.
pub async fn all_at_once<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    count: usize,
    task: impl Fn(usize) -> F,
) -> Vec<T> {
    let tasks: Vec<_> = (0..count).map(|number| tokio::spawn(task(number))).collect();
    let mut results = Vec::with_capacity(count);
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}
