//! The tables, as diesel sees them.

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    networks (id) {
        id -> Uid,
        owner_id -> Uid,
        name -> Text,
        topology -> Text,
        status -> Text,
        created_at -> UtcTime,
        updated_at -> UtcTime,
        metadata -> Nullable<JsonDoc>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    network_participants (id) {
        id -> Uid,
        network_id -> Uid,
        agent_id -> Nullable<Uid>,
        kind -> Text,
        name -> Text,
        status -> Text,
        callback_url -> Nullable<Text>,
        follows_agent -> Bool,
        polling_enabled -> Bool,
        token_digest -> Binary,
        callback_epoch -> Integer,
        created_at -> UtcTime,
        updated_at -> UtcTime,
        capabilities -> Nullable<JsonDoc>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    network_secrets (participant_id, id) {
        participant_id -> Uid,
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
    network_lanes (participant_id) {
        participant_id -> Uid,
        owner_id -> Uid,
        due_at -> Nullable<UtcTime>,
        lease_id -> Nullable<Uid>,
        failing_since -> Nullable<UtcTime>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    network_messages (seq) {
        seq -> BigInt,
        id -> Uid,
        network_id -> Uid,
        sender_id -> Uid,
        recipient_id -> Nullable<Uid>,
        channel -> Text,
        in_reply_to_id -> Nullable<Uid>,
        dedupe -> Nullable<Binary>,
        created_at -> UtcTime,
        content -> Text,
        metadata -> Nullable<JsonDoc>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    network_deliveries (message_seq, recipient_id) {
        message_seq -> BigInt,
        recipient_id -> Uid,
        channel -> Text,
        status -> Text,
        queued -> Bool,
        attempts -> Integer,
        created_at -> UtcTime,
        updated_at -> UtcTime,
        delivered_at -> Nullable<UtcTime>,
        read_at -> Nullable<UtcTime>,
        last_error -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    network_calls (message_id) {
        message_id -> Uid,
        expires_at -> UtcTime,
        idempotency_scope -> Nullable<Text>,
        idempotency_key -> Nullable<Text>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(network_messages, network_deliveries, network_calls);
