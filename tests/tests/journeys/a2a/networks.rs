//! Tasks that are sent into networks, as the first reference has them.

use serde_json::{Value, json};

use crate::harness::{Agent, Answer, Api, Person, World, journeys, text};

struct Team {
    network: String,
    asker: String,
    peer: String,
}

/// A network of two: one that polls, and one that is called.
async fn team(who: &Person, callback: &str) -> Team {
    let made = who.api.post("/networks", &json!({"name": "Team", "topology_type": "mesh"})).await.expect(201);
    let network = text(&made["id"]);
    let path = format!("/networks/{network}/participants");
    let asker = who.api.post(&path, &json!({"name": "asker", "polling_enabled": true})).await.expect(201);
    let peer = who.api.post(&path, &json!({"name": "peer", "callback_url": callback})).await.expect(201);
    Team { network, asker: text(&asker["id"]), peer: text(&peer["id"]) }
}

fn params(team: &Team, channel: &str, said: &str) -> Value {
    json!({
        "network_id": team.network, "sender_participant_id": team.asker, "recipient_participant_id": team.peer,
        "task": {
            "history": [{"role": "user", "parts": [{"type": "text", "text": said}]}],
            "metadata": {"intuno_channel": channel},
        },
    })
}

async fn send(api: &Api, params: Value) -> Value {
    let body = json!({"jsonrpc": "2.0", "id": 7, "method": "tasks/send", "params": params});
    let answer = api.post("/a2a/tasks/send", &body).await.expect(200);
    assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!(7)), "{answer}");
    answer
}

async fn tasks_travel_by_the_channel_they_name(world: &mut World) {
    let ada = world.person("ada").await;
    let echo = Agent::start(Answer::Echo).await;
    let team = team(&ada, &echo.url).await;
    let called = send(&ada.api, params(&team, "call", "well?")).await;
    assert_eq!(called["result"]["status"]["state"], "completed", "{called}");
    assert!(text(&called["result"]["artifacts"][0]["parts"][0]["text"]).contains("well?"), "{called}");
    let mail = send(&ada.api, params(&team, "mailbox", "a letter")).await;
    assert_eq!(mail["result"]["metadata"]["intuno_channel"], "mailbox", "{mail}");
    let sent = send(&ada.api, params(&team, "message", "news")).await;
    assert_eq!(sent["result"]["status"]["state"], "submitted", "{sent}");
    assert_eq!(sent["result"]["history"][0]["parts"][0]["text"], "news");
    let path = format!("/networks/{}/messages/{}", team.network, text(&sent["result"]["id"]));
    assert_eq!(ada.api.get(&path).await.expect(200)["content"], "news");
}

async fn a_task_with_a_key_is_sent_once(world: &mut World) {
    let ada = world.person("ada").await;
    let echo = Agent::start(Answer::Echo).await;
    let team = team(&ada, &echo.url).await;
    for channel in ["call", "mailbox", "message"] {
        let keyed = ada.api.with("idempotency-key", channel);
        let first = send(&keyed, params(&team, channel, "once")).await;
        assert!(first["result"]["id"].is_string(), "{first}");
        assert_eq!(send(&keyed, params(&team, channel, "once")).await, first);
        let other = send(&keyed, params(&team, channel, "twice")).await;
        assert!(text(&other["error"]["message"]).contains("another request"), "{other}");
    }
    let all = ada.api.get(&format!("/networks/{}/messages", team.network)).await.expect(200);
    assert_eq!(all.as_array().map(Vec::len), Some(4), "one each, and the answer to the call: {all}");
}

async fn what_is_wrong_with_a_task_for_a_network_is_said_in_its_answer(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let broken = Agent::start(Answer::Json(500, json!({}))).await;
    let team = team(&ada, &broken.url).await;
    let failed = send(&ada.api, params(&team, "call", "well?")).await;
    assert_eq!(failed["result"]["status"]["state"], "failed", "{failed}");
    let mut cases = vec![Value::Null, json!([]), json!({}), params(&team, "pigeon", "coo"), params(&team, "message", "\0")];
    for (name, value) in [("network_id", json!("x")), ("sender_participant_id", json!(1)), ("task", json!({"history": []}))] {
        let mut case = params(&team, "message", "hello");
        case[name] = value;
        cases.push(case);
    }
    for case in cases {
        let answer = send(&ada.api, case.clone()).await;
        assert_eq!(answer["error"]["code"], -32602, "{case} {answer}");
    }
    // Somebody else's network is none.
    let foreign = send(&bob.api, params(&team, "message", "hello")).await;
    assert_eq!(foreign["error"]["code"], -32602, "{foreign}");
    world.stranger().post("/a2a/tasks/send", &json!({})).await.expect_problem(401);
}

journeys! {
    tasks_travel_by_the_channel_they_name,
    a_task_with_a_key_is_sent_once,
    what_is_wrong_with_a_task_for_a_network_is_said_in_its_answer,
}
