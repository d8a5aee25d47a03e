//! A thousand messages to fifty participants: one hangs, one dies, and the process is killed in the middle.

use std::{collections::HashSet, time::Duration};

use serde_json::{Value, json};

use super::{join, message, network, receiver::Receiver};
use crate::harness::{Kind, World, eventually, journeys, signed_in, text, together};

/// Long enough for those who answer at once on a busy machine.
const FLAGS: [&str; 2] = ["--network-timeout-seconds=5", "--network-attempts=3"];

async fn none_is_lost_when_the_process_is_killed(world: &mut World) {
    let ada = world.person("ada").await;
    let path = network(&ada, "mesh").await;
    let receiver = Receiver::start().await;
    let mut members = Vec::new();
    for n in 0..50 {
        let at = match n {
            48 => "/hang".to_owned(),
            49 => "/die".to_owned(),
            n => format!("/p{n}"),
        };
        members.push((at.clone(), join(&ada, &path, &at, Some(&receiver.url(&at))).await));
    }
    // Each of them takes five, and then one more of which nobody hears.
    receiver.answer_only(5);
    // Twenty to each, ten senders at a time.
    let sent: Vec<Vec<(usize, String)>> = together(10, |worker| {
        let (api, path, members) = (ada.api.clone(), format!("{path}/messages/send"), members.clone());
        async move {
            let mut sent = Vec::new();
            for to in (0..50).filter(|to| to % 10 == worker) {
                for n in 0..20 {
                    let body = message(&members[0].1, &members[to].1, &n.to_string());
                    sent.push((to, text(&api.post(&path, &body).await.expect(201)["id"])));
                }
            }
            sent
        }
    })
    .await;
    eventually("it is in the middle", async || (receiver.count() == 48 * 6).then_some(())).await;
    world.crash_and_restart_with(&FLAGS).await;
    receiver.answer_only(usize::MAX);
    let ada = signed_in(&world.stranger(), &ada.email).await;
    let open = async || {
        let mut open = 0;
        for offset in [0, 500] {
            let page = ada.get(&format!("{path}/messages?limit=500&offset={offset}")).await.expect(200);
            open += page.as_array().unwrap().iter().filter(|message| message["status"] == "pending").count();
        }
        open
    };
    // The other fifty's time, and for the two that are gone their attempts; a replica's lease on PostgreSQL ends first.
    let patience = if world.kind == Kind::Postgres { 6 } else { 4 };
    for round in 0..patience {
        let settled = tokio::time::timeout(Duration::from_secs(25), async {
            while open().await > 0 {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        if settled.await.is_ok() {
            break;
        }
        assert!(round + 1 < patience, "{} are open still", open().await);
    }
    let mut accounted = 0;
    for (to, id) in sent.iter().flatten() {
        let told = ada.get(&format!("{path}/messages/{id}")).await.expect(200);
        let expected = if *to < 48 { "delivered" } else { "failed" };
        assert_eq!(told["status"], expected, "{told}");
        accounted += 1;
    }
    assert_eq!(accounted, 1_000);
    for (to, (at, _)) in members.iter().enumerate().take(48) {
        let wanted: Vec<&String> = sent.iter().flatten().filter(|(whom, _)| *whom == to).map(|(_, id)| id).collect();
        let mut seen = HashSet::new();
        let came: Vec<String> = receiver.ids(at).into_iter().filter(|id| seen.insert(id.clone())).collect();
        assert_eq!(came.iter().collect::<Vec<_>>(), wanted, "{at}: each, in order; repeats have the same id");
    }
    let _: Value = ada.post(&format!("{path}/messages/ack"), &json!({"message_ids": []})).await.expect(200);
}

journeys! { none_is_lost_when_the_process_is_killed }
