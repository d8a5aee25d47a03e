//! Lists: a bounded page in, a bare array and its total out.

use actix_web::HttpResponse;
use rialto_kernel::{Page, PageRequest, limits::PAGE_OFFSET_MAX};
use serde::Serialize;

use super::Problem;

/// How many items match in all, whatever the page.
pub const TOTAL_HEADER: &str = "X-Total-Count";

/// The page that `?limit=&offset=` asks for, or 422.
pub fn page(limit: Option<i64>, offset: Option<i64>, limit_default: u32, limit_max: u32) -> Result<PageRequest, Problem> {
    let (limit, offset) = (limit.unwrap_or(i64::from(limit_default)), offset.unwrap_or(0));
    if !(1..=i64::from(limit_max)).contains(&limit) {
        return Err(Problem::invalid("query.limit", format!("must be between 1 and {limit_max}")));
    }
    PageRequest::new(limit, offset, limit_max)
        .ok_or_else(|| Problem::invalid("query.offset", format!("must be between 0 and {PAGE_OFFSET_MAX}")))
}

/// The number that `?field=` gives, from `low` to `high`; `default` when it is left out. 422 for any other.
pub fn number(field: &str, given: Option<i64>, default: u32, low: u32, high: u32) -> Result<u32, Problem> {
    let Some(given) = given else { return Ok(default) };
    let number = u32::try_from(given).ok().filter(|number| (low..=high).contains(number));
    number.ok_or_else(|| Problem::invalid(format!("query.{field}"), format!("must be between {low} and {high}")))
}

/// 200 with a bare array, as the first reference's clients read lists, and the total in a header.
pub fn list<T: Serialize>(page: &Page<T>) -> HttpResponse {
    HttpResponse::Ok().insert_header((TOTAL_HEADER, page.total.to_string())).json(&page.items)
}
