//! The main job, end to end: register, be found, be called, be paid.

use serde_json::{Value, json};

use crate::harness::{Agent, Answer, World, journeys, text};

async fn an_agent_is_registered_found_called_and_paid(world: &mut World) {
    let (provider, buyer) = (world.person("provider").await, world.person("buyer").await);
    let endpoint = Agent::start(Answer::Json(200, json!({"summary": "Short."}))).await;
    let registration = json!({
        "name": "Text Summarizer", "description": "Summarizes long articles into a few sentences", "endpoint": endpoint.url,
        "tags": ["nlp", "summary"], "category": "text", "base_price": 25, "pricing_enabled": true,
        "input_schema": {"type": "object", "properties": {"text": {"type": "string"}}},
    });
    let agent = provider.api.post("/registry/agents", &registration).await.expect(201);
    let slug = text(&agent["agent_id"]);
    assert!(slug.starts_with("text-summarizer-") && slug.len() == "text-summarizer-".len() + 8, "{slug}");

    // Nobody needs a credential to look.
    let found = world.stranger().get("/registry/discover?query=shorten%20an%20article%20into%20a%20summary").await.expect(200);
    assert_eq!(found[0]["agent_id"], agent["agent_id"]);
    assert!(found[0]["similarity_score"].is_number() && found[0]["base_price"] == 25);

    let body = json!({"agent_id": slug, "input": {"text": "A long article."}, "external_user_id": "customer 7"});
    let answer = buyer.api.with("x-request-id", "the-request").post("/broker/invoke", &body).await.expect(200);
    assert_eq!((&answer["success"], &answer["status_code"]), (&json!(true), &json!(200)));
    assert_eq!((&answer["data"], &answer["credits_charged"]), (&json!({"summary": "Short."}), &json!(25)));
    assert!(answer["error"].is_null() && answer["latency_ms"].is_u64());
    let request = endpoint.last_request();
    assert!(request.ends_with("\r\n\r\n{\"text\":\"A long article.\"}"), "the input is passed on as it was: {request}");
    let head = request.to_ascii_lowercase();
    assert!(
        head.contains("x-request-id: the-request") && !head.contains("authorization") && !head.contains("x-api-key"),
        "{head}"
    );

    // The money is where it belongs, and both histories say why.
    assert_eq!(buyer.balance().await, 475);
    let wallet = provider.api.get(&format!("/wallets/agent/{}", text(&agent["id"]))).await.expect(200);
    assert_eq!((&wallet["balance"], &wallet["wallet_type"]), (&json!(25), &json!("agent")));
    let spent = buyer.api.get(&format!("/wallets/{}/transactions", buyer.wallet)).await.expect(200);
    let earned = provider.api.get(&format!("/wallets/{}/transactions", text(&wallet["id"]))).await.expect(200);
    assert_eq!((&spent[0]["tx_type"], &spent[0]["amount"]), (&json!("invocation_debit"), &json!(-25)));
    assert_eq!((&earned[0]["tx_type"], &earned[0]["amount"]), (&json!("invocation_credit"), &json!(25)));
    assert_eq!(spent[0]["reference_id"], earned[0]["reference_id"]);
    assert_eq!(spent[0]["description"], json!(format!("Payment for {slug} invocation")));
    assert_eq!(earned[0]["description"], json!(format!("Revenue from {slug} invocation")));

    conversation(&buyer.api, &answer, &agent).await;
    logs(&provider.api, &buyer.api, &answer, &agent).await;

    let swept = provider.api.post("/wallets/me/consolidate", &json!({})).await.expect(200);
    assert_eq!((&swept["total_swept"], &swept["wallets_swept"]), (&json!(75), &json!(1)), "three calls were made by now");
    assert_eq!((provider.balance().await, buyer.balance().await), (575, 425));
}

/// What was said is in the conversation that the call began.
async fn conversation(buyer: &crate::harness::Api, answer: &Value, agent: &Value) {
    let id = text(&answer["conversation_id"]);
    let listed = buyer.get("/conversations?external_user_id=customer%207").await.expect(200);
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["id"]), (1, &answer["conversation_id"]));
    let messages = buyer.get(&format!("/conversations/{id}/messages")).await.expect(200);
    let said: Vec<_> =
        messages.as_array().unwrap().iter().map(|message| (text(&message["role"]), text(&message["content"]))).collect();
    assert_eq!(said.len(), 2, "{messages}");
    assert_eq!(said[0], ("user".to_owned(), "A long article.".to_owned()));
    assert_eq!((said[1].0.as_str(), &messages[1]["agent_id"]), ("assistant", &agent["id"]));
    let one = buyer.get(&format!("/conversations/{id}/messages/{}", text(&messages[1]["id"]))).await.expect(200);
    assert_eq!(one, messages[1]);
    let more = json!({"agent_id": agent["agent_id"], "input": {"text": "More."}, "conversation_id": id});
    let again = buyer.post("/broker/invoke", &more).await.expect(200);
    assert_eq!(again["conversation_id"], answer["conversation_id"]);
    let messages = buyer.get(&format!("/conversations/{id}/messages?limit=1&offset=2")).await.expect(200);
    assert_eq!(messages[0]["content"], "More.");
}

/// Both see the calls; only the buyer sees what was sent.
async fn logs(provider: &crate::harness::Api, buyer: &crate::harness::Api, answer: &Value, agent: &Value) {
    let mine = buyer.get("/broker/logs").await.expect(200);
    assert_eq!(mine.as_array().unwrap().len(), 2);
    let first = &mine[1];
    assert_eq!((&first["conversation_id"], &first["status"]), (&answer["conversation_id"], &json!("success")));
    assert_eq!((&first["input"], &first["output"]), (&json!({"text": "A long article."}), &json!({"summary": "Short."})));
    for id in [text(&agent["id"]), text(&agent["agent_id"])] {
        let theirs = provider.get(&format!("/broker/logs/agent/{id}")).await.expect(200);
        assert_eq!((theirs.as_array().unwrap().len(), &theirs[1]["id"]), (2, &first["id"]));
        for key in ["input", "output", "request_payload", "response_payload"] {
            assert!(theirs[1][key].is_null(), "{key} is the buyer's");
        }
    }
    let shared = json!({"agent_id": agent["agent_id"], "input": {"text": "Look."}, "share_payload": true});
    buyer.post("/broker/invoke", &shared).await.expect(200);
    let theirs = provider.get("/broker/logs").await.expect(200);
    assert_eq!(theirs[0]["input"], json!({"text": "Look."}));
    assert_eq!(buyer.get("/broker/logs?limit=1&offset=1").await.header("x-total-count"), Some("3"));
}

journeys! { an_agent_is_registered_found_called_and_paid }
