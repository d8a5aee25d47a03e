//! Tasks and workflows, over HTTP, on a server that may die.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Agent, Answer, Api, Person, World, eventually, journeys, signed_in, statuses, text, together};

/// Short, so that a call that died with its server is soon known to have.
const SHORT: [&str; 2] = ["--broker-timeout-seconds=6", "--hold-grace-seconds=1"];

async fn ended(api: &Api, path: &str) -> Value {
    eventually("it ends", async || {
        let found = api.get(path).await.expect(200);
        (found["status"] != "pending" && found["status"] != "running").then_some(found)
    })
    .await
}

async fn ran(api: &Api, workflow: &Value, trigger: Value) -> Value {
    let run = api.post(&format!("/workflows/{}/run", text(&workflow["id"])), &json!({"trigger_data": trigger})).await.expect(201);
    ended(api, &format!("/executions/{}", text(&run["id"]))).await
}

async fn table(api: &Api, run: &Value) -> Vec<Value> {
    api.get(&format!("/executions/{}/ps", text(&run["id"]))).await.expect(200).as_array().unwrap().clone()
}

async fn a_goal_finds_calls_and_pays_until_one_succeeds(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let (bad, good) = (Agent::start(Answer::Json(500, json!({}))).await, Agent::start(Answer::Echo).await);
    bob.register_agent("Haiku writer", &bad, Some(30)).await;
    bob.register_agent("Haiku composer", &good, Some(20)).await;
    bob.register_agent("Haiku grandmaster", &good, Some(400)).await;
    let body = json!({"goal": "haiku", "input": {"about": "rain"}, "max_credits": 50});
    let reply = ada.api.post("/tasks", &body).await;
    let task = reply.expect(201);
    assert_eq!(reply.header("location"), Some(format!("/tasks/{}", text(&task["id"])).as_str()));
    assert_eq!((&task["status"], &task["credits_charged"]), (&json!("completed"), &json!(20)), "{task}");
    assert_eq!(task["result"], json!({"echo": {"goal": "haiku", "about": "rain"}}));
    // The one that failed cost nothing, the one above the cap was not called, and the money is where it belongs.
    assert_eq!(ada.balance().await, 480);
    let steps = task["steps"].as_array().unwrap();
    assert!(steps.iter().all(|step| step["agent_name"] != "Haiku grandmaster"), "{task}");
    let conversation = text(&task["conversation_id"]);
    let messages = ada.api.get(&format!("/conversations/{conversation}/messages")).await.expect(200);
    assert_eq!(messages.as_array().unwrap().last().unwrap()["role"], "assistant");
    let capped = ada.api.post("/tasks", &json!({"goal": "haiku", "max_credits": 5})).await.expect(201);
    assert_eq!(capped["status"], "failed");
    assert_eq!(ada.balance().await, 480);
}

/// Money follows what is found: the right agent is found by what it does, and one that does something else is not called.
async fn a_goal_is_understood_and_nobody_is_called_for_what_nobody_does(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let (mends, paints) = (Agent::start(Answer::Echo).await, Agent::start(Answer::Echo).await);
    for (name, description, endpoint) in [
        ("Polyglot", "Translates legal contracts between English and German.", &mends),
        ("Radiology", "Finds tumours in chest x-rays.", &paints),
        ("Thrift", "Finds unused cloud resources and estimates monthly savings.", &paints),
    ] {
        let agent = json!({"name": name, "description": description, "endpoint": endpoint.url, "base_price": 10, "pricing_enabled": true});
        bob.api.post("/registry/agents", &agent).await.expect(201);
    }
    let goal = json!({"goal": "put this agreement into another language"});
    let task = eventually("the agents are known by what they do", async || {
        let task = ada.api.post("/tasks", &goal).await.expect(201);
        (task["status"] == "completed").then_some(task)
    })
    .await;
    assert_eq!((&task["credits_charged"], mends.calls(), paints.calls()), (&json!(10), 1, 0), "{task}");
    let step = json!({"name": "search", "steps": [{"id": "a", "agent": "search:render a contract in a foreign language"}]});
    let workflow = ada.api.post("/workflows", &step).await.expect(201);
    assert_eq!(ran(&ada.api, &workflow, json!({})).await["status"], "completed");
    assert_eq!((mends.calls(), paints.calls()), (2, 0));
    let nobody = ada.api.post("/tasks", &json!({"goal": "feed the penguins at noon"})).await.expect(201);
    assert_eq!((&nobody["status"], mends.calls(), paints.calls()), (&json!("failed"), 2, 0), "{nobody}");
    assert_eq!(ada.balance().await, 480);
    // The platform's own agent looks the same way.
    let asked = |text: &str, id: &str| {
        let message = json!({"message": {"messageId": id, "role": "ROLE_USER", "parts": [{"text": text}]}});
        json!({"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": message})
    };
    let platform = ada.api.with("a2a-version", "1.0");
    let found = platform.post("/a2a", &asked("who can spot cancer on radiology scans", "m-1")).await.expect(200);
    let agents = &found["result"]["task"]["artifacts"][0]["parts"][0]["data"]["agents"];
    assert_eq!(agents[0]["name"], "Radiology", "{found}");
    let found = platform.post("/a2a", &asked("feed the penguins at noon", "m-2")).await.expect(200);
    assert_eq!(found["result"]["task"]["artifacts"][0]["parts"][0]["data"]["agents"], json!([]), "{found}");
}

