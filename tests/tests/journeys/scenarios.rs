//! Simulations, from start to end, and that nothing of them is left anywhere else.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::events::client::Socket;
use crate::harness::{Api, Kind, PASSWORD, World, eventually, journeys, statuses, text, together};

/// Starts a short run.
async fn start(api: &Api, scenario: &str, ticks: u32) -> Value {
    let config = json!({"scenario_name": scenario, "tick_count": ticks, "tick_interval_ms": 50, "seed": 7});
    api.post("/scenarios/start", &config).await.expect(200)
}

/// Waits until the simulation is as wanted.
async fn until(api: &Api, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    eventually(what, async || {
        let status = api.get("/scenarios/status").await.expect(200);
        wanted(&status).then_some(status)
    })
    .await
}

async fn ended(api: &Api, how: &str) -> Value {
    until(api, how, |status| status["status"] == how).await
}

async fn rows(api: &Api, run: &Value) -> Vec<Value> {
    let path = format!("/scenarios/runs/{}/ticks?limit=1000", text(run));
    api.get(&path).await.expect(200).as_array().unwrap().clone()
}

async fn a_scenario_runs_to_its_end_and_everybody_can_watch(world: &mut World) {
    let stranger = world.stranger();
    let list = stranger.get("/scenarios/").await.expect(200);
    let names: Vec<&str> = list.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["price_discovery", "supply_shock", "arbitrage", "reputation_premium"]);
    assert_eq!(list[1]["default_config"]["tick_count"], 150);
    assert_eq!(list, stranger.get("/scenarios").await.expect(200));
    let idle = stranger.get("/scenarios/status").await.expect(200);
    let wanted = json!({"scenario_name": "", "status": "idle", "current_tick": 0, "total_ticks": 0, "agents_count": 0, "total_trades": 0, "total_volume": 0});
    assert!(wanted.as_object().unwrap().iter().all(|(field, value)| idle[field] == *value), "{idle}");

    let mut socket = Socket::open(&world.server, "/ws/events?simulated=true").await;
    let ada = world.person("ada").await;
    let begun = start(&ada.api, "price_discovery", 12).await;
    assert_eq!((&begun["status"], &begun["total_ticks"], &begun["agents_count"]), (&json!("running"), &json!(12), &json!(15)));
    let mut events: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut first = None;
    while !events.contains_key("SimulationCompleted") {
        let event = socket.event().await;
        let name = text(&event["event"]);
        assert_eq!(event["data"]["run_id"], begun["run_id"]);
        first.get_or_insert(name.clone());
        events.entry(name).or_default().push(event["data"].clone());
    }
    assert_eq!(first.as_deref(), Some("SimulationStarted"));
    let ticks: Vec<i64> = events["SimulationTick"].iter().map(|data| data["tick"].as_i64().unwrap()).collect();
    assert_eq!(ticks, (1..=12).collect::<Vec<_>>());
    let done = ended(&stranger, "completed").await;
    let count = |field: &str| usize::try_from(done[field].as_u64().unwrap()).unwrap();
    let trades = count("total_trades");
    assert!(trades > 5, "{done}");
    for name in ["TradeMatched", "SettlementComplete", "TradeCompleted"] {
        assert_eq!(events[name].len(), trades, "{name}");
    }
    assert_eq!(events["OrderPlaced"].len(), count("total_orders"));
    assert!(events["TradeCompleted"].iter().all(|data| (50..=500).contains(&data["latency_ms"].as_i64().unwrap())));
    let settled = |data: &&Value| data["status"] == "settled";
    let volume: i64 = events["SettlementComplete"].iter().filter(settled).map(|data| data["price"].as_i64().unwrap()).sum();
    assert_eq!(events["SimulationCompleted"][0]["total_volume"], volume);

    // What the stream told is what the lists say.
    let figures = rows(&stranger, &done["run_id"]).await;
    assert_eq!(figures.iter().map(|row| row["volume"].as_i64().unwrap()).sum::<i64>(), volume);
    assert_eq!((figures.len(), &figures[0]["capability"]), (12, &json!("translation")));
    let listed = stranger.get("/scenarios/trades?limit=200").await.expect(200);
    let ids = |values: &[Value], field: &str| -> Vec<String> { values.iter().map(|value| text(&value[field])).collect() };
    let mut told = ids(&events["TradeMatched"], "trade_id");
    told.reverse();
    assert_eq!(ids(listed.as_array().unwrap(), "id"), told);
    let candles = stranger.get("/scenarios/candles/translation?ticks=4").await.expect(200);
    let traded: u64 = candles.as_array().unwrap().iter().map(|candle| candle["trades"].as_u64().unwrap()).sum();
    assert_eq!(usize::try_from(traded).unwrap(), trades);
    let book = stranger.get("/scenarios/book/translation").await.expect(200);
    assert_eq!((&book["tick"], book["bids"].as_array().unwrap().is_empty()), (&json!(12), false));
    assert_eq!(stranger.get("/scenarios/book/nothing").await.expect(200)["bids"], json!([]));
    let runs = stranger.get("/scenarios/runs").await;
    assert_eq!((runs.header("x-total-count"), &runs.expect(200)[0]["run_id"]), (Some("1"), &done["run_id"]));
}

