//! Whose webhooks are whose, how many there may be, and where their secrets are.

use std::time::Duration;

use rialto_delivery::{
    self as delivery, NewWebhook, WEBHOOKS_MAX, WebhookChanges, WebhookError, WebhookId,
    store::{LogStore, WebhookStore},
};
use rialto_kernel::{Caller, Role};
use rialto_store::{Tx, suite, testing::TestDb};

use super::world::*;

const URL: &str = "https://93.184.215.14/hook";

async fn an_owner_has_so_many_and_no_more_also_at_once(test: &TestDb) {
    let world = World::new(test).await;
    for _ in 0..15 {
        world.try_hook(world.ada, URL, &["service.called"]).await.unwrap();
    }
    let all: Vec<_> = (0..20).map(|_| tokio::spawn(world.try_hook(world.ada, URL, &["service.called"]))).collect();
    let mut made = 0;
    for one in all {
        match one.await.unwrap() {
            Ok(_) => made += 1,
            Err(refused) => assert_eq!(refused, WebhookError::TooMany),
        }
    }
    assert_eq!(made, 5);
    let ada = world.ada;
    let listed = world.write(async move |tx: &mut Tx| delivery::list_webhooks(tx, &ada).await).await.unwrap();
    assert_eq!(listed.len(), usize::from(WEBHOOKS_MAX));
    assert!(listed.is_sorted_by_key(|one| std::cmp::Reverse(one.id)), "the newest first");
    world.try_hook(world.bob, URL, &["service.called"]).await.unwrap();
    // One that is gone makes room.
    let (gone, now) = (listed[3].id, world.clock.now());
    world.write(async move |tx: &mut Tx| delivery::delete_webhook(tx, &ada, gone, now).await).await.unwrap();
    world.try_hook(world.ada, URL, &["service.called"]).await.unwrap();
    assert_eq!(world.try_hook(world.ada, URL, &["service.called"]).await, Err(WebhookError::TooMany));
}

async fn a_webhook_is_its_owners(test: &TestDb) {
    let world = World::new(test).await;
    let hook = world.try_hook(world.ada, URL, &["service.called", "payment.completed", "service.called"]).await.unwrap();
    assert_eq!(hook.owner_name, "ada");
    assert_eq!(hook.events.iter().map(|event| event.as_str()).collect::<Vec<_>>(), ["payment.completed", "service.called"]);
    let (id, now) = (hook.id, world.clock.now());
    let find = |caller: Caller| world.write(async move |tx: &mut Tx| delivery::find_webhook(tx, &caller, id).await);
    assert_eq!(find(world.ada).await.unwrap(), hook);
    let viewer = Caller { role: Role::Viewer, ..world.ada };
    let admin = Caller { role: Role::Admin, ..world.bob };
    assert!(find(viewer).await.is_ok() && find(admin).await.is_ok());
    assert_eq!(find(world.eve).await, Err(WebhookError::Unknown));
    for (caller, refusal) in [(world.eve, WebhookError::Unknown), (viewer, WebhookError::ReadOnly)] {
        let changes = WebhookChanges { active: Some(false), ..WebhookChanges::default() };
        let update = world.write(async move |tx: &mut Tx| delivery::update_webhook(tx, &caller, id, &changes, now).await);
        assert_eq!(update.await, Err(refusal.clone()));
        let rotate = async move |tx: &mut Tx| delivery::rotate_secret(tx, &cipher(), &caller, id, None, now).await.map(drop);
        assert_eq!(world.write(rotate).await, Err(refusal.clone()));
        let test = async move |tx: &mut Tx| delivery::send_test(tx, &caller, id, now).await.map(drop);
        assert_eq!(world.write(test).await, Err(refusal.clone()));
        let delete = world.write(async move |tx: &mut Tx| delivery::delete_webhook(tx, &caller, id, now).await);
        assert_eq!(delete.await, Err(refusal));
    }
    assert_eq!(world.try_log(world.eve, id).await, Err(WebhookError::Unknown));
    let changes = WebhookChanges { events: Some(vec!["service.failed".into()]), ..WebhookChanges::default() };
    let ada = world.ada;
    let update = async move |tx: &mut Tx| delivery::update_webhook(tx, &ada, id, &changes, now).await;
    let changed = world.write(update).await.unwrap();
    assert_eq!((changed.events.len(), &changed.url, changed.is_active), (1, &hook.url, true));
    world.write(async move |tx: &mut Tx| delivery::delete_webhook(tx, &ada, id, now).await).await.unwrap();
    assert_eq!(find(world.ada).await, Err(WebhookError::Unknown));
    assert_eq!(world.count("SELECT count(*) AS n FROM webhook_secrets").await, 0);
}

