//! Services: registered, read, changed, removed. Finding them is in [`discover`].

mod discover;
mod dto;
mod query;

use actix_web::{HttpResponse, delete, get, http::StatusCode, patch, post, web::Data};
use rialto_identity::owner_name;
use rialto_kernel::Caller;
use rialto_registry::{
    RegistryError,
    service::{
        NewService, ServiceChanges, ServiceFilter, ServiceId, ServiceStatus, find_service, list_services as find_services,
        register_service as register, remove_service as remove, update_service as update,
    },
};
use rialto_store::Tx;
use utoipa_actix_web::service_config::ServiceConfig;

pub use self::{
    discover::{categories, discover},
    dto::{CategoryList, RecommendationList, ServiceList, ServiceResponse, TrendingList},
    query::DiscoverPage,
};

use self::{
    dto::{ServiceCreate, ServiceRemoved, ServiceUpdate},
    query::ServicePage,
};
use crate::{
    compose::App,
    http::{Command, Path, Problem, Query, Seller, paging, problem::ProblemBody},
};

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(register_service)
        .service(list_services)
        .service(read_service)
        .service(update_service)
        .service(remove_service)
        .configure(discover::configure);
}

/// The reference answers a field that breaks a rule with 400.
fn refused(place: &'static str) -> impl Fn(RegistryError) -> Problem {
    move |error| match error {
        RegistryError::Invalid { field, message } => Problem::rule(format!("{place}.{field}"), message),
        other => other.into(),
    }
}

/// Refuses an endpoint whose address is written in it and may not be called. Its name need not be there yet: each call is
/// judged by the address that it connects to.
fn judge(app: &App, endpoint: &str) -> Result<(), Problem> {
    let judged = app.outbound.policy().check_text(endpoint.trim());
    judged.map(drop).map_err(|refusal| Problem::bad_request("endpoint-refused", format!("endpoint {refusal}")))
}

/// No id of a service is no service's id.
fn id(path: &str) -> Result<ServiceId, RegistryError> {
    path.parse().map_err(|_| RegistryError::ServiceNotFound)
}

/// Register a service
///
/// It is found and can be called at once. Its endpoint has to be on the public internet, is checked again at every call, and is
/// not shown to anybody.
#[utoipa::path(
    tag = "Services",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat answer with the first answer.")),
    request_body = ServiceCreate,
    responses(
        (status = 201, description = "The service.", body = ServiceResponse),
        (status = 400, description = "A field is not what it must be, or the endpoint may not be called.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "It takes a provider's key, or a user who is no viewer.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[post("/api/v1/services")]
pub async fn register_service(app: Data<App>, command: Command<ServiceCreate>) -> Result<HttpResponse, Problem> {
    let (new, now) = (NewService::from(&command.body), app.clock.now());
    if !command.caller.may_sell() {
        return Err(RegistryError::NotSeller.into());
    }
    new.check().map_err(refused("body"))?;
    judge(&app, &new.endpoint)?;
    command
        .run(&app, StatusCode::CREATED, async move |tx: &mut Tx, caller: &Caller, _: &ServiceCreate| {
            let provider = owner_name(tx, caller.owner).await?;
            let service = register(tx, caller, &provider, &new, now).await.map_err(refused("body"))?;
            Ok(ServiceResponse::from(service))
        })
        .await
}

/// List services
///
/// The newest first.
#[utoipa::path(
    tag = "Services",
    params(ServicePage),
    responses(
        (status = 200, description = "A page of services.", body = ServiceList),
        (status = 400, description = "There is no such status.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[get("/api/v1/services")]
pub async fn list_services(app: Data<App>, query: Query<ServicePage>) -> Result<HttpResponse, Problem> {
    let page = paging::capped_page(query.limit, query.offset, 50)?;
    let status = query.status.as_deref().map_or(Some(ServiceStatus::Active), ServiceStatus::from_word);
    let status = status.ok_or_else(|| Problem::rule("query.status", "must be active, paused or removed"))?;
    let filter = ServiceFilter { status: Some(status), ..ServiceFilter::default() }
        .with_text("query", query.query.as_deref())
        .map_err(refused("query"))?
        .with_category(query.category.as_deref());
    let found = app.db.read(async move |tx: &mut Tx| find_services(tx, &filter, page).await).await?;
    Ok(HttpResponse::Ok().json(ServiceList::new(found, page)))
}

/// Read a service
///
/// Whatever its status.
#[utoipa::path(
    tag = "Services",
    params(("service_id" = ServiceId, Path, description = "The service's id.", example = "0198c0de-0000-7000-8000-000000000031")),
    responses(
        (status = 200, description = "The service.", body = ServiceResponse),
        (status = 404, description = "There is no such service.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[get("/api/v1/services/{service_id}")]
pub async fn read_service(app: Data<App>, path: Path<String>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(read(&app, &path).await?))
}

/// A service by its id.
///
/// # Errors
/// 404.
pub async fn read(app: &App, path: &str) -> Result<ServiceResponse, Problem> {
    let id = id(path)?;
    let service = app.db.read(async move |tx: &mut Tx| find_service(tx, id).await).await?;
    Ok(ServiceResponse::from(service))
}

/// Change a service
///
/// What is left out, or null, stays as it is. Calls that are being made are charged as they were begun.
#[utoipa::path(
    tag = "Services",
    params(("service_id" = ServiceId, Path, description = "The service's id.", example = "0198c0de-0000-7000-8000-000000000031")),
    request_body = ServiceUpdate,
    responses(
        (status = 200, description = "The service as it is now.", body = ServiceResponse),
        (status = 400, description = "A field is not what it must be, or the endpoint may not be called.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "It is somebody else's, or it takes a provider's key, or a user who is no viewer.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such service.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 410, description = "It was removed, and stays so.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[patch("/api/v1/services/{service_id}")]
pub async fn update_service(
    app: Data<App>,
    path: Path<String>,
    command: Command<ServiceUpdate>,
) -> Result<HttpResponse, Problem> {
    let (id, changes, now) = (id(&path)?, ServiceChanges::from(&command.body), app.clock.now());
    if !command.caller.may_sell() {
        return Err(RegistryError::NotSeller.into());
    }
    changes.check().map_err(refused("body"))?;
    if let Some(endpoint) = &changes.endpoint {
        judge(&app, endpoint)?;
    }
    command
        .run(&app, StatusCode::OK, async move |tx: &mut Tx, caller: &Caller, _: &ServiceUpdate| {
            let service = update(tx, caller, id, &changes, now).await.map_err(refused("body"))?;
            Ok(ServiceResponse::from(service))
        })
        .await
}

/// Remove a service
///
/// It is not found or called any more. It can still be read, and its history stays.
#[utoipa::path(
    tag = "Services",
    params(("service_id" = ServiceId, Path, description = "The service's id.", example = "0198c0de-0000-7000-8000-000000000031")),
    responses(
        (status = 200, description = "It is removed.", body = ServiceRemoved),
        (status = 403, description = "It is somebody else's, or it takes a provider's key, or a user who is no viewer.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such service.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = [])),
)]
#[delete("/api/v1/services/{service_id}")]
pub async fn remove_service(app: Data<App>, Seller(caller): Seller, path: Path<String>) -> Result<HttpResponse, Problem> {
    let (id, now) = (id(&path)?, app.clock.now());
    let service = app.db.write(async move |tx: &mut Tx| remove(tx, &caller, id, now).await).await?;
    Ok(HttpResponse::Ok().json(ServiceRemoved { status: service.status.as_str(), id }))
}
