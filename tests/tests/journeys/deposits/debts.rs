//! Money that was spent and went back to its payer, and what comes in after that.

use serde_json::{Value, json};

use super::{
    super::proxy::{
        buyer,
        shop::shop,
        upstream::{Upstream, plain},
    },
    fake::PayPalServer,
    paypal::{approved, event, with_paypal},
};
use crate::harness::{World, journeys, text};

async fn what_is_owed_is_kept_of_later_deposits_and_shown(world: &mut World) {
    let paypal = PayPalServer::start().await;
    with_paypal(world, &paypal, &[]).await;
    let there = Upstream::start(|_, _| plain(200, "", b"x")).await;
    let shop = shop(world, "shop", &there.url, &json!({"price_per_call": "9.00"})).await;
    let ann = buyer(world, "ann", "0").await;
    let first = ann.api.post("/api/v1/deposits", &json!({"amount": "10", "rail": "paypal"})).await.expect(200);
    paypal.approve("ORDER1");
    assert_eq!(event(&world.stranger(), "good", &approved("ORDER1")).await.status, 200);
    assert_eq!(ann.api.get(&shop.path).await.status, 200);
    assert_eq!(ann.balance().await.0, "1.00");

    let capture = json!({"id": "CAP-ORDER1", "custom_id": first["deposit_id"], "supplementary_data": {"related_ids": {"order_id": "ORDER1"}}});
    let reversed = json!({"id": "WH-2", "event_type": "PAYMENT.CAPTURE.REVERSED", "resource": capture}).to_string();
    for _ in 0..2 {
        assert_eq!(event(&world.stranger(), "good", &reversed).await.status, 200);
    }
    let place = format!("/api/v1/deposits/{}", text(&first["deposit_id"]));
    let back = ann.api.get(&place).await.expect(200);
    assert_eq!((&back["returned"], &back["owed"], &back["credited"]), (&json!("10.00"), &json!("9.00"), &json!("10.00")));
    let whole = async || ann.api.get("/api/v1/balance/ann").await.expect(200);
    let told = |balance: &Value| ["balance", "owed", "total_deposited", "total_spent"].map(|name| text(&balance[name]));
    assert_eq!(told(&whole().await), ["0.00", "9.00", "9.00", "9.00"]);

    let wish = json!({"amount": "4", "rail": "simulated"});
    let second = ann.api.post("/api/v1/deposits", &wish).await.expect(200);
    assert_eq!((&second["credited"], &second["kept"]), (&json!("0.00"), &json!("0.00")));
    let confirm = format!("/api/v1/deposits/{}/confirm", text(&second["deposit_id"]));
    let done = ann.api.post(&confirm, &json!({})).await.expect(200);
    assert_eq!((&done["status"], &done["credited"], &done["kept"]), (&json!("completed"), &json!("0.00"), &json!("4.00")));
    assert!(text(&done["message"]).contains("kept"), "{done}");
    assert_eq!(told(&whole().await), ["0.00", "5.00", "9.00", "9.00"]);
    let credited = ann.api.post("/api/v1/admin/credit", &json!({"buyer_id": "ann", "amount": "7.5"})).await.expect(200);
    assert_eq!(
        (&credited["credited"], &credited["kept"], &credited["new_balance"]),
        (&json!("2.50"), &json!("5.00"), &json!("2.50"))
    );
    assert_eq!(told(&whole().await), ["2.50", "0.00", "11.50", "9.00"]);
}

journeys! { what_is_owed_is_kept_of_later_deposits_and_shown }
