//! How much is kept of answers.

use std::sync::Arc;

use serde_json::json;

use super::{
    buyer,
    shop::shop,
    upstream::{Upstream, plain},
};
use crate::harness::{World, journeys};

/// So many of the answers of this test are more than what is kept for a buyer: 2 MiB, as they are written down.
const CALLS: usize = 9;
const BYTES: usize = 256 * 1024;

async fn only_so_much_is_kept_and_what_is_over_is_told_and_not_done_again(world: &mut World) {
    world.restart_with(&["--service-kept-bytes-per-buyer=2097152"]).await;
    let large = Arc::new(vec![b'x'; BYTES]);
    let there = Upstream::start(move |_, _| plain(200, "", &large)).await;
    let shop = shop(world, "shop", &there.url, &json!({})).await;
    let ann = buyer(world, "ann", "20.00").await;
    let call = async |n: usize| ann.api.with("idempotency-key", &format!("k{n}")).get(&shop.path).await;
    for n in 0..CALLS {
        let answer = call(n).await;
        assert_eq!((answer.status, answer.text().len()), (200, BYTES), "whoever calls has it: {n}");
    }
    let spent = ann.balance().await.0;
    let mut kept = 0;
    for n in 0..CALLS {
        let again = call(n).await;
        assert_eq!(again.header("idempotent-replayed"), Some("true"), "{n}");
        if again.status == 200 {
            assert_eq!(again.text().len(), BYTES);
            kept = n;
        } else {
            assert_eq!(again.expect_problem(409)["type"], "idempotent-answer-lost", "{n}");
        }
    }
    // Of base64 so many are as much, with their headers.
    assert_eq!(kept, 4);
    let told = || world.server.log().matches("newer ones are not").count();
    // The hour may have changed meanwhile.
    assert!((1..=2).contains(&told()), "{}", told());
    assert_eq!((there.calls(), ann.balance().await.0), (CALLS, spent));
    // Somebody else's are kept all the same.
    let bob = buyer(world, "bob", "1.00").await;
    let keyed = bob.api.with("idempotency-key", "k0");
    assert_eq!([keyed.get(&shop.path).await.status, keyed.get(&shop.path).await.status], [200, 200]);
}

journeys! { only_so_much_is_kept_and_what_is_over_is_told_and_not_done_again }
