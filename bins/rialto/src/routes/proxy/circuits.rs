//! Which providers' servers are left in peace.

use actix_web::{HttpResponse, get, web::Data};
use rialto_outbound::Circuit;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    compose::App,
    http::{Admin, Problem, problem::ProblemBody},
};

/// How many are shown.
const CIRCUITS_MAX: usize = 1_000;

/// A server that failed lately.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "server": "my-api.example.com:443", "provider_owner_id": "0198c0de-0000-7000-8000-000000000002", "state": "open",
    "failures": 5, "retry_after_seconds": 42,
}))]
pub struct CircuitResponse {
    /// Its host and port.
    pub server: String,
    /// Whose services it serves.
    pub provider_owner_id: String,
    /// `closed` (it is called), `open` (it is not) or `half_open` (one call is trying).
    pub state: &'static str,
    /// How often it has failed in a row, for one that is called.
    pub failures: Option<u32>,
    /// When it is tried again, for one that is not.
    pub retry_after_seconds: Option<u64>,
}

/// The servers that failed lately.
#[derive(Debug, Serialize, ToSchema)]
pub struct CircuitList {
    /// By name; at most 1000.
    pub circuits: Vec<CircuitResponse>,
}

/// List circuits
///
/// The providers' servers that failed lately, as this process sees them.
#[utoipa::path(
    tag = "Proxy",
    responses(
        (status = 200, description = "The servers.", body = CircuitList),
        (status = 403, description = "This takes an administrator.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[get("/api/v1/admin/circuits")]
pub async fn list_circuits(app: Data<App>, _admin: Admin) -> Result<HttpResponse, Problem> {
    let circuit = |(name, circuit): (String, Circuit)| {
        let (server, owner) = name.split_once(' ').unwrap_or((&name, ""));
        let (state, failures, wait) = match circuit {
            Circuit::Closed(failures) => ("closed", Some(failures), None),
            Circuit::Open(wait) => ("open", None, Some(wait.as_secs())),
            Circuit::HalfOpen => ("half_open", None, None),
        };
        CircuitResponse {
            server: server.to_owned(),
            provider_owner_id: owner.to_owned(),
            state,
            failures,
            retry_after_seconds: wait,
        }
    };
    let circuits = app.proxy.circuits(CIRCUITS_MAX).into_iter().map(circuit).collect();
    Ok(HttpResponse::Ok().json(CircuitList { circuits }))
}
