//! Services.

use std::time::Duration;

use diesel::{
    AsChangeset, ExpressionMethods, Insertable, JoinOnDsl, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper,
    dsl::{count_star, sql},
    sql_types::{Bool, Float, Text},
};
use rialto_kernel::{Amount, OwnerId, Page, PageRequest, Timestamp};
use rialto_store::{StoreError, Tx, on, types::Json};
use serde_json::Value;

use super::{
    catalog::lower,
    schema::{service_tags, services, services_fts},
};
use crate::{
    check::fold,
    service::{PaymentMethod, Service, ServiceFilter, ServiceId, ServiceSort, ServiceStatus},
    store::ServiceStore,
};

/// The shortest word whose beginning is enough, in characters. Shorter ones would be the beginning of everything.
const PREFIX_CHARS_MIN: usize = 3;

/// The columns of a service that are read.
#[derive(Queryable, Selectable)]
#[diesel(table_name = services)]
struct ServiceRow {
    id: ServiceId,
    owner_id: OwnerId,
    provider: String,
    state: String,
    name: String,
    description: String,
    endpoint: String,
    price: i64,
    payment_method: String,
    free_tier_calls: i64,
    timeout_seconds: Option<i32>,
    category: String,
    tags: Json,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// The columns of a service that are written.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = services)]
struct ServiceValues<'a> {
    id: ServiceId,
    owner_id: OwnerId,
    provider: &'a str,
    state: &'a str,
    name: &'a str,
    description: &'a str,
    endpoint: &'a str,
    price: i64,
    payment_method: &'a str,
    free_tier_calls: i64,
    timeout_seconds: Option<i32>,
    category: &'a str,
    tags: Json,
    labels: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

fn corrupt(what: &str, value: &str) -> StoreError {
    StoreError::Corrupt(format!("services.{what} is {value:?}"))
}

impl TryFrom<ServiceRow> for Service {
    type Error = StoreError;

