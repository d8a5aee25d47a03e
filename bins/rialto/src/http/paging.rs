//! Lists: a bounded page in, a bare array and its total out.

use actix_web::HttpResponse;
use rialto_kernel::{Page, PageRequest, limits::PAGE_OFFSET_MAX};
use serde::Serialize;

use super::Problem;

/// How many items match in all, whatever the page.
pub const TOTAL_HEADER: &str = "X-Total-Count";

/// Lists of the third reference give so many items at most.
const LIMIT_CAP: u32 = 100;

/// The page that `?limit=&offset=` asks for, or 422.
pub fn page(limit: Option<i64>, offset: Option<i64>, limit_default: u32, limit_max: u32) -> Result<PageRequest, Problem> {
    let (limit, offset) = (limit.unwrap_or(i64::from(limit_default)), offset.unwrap_or(0));
    if !(1..=i64::from(limit_max)).contains(&limit) {
        return Err(Problem::invalid("query.limit", format!("must be between 1 and {limit_max}")));
    }
    PageRequest::new(limit, offset, limit_max)
        .ok_or_else(|| Problem::invalid("query.offset", format!("must be between 0 and {PAGE_OFFSET_MAX}")))
}

/// As [`page`], of a list of the third reference: its limit is a [`capped_limit`].
pub fn capped_page(limit: Option<i64>, offset: Option<i64>, limit_default: u32) -> Result<PageRequest, Problem> {
    page(Some(capped_limit(limit, limit_default)?.into()), offset, limit_default, LIMIT_CAP)
}

/// How many items `?limit=` asks for, of a list of the third reference, whose clients ask for more than it gives and rely on being given
/// what it has: what is above [`LIMIT_CAP`] is that. 422 for less than one.
pub fn capped_limit(limit: Option<i64>, default: u32) -> Result<u32, Problem> {
    let Some(limit) = limit else { return Ok(default) };
    if limit < 1 {
        return Err(Problem::invalid("query.limit", "must be 1 or more"));
    }
    Ok(u32::try_from(limit).map_or(LIMIT_CAP, |limit| limit.min(LIMIT_CAP)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_above_the_maximum_is_refused_or_capped() {
        for (given, limit) in
            [(None, 20), (Some(1), 1), (Some(100), 100), (Some(101), 100), (Some(500), 100), (Some(i64::MAX), 100)]
        {
            assert_eq!(capped_limit(given, 20).unwrap(), limit, "{given:?}");
            let page = capped_page(given, Some(7), 20).unwrap();
            assert_eq!((page.limit(), page.offset()), (limit.into(), 7), "{given:?}");
        }
        for given in [0, -1, i64::MIN] {
            assert!(capped_limit(Some(given), 20).is_err() && capped_page(Some(given), None, 20).is_err(), "{given}");
        }
        assert!(capped_page(Some(500), Some(-1), 20).is_err());
        assert!(page(Some(101), None, 20, 100).is_err() && page(Some(100), None, 20, 100).is_ok());
    }
}