async fn what_makes_no_sense_is_refused(test: &TestDb) {
    let world = World::new(test).await;
    let (ada, now) = (world.ada, world.clock.now());
    for (events, secret, field) in [(vec![], "s", "events"), (vec!["*"], "s", "events"), (vec!["service.called"], " ", "secret")]
    {
        let events = events.into_iter().map(str::to_owned).collect();
        let new = NewWebhook { url: URL.into(), events, secret: secret.to_owned().into() };
        let made = world.write(async move |tx: &mut Tx| delivery::create_webhook(tx, &cipher(), &ada, &new, now).await).await;
        assert!(matches!(made, Err(WebhookError::Invalid { field: found, .. }) if found == field), "{made:?}");
    }
    assert_eq!(world.count("SELECT count(*) AS n FROM webhooks").await, 0);
}

async fn secrets_are_encrypted_bound_to_their_webhook_and_rotated(test: &TestDb) {
    let world = World::new(test).await;
    let (ada, id) = (world.ada, world.try_hook(world.ada, URL, &["service.called"]).await.unwrap().id);
    let good = async || {
        let now = world.clock.now();
        let found = world.write(async move |tx: &mut Tx| Ok(tx.list_secrets(id, now).await?)).await.unwrap();
        found.into_iter().map(|(sealed, _)| sealed).collect::<Vec<_>>()
    };
    let open = |sealed: &rialto_registry::cipher::Sealed| cipher().open(id, sealed).unwrap().to_string();
    let first = good().await;
    assert_eq!(first.iter().map(open).collect::<Vec<_>>(), [SECRET]);
    assert!(!first[0].ciphertext.windows(7).any(|bytes| bytes == b"webhook"));
    assert!(cipher().open(WebhookId::new(), &first[0]).is_err(), "another webhook's secret opens for nobody");

    let rotate = async |given: Option<&'static str>| {
        world.clock.advance(Duration::from_secs(60));
        let now = world.clock.now();
        let rotate = async move |tx: &mut Tx| delivery::rotate_secret(tx, &cipher(), &ada, id, given, now).await;
        world.write(rotate).await.unwrap()
    };
    let made = rotate(None).await;
    let shown = made.secret.unwrap().to_string();
    assert!(shown.starts_with("whsec_") && made.retired_until == world.clock.now().after(Duration::from_secs(86_400)));
    assert_eq!(good().await.iter().map(open).collect::<Vec<_>>(), [shown.as_str(), SECRET]);
    assert!(rotate(Some(" mine ")).await.secret.is_none(), "what was given is not shown");
    assert_eq!(good().await.iter().map(open).collect::<Vec<_>>(), ["mine", shown.as_str(), SECRET]);
    for _ in 0..3 {
        rotate(Some("another")).await;
    }
    assert_eq!(good().await.iter().map(open).collect::<Vec<_>>(), ["another", "another", "another", "mine"]);
    world.clock.advance(Duration::from_secs(86_400));
    assert_eq!(good().await.len(), 1);
}

async fn what_is_old_or_gone_is_forgotten(test: &TestDb) {
    let world = World::new(test).await;
    let (ada, running) = (world.ada, world.webhooks.start());
    let kept = world.hook(ada, "/kept", fine(), &["service.called"]).await;
    let gone = world.hook(ada, "/gone", fine(), &["service.called"]).await;
    for hook in [&kept, &gone] {
        let (id, now) = (hook.id, world.clock.now());
        world.write(async move |tx: &mut Tx| delivery::send_test(tx, &ada, id, now).await).await.unwrap();
        world.webhooks.wake();
        world.until(ada, hook, rialto_delivery::DeliveryStatus::Delivered, 1).await;
    }
    world.stop(running).await;
    let (id, now) = (gone.id, world.clock.now());
    world.write(async move |tx: &mut Tx| delivery::delete_webhook(tx, &ada, id, now).await).await.unwrap();
    let forget = async || {
        let now = world.clock.now();
        while world.write(async move |tx: &mut Tx| Ok(delivery::forget(tx, now, 1).await?)).await.unwrap() {}
    };
    forget().await;
    assert_eq!(world.count("SELECT count(*) AS n FROM webhooks").await, 2, "not at once");
    world.clock.advance(Duration::from_secs(2 * 60 * 60));
    forget().await;
    for sql in [
        "SELECT count(*) AS n FROM webhooks",
        "SELECT count(*) AS n FROM webhook_lanes",
        "SELECT count(*) AS n FROM webhook_deliveries",
        "SELECT count(*) AS n FROM webhook_attempts",
    ] {
        assert_eq!(world.count(sql).await, 1, "{sql}");
    }
    world.clock.advance(delivery::KEPT);
    forget().await;
    assert_eq!(world.count("SELECT count(*) AS n FROM webhook_deliveries").await, 0);
    assert_eq!(world.count("SELECT count(*) AS n FROM webhook_attempts").await, 0);
    let pending = world.write(async move |tx: &mut Tx| Ok(tx.list_deliveries(kept.id, None, None, 10).await?)).await.unwrap();
    assert!(pending.0.is_empty());
}

suite! {
    an_owner_has_so_many_and_no_more_also_at_once,
    a_webhook_is_its_owners,
    what_makes_no_sense_is_refused,
    secrets_are_encrypted_bound_to_their_webhook_and_rotated,
    what_is_old_or_gone_is_forgotten,
}
