//! What goes over the wire.

use rialto_kernel::{Asset, Page, PageRequest, Timestamp};
use rialto_proxy_billing::usage::Trend;
use rialto_registry::service::{NewService, Service, ServiceChanges, ServiceId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A service to offer.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({
    "name": "Sentiment Analysis API", "description": "Analyze text sentiment with confidence scores",
    "endpoint": "https://my-api.example.com/v1", "price_per_call": "0.05", "category": "ai", "tags": ["nlp", "sentiment"],
    "payment_method": "x402", "free_tier_calls": 50,
}))]
pub struct ServiceCreate {
    /// What it is called.
    #[schema(min_length = 1, max_length = 255)]
    pub name: String,
    /// What it does.
    #[schema(max_length = 10000)]
    pub description: Option<String>,
    /// Where it is. Nobody else is shown it.
    #[schema(max_length = 2048)]
    pub endpoint: String,
    /// What one call costs, in USDC: a string with up to six decimal places, at most "100.00".
    pub price_per_call: String,
    /// What kind of thing it does.
    #[schema(max_length = 64)]
    pub category: Option<String>,
    /// What it is to be found by: at most 50 of at most 64 characters.
    pub tags: Option<Vec<String>>,
    /// `x402`, `paypal`, `nowpayments` or `balance`; `x402` when it is left out.
    pub payment_method: Option<String>,
    /// How many calls each buyer has for nothing.
    #[schema(minimum = 0, maximum = 1_000_000_000, default = 0)]
    pub free_tier_calls: Option<i64>,
    /// How long it may take to begin its answer, in seconds; as long as the server says when it is left out.
    #[schema(minimum = 1, maximum = 300)]
    pub timeout_seconds: Option<i64>,
}

impl From<&ServiceCreate> for NewService {
    fn from(body: &ServiceCreate) -> Self {
        Self {
            name: body.name.clone(),
            description: body.description.clone().unwrap_or_default(),
            endpoint: body.endpoint.clone(),
            price_per_call: body.price_per_call.clone(),
            category: body.category.clone().unwrap_or_default(),
            tags: body.tags.clone().unwrap_or_default(),
            payment_method: body.payment_method.clone().unwrap_or_else(|| "x402".to_owned()),
            free_tier_calls: body.free_tier_calls.unwrap_or(0),
            timeout_seconds: body.timeout_seconds,
        }
    }
}

/// What is to change; what is left out, or null, stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"price_per_call": "0.10", "status": "paused"}))]
pub struct ServiceUpdate {
    /// Another name.
    pub name: Option<String>,
    /// Another description.
    pub description: Option<String>,
    /// Another endpoint.
    pub endpoint: Option<String>,
    /// Another price.
    pub price_per_call: Option<String>,
    /// `active`, `paused` or `removed`. A removed service stays removed.
    pub status: Option<String>,
    /// Another category.
    pub category: Option<String>,
    /// Other tags, in place of all there were.
    pub tags: Option<Vec<String>>,
    /// Another way to pay.
    pub payment_method: Option<String>,
    /// More or fewer calls for nothing.
    pub free_tier_calls: Option<i64>,
    /// Another time that it may take to begin its answer, in seconds.
    #[schema(minimum = 1, maximum = 300)]
    pub timeout_seconds: Option<i64>,
}

impl From<&ServiceUpdate> for ServiceChanges {
    fn from(body: &ServiceUpdate) -> Self {
        let body = body.clone();
        Self {
            name: body.name,
            description: body.description,
            endpoint: body.endpoint,
            price_per_call: body.price_per_call,
            category: body.category,
            tags: body.tags,
            payment_method: body.payment_method,
            free_tier_calls: body.free_tier_calls,
            timeout_seconds: body.timeout_seconds,
            status: body.status,
        }
    }
}

