//! What the tests share.

use rialto_kernel::{AgentId, Asset, Caller, CredentialKind, Id, OwnerId, Role};
use rialto_ledger::{
    House, transfer,
    wallet::{Wallet, WalletError, open_agent_wallet, open_user_wallet},
};
use rialto_store::{Db, Tx};

pub use crate::common::{account, amount, at, balance, move_money, movement, new_hold, read};

pub fn caller(owner: OwnerId, role: Role) -> Caller {
    Caller { owner, role, credential: CredentialKind::Token, rate_limit_per_minute: None }
}

pub fn admin() -> Caller {
    caller(OwnerId::new(), Role::Admin)
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
