//! Two servers on one PostgreSQL, under load, and one of them is killed.

use serde_json::{Value, json};

use super::support::{CAPABILITY, Trader, trader};
use crate::harness::{Api, Kind, Server, World, signed_in, statuses, text, together};

/// The same trader on both servers.
async fn both(replica: &Server, trader: &Trader, email: &str) -> [Trader; 2] {
    [trader.clone(), trader.through(signed_in(&replica.api(), email).await)]
}

async fn two_servers_agree_about_orders_and_matches(world: &mut World) {
    if world.kind == Kind::Sqlite {
        return; // One SQLite file belongs to one server.
    }
    let mut replica = world.replica().await;
    let buyer = both(&replica, &trader(world, "ada", 1_000).await, "ada@example.com").await;
    let seller = both(&replica, &trader(world, "bob", 0).await, "bob@example.com").await;
    for round in 1..=5 {
        buyer[round % 2].bid(10, 1).await;
        seller[(round + 1) % 2].ask(10, 1).await;
        let matches = together(5, |number| {
            let trader = buyer[number % 2].clone();
            async move { trader.meet().await.len() }
        })
        .await;
        assert_eq!(matches.iter().sum::<usize>(), 1, "{matches:?}");
        let bid = buyer[0].bid(10, 1).await;
        let replies = together(2, |number| {
            let (trader, bid) = (buyer[number].clone(), bid.clone());
            async move { trader.cancel(&bid).await }
        })
        .await;
        assert_eq!(statuses(&replies), [(200, 1), (409, 1)].into());
    }
    assert_eq!((buyer[1].purse().await, seller[0].purse().await), ((950, 0), (50, 0)));
    replica.stop().await;
}

/// Trades at random through one server until it is gone, or for so many commands.
async fn trouble(traders: Vec<Trader>, seed: usize, commands: usize) -> usize {
    let mut done = 0;
    let mut orders: Vec<(usize, Value)> = Vec::new();
    for number in 0..commands {
        // Not random, but without a pattern that matters; and the same each time.
        let dice = (seed * 7_919 + number * 104_729) % 1_009;
        let (who, side) = (dice % traders.len(), if dice.is_multiple_of(2) { "bid" } else { "ask" });
        let trader = &traders[who];
        let price = 95 + dice % 11;
        let quantity = 1 + dice % 4;
        let body = json!({"agent_id": trader.agent, "side": side, "capability": CAPABILITY, "price": price, "quantity": quantity,
            "match": if dice.is_multiple_of(3) { "immediate" } else { "default" }});
        let reply = match dice % 10 {
            0..7 => trader.api.try_post("/market/orders", &body).await,
            7 if !orders.is_empty() => {
                let (owner, order) = orders.swap_remove(dice % orders.len());
                let path = format!("/market/orders/{}", text(&order["id"]));
                traders[owner].api.try_delete(&path).await
            }
            _ => trader.api.try_post(&format!("/market/match/{CAPABILITY}"), &json!({})).await,
        };
        let Some(reply) = reply else { return done };
        assert!([200, 201, 402, 409].contains(&reply.status), "{reply:?}");
        if reply.status == 201 {
            orders.push((who, reply.json()));
        }
        done += 1;
    }
    done
}

async fn one_of_two_servers_is_killed_under_load_and_the_books_are_right(world: &mut World) {
    if world.kind == Kind::Sqlite {
        return;
    }
    let mut replica = world.replica().await;
    let mut crowds: [Vec<Trader>; 2] = [Vec::new(), Vec::new()];
    for name in ["ada", "bob", "cy", "dee"] {
        let [here, there] = both(&replica, &trader(world, name, 5_000).await, &format!("{name}@example.com")).await;
        crowds[0].push(here);
        crowds[1].push(there);
    }
    let load = |side: usize, commands: usize| {
        let traders = crowds[side].clone();
        tokio::spawn(async move {
            together(4, |number| {
                let traders = traders.clone();
                async move { trouble(traders, 10 * side + number, commands).await }
            })
            .await
            .into_iter()
            .sum::<usize>()
        })
    };
    let (survives, dies) = (load(0, 80), load(1, 100_000));
    let is_busy = async || {
        let trades = world.stranger().get("/market/trades?limit=200").await.expect(200);
        (trades.as_array().unwrap().len() >= 20).then_some(())
    };
    crate::harness::eventually("there are trades", is_busy).await;
    replica.kill();
    let (survived, died) = (survives.await.unwrap(), dies.await.unwrap());
    assert!(survived == 320 && died > 0, "{survived} {died}");
    // What remains can be matched and cancelled, and then nothing is held.
    crowds[0][0].meet().await;
    for trader in &crowds[0] {
        cancel_all(&trader.api).await;
        assert_eq!(trader.purse().await.1, 0);
    }
    let mut sum = 0;
    for trader in &crowds[0] {
        sum += trader.purse().await.0;
    }
    assert_eq!(sum, 20_000, "trading makes no money and loses none");
}

async fn cancel_all(api: &Api) {
    loop {
        let open = api.get("/market/orders?status=open&status=partially_filled&limit=200").await.expect(200);
        let open = open["items"].as_array().unwrap().clone();
        if open.is_empty() {
            return;
        }
        for order in open {
            api.delete(&format!("/market/orders/{}", text(&order["id"]))).await.expect(200);
        }
    }
}

super::market_journeys! {
    two_servers_agree_about_orders_and_matches,
    one_of_two_servers_is_killed_under_load_and_the_books_are_right,
}
