//! A call for nothing needs no payment, looks at none, and takes none.

use serde_json::json;

use super::{
    super::proxy::{
        shop::{buyer, shop},
        upstream::{Upstream, plain},
    },
    shop::{Facilitator, TRANSACTION, flags, restart, settled},
    signer::{Wallet, Wish, header, new},
};
use crate::harness::{World, journeys, statuses, together};

async fn whatever_payment_comes_with_a_call_for_nothing_is_not_looked_at(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"x")).await;
    let facilitator = Facilitator::start(|_| settled()).await;
    restart(world, &flags(&facilitator)).await;
    let (kind, ann, wallet) =
        (shop(world, "kind", &there.url, &json!({"free_tier_calls": 5})).await, buyer(world, "ann", "0").await, Wallet::new(7));
    let cheap = header(&new(&wallet.sign(&Wish { value: 1, ..Wish::new(2) })));
    for payment in ["%%%", "e30=", &cheap, &wallet.pays(1)] {
        let answer = ann.api.with("payment-signature", payment).get(&kind.path).await;
        assert_eq!(
            (answer.status, answer.header("x-acf-free-tier"), answer.header("payment-response")),
            (200, Some("true"), None)
        );
    }
    // One with a key as well, and one whose buyer would pay nothing.
    let keyed = ann.api.with("idempotency-key", "k").with("x-acf-max-amount", "0").with("payment-signature", "%%%");
    for replayed in [None, Some("true")] {
        let answer = keyed.get(&kind.path).await;
        assert_eq!((answer.status, answer.header("idempotent-replayed")), (200, replayed));
    }
    assert_eq!((facilitator.verifies(), facilitator.settles(), there.calls()), (0, 0, 5));
    // From then on it matters.
    assert_eq!(ann.api.with("payment-signature", "%%%").get(&kind.path).await.expect_problem(400)["type"], "bad-payment");
    let refused = ann.api.with("payment-signature", &cheap).get(&kind.path).await;
    assert_eq!(refused.expect_problem(402)["type"], "payment-refused");
    let paid = ann.api.with("payment-signature", &wallet.pays(1)).get(&kind.path).await;
    assert_eq!((paid.status, paid.header("x-payment-transaction")), (200, Some(TRANSACTION)));
}

async fn who_comes_too_late_for_the_last_call_for_nothing_pays(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"x")).await;
    let facilitator = Facilitator::start(|_| settled()).await;
    restart(world, &flags(&facilitator)).await;
    let (kind, ann, wallet) = (
        shop(world, "kind", &there.url, &json!({"free_tier_calls": 3})).await,
        buyer(world, "ann", "1.00").await,
        Wallet::new(7),
    );
    let replies = together(12, |n| {
        let payment = wallet.pays(u8::try_from(n).unwrap());
        let (mut api, path) = (ann.api.with("payment-signature", &payment), kind.path.clone());
        if n % 2 == 0 {
            api = api.with("idempotency-key", &format!("k{n}"));
        }
        async move { api.get(&path).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(200, 12)].into());
    assert_eq!(replies.iter().filter(|reply| reply.header("x-acf-free-tier") == Some("true")).count(), 3);
    // Each of the others with its payment: nothing was taken from the balance.
    assert_eq!((facilitator.settles(), there.calls(), ann.balance().await.0.as_str()), (9, 12, "1.00"));
}

journeys! {
    whatever_payment_comes_with_a_call_for_nothing_is_not_looked_at,
    who_comes_too_late_for_the_last_call_for_nothing_pays,
}
