//! The tables.

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::{Uid, UtcTime};
    a2a_cards (agent_id) {
        agent_id -> Uid,
        owner_id -> Uid,
        endpoint -> Text,
        name -> Text,
        url -> Text,
        signature -> Text,
        signature_detail -> Nullable<Text>,
        fetched_at -> UtcTime,
        card -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::{JsonDoc, Uid, UtcTime};
    a2a_tasks (id) {
        id -> Uid,
        owner_id -> Uid,
        agent_id -> Nullable<Uid>,
        context_id -> Text,
        state -> Text,
        repeat_digest -> Nullable<Binary>,
        last_event -> BigInt,
        folded_event -> BigInt,
        last_message -> BigInt,
        runner_id -> Nullable<Uid>,
        lease_until -> Nullable<UtcTime>,
        created_at -> UtcTime,
        status_at -> UtcTime,
        status_message -> Nullable<JsonDoc>,
        metadata -> Nullable<JsonDoc>,
        artifacts -> JsonDoc,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::{JsonDoc, Uid};
    a2a_messages (task_id, seq) {
        task_id -> Uid,
        seq -> BigInt,
        message -> JsonDoc,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::{JsonDoc, Uid, UtcTime};
    a2a_events (task_id, seq) {
        task_id -> Uid,
        seq -> BigInt,
        created_at -> UtcTime,
        event -> JsonDoc,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::{Uid, UtcTime};
    a2a_push_configs (task_id, id) {
        task_id -> Uid,
        id -> Text,
        url -> Text,
        version -> Text,
        scheme -> Nullable<Text>,
        key_id -> Nullable<Text>,
        nonce -> Nullable<Binary>,
        secrets -> Nullable<Binary>,
        delivered -> BigInt,
        queued -> Bool,
        created_at -> UtcTime,
    }
}

diesel::allow_tables_to_appear_in_same_query!(a2a_messages, a2a_tasks);