async fn nothing_of_a_simulation_is_anywhere_else(world: &mut World) {
    world.restart_with(&["--admin-email=root@example.com", &format!("--admin-password={PASSWORD}")]).await;
    eventually("the administrator is there", async || {
        let login = json!({"email": "root@example.com", "password": PASSWORD});
        (world.stranger().post("/auth/login", &login).await.status == 200).then_some(())
    })
    .await;
    let root = crate::harness::signed_in(&world.stranger(), "root@example.com").await;
    let ada = world.person("ada").await;
    let everything = async || {
        let mut seen = Vec::new();
        for path in ["/wallets", "/ledger/accounts?all=true"] {
            seen.push(root.get(path).await.expect(200));
        }
        seen
    };
    let before = everything().await;
    start(&ada.api, "reputation_premium", 8).await;
    ended(&world.stranger(), "completed").await;
    assert_eq!(everything().await, before, "not an account more, and not a credit");
    for path in ["/registry/agents", "/registry/discover?query=Service%20Agent%20translation", "/registry/agents/trending"] {
        assert_eq!(ada.api.get(path).await.expect(200), json!([]), "{path}");
    }
    assert_eq!(ada.api.get("/wallets/me/agents").await.expect(200), json!([]));
    for path in ["/market/trades", "/market/capabilities", "/market/book/translation"] {
        let reply = world.stranger().get(path).await;
        let shown = reply.json();
        let empty = reply.status == 404 || shown == json!([]) || (shown["bids"] == json!([]) && shown["asks"] == json!([]));
        assert!(empty, "{path}: {shown}");
    }
}

