//! Paging: every list is bounded.

use crate::limits;

/// Which slice of a list is asked for. Always within [`limits::PAGE_OFFSET_MAX`] and the list's own bound on `limit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    limit: u32,
    offset: u32,
}

impl PageRequest {
    /// A page of `limit` rows after `offset`; `None` when `limit` is not in `1..=limit_max` or `offset` is beyond
    /// [`limits::PAGE_OFFSET_MAX`].
    #[must_use]
    pub fn new(limit: i64, offset: i64, limit_max: u32) -> Option<Self> {
        let limit = u32::try_from(limit).ok().filter(|limit| (1..=limit_max).contains(limit))?;
        let offset = u32::try_from(offset).ok().filter(|offset| *offset <= limits::PAGE_OFFSET_MAX)?;
        Some(Self { limit, offset })
    }

    /// The first `limit` rows, for callers inside the program. At least one.
    #[must_use]
    pub fn first(limit: u32) -> Self {
        Self { limit: limit.max(1), offset: 0 }
    }

    /// How many rows at most, as SQL takes it.
    #[must_use]
    pub fn limit(self) -> i64 {
        self.limit.into()
    }

    /// How many rows to skip, as SQL takes it.
    #[must_use]
    pub fn offset(self) -> i64 {
        self.offset.into()
    }
}

/// One slice of a list, and how many rows the whole list has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows of this slice, in the list's order.
    pub items: Vec<T>,
    /// How many rows match in all.
    pub total: i64,
}

impl<T> Page<T> {
    /// The same slice with every row turned into something else.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), total: self.total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_bounded() {
        assert!(PageRequest::new(100, 0, 100).is_some());
        for (limit, offset) in [(0, 0), (-1, 0), (101, 0), (1_000_000_000, 0), (10, -1), (10, 1_000_000_000_000)] {
            assert_eq!(PageRequest::new(limit, offset, 100), None, "{limit} {offset}");
        }
    }
}
