//! Calling agents, and the logs of it.

mod dto;
mod invoke;
mod log_query;
mod logs;
mod problem;
mod stream;

use utoipa_actix_web::service_config::ServiceConfig;

pub use dto::{InvocationLogResponse, InvokeRequest, InvokeResponse};
pub use invoke::{Made, make, render};
pub use log_query::LogQuery;

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(invoke::invoke).service(stream::invoke_stream).service(logs::list_logs).service(logs::list_agent_logs);
}
