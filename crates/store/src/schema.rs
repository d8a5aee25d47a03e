//! The tables of the store itself.

diesel::table! {
    use diesel::sql_types::*;
    use crate::types::{JsonDoc, Uid, UtcTime};
    outbox (id) {
        seq -> BigInt,
        id -> Uid,
        kind -> Text,
        subject_id -> Uid,
        owner_id -> Nullable<Uid>,
        data -> JsonDoc,
        occurred_at -> UtcTime,
        brief -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::types::UtcTime;
    idempotency_keys (scope_digest, key) {
        scope_digest -> Binary,
        key -> Text,
        fingerprint -> Binary,
        status -> Nullable<Integer>,
        response -> Nullable<Text>,
        created_at -> UtcTime,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::types::UtcTime;
    schema_migrations (name) {
        name -> Text,
        applied_at -> UtcTime,
    }
}
