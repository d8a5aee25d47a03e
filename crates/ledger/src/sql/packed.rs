//! Many ids as one parameter, on SQLite: their bytes one after another, which a statement takes apart by `substr`. One
//! statement for all costs a fraction of one for each; for a few ids it is the other way round.

use rialto_kernel::Id;

/// Up to so many ids, a statement for each is quicker.
pub(super) const POINT_QUERIES_MAX: usize = 8;

/// The bytes of the ids.
pub(super) fn packed<T>(ids: &[Id<T>]) -> Vec<u8> {
    ids.iter().flat_map(|id| id.uuid().into_bytes()).collect()
}

/// How many bytes that is.
pub(super) fn count<T>(ids: &[Id<T>]) -> i64 {
    i64::try_from(ids.len().saturating_mul(16)).unwrap_or(i64::MAX)
}