async fn a_task_given_twice_under_one_key_is_one_task(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Slow(Duration::from_millis(200))).await;
    bob.register_agent("Oracle", &endpoint, Some(10)).await;
    let body = json!({"goal": "oracle"});
    let keyed = ada.api.with("idempotency-key", "k-1");
    let replies = together(6, |_| {
        let (keyed, body) = (keyed.clone(), body.clone());
        async move { keyed.post("/tasks?async=true", &body).await }
    })
    .await;
    assert_eq!(statuses(&replies), [(202, 6)].into());
    let ids: std::collections::BTreeSet<String> = replies.iter().map(|reply| text(&reply.json()["task_id"])).collect();
    assert_eq!(ids.len(), 1);
    let id = ids.into_iter().next().unwrap();
    assert_eq!(replies[0].header("location"), Some(format!("/tasks/{id}").as_str()));
    let task = ended(&ada.api, &format!("/tasks/{id}")).await;
    assert_eq!((&task["status"], endpoint.calls(), ada.balance().await), (&json!("completed"), 1, 490));
    // The key is the caller's own.
    let bobs = bob.api.with("idempotency-key", "k-1").post("/tasks?async=true", &body).await.expect(202);
    assert_ne!(text(&bobs["task_id"]), id);
    keyed.post("/tasks?async=true", &json!({"goal": "another"})).await.expect_problem(422);
    ended(&bob.api, &format!("/tasks/{}", text(&bobs["task_id"]))).await;
    bob.api.get(&format!("/tasks/{id}")).await.expect_problem(404);
    bob.api.post(&format!("/tasks/{id}/cancel"), &Value::Null).await.expect_problem(404);
    ada.api.post(&format!("/tasks/{id}/cancel"), &Value::Null).await.expect_problem(409);
    let listed = ada.api.get("/tasks?status=completed").await;
    assert_eq!((listed.expect(200)[0]["id"].clone(), listed.header("x-total-count")), (json!(id), Some("1")));
    ada.api.get("/tasks?status=done").await.expect_problem(422);
}

