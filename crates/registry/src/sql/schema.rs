//! The registry's tables. `agent_texts_fts` and `agent_texts.document` are one database's each; see [`super::search`]. So are
//! `services_fts` and `services.document`.

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::{JsonDoc, Uid, UtcTime};
    agents (id) {
        id -> Uid,
        slug -> Text,
        owner_id -> Uid,
        state -> Text,
        name -> Text,
        version -> Text,
        endpoint -> Text,
        protocol -> Text,
        auth_type -> Text,
        category -> Nullable<Text>,
        trust_verification -> Text,
        pricing_strategy -> Nullable<Text>,
        base_price -> Nullable<BigInt>,
        pricing_enabled -> Bool,
        supports_streaming -> Bool,
        is_brand_agent -> Bool,
        brand_id -> Nullable<Uid>,
        has_credential -> Bool,
        rating_sum -> Integer,
        rating_count -> Integer,
        created_at -> UtcTime,
        updated_at -> UtcTime,
        deleted_at -> Nullable<UtcTime>,
        tags -> JsonDoc,
        description -> Text,
        input_schema -> Nullable<JsonDoc>,
        output_schema -> Nullable<JsonDoc>,
        manifest -> Nullable<JsonDoc>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::Uid;
    agent_tags (tag, agent_id) {
        tag -> Text,
        agent_id -> Uid,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::Uid;
    agent_words (word, agent_id) {
        word -> Text,
        agent_id -> Uid,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::{JsonDoc, Uid};
    agent_capabilities (agent_id, capability) {
        agent_id -> Uid,
        capability -> Text,
        position -> Integer,
        input_schema -> Nullable<JsonDoc>,
        output_schema -> Nullable<JsonDoc>,
        auth -> Nullable<JsonDoc>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::Uid;
    agent_texts (agent_id) {
        agent_id -> Uid,
        name -> Text,
        labels -> Text,
        description -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::{Uid, UtcTime};
    agent_ratings (id) {
        id -> Uid,
        agent_id -> Uid,
        owner_id -> Uid,
        score -> Integer,
        comment -> Nullable<Text>,
        created_at -> UtcTime,
        updated_at -> UtcTime,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::{Uid, UtcTime};
    agent_credentials (agent_id) {
        agent_id -> Uid,
        credential_type -> Text,
        ciphertext -> Binary,
        nonce -> Binary,
        key_id -> Text,
        auth_header -> Nullable<Text>,
        auth_scheme -> Nullable<Text>,
        updated_at -> UtcTime,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::{JsonDoc, Uid, UtcTime};
    agent_identities (agent_id) {
        agent_id -> Uid,
        identity_type -> Text,
        wallet_address -> Nullable<Text>,
        is_deactivated -> Bool,
        held_by_admin -> Bool,
        verification_barred -> Bool,
        method -> Nullable<Text>,
        issuer -> Nullable<Text>,
        subject -> Nullable<Text>,
        verified_by -> Nullable<Uid>,
        proof -> Nullable<Binary>,
        verified_at -> Nullable<UtcTime>,
        expires_at -> Nullable<UtcTime>,
        metadata -> Nullable<JsonDoc>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::{Uid, UtcTime};
    agent_challenges (digest) {
        digest -> Binary,
        agent_id -> Uid,
        asked_by -> Uid,
        expires_at -> UtcTime,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::UtcTime;
    agent_proofs (digest) {
        digest -> Binary,
        expires_at -> UtcTime,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::Uid;
    owner_standings (owner_id) {
        owner_id -> Uid,
        overall -> Integer,
        calls -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::{JsonDoc, Uid, UtcTime};
    services (seq) {
        seq -> BigInt,
        id -> Uid,
        owner_id -> Uid,
        provider -> Text,
        state -> Text,
        name -> Text,
        description -> Text,
        endpoint -> Text,
        price -> BigInt,
        payment_method -> Text,
        free_tier_calls -> BigInt,
        timeout_seconds -> Nullable<Integer>,
        category -> Text,
        tags -> JsonDoc,
        labels -> Text,
        created_at -> UtcTime,
        updated_at -> UtcTime,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::Uid;
    service_tags (tag, service_id) {
        tag -> Text,
        service_id -> Uid,
    }
}

// SQLite's alone.
diesel::table! {
    services_fts (rowid) {
        rowid -> BigInt,
        rank -> Double,
    }
}

diesel::allow_tables_to_appear_in_same_query!(services, service_tags, services_fts);
diesel::allow_tables_to_appear_in_same_query!(agents, agent_tags, agent_capabilities, agent_texts, agent_identities);
