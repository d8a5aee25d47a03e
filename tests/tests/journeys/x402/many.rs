//! Many at once: one payment pays once.

use std::time::Duration;

use super::{
    super::proxy::upstream::{Part, Upstream, plain},
    shop::{Facilitator, Scene, flags, restart, settled},
};
use crate::harness::{Kind, World, journeys, statuses, together};

async fn one_payment_twenty_times_pays_once(world: &mut World) {
    let mut slowly = vec![Part::Wait(Duration::from_secs(2))];
    slowly.extend(plain(200, "", b"x"));
    let there = Upstream::answering(slowly).await;
    let facilitator = Facilitator::start(|_| settled()).await;
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    for (round, with_keys) in [false, true].into_iter().enumerate() {
        let payment = scene.wallet.pays(u8::try_from(round).unwrap());
        let replies = together(20, |n| {
            let (mut api, path) = (scene.paying(&payment), scene.shop.path.clone());
            if with_keys {
                api = api.with("idempotency-key", &format!("k{n}"));
            }
            async move { api.get(&path).await }
        })
        .await;
        assert_eq!(statuses(&replies), [(200, 1), (409, 19)].into());
        assert_eq!((there.calls(), facilitator.settles()), (round + 1, round + 1));
    }
    let usage = scene.ann.api.get("/api/v1/usage/me").await.expect(200);
    assert_eq!((&usage["total_spent_usd"], &usage["total_calls"]), (&"0.10".into(), &2.into()));
}

async fn one_payment_at_two_servers_pays_once(world: &mut World) {
    // One SQLite file belongs to one server.
    if world.kind == Kind::Sqlite {
        return;
    }
    let mut slowly = vec![Part::Wait(Duration::from_secs(2))];
    slowly.extend(plain(200, "", b"x"));
    let there = Upstream::answering(slowly).await;
    let facilitator = Facilitator::start(|_| settled()).await;
    let flags = flags(&facilitator);
    restart(world, &flags).await;
    let scene = Scene::open(world, &there).await;
    let mut other = world.replica_with(&flags.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let payment = scene.wallet.pays(1);
    let replies = together(20, |n| {
        let api = if n % 2 == 0 { scene.at(&world.server) } else { scene.at(&other) };
        let (api, path) = (api.with("payment-signature", &payment), scene.shop.path.clone());
        async move { api.get(&path).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(200, 1), (409, 19)].into());
    assert_eq!((there.calls(), facilitator.settles()), (1, 1));
    // Whichever of them is asked knows what became of it.
    for server in [&world.server, &other] {
        let again = scene.at(server).with("payment-signature", &payment).get(&scene.shop.path).await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")));
    }
    other.stop().await;
}

async fn sixteen_payments_pay_sixteen_calls(world: &mut World) {
    let there = Upstream::answering(plain(200, "", b"x")).await;
    let facilitator = Facilitator::start(|_| settled()).await;
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    let replies = together(16, |n| {
        let (api, path) = (scene.paying(&scene.wallet.pays(u8::try_from(n).unwrap())), scene.shop.path.clone());
        async move { api.get(&path).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(200, 16)].into());
    let sold = scene.shop.api.get("/api/v1/usage/services").await.expect(200);
    assert_eq!((&sold["total_spent_usd"], facilitator.settles()), (&"0.80".into(), 16));
}

async fn nobody_works_for_more_than_one_payer_can_pay(world: &mut World) {
    let mut slowly = vec![Part::Wait(Duration::from_secs(3))];
    slowly.extend(plain(200, "", b"x"));
    let there = Upstream::answering(slowly).await;
    let facilitator = Facilitator::start(|_| settled()).await;
    restart(world, &flags(&facilitator)).await;
    let scene = Scene::open(world, &there).await;
    let replies = together(20, |n| {
        let (api, path) = (scene.paying(&scene.wallet.pays(u8::try_from(n).unwrap())), scene.shop.path.clone());
        async move { api.get(&path).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(200, 16), (429, 4)].into());
    assert_eq!((there.calls(), facilitator.settles()), (16, 16));
}

journeys! {
    one_payment_twenty_times_pays_once,
    one_payment_at_two_servers_pays_once,
    sixteen_payments_pay_sixteen_calls,
    nobody_works_for_more_than_one_payer_can_pay,
}
