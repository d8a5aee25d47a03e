//! The tables, as diesel sees them.

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    conversations (id) {
        id -> Uid,
        owner_id -> Uid,
        integration_id -> Nullable<Uid>,
        external_user_id -> Nullable<Text>,
        title -> Nullable<Text>,
        created_at -> UtcTime,
        updated_at -> UtcTime,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    messages (conversation_id, id) {
        conversation_id -> Uid,
        id -> Uid,
        role -> Text,
        agent_id -> Nullable<Uid>,
        created_at -> UtcTime,
        content -> Text,
        metadata -> Nullable<JsonDoc>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    invocations (id) {
        id -> Uid,
        caller_id -> Uid,
        agent_id -> Uid,
        agent_owner_id -> Uid,
        agent_slug -> Text,
        agent_name -> Text,
        conversation_id -> Uid,
        message_id -> Uid,
        parent_invocation_id -> Nullable<Uid>,
        integration_id -> Nullable<Uid>,
        price -> BigInt,
        share_payload -> Bool,
        idempotency_scope -> Nullable<Text>,
        idempotency_key -> Nullable<Text>,
        created_at -> UtcTime,
        expires_at -> UtcTime,
        finished_at -> Nullable<UtcTime>,
        success -> Nullable<Bool>,
        status_code -> Nullable<Integer>,
        credits_charged -> Nullable<BigInt>,
        latency_ms -> Nullable<BigInt>,
        error_message -> Nullable<Text>,
        request_payload -> JsonDoc,
        response_payload -> Nullable<JsonDoc>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    usage_records (id) {
        id -> Uid,
        service_id -> Uid,
        buyer_id -> Uid,
        provider_id -> Uid,
        price -> BigInt,
        is_free -> Bool,
        payment_method -> Text,
        commission_ppm -> Integer,
        request_id -> Nullable<Text>,
        claim_scope -> Nullable<Text>,
        claim_key -> Nullable<Text>,
        created_at -> UtcTime,
        expires_at -> UtcTime,
        finished_at -> Nullable<UtcTime>,
        delivered -> Nullable<Bool>,
        status_code -> Nullable<Integer>,
        latency_ms -> Nullable<BigInt>,
        amount -> Nullable<BigInt>,
        error -> Nullable<Text>,
        commission -> Nullable<BigInt>,
        payment_tx -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    free_calls (service_id, buyer_id) {
        service_id -> Uid,
        buyer_id -> Uid,
        taken -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    deposits (id) {
        id -> Uid,
        owner_id -> Uid,
        amount -> BigInt,
        rail -> Text,
        rail_reference -> Text,
        rail_payment -> Nullable<Text>,
        checkout_url -> Nullable<Text>,
        status -> Text,
        note -> Nullable<Text>,
        ask_at -> Nullable<UtcTime>,
        asks -> Integer,
        returned_at -> Nullable<UtcTime>,
        returned -> BigInt,
        owed -> BigInt,
        kept -> BigInt,
        asked_at -> Nullable<UtcTime>,
        created_at -> UtcTime,
        updated_at -> UtcTime,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    deposit_payments (rail, payment) {
        rail -> Text,
        payment -> Text,
        deposit_id -> Uid,
        status -> Text,
        returned -> BigInt,
        created_at -> UtcTime,
        updated_at -> UtcTime,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    deposit_refunds (rail, refund) {
        rail -> Text,
        refund -> Text,
        deposit_id -> Uid,
        payment -> Text,
        amount -> BigInt,
        taken -> BigInt,
        created_at -> UtcTime,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    usage_days (owner_id, party, day, service_id) {
        owner_id -> Uid,
        party -> Text,
        day -> Integer,
        service_id -> Uid,
    }
}

// The registry's: which of them are active is asked together with what they are called.
diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    services (id) {
        id -> Uid,
        state -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(usage_records, services);
