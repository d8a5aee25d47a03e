//! What goes over the wire.

use std::sync::Arc;

use actix_web::{HttpMessage, HttpRequest};
use rialto_kernel::{AgentId, Amount, OwnerId, Timestamp};
use rialto_proxy_billing::{self as broker, ConversationId, IntegrationId, InvocationId, MessageId};
use rialto_registry::AgentRef;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, value::RawValue};
use utoipa::ToSchema;

use crate::http::{Problem, middleware::RequestId};

/// The longest name of an external user, in characters.
const EXTERNAL_USER_CHARS_MAX: usize = 255;

/// A call of an agent.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"agent_id": "echo-agent-0d21bbd3", "input": {"message": "Hello"}}))]
pub struct InvokeRequest {
    /// Whom to call: its readable id, or its UUID.
    pub agent_id: String,
    /// What to send: a JSON object, passed on byte for byte. `{}` when it is left out.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub input: broker::Payload,
    /// The conversation that the call belongs to. A new one is begun when it is left out.
    pub conversation_id: Option<ConversationId>,
    /// The message of that conversation that asks. A new one is written when it is left out.
    pub message_id: Option<MessageId>,
    /// Whom you talk for, in your own words; kept with a new conversation.
    #[schema(max_length = 255)]
    pub external_user_id: Option<String>,
    /// Whether the agent's owner may read the payloads of this call in its logs.
    #[serde(default)]
    pub share_payload: bool,
    /// The most that the call may cost, in whole credits. An agent above it is not called.
    pub max_credits: Option<Amount>,
}

impl InvokeRequest {
    /// What the broker is asked for, under the id of the request that asks.
    pub fn into_call(self, request: &HttpRequest) -> Result<broker::InvokeRequest, Problem> {
        if self.external_user_id.as_ref().is_some_and(|user| user.chars().count() > EXTERNAL_USER_CHARS_MAX) {
            let message = format!("must have at most {EXTERNAL_USER_CHARS_MAX} characters");
            return Err(Problem::invalid("body.external_user_id", message));
        }
        Ok(broker::InvokeRequest {
            agent: AgentRef::parse(&self.agent_id),
            input: self.input,
            conversation: self.conversation_id,
            message: self.message_id,
            external_user_id: self.external_user_id,
            share_payload: self.share_payload,
            request_id: request.extensions().get::<RequestId>().map(|id| id.0.clone()),
            price_max: self.max_credits,
            time_max: None,
        })
    }
}

/// How a call ended.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "success": true, "data": {"echo": {"message": "Hello"}}, "error": null, "latency_ms": 12, "status_code": 200,
    "conversation_id": "0198c0de-0000-7000-8000-000000000003", "credits_charged": 10,
    "invocation_id": "0198c0de-0000-7000-8000-000000000004",
}))]
pub struct InvokeResponse<'a> {
    /// Whether the agent did what it was asked. If not, nothing was charged.
    pub success: bool,
    /// What the agent answered. What is no object is wrapped: `{"result": …}`.
    #[schema(value_type = Option<Object>)]
    pub data: Option<&'a RawValue>,
    /// Why it failed.
    pub error: Option<&'a str>,
    /// From sending to the last byte, in milliseconds.
    pub latency_ms: u64,
    /// The agent's status, or the broker's when there was none: 400, 402, 404, 408, 502, 503.
    pub status_code: u16,
    /// The conversation that the call is part of; null when no call was made.
    pub conversation_id: Option<ConversationId>,
    /// What you paid; null when nothing.
    pub credits_charged: Option<Amount>,
    /// The call's id in the logs, which is also the reference of its ledger entries; null when no call was made.
    pub invocation_id: Option<InvocationId>,
}

impl<'a> InvokeResponse<'a> {
    /// A call that was not made.
    pub const fn refused(status_code: u16, error: &'a str) -> Self {
        Self {
            success: false,
            data: None,
            error: Some(error),
            latency_ms: 0,
            status_code,
            conversation_id: None,
            credits_charged: None,
            invocation_id: None,
        }
    }
}

impl<'a> From<&'a broker::Outcome> for InvokeResponse<'a> {
    fn from(outcome: &'a broker::Outcome) -> Self {
        Self {
            success: outcome.success,
            data: outcome.data.as_deref(),
            error: outcome.error.as_deref(),
            latency_ms: outcome.latency_ms,
            status_code: outcome.status_code,
            conversation_id: Some(outcome.conversation),
            credits_charged: outcome.credits_charged,
            invocation_id: Some(outcome.invocation),
        }
    }
}

/// What was said in a call, for an answer in which it stands under two names.
#[derive(Debug, Clone)]
pub struct Shared(Arc<Value>);

impl From<Value> for Shared {
    fn from(value: Value) -> Self {
        Self(Arc::new(value))
    }
}

