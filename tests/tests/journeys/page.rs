//! The market as a page: what a browser gets, what a program gets, and what people see happen on it.

use serde_json::json;

use super::market::support::trader;
use crate::harness::{Api, Browser, PASSWORD, World, eventually, journeys, text};

fn reading(world: &World) -> Api {
    world.stranger().with("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
}

/// A token of somebody who has registered.
async fn token(world: &World, name: &str) -> String {
    let asked = json!({"email": format!("{name}@example.com"), "password": PASSWORD});
    text(&world.stranger().post("/auth/login", &asked).await.expect(200)["access_token"])
}

/// A browser gets a page that is complete without a script and loads nothing from elsewhere; a program gets JSON.
async fn a_browser_gets_a_page_and_a_program_json(world: &mut World) {
    let empty = world.stranger().get("/market").await.expect(200);
    assert_eq!(empty, json!({"capabilities": [], "capability": null, "ticker": null, "depth": null, "trades": []}));
    let page = reading(world).get("/market").await;
    page.expect(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.header("vary").is_some_and(|vary| vary.contains("Accept")), "{:?}", page.headers);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let html = page.text();
    assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("style="), "{html}");
    for file in ["app.css", "app.js", "api.js", "charts.js"] {
        let asset = world.stranger().get(&format!("/market/{file}")).await;
        asset.expect(200);
        let tag = asset.header("etag").unwrap().to_owned();
        assert_eq!(world.stranger().with("if-none-match", &tag).get(&format!("/market/{file}")).await.status, 304);
    }
    world.stranger().get("/market/none.js").await.expect_problem(404);
    world.stranger().get("/market?view=elsewhere").await.expect_problem(422);
    let long = "x".repeat(10_000);
    reading(world).get(&format!("/market?capability={long}")).await.expect_problem(422);
}

/// Names of capabilities are anybody's text.
async fn a_hostile_name_stays_text(world: &mut World) {
    let seller = trader(world, "seller", 0).await;
    let name = "\"><img src=x onerror=alert(1)>{{trades}}";
    seller.try_place("ask", 5, 2, json!({"capability": name})).await.expect(201);
    let html = reading(world).get("/market").await.text();
    assert!(!html.contains("<img"), "{html}");
    assert!(html.contains("&quot;&gt;&lt;img src=x onerror=alert(1)&gt;{{trades}}"), "{html}");
    let json = world.stranger().get("/market").await.expect(200);
    assert_eq!(json["capability"], name);
    assert_eq!(json["capabilities"][0]["best_ask"], 5);
    assert_eq!(json["depth"]["asks"], json!([{"price": 5, "quantity": 2, "orders": 1}]));
}

/// What was traded is on the page as the server renders it, and what is traded from then on appears by itself.
async fn orders_and_trades_appear_on_the_page(world: &mut World) {
    let Some(browser) = Browser::start().await else { return };
    let (seller, buyer) = (trader(world, "seller", 0).await, trader(world, "buyer", 10_000).await);
    seller.ask(80, 5).await;
    browser.open(&format!("{}/market", world.server.base())).await;
    browser.until("it is live", "document.querySelector('#link').dataset.state === 'live'").await;
    browser.until("the ask is in the ladder", "document.querySelector('#asks tr[data-price=\"80\"]')").await;
    buyer.try_place("bid", 81, 2, json!({"match": "immediate"})).await.expect(201);
    browser.until("the trade is on the tape", "document.querySelectorAll('#trades tr[data-trade]').length === 1").await;
    browser.until("a candle is drawn", "document.querySelector('#price-chart svg .body')").await;
    browser.until("the depth is drawn", "document.querySelector('#depth-chart svg .area.ask')").await;
    let last = browser.run("document.querySelector('#ticker .last dd').textContent").await;
    assert_eq!(last, "80");
    // The form places orders with a credential that only this tab knows.
    browser.run(&format!("sessionStorage.setItem('rialto.credential', {})", json!(token(world, "buyer").await))).await;
    let fill = json!({"agent": buyer.slug, "order-price": "70", "quantity": "3"});
    browser.run(&format!("Object.entries({fill}).forEach(([id, value]) => document.getElementById(id).value = value)")).await;
    browser.run("document.querySelector('#ticket').requestSubmit()").await;
    browser.until("the bid is in the ladder", "document.querySelector('#bids tr[data-price=\"70\"]')").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

/// Start a scenario, see trades arrive, stop it.
async fn a_scenario_is_started_and_watched(world: &mut World) {
    let Some(browser) = Browser::start().await else { return };
    world.person("watcher").await;
    let secret = token(world, "watcher").await;
    browser.open(&format!("{}/market?view=simulation", world.server.base())).await;
    browser.until("the scenarios are offered", "document.querySelector('#scenario-name').options.length >= 4").await;
    // Who has no credential is told so, and asked for one.
    browser.run("document.querySelector('#scenario').requestSubmit()").await;
    browser.until("it asks for a credential", "document.querySelector('#sign-in').open").await;
    browser.run(&format!("document.querySelector('#secret').value = {}", json!(secret))).await;
    browser.run("document.querySelector('#sign-in button[value=keep]').click()").await;
    browser.until("the credential is kept", "document.querySelector('#credential').textContent === 'Signed in'").await;
    browser
        .run("document.querySelector('#tick_count').value = 5000; document.querySelector('#tick_interval_ms').value = 50")
        .await;
    browser.run("document.querySelector('#scenario').requestSubmit()").await;
    browser.until("trades arrive", "document.querySelectorAll('#trades tr[data-trade]').length >= 5").await;
    let first = browser.run("document.querySelector('#trades tr').dataset.trade").await;
    let next = format!("document.querySelector('#trades tr').dataset.trade !== {first}");
    browser.until("and go on arriving", &next).await;
    browser.until("candles are drawn", "document.querySelectorAll('#price-chart svg .body').length >= 3").await;
    browser.until("it is live", "document.querySelector('#link').dataset.state === 'live'").await;
    browser.until("it can be stopped", "!document.querySelector('#stop').disabled").await;
    browser.run("document.querySelector('#stop').click()").await;
    eventually("it is stopped", async || {
        let status = world.stranger().get("/scenarios/status").await.expect(200);
        (status["status"] == "stopped").then_some(())
    })
    .await;
    browser.until("the page says so", "document.querySelector('#run').textContent.includes('stopped')").await;
    // The refusal of the first start is in the browser's log of what it loaded; nothing else is.
    let complaints = browser.complaints().await;
    assert!(complaints.iter().all(|line| line.contains("401")), "{complaints:#?}");
}

journeys![
    a_browser_gets_a_page_and_a_program_json,
    a_hostile_name_stays_text,
    orders_and_trades_appear_on_the_page,
    a_scenario_is_started_and_watched,
];