async fn workflows_come_in_three_forms_and_say_what_is_wrong_with_them(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let steps = json!([{"id": "a", "agent": "x"}]);
    let flat = ada.api.post("/workflows", &json!({"name": "flat", "steps": steps})).await.expect(201);
    assert_eq!((&flat["version"], &flat["definition"]["steps"]), (&json!(1), &steps));
    let nested = json!({"name": "nested", "definition": {"steps": steps, "recovery": {"max_attempts": 2}}, "triggers": [{"type": "event"}]});
    let nested = ada.api.post("/workflows", &nested).await.expect(201);
    assert_eq!((&nested["recovery"]["max_attempts"], &nested["triggers"][0]["type"]), (&json!(2), &json!("event")));
    let yaml = json!({"name": "yaml", "yaml_definition": "steps:\n  - id: a\n    agent: x\n"});
    assert_eq!(ada.api.post("/workflows", &yaml).await.expect(201)["definition"]["steps"], steps);
    let newer = ada
        .api
        .put(&format!("/workflows/{}", text(&flat["id"])), &json!({"name": "flat", "steps": [{"id": "b", "goal": "g"}]}))
        .await;
    assert_eq!(newer.expect(200)["version"], 2);
    let named = ada.api.get("/workflows?name=flat").await.expect(200);
    assert_eq!((named.as_array().unwrap().len(), &named[0]["version"]), (1, &json!(2)));
    for (body, field) in [
        (json!({"name": "x"}), "body.steps"),
        (json!({"name": "x", "steps": []}), "body.steps"),
        (json!({"name": "", "steps": steps}), "body.name"),
        (json!({"name": "x", "definition": {"steps": [{"id": "a"}]}}), "body.definition.steps[0].agent"),
        (json!({"name": "x", "yaml_definition": "steps: ["}), "body.yaml_definition"),
        (json!({"name": "x", "steps": [{"id": "a", "agent": "x", "depends_on": ["z"]}]}), "body.steps[0].depends_on[0]"),
        (json!({"name": "x", "steps": steps, "triggers": "no"}), "body.triggers"),
        (
            json!({"name": "x", "steps": (0..201).map(|n| json!({"id": format!("s{n}"), "agent": "x"})).collect::<Vec<_>>()}),
            "body.steps",
        ),
    ] {
        let problem = ada.api.post("/workflows", &body).await.expect_problem(422);
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    let path = format!("/workflows/{}", text(&flat["id"]));
    bob.api.get(&path).await.expect_problem(404);
    bob.api.put(&path, &json!({"name": "mine", "steps": steps})).await.expect_problem(404);
    bob.api.post(&format!("{path}/run"), &json!({})).await.expect_problem(404);
    bob.api.delete(&path).await.expect_problem(404);
    assert_eq!(bob.api.get("/workflows").await.expect(200), json!([]));
    assert_eq!(ada.api.delete(&path).await.status, 204);
    ada.api.post(&format!("{path}/run"), &json!({})).await.expect_problem(409);
}

/// Bob's agents, and a workflow of Ada's that calls them one after another.
async fn chain(ada: &Person, bob: &Person, agents: &[(&str, &Agent, i64)]) -> Value {
    let mut steps = Vec::new();
    for (name, endpoint, price) in agents {
        let agent = bob.register_agent(name, endpoint, Some(*price)).await;
        let recovery = json!({"max_attempts": 3, "backoff_base_seconds": 0.1});
        steps.push(json!({"id": name, "agent": agent["agent_id"], "input": {"n": "{{ trigger.n }}"}, "recovery": recovery}));
    }
    ada.api.post("/workflows", &json!({"name": "chain", "steps": steps})).await.expect(201)
}

async fn a_run_is_done_once_paid_once_and_seen_step_by_step(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let (one, two) = (Agent::start(Answer::Echo).await, Agent::start(Answer::Json(200, json!([1, 2]))).await);
    let workflow = chain(&ada, &bob, &[("one", &one, 10), ("two", &two, 5)]).await;
    let run = ran(&ada.api, &workflow, json!({"n": 7})).await;
    assert_eq!((&run["status"], &run["workflow_version"], &run["context_id"]), (&json!("completed"), &json!(1), &run["id"]));
    let lines = table(&ada.api, &run).await;
    assert_eq!((&lines[0]["input"], &lines[0]["output"]), (&json!({"n": 7}), &json!({"echo": {"n": 7}})));
    assert_eq!((&lines[1]["output"], &lines[1]["cost"]), (&json!({"result": [1, 2]}), &json!(5)));
    assert_eq!((lines.len(), ada.balance().await), (2, 485));
    let log = ada.api.get("/broker/logs").await.expect(200);
    assert!(log.as_array().unwrap().iter().any(|call| call["id"] == lines[0]["invocation_id"]));
    let path = format!("/executions/{}", text(&run["id"]));
    ada.api.post(&format!("{path}/cancel"), &Value::Null).await.expect_problem(409);
    for api in [&bob.api] {
        api.get(&path).await.expect_problem(404);
        api.get(&format!("{path}/ps")).await.expect_problem(404);
        api.post(&format!("{path}/cancel"), &Value::Null).await.expect_problem(404);
    }
    let listed = ada.api.get(&format!("/executions?workflow_id={}&status=completed", text(&workflow["id"]))).await.expect(200);
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(bob.api.get("/executions").await.expect(200), json!([]));
}

/// The server dies while an agent is being called. What was done stays done, what was being done is asked for again once it is
/// known that nobody paid for it, and the run comes to its end.
async fn a_run_survives_its_server(world: &mut World) {
    world.restart_with(&SHORT).await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let (first, slow, last) = (
        Agent::start(Answer::Echo).await,
        Agent::start(Answer::Slow(Duration::from_secs(2))).await,
        Agent::start(Answer::Echo).await,
    );
    let workflow = chain(&ada, &bob, &[("first", &first, 10), ("slow", &slow, 20), ("last", &last, 30)]).await;
    let run =
        ada.api.post(&format!("/workflows/{}/run", text(&workflow["id"])), &json!({"trigger_data": {"n": 1}})).await.expect(201);
    eventually("the slow agent is called", async || (slow.calls() == 1).then_some(())).await;
    world.crash_and_restart_with(&SHORT).await;
    eventually("the call is made again", async || (slow.calls() == 2).then_some(())).await;
    let api = signed_in(&world.stranger(), &ada.email).await;
    let run = ended(&api, &format!("/executions/{}", text(&run["id"]))).await;
    assert_eq!(run["status"], "completed", "{run}");
    let lines = table(&api, &run).await;
    let told: Vec<(&str, i64, &str)> = lines
        .iter()
        .map(|line| (line["step_id"].as_str().unwrap(), line["attempt"].as_i64().unwrap(), line["status"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [("first", 1, "completed"), ("slow", 1, "failed"), ("slow", 2, "completed"), ("last", 1, "completed")]);
    assert!(lines[1]["cost"].is_null() && lines[2]["cost"] == 20, "{lines:?}");
    assert_eq!((first.calls(), slow.calls(), last.calls()), (1, 2, 1));
    assert_eq!(api.get("/wallets/me").await.expect(200)["balance"], 440);
}

/// A stop is not a crash: the call that runs is waited for, and the run goes on with the next server.
async fn a_run_survives_a_stop_without_a_second_call(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let (slow, last) = (Agent::start(Answer::Slow(Duration::from_secs(1))).await, Agent::start(Answer::Echo).await);
    let workflow = chain(&ada, &bob, &[("slow", &slow, 20), ("last", &last, 30)]).await;
    let run = ada.api.post(&format!("/workflows/{}/run", text(&workflow["id"])), &json!({})).await.expect(201);
    eventually("the slow agent is called", async || (slow.calls() == 1).then_some(())).await;
    world.restart_with(&[]).await;
    let api = signed_in(&world.stranger(), &ada.email).await;
    let run = ended(&api, &format!("/executions/{}", text(&run["id"]))).await;
    assert_eq!((&run["status"], slow.calls(), last.calls()), (&json!("completed"), 1, 1));
    assert_eq!(api.get("/wallets/me").await.expect(200)["balance"], 450);
}

async fn two_servers_on_one_database_do_each_step_once(world: &mut World) {
    if world.kind == crate::harness::Kind::Sqlite {
        return;
    }
    let other = world.replica().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    ada.set_balance(10_000).await;
    let endpoint = Agent::start(Answer::Slow(Duration::from_millis(20))).await;
    let workflow = chain(&ada, &bob, &[("a", &endpoint, 1), ("b", &endpoint, 1), ("c", &endpoint, 1)]).await;
    let apis = [ada.api.clone(), signed_in(&other.api(), &ada.email).await];
    let path = format!("/workflows/{}/run", text(&workflow["id"]));
    let started = together(10, |n| {
        let (api, path) = (apis[n % 2].clone(), path.clone());
        async move { api.post(&path, &json!({"trigger_data": {"n": n}})).await }
    })
    .await;
    let mut runs = Vec::new();
    for run in started {
        runs.push(ended(&ada.api, &format!("/executions/{}", text(&run.expect(201)["id"]))).await);
    }
    assert!(runs.iter().all(|run| run["status"] == "completed"), "{runs:?}");
    assert_eq!((endpoint.calls(), ada.balance().await), (30, 10_000 - 30));
}

journeys! {
    a_goal_finds_calls_and_pays_until_one_succeeds,
    a_goal_is_understood_and_nobody_is_called_for_what_nobody_does,
    a_task_given_twice_under_one_key_is_one_task,
    workflows_come_in_three_forms_and_say_what_is_wrong_with_them,
    a_run_is_done_once_paid_once_and_seen_step_by_step,
    a_run_survives_its_server,
    a_run_survives_a_stop_without_a_second_call,
    two_servers_on_one_database_do_each_step_once,
}
