//! How values of the model look in columns.

use rialto_store::{StoreError, types::Json};

use crate::model::{Balanced, Balancing, Metadata};

/// Nothing to remember is NULL.
pub(super) fn metadata_to_column(metadata: &Metadata) -> Option<Json> {
    let words = || metadata.words().iter().map(|(key, value)| (key.clone(), value.clone().into())).collect();
    (!metadata.is_empty()).then(|| Json(serde_json::Value::Object(words())))
}

pub(super) fn metadata_from_column(column: Option<Json>) -> Result<Metadata, StoreError> {
    let Some(Json(value)) = column else { return Ok(Metadata::NONE) };
    let words = serde_json::from_value(value).map_err(|error| StoreError::Corrupt(format!("metadata: {error}")))?;
    Metadata::new(words).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// `at_most` and `balancing`.
pub(super) fn balanced_to_columns(balanced: Option<Balanced>) -> (Option<i64>, Option<i16>) {
    let by = |by| match by {
        Balancing::Debit => 1,
        Balancing::Credit => 2,
    };
    (balanced.map(|balanced| balanced.at_most.get()), balanced.map(|balanced| by(balanced.by)))
}

pub(super) fn balanced_from_columns(at_most: Option<i64>, balancing: Option<i16>) -> Result<Option<Balanced>, StoreError> {
    let by = match (at_most, balancing) {
        (None, None) => return Ok(None),
        (_, Some(1)) => Balancing::Debit,
        (_, Some(2)) => Balancing::Credit,
        _ => return Err(StoreError::Corrupt(format!("balancing {balancing:?} at most {at_most:?}"))),
    };
    Ok(Some(Balanced { by, at_most: super::amount(at_most.unwrap_or_default())? }))
}