/// What a call costs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"price_per_call": "0.05", "currency": "USDC", "payment_method": "x402", "free_tier_calls": 50}))]
pub struct PricingResponse {
    /// In USDC, exactly.
    pub price_per_call: String,
    /// That it is USDC.
    pub currency: &'static str,
    /// How it is paid.
    pub payment_method: &'static str,
    /// How many calls each buyer has for nothing.
    pub free_tier_calls: i64,
}

/// A service.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000031", "provider_id": "my-agent", "name": "Sentiment Analysis API",
    "description": "Analyze text sentiment with confidence scores",
    "pricing": {"price_per_call": "0.05", "currency": "USDC", "payment_method": "x402", "free_tier_calls": 50},
    "status": "active", "category": "ai", "tags": ["nlp", "sentiment"],
    "created_at": "2026-11-22T04:54:03.000001Z", "updated_at": "2026-11-22T04:54:03.000001Z",
}))]
pub struct ServiceResponse {
    /// Its id.
    pub id: ServiceId,
    /// The `owner_id` of who offers it.
    pub provider_id: String,
    /// What it is called.
    pub name: String,
    /// What it does.
    pub description: String,
    /// What a call costs.
    pub pricing: PricingResponse,
    /// `active`, `paused` or `removed`.
    pub status: &'static str,
    /// What kind of thing it does.
    pub category: String,
    /// What its owner wants it to be found by.
    pub tags: Vec<String>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl From<Service> for ServiceResponse {
    fn from(service: Service) -> Self {
        Self {
            id: service.id,
            provider_id: service.provider,
            name: service.name,
            description: service.description,
            pricing: PricingResponse {
                price_per_call: service.price.to_decimal(Asset::USDC),
                currency: "USDC",
                payment_method: service.payment_method.as_str(),
                free_tier_calls: service.free_tier_calls,
            },
            status: service.status.as_str(),
            category: service.category,
            tags: service.tags,
            created_at: service.created_at,
            updated_at: service.updated_at,
        }
    }
}

/// A page of services.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceList {
    /// The services of this page.
    pub services: Vec<ServiceResponse>,
    /// How many those are.
    pub count: usize,
    /// How many there are in all.
    pub total: i64,
    /// How many were skipped.
    pub offset: i64,
    /// How many there may be in a page.
    pub limit: i64,
}

impl ServiceList {
    /// A page as it was asked for.
    pub fn new(found: Page<Service>, page: PageRequest) -> Self {
        let services: Vec<_> = found.items.into_iter().map(ServiceResponse::from).collect();
        Self { count: services.len(), services, total: found.total, offset: page.offset(), limit: page.limit() }
    }
}

/// A service that was removed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"status": "removed", "id": "0198c0de-0000-7000-8000-000000000031"}))]
pub struct ServiceRemoved {
    /// That it is.
    pub status: &'static str,
    /// Which one.
    pub id: ServiceId,
}

/// How many services a category has.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"category": "ai", "count": 12}))]
pub struct CategoryCount {
    /// The category; `uncategorized` for those in none.
    pub category: String,
    /// How many are active.
    pub count: i64,
}

/// All categories.
#[derive(Debug, Serialize, ToSchema)]
pub struct CategoryList {
    /// The fullest first.
    pub categories: Vec<CategoryCount>,
}

/// A service that is called a lot.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrendingService {
    /// The service.
    pub service: ServiceResponse,
    /// How often it was called, and answered, in the last seven days.
    pub call_count: i64,
    /// How long that took on average, in milliseconds.
    pub avg_latency_ms: f64,
}

impl From<Trend> for TrendingService {
    fn from(trend: Trend) -> Self {
        Self { call_count: trend.calls.calls, avg_latency_ms: trend.calls.latency_ms_avg(), service: trend.service.into() }
    }
}

/// Services that are called a lot.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrendingList {
    /// The most called first.
    pub trending: Vec<TrendingService>,
    /// How many those are.
    pub count: usize,
}

/// Services that somebody may like.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecommendationList {
    /// The best first.
    pub recommendations: Vec<ServiceResponse>,
    /// How many those are.
    pub count: usize,
}