impl Serialize for Shared {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// A call in the logs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000004", "caller_user_id": "0198c0de-0000-7000-8000-000000000001",
    "target_agent_id": "0198c0de-0000-7000-8000-000000000005", "agent_id": "0198c0de-0000-7000-8000-000000000005",
    "agent_identifier": "echo-agent-0d21bbd3", "agent_name": "Echo Agent", "status": "success", "status_code": 200,
    "latency_ms": 12, "error_message": null, "credits_charged": 10, "created_at": "2026-11-22T04:54:03.000001Z",
    "timestamp": "2026-11-22T04:54:03.000001Z", "integration_id": null,
    "conversation_id": "0198c0de-0000-7000-8000-000000000003", "message_id": "0198c0de-0000-7000-8000-000000000006",
    "parent_invocation_id": null, "share_payload": false, "request_payload": {"message": "Hello"},
    "response_payload": {"echo": {"message": "Hello"}}, "input": {"message": "Hello"},
    "output": {"echo": {"message": "Hello"}},
}))]
pub struct InvocationLogResponse {
    /// The call.
    pub id: InvocationId,
    /// Who called.
    pub caller_user_id: OwnerId,
    /// Whom.
    pub target_agent_id: AgentId,
    /// The same as `target_agent_id`.
    pub agent_id: AgentId,
    /// The agent's readable id.
    pub agent_identifier: String,
    /// What the agent was called then.
    pub agent_name: String,
    /// `success`, `timeout` or `error`.
    #[schema(example = "success")]
    pub status: &'static str,
    /// The agent's status, or the broker's when there was none.
    pub status_code: u16,
    /// From sending to the last byte, in milliseconds.
    pub latency_ms: u64,
    /// Why it failed.
    pub error_message: Option<String>,
    /// What the caller paid; null when nothing.
    pub credits_charged: Option<Amount>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The same as `created_at`.
    pub timestamp: Timestamp,
    /// Through which integration it was made.
    pub integration_id: Option<IntegrationId>,
    /// In which conversation.
    pub conversation_id: ConversationId,
    /// Which message of it asked.
    pub message_id: MessageId,
    /// The call during which this one was made.
    pub parent_invocation_id: Option<InvocationId>,
    /// Whether the agent's owner may read the payloads.
    pub share_payload: bool,
    /// What was sent; null for an agent's owner with whom it was not shared.
    #[schema(value_type = Option<Object>)]
    pub request_payload: Option<Shared>,
    /// What was answered; null as above, and when the call failed.
    #[schema(value_type = Option<Object>)]
    pub response_payload: Option<Shared>,
    /// The same as `request_payload`.
    #[schema(value_type = Option<Object>)]
    pub input: Option<Shared>,
    /// The same as `response_payload`.
    #[schema(value_type = Option<Object>)]
    pub output: Option<Shared>,
}

impl From<broker::Invocation> for InvocationLogResponse {
    fn from(call: broker::Invocation) -> Self {
        let status = call.finish.status().as_str();
        let (request, response) = (call.request.map(Shared::from), call.finish.response.map(Shared::from));
        Self {
            id: call.id,
            caller_user_id: call.caller,
            target_agent_id: call.agent,
            agent_id: call.agent,
            agent_identifier: call.agent_slug,
            agent_name: call.agent_name,
            status,
            status_code: call.finish.status_code,
            latency_ms: call.finish.latency_ms,
            error_message: call.finish.error,
            credits_charged: call.finish.credits_charged,
            created_at: call.created_at,
            timestamp: call.created_at,
            integration_id: call.integration,
            conversation_id: call.conversation,
            message_id: call.message,
            parent_invocation_id: call.parent,
            share_payload: call.share_payload,
            input: request.clone(),
            output: response.clone(),
            request_payload: request,
            response_payload: response,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::body::parse;

    #[test]
    fn input_comes_through_as_it_was_written() {
        let body = r#"{"agent_id":"a","input":{ "z":1.0, "a":[1e2,{"b":123456789012345678901234567890}] },"unknown":1}"#;
        let request: InvokeRequest = parse(body.as_bytes()).unwrap();
        assert_eq!(request.input.body(), r#"{ "z":1.0, "a":[1e2,{"b":123456789012345678901234567890}] }"#);
        assert!(!request.share_payload && request.conversation_id.is_none());
    }

    #[test]
    fn input_that_cannot_be_kept_is_refused_by_its_name() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(500), "]".repeat(500));
        for input in ["[]", "null", "\"x\"", r#"{"a":"\ud800"}"#, r#"{"a":1e999}"#, r#"{"a":"\u0000"}"#, &deep] {
            let body = format!(r#"{{"agent_id":"a","input":{input}}}"#);
            let problem = parse::<InvokeRequest>(body.as_bytes()).unwrap_err();
            assert_eq!(problem.status().as_u16(), 422, "{input}");
        }
        let problem = parse::<InvokeRequest>(br#"{"agent_id":"a","input":7}"#).unwrap_err().to_string();
        assert!(problem.contains("body.input"), "{problem}");
    }

    #[test]
    fn nothing_need_be_said() {
        let request: InvokeRequest = parse(br#"{"agent_id":"a"}"#).unwrap();
        assert_eq!(request.input.body(), "{}");
    }

    #[test]
    fn a_payload_is_in_an_answer_twice_and_in_memory_once() {
        let shared = Shared::from(serde_json::json!({"a": [1]}));
        assert_eq!(serde_json::to_string(&[Some(shared.clone()), Some(shared)]).unwrap(), r#"[{"a":[1]},{"a":[1]}]"#);
    }
}
