//! Push notifications: told in order, with their credentials, until they are heard.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};

use super::peer::{address, call, call_legacy, code, message};
use crate::harness::{Agent, Answer, Make, World, eventually, journeys};

/// A receiver that refuses the first `deaf` notifications, and keeps what it is told: heads and bodies.
async fn receiver(deaf: usize) -> (Agent, Arc<Mutex<Vec<(String, Value)>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (kept, left) = (Arc::clone(&heard), Mutex::new(deaf));
    let make = Make::of(move |head, body| {
        let mut left = left.lock().unwrap();
        if *left > 0 {
            *left -= 1;
            return (503, Vec::new());
        }
        kept.lock().unwrap().push((head.to_ascii_lowercase(), serde_json::from_str(body).unwrap()));
        (200, b"{}".to_vec())
    });
    (Agent::start(Answer::Made(make)).await, heard)
}

async fn a_clients_server_is_told_of_each_event_with_its_credentials(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Slow(Duration::from_millis(500))).await;
    let at = address(&bob.register_agent("Slow", &endpoint, None).await);
    let (server, heard) = receiver(2).await;
    let mut asked = message("m1", "hello");
    asked["configuration"] = json!({"returnImmediately": true, "taskPushNotificationConfig": {
        "url": server.url, "token": "open sesame", "authentication": {"scheme": "Bearer", "credentials": "sk-123"}}});
    let task = call(&ada.api, &at, "SendMessage", asked).await["result"]["task"]["id"].clone();
    let told = eventually("the end is told", async || {
        let heard = heard.lock().unwrap();
        heard.last().filter(|(_, body)| !body["statusUpdate"].is_null()).map(|_| heard.clone())
    })
    .await;
    let kinds: Vec<_> = told.iter().map(|(_, body)| body.as_object().unwrap().keys().next().unwrap().clone()).collect();
    assert_eq!(kinds, ["artifactUpdate", "statusUpdate"], "in order, none left out");
    for (head, body) in &told {
        assert!(
            head.contains("authorization: bearer sk-123") && head.contains("x-a2a-notification-token: open sesame"),
            "{head}"
        );
        assert!(head.contains("content-type: application/a2a+json"), "{head}");
        assert!(body["artifactUpdate"]["taskId"] == task || body["statusUpdate"]["taskId"] == task);
    }
    let shown = call(&ada.api, &at, "ListTaskPushNotificationConfigs", json!({"taskId": task})).await;
    assert!(!shown.to_string().contains("sesame") && !shown.to_string().contains("sk-123"), "{shown}");
    assert_eq!(shown["result"]["configs"][0]["authentication"], json!({"scheme": "Bearer"}));
}

async fn configurations_are_made_read_and_forgotten_in_both_versions(world: &mut World) {
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let endpoint = Agent::start(Answer::Slow(Duration::from_secs(2))).await;
    let at = address(&bob.register_agent("Slow", &endpoint, None).await);
    let (server, heard) = receiver(0).await;
    let mut asked = message("m1", "hello");
    asked["configuration"] = json!({"returnImmediately": true});
    let task = call(&ada.api, &at, "SendMessage", asked).await["result"]["task"]["id"].clone();
    let set = json!({"taskId": task, "pushNotificationConfig": {"id": "old", "url": server.url, "token": "t"}});
    let set = call_legacy(&ada.api, &at, "tasks/pushNotificationConfig/set", set).await;
    assert_eq!(set["result"], json!({"taskId": task, "pushNotificationConfig": {"id": "old", "url": server.url}}));
    let got = call_legacy(&ada.api, &at, "tasks/pushNotificationConfig/get", json!({"id": task})).await;
    assert_eq!(got["result"], set["result"]);
    let api = ada.api.with("a2a-version", "1.0");
    let place = format!("{at}/tasks/{}/pushNotificationConfigs", task.as_str().unwrap());
    api.post(&place, &json!({"id": "new", "url": server.url})).await.expect(200);
    assert_eq!(api.get(&format!("{place}/new")).await.expect(200)["id"], "new");
    assert_eq!(api.get(&place).await.expect(200)["configs"].as_array().unwrap().len(), 2);
    for _ in 0..2 {
        assert_eq!(api.delete(&format!("{place}/new")).await.status, 200, "a repeat does no harm");
    }
    api.get(&format!("{place}/new")).await.expect(404);
    for url in ["http://10.0.0.1/", "http://169.254.169.254/", "file:///etc/passwd", "nonsense"] {
        let refused = call(&ada.api, &at, "CreateTaskPushNotificationConfig", json!({"taskId": task, "url": url})).await;
        assert_eq!(code(&refused), -32602, "{url}");
        let mut asked = message("m9", "hello");
        asked["configuration"] = json!({"taskPushNotificationConfig": {"url": url}});
        assert_eq!(code(&call(&ada.api, &at, "SendMessage", asked).await), -32602, "{url}");
    }
    // Version 0.3 is told of the whole task, and whoever was forgotten of nothing.
    let told = eventually("the end is told", async || heard.lock().unwrap().last().cloned()).await;
    assert_eq!((&told.1["kind"], &told.1["status"]["state"]), (&json!("task"), &json!("completed")));
    assert!(heard.lock().unwrap().iter().all(|(_, body)| body["kind"] == "task"));
}

journeys! {
    a_clients_server_is_told_of_each_event_with_its_credentials,
    configurations_are_made_read_and_forgotten_in_both_versions,
}