async fn one_at_a_time_and_only_what_makes_sense(world: &mut World) {
    let stranger = world.stranger();
    for path in ["/scenarios/start", "/scenarios/stop"] {
        stranger.post(path, &json!({"scenario_name": "arbitrage"})).await.expect_problem(401);
    }
    let ada = world.person("ada").await;
    let refused = ada.api.post("/scenarios/stop", &json!({})).await.expect_problem(400);
    assert_eq!(refused["detail"], "No simulation is running");
    let refused = ada.api.post("/scenarios/start", &json!({"scenario_name": "tulips"})).await.expect_problem(400);
    let known = "price_discovery, supply_shock, arbitrage, reputation_premium";
    assert_eq!(refused["detail"], format!("Unknown scenario 'tulips'. Available: {known}"));
    for (field, value) in [
        ("scenario_name", json!("")),
        ("scenario_name", json!(7)),
        ("tick_count", json!(0)),
        ("tick_count", json!(10_001)),
        ("tick_count", json!(5.5)),
        ("tick_count", json!(9_223_372_036_854_775_807_i64)),
        ("tick_interval_ms", json!(49)),
        ("service_agent_count", json!(0)),
        ("service_agent_count", json!(-1)),
        ("buyer_agent_count", json!(201)),
        ("initial_balance", json!(-1)),
        ("initial_balance", json!(1_000_000_001)),
        ("seed", json!(-1)),
        ("pricing", json!("free")),
        ("order_ticks", json!(0)),
        ("shock_at_tick", json!(0)),
        ("buyer_budget", json!(0)),
    ] {
        let mut config = json!({"scenario_name": "arbitrage"});
        config[field] = value;
        let refused = ada.api.post("/scenarios/start", &config).await.expect_problem(422);
        assert_eq!(refused["errors"][0]["field"], format!("body.{field}"), "{config}");
    }
    // The bounds are the server's, and not those of the command line.
    for (field, value, bounds) in [
        ("tick_count", 0, "1 and 10000"),
        ("tick_count", -1, "1 and 10000"),
        ("service_agent_count", 0, "1 and 100"),
        ("buyer_agent_count", i64::MAX, "1 and 200"),
        ("shock_at_tick", 10_001, "1 and 10000"),
        ("agents_to_disable", 101, "0 and 100"),
    ] {
        let config = json!({"scenario_name": "arbitrage", field: value});
        let refused = ada.api.post("/scenarios/start", &config).await.expect_problem(422);
        assert_eq!(refused["errors"][0]["message"], format!("must be between {bounds}"), "{config}");
    }
    ada.api.post("/scenarios/start", &json!({})).await.expect_problem(422);
    ada.api.post("/scenarios/start", &json!({"scenario_name": "a\u{0}b"})).await.expect_problem(422);

    let replies = together(6, |_| {
        let api = ada.api.clone();
        async move { api.post("/scenarios/start", &json!({"scenario_name": "arbitrage", "tick_interval_ms": 50})).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(200, 1), (409, 5)].into());
    let refused = ada.api.post("/scenarios/start", &json!({"scenario_name": "arbitrage"})).await.expect_problem(409);
    assert_eq!(refused["detail"], "A simulation is already running. Stop it first.");
    let stopped = ada.api.post("/scenarios/stop", &json!({})).await.expect(200);
    assert_eq!(stopped["status"], "stopped");
    let tick = stopped["current_tick"].clone();
    assert_eq!(stranger.get("/scenarios/status").await.expect(200)["current_tick"], tick);
    ada.api.post("/scenarios/stop", &json!({})).await.expect_problem(400);

    for path in [
        "/scenarios/runs?limit=0",
        "/scenarios/runs?limit=101",
        "/scenarios/runs/7",
        "/scenarios/trades?limit=-1",
        "/scenarios/trades?capability=%00",
        "/scenarios/candles/a?ticks=0",
        "/scenarios/candles/a?limit=501",
    ] {
        stranger.get(path).await.expect_problem(422);
    }
    stranger.get("/scenarios/runs/0198c0de-0000-7000-8000-000000000001/ticks").await.expect_problem(404);
}

async fn a_seed_repeats_a_run_and_a_key_repeats_an_answer(world: &mut World) {
    let ada = world.person("ada").await;
    let mut runs = Vec::new();
    for _ in 0..2 {
        let begun = start(&ada.api, "supply_shock", 8).await;
        ended(&world.stranger(), "completed").await;
        runs.push(rows(&world.stranger(), &begun["run_id"]).await);
    }
    assert_eq!(runs[0], runs[1]);
    let keyed = ada.api.with("idempotency-key", "once");
    let config = json!({"scenario_name": "arbitrage", "tick_count": 3, "tick_interval_ms": 50});
    let first = keyed.post("/scenarios/start", &config).await.expect(200);
    until(&world.stranger(), "it is completed", |status| status["run_id"] == first["run_id"] && status["status"] == "completed")
        .await;
    assert_eq!(keyed.post("/scenarios/start", &config).await.expect(200), first, "the first answer, and no other run");
    let status = world.stranger().get("/scenarios/status").await.expect(200);
    assert_eq!((&status["run_id"], &status["status"]), (&first["run_id"], &json!("completed")));
}

async fn a_run_ends_with_its_server_and_says_so(world: &mut World) {
    let ada = world.person("ada").await;
    start(&ada.api, "price_discovery", 10_000).await;
    until(&world.stranger(), "it ticks", |status| status["current_tick"].as_i64() > Some(2)).await;
    world.restart_with(&[]).await;
    let ended_by = |status: &Value| (text(&status["status"]), text(&status["error"]));
    let status = world.stranger().get("/scenarios/status").await.expect(200);
    assert_eq!(ended_by(&status), ("error".into(), "The server that ran it was shut down.".into()));

    let ada = crate::harness::signed_in(&world.stranger(), &ada.email).await;
    start(&ada, "price_discovery", 10_000).await;
    until(&world.stranger(), "it ticks", |status| status["current_tick"].as_i64() > Some(2)).await;
    world.crash_and_restart_with(&[]).await;
    let mut socket = Socket::open(&world.server, "/ws/events?types=SimulationError").await;
    let event = socket.event().await;
    assert_eq!(event["data"]["error"], "The server that ran it is gone.");
    let status = ended(&world.stranger(), "error").await;
    assert_eq!(status["current_tick"], event["data"]["tick"]);
    let ada = crate::harness::signed_in(&world.stranger(), "ada@example.com").await;
    start(&ada, "price_discovery", 2).await;
    ended(&world.stranger(), "completed").await;
}

async fn outside_of_the_sandbox_only_who_started_it_stops_it(world: &mut World) {
    world.restart_with(&["--sandbox=false"]).await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    start(&ada.api, "arbitrage", 10_000).await;
    bob.api.post("/scenarios/stop", &json!({})).await.expect_problem(403);
    ada.api.post("/scenarios/stop", &json!({})).await.expect(200);
}

async fn two_servers_run_one_simulation_and_either_stops_it(world: &mut World) {
    if world.kind == Kind::Sqlite {
        return; // One SQLite file belongs to one server.
    }
    let mut replica = world.replica().await;
    let ada = world.person("ada").await;
    let there = crate::harness::signed_in(&replica.api(), &ada.email).await;
    let begun = start(&ada.api, "arbitrage", 10_000).await;
    there.post("/scenarios/start", &json!({"scenario_name": "arbitrage"})).await.expect_problem(409);
    until(&there, "it ticks there too", |status| status["current_tick"].as_i64() > Some(3)).await;
    let mut socket = Socket::open(&world.server, "/ws/events?types=SimulationStopped").await;
    let stopped = there.post("/scenarios/stop", &json!({})).await.expect(200);
    let event = socket.event().await;
    assert_eq!(event["data"]["final_tick"], stopped["current_tick"]);
    assert_eq!(ada.api.get("/scenarios/status").await.expect(200)["status"], "stopped");
    let next = start(&there, "price_discovery", 3).await;
    let done = ended(&ada.api, "completed").await;
    assert_eq!((&done["run_id"], done["run_id"] == begun["run_id"]), (&next["run_id"], false));
    replica.stop().await;
}

journeys! {
    a_scenario_runs_to_its_end_and_everybody_can_watch,
    nothing_of_a_simulation_is_anywhere_else,
    one_at_a_time_and_only_what_makes_sense,
    a_seed_repeats_a_run_and_a_key_repeats_an_answer,
    a_run_ends_with_its_server_and_says_so,
    outside_of_the_sandbox_only_who_started_it_stops_it,
    two_servers_run_one_simulation_and_either_stops_it,
}
