//! Finding services.

use std::time::Instant;

use actix_web::{HttpResponse, get, web::Data};
use rialto_identity::store::CommerceStore;
use rialto_proxy_billing::usage;
use rialto_registry::{
    AgentRef, RegistryError,
    service::{self, ServiceFilter},
    store::AgentStore,
};
use rialto_store::Tx;
use utoipa_actix_web::service_config::ServiceConfig;

use super::{
    dto::{CategoryCount, CategoryList, RecommendationList, ServiceList, ServiceResponse, TrendingList, TrendingService},
    query::{DiscoverPage, RecommendationPage, TrendingPage},
    refused,
};
use crate::{
    compose::App,
    http::{Path, Problem, Query, paging, problem::ProblemBody},
};

/// Discovery's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(discover_services)
        .service(list_service_categories)
        .service(list_trending_services)
        .service(recommend_services);
}

/// Discover services
///
/// Active services by words, category, tags, price, payment and free calls; filters that are given hold together.
#[utoipa::path(
    tag = "Services",
    params(DiscoverPage),
    responses(
        (status = 200, description = "A page of services.", body = ServiceList),
        (status = 400, description = "A filter is not what it must be.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
#[get("/api/v1/discover")]
pub async fn discover_services(app: Data<App>, query: Query<DiscoverPage>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(discover(&app, &query).await?))
}

/// A page of the services that are wanted.
///
/// # Errors
/// 400 and 422 for a filter that is none.
pub async fn discover(app: &App, query: &DiscoverPage) -> Result<ServiceList, Problem> {
    let page = paging::capped_page(query.limit, query.offset, 50)?;
    let filter = filter(query).map_err(refused("query"))?;
    let found = app.db.read(async move |tx: &mut Tx| service::list_services(tx, &filter, page).await).await?;
    Ok(ServiceList::new(found, page))
}

fn filter(query: &DiscoverPage) -> Result<ServiceFilter, RegistryError> {
    ServiceFilter { has_free_tier: query.has_free_tier, ..ServiceFilter::active() }
        .with_text("q", query.q.as_deref())?
        .with_category(query.category.as_deref())
        .with_tags(query.tags.as_deref())?
        .with_prices(query.min_price.as_deref(), query.max_price.as_deref())?
        .with_payment_method(query.payment_method.as_deref())?
        .sorted_by(query.sort_by.as_deref())
}

/// List categories
///
/// With the number of active services in each, the fullest first.
#[utoipa::path(tag = "Services", responses((status = 200, description = "The categories.", body = CategoryList)))]
#[get("/api/v1/discover/categories")]
pub async fn list_service_categories(app: Data<App>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(categories(&app).await?))
}

/// All categories.
///
/// # Errors
/// Those of the store.
pub async fn categories(app: &App) -> Result<CategoryList, Problem> {
    let found = app.db.read(async move |tx: &mut Tx| service::categories(tx).await).await?;
    let categories = found.into_iter().map(|(category, count)| CategoryCount { category, count }).collect();
    Ok(CategoryList { categories })
}

/// List trending services
///
/// Those that were called, and answered, most in the last seven days; as it was two seconds ago at most.
#[utoipa::path(
    tag = "Services",
    params(TrendingPage),
    responses((status = 200, description = "The most called first.", body = TrendingList)),
)]
#[get("/api/v1/discover/trending")]
pub async fn list_trending_services(app: Data<App>, query: Query<TrendingPage>) -> Result<HttpResponse, Problem> {
    let (page, now) = (paging::capped_page(query.limit, None, 10)?, app.clock.now());
    let make = async {
        let found = app.db.read(async move |tx: &mut Tx| usage::trending(tx, page, now).await).await?;
        let trending: Vec<_> = found.into_iter().map(TrendingService::from).collect();
        Ok::<_, RegistryError>(TrendingList { count: trending.len(), trending })
    };
    Ok(HttpResponse::Ok().json(&*app.trending.get(page.limit(), Instant::now(), make).await?))
}

/// Recommend services
///
/// By what an owner, or the owner of an agent, has called: services that it has not called, in the categories that it calls most,
/// and then what is like those that it has called. For somebody who has called nothing, the newest. As it was two seconds ago at most.
#[utoipa::path(
    tag = "Services",
    params(
        ("agent_id" = String, Path, description = "An `owner_id`, or an agent's id.", example = "my-agent"),
        RecommendationPage,
    ),
    responses((status = 200, description = "The best first.", body = RecommendationList)),
)]
#[get("/api/v1/discover/recommendations/{agent_id}")]
pub async fn recommend_services(
    app: Data<App>,
    path: Path<String>,
    query: Query<RecommendationPage>,
) -> Result<HttpResponse, Problem> {
    let page = paging::capped_page(query.limit, None, 5)?;
    let name = path.0;
    let asked = (name.clone(), page.limit());
    let make = async {
        let find = async move |tx: &mut Tx| {
            let owner = match tx.find_owner(&name).await? {
                Some(owner) => Some(owner),
                None => tx.find_agent(&AgentRef::parse(&name)).await?.map(|agent| agent.owner),
            };
            usage::recommend(tx, owner, page).await
        };
        let recommendations: Vec<_> = app.db.read(find).await?.into_iter().map(ServiceResponse::from).collect();
        Ok::<_, RegistryError>(RecommendationList { count: recommendations.len(), recommendations })
    };
    Ok(HttpResponse::Ok().json(&*app.recommended.get(asked, Instant::now(), make).await?))
}