    fn try_from(row: ServiceRow) -> Result<Self, StoreError> {
        Ok(Self {
            price: Amount::new(row.price).map_err(|_| corrupt("price", &row.price.to_string()))?,
            payment_method: PaymentMethod::from_word(&row.payment_method)
                .ok_or_else(|| corrupt("payment_method", &row.payment_method))?,
            status: ServiceStatus::from_word(&row.state).ok_or_else(|| corrupt("state", &row.state))?,
            tags: serde_json::from_value(row.tags.0).map_err(|error| corrupt("tags", &error.to_string()))?,
            id: row.id,
            owner: row.owner_id,
            provider: row.provider,
            name: row.name,
            description: row.description,
            endpoint: row.endpoint,
            free_tier_calls: row.free_tier_calls,
            timeout: row.timeout_seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs),
            category: row.category,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

impl<'a> From<&'a Service> for ServiceValues<'a> {
    fn from(service: &'a Service) -> Self {
        let words = service.tags.iter().map(String::as_str).chain([service.category.as_str()]);
        Self {
            id: service.id,
            owner_id: service.owner,
            provider: &service.provider,
            state: service.status.as_str(),
            name: &service.name,
            description: &service.description,
            endpoint: &service.endpoint,
            price: service.price.get(),
            payment_method: service.payment_method.as_str(),
            free_tier_calls: service.free_tier_calls,
            timeout_seconds: service.timeout.and_then(|timeout| i32::try_from(timeout.as_secs()).ok()),
            category: &service.category,
            tags: Json(service.tags.iter().map(|tag| Value::from(tag.as_str())).collect()),
            labels: words.collect::<Vec<_>>().join(" "),
            created_at: service.created_at,
            updated_at: service.updated_at,
        }
    }
}

fn services_of(rows: Vec<ServiceRow>) -> Result<Vec<Service>, StoreError> {
    rows.into_iter().map(Service::try_from).collect()
}

/// Any of the words, in the query language of the database that is asked. Terms are letters and digits only; the quotes keep
/// words such as OR and NEAR from being operators.
fn any_of(terms: &[String], is_postgres: bool) -> String {
    let quoted = terms.iter().map(|term| {
        let whole = term.chars().nth(PREFIX_CHARS_MIN - 1).is_none();
        match (is_postgres, whole) {
            (true, true) => format!("'{term}'"),
            (true, false) => format!("'{term}':*"),
            (false, true) => format!("\"{term}\""),
            (false, false) => format!("\"{term}\" *"),
        }
    });
    quoted.collect::<Vec<_>>().join(if is_postgres { " | " } else { " OR " })
}

/// Those of `$base` that a filter wants, whatever their words. A macro, because its type differs between the databases.
macro_rules! wanted {
    ($base:expr, $filter:expr) => {{
        let filter: &ServiceFilter = $filter;
        let mut query = $base.into_boxed();
        if let Some(status) = filter.status {
            query = query.filter(services::state.eq(status.as_str()));
        }
        if let Some(category) = &filter.category {
            query = query.filter(services::category.eq(category));
        }
        if !filter.tags.is_empty() {
            let tagged = service_tags::table.filter(service_tags::tag.eq_any(&filter.tags)).select(service_tags::service_id);
            query = query.filter(services::id.eq_any(tagged));
        }
        if let Some(min) = filter.price_min {
            query = query.filter(services::price.ge(min.get()));
        }
        if let Some(max) = filter.price_max {
            query = query.filter(services::price.le(max.get()));
        }
        if let Some(method) = filter.payment_method {
            query = query.filter(services::payment_method.eq(method.as_str()));
        }
        if let Some(free) = filter.has_free_tier {
            query = query.filter(services::free_tier_calls.gt(0).eq(free));
        }
        if let Some(owner) = filter.owner {
            query = query.filter(services::owner_id.eq(owner));
        }
        query
    }};
}

/// How many a filter wants, and one page of them, where `$rank` puts the best first.
macro_rules! listed {
    ($conn:expr, $base:expr, $rank:expr, $filter:expr, $page:expr) => {{
        let total: i64 = wanted!($base, $filter).count().get_result($conn).await?;
        let query = wanted!($base, $filter);
        let query = match $filter.sort {
            ServiceSort::CreatedAt => query.order((services::created_at.desc(), services::id.desc())),
            ServiceSort::Price => query.order((services::price.asc(), services::id.asc())),
            ServiceSort::Name => query.order((lower(services::name).asc(), services::id.asc())),
            ServiceSort::Relevance => query.order(($rank, services::created_at.desc(), services::id.desc())),
        };
        let query = query.limit($page.limit()).offset($page.offset()).select(ServiceRow::as_select());
        query.load($conn).await.map(|rows: Vec<ServiceRow>| (rows, total))
    }};
}

/// The services whose words match, in PostgreSQL.
macro_rules! matching {
    ($query:expr) => {
        services::table.filter(sql::<Bool>("services.document @@ to_tsquery('english', ").bind::<Text, _>($query).sql(")"))
    };
}

impl ServiceStore for Tx {
    async fn insert_service(&mut self, service: &Service) -> Result<(), StoreError> {
        let values = ServiceValues::from(service);
        on!(self, conn => diesel::insert_into(services::table).values(&values).execute(conn).await)?;
        tag(self, service).await
    }

    async fn find_service(&mut self, id: ServiceId) -> Result<Option<Service>, StoreError> {
        let row: Option<ServiceRow> = on!(self, conn => services::table.filter(services::id.eq(id))
            .select(ServiceRow::as_select()).first(conn).await.optional())?;
        row.map(Service::try_from).transpose()
    }

    async fn lock_service(&mut self, id: ServiceId) -> Result<Option<Service>, StoreError> {
        // SQLite has one writer, so there is nobody to lock out. PostgreSQL still lets others refer to the row.
        let row: Option<ServiceRow> = on!(self,
            sqlite conn => services::table.filter(services::id.eq(id))
                .select(ServiceRow::as_select()).first(conn).await.optional(),
            postgres conn => services::table.filter(services::id.eq(id))
                .select(ServiceRow::as_select()).for_no_key_update().first(conn).await.optional())?;
        row.map(Service::try_from).transpose()
    }

    async fn save_service(&mut self, service: &Service) -> Result<(), StoreError> {
        let values = ServiceValues::from(service);
        on!(self, conn => diesel::update(services::table.filter(services::id.eq(service.id))).set(&values).execute(conn).await)?;
        on!(self, conn => diesel::delete(service_tags::table.filter(service_tags::service_id.eq(service.id)))
            .execute(conn).await)?;
        tag(self, service).await
    }

    async fn list_services(&mut self, filter: &ServiceFilter, page: PageRequest) -> Result<Page<Service>, StoreError> {
        let newest = services::created_at.desc();
        let (rows, total) = match &filter.terms {
            None => on!(self, conn => listed!(conn, services::table, newest, filter, page))?,
            Some(terms) => {
                let query = any_of(terms, self.is_postgres());
                on!(self,
                    sqlite conn => listed!(
                        conn,
                        services::table.inner_join(services_fts::table.on(services_fts::rowid.eq(services::seq)))
                            .filter(sql::<Bool>("services_fts MATCH ").bind::<Text, _>(&query)),
                        services_fts::rank.asc(),
                        filter,
                        page
                    ),
                    postgres conn => listed!(
                        conn,
                        matching!(&query),
                        sql::<Float>("ts_rank('{0, 0.1, 0.5, 1}', services.document, to_tsquery('english', ")
                            .bind::<Text, _>(&query).sql("))").desc(),
                        filter,
                        page
                    )
                )?
            }
        };
        Ok(Page { items: services_of(rows)?, total })
    }

    async fn list_services_by_id(&mut self, ids: &[ServiceId]) -> Result<Vec<Service>, StoreError> {
        let rows: Vec<ServiceRow> = on!(self, conn => services::table.filter(services::id.eq_any(ids))
            .select(ServiceRow::as_select()).load(conn).await)?;
        services_of(rows)
    }

    async fn list_service_categories(&mut self, limit: u32) -> Result<Vec<(String, i64)>, StoreError> {
        on!(self, conn => services::table.filter(services::state.eq(ServiceStatus::Active.as_str()))
            .group_by(services::category).select((services::category, count_star()))
            .order((count_star().desc(), services::category.asc())).limit(i64::from(limit)).load(conn).await)
    }
}

/// Writes the tags that a service is filtered by.
async fn tag(tx: &mut Tx, service: &Service) -> Result<(), StoreError> {
    for tag in &service.tags {
        let row = (service_tags::tag.eq(fold(tag)), service_tags::service_id.eq(service.id));
        on!(tx, conn => diesel::insert_into(service_tags::table).values(&row).execute(conn).await)?;
    }
    Ok(())
}
