//! The live stream: what happens on the market and in the simulator, as a WebSocket and as server-sent events.

mod query;
mod socket;
mod sse;

use actix_web::http::StatusCode;
use rialto_kernel::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{compose::stream::Refusal, http::Problem};

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(socket::ws_events).service(socket::ws).service(sse::events_stream);
}

/// One message of the stream.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StreamMessage)]
pub struct StreamMessage {
    /// What happened.
    event: EventType,
    /// What is worth knowing about it; its fields depend on the type.
    #[schema(value_type = Object, example = json!({"order_id": "0198c0de-0000-7000-8000-000000000001", "agent_id": "0198c0de-0000-7000-8000-000000000002", "side": "bid", "capability": "translation", "price": 80}))]
    data: Value,
    /// When it happened.
    timestamp: Timestamp,
    /// Its place among all events: ask for what came behind it with `after`.
    #[schema(example = 4711)]
    seq: i64,
}

/// What can happen.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StreamEventType)]
#[expect(dead_code, reason = "the document shows it")]
pub enum EventType {
    OrderPlaced,
    TradeMatched,
    SettlementComplete,
    TradeCompleted,
    SimulationTick,
    SimulationStarted,
    SimulationStopped,
    SimulationCompleted,
    SimulationError,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TooManyFromAddress => {
                let detail = "Too many streams are open from your address: close one first.";
                Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-streams", detail).retry_after(30)
            }
            Refusal::Full => {
                let detail = "As many streams are open as this server serves.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "streams-full", detail).retry_after(30)
            }
            Refusal::Closing => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "going-down", "The server is going down.").retry_after(5)
            }
            Refusal::Unavailable => {
                let detail = "The database is busy or away; try again.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "database-unavailable", detail).retry_after(1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema;

    use super::EventType;
    use crate::compose::stream::names;

    #[test]
    fn the_document_names_the_types_that_there_are() {
        let schema = serde_json::to_value(EventType::schema()).unwrap();
        assert_eq!(schema["enum"], serde_json::to_value(names().collect::<Vec<_>>()).unwrap());
    }
}
