//! The tables of identity.

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::{Uid, UtcTime};
    owners (id) {
        id -> Uid,
        kind -> Text,
        external_id -> Nullable<Text>,
        created_at -> UtcTime,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::{Uid, UtcTime};
    users (id) {
        id -> Uid,
        email -> Text,
        email_key -> Text,
        first_name -> Nullable<Text>,
        last_name -> Nullable<Text>,
        password_hash -> Text,
        role -> Text,
        is_active -> Bool,
        created_at -> UtcTime,
        updated_at -> UtcTime,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::{Uid, UtcTime};
    api_keys (id) {
        id -> Uid,
        owner_id -> Uid,
        name -> Text,
        secret_hash -> Binary,
        commerce_id -> Nullable<Text>,
        wallet_address -> Nullable<Text>,
        role_cap -> Nullable<Text>,
        rate_limit_per_minute -> Nullable<Integer>,
        created_at -> UtcTime,
        last_used_at -> Nullable<UtcTime>,
        expires_at -> Nullable<UtcTime>,
        maker_id -> Nullable<Uid>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::UtcTime;
    login_attempts (subject) {
        subject -> Text,
        failures -> Integer,
        window_started_at -> UtcTime,
    }
}

diesel::allow_tables_to_appear_in_same_query!(api_keys, users);
