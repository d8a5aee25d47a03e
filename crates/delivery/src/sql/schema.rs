//! The tables, as diesel sees them.

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    webhooks (id) {
        id -> Uid,
        owner_id -> Uid,
        url -> Text,
        events -> JsonDoc,
        active -> Bool,
        since_seq -> BigInt,
        created_at -> UtcTime,
        updated_at -> UtcTime,
        deleted_at -> Nullable<UtcTime>,
    }
}
diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    webhook_secrets (webhook_id, id) {
        webhook_id -> Uid,
        id -> Uid,
        key_id -> Text,
        nonce -> Binary,
        ciphertext -> Binary,
        created_at -> UtcTime,
        expires_at -> Nullable<UtcTime>,
    }
}
diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    webhook_lanes (webhook_id) {
        webhook_id -> Uid,
        owner_id -> Uid,
        due_at -> Nullable<UtcTime>,
        lease_id -> Nullable<Uid>,
    }
}
diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    webhook_deliveries (seq) {
        seq -> BigInt,
        id -> Uid,
        webhook_id -> Uid,
        event_seq -> Nullable<BigInt>,
        event -> Text,
        subject_id -> Uid,
        body -> Text,
        status -> Text,
        attempts -> Integer,
        tries -> Integer,
        due_at -> Nullable<UtcTime>,
        created_at -> UtcTime,
        ended_at -> Nullable<UtcTime>,
        last_status -> Nullable<Integer>,
        last_error -> Nullable<Text>,
    }
}
diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    webhook_attempts (delivery_seq, number) {
        delivery_seq -> BigInt,
        number -> Integer,
        at -> UtcTime,
        duration_ms -> BigInt,
        status_code -> Nullable<Integer>,
        error -> Nullable<Text>,
    }
}
diesel::table! {
    use diesel::sql_types::*;
    webhook_cursor (id) {
        id -> Integer,
        seq -> BigInt,
    }
}

// Identity's: owners are told by their names.
diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    owners (id) {
        id -> Uid,
        external_id -> Nullable<Text>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(webhooks, owners);
diesel::allow_tables_to_appear_in_same_query!(webhooks, webhook_lanes);
