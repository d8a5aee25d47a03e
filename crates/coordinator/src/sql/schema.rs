//! The tables, as diesel sees them.

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    workflows (id) {
        id -> Uid,
        owner_id -> Uid,
        name -> Text,
        version -> Integer,
        archived_at -> Nullable<UtcTime>,
        created_at -> UtcTime,
        updated_at -> UtcTime,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    workflow_versions (workflow_id, version) {
        workflow_id -> Uid,
        version -> Integer,
        definition -> JsonDoc,
        triggers -> Nullable<JsonDoc>,
        created_at -> UtcTime,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    executions (id) {
        id -> Uid,
        owner_id -> Uid,
        workflow_id -> Nullable<Uid>,
        version -> Nullable<Integer>,
        parent_id -> Nullable<Uid>,
        parent_step_id -> Nullable<Text>,
        root_id -> Nullable<Uid>,
        depth -> Integer,
        status -> Text,
        driver -> BigInt,
        input -> JsonDoc,
        error -> Nullable<Text>,
        created_at -> UtcTime,
        admitted_at -> Nullable<UtcTime>,
        started_at -> Nullable<UtcTime>,
        deadline_at -> Nullable<UtcTime>,
        completed_at -> Nullable<UtcTime>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    tasks (id) {
        id -> Uid,
        owner_id -> Uid,
        goal -> Text,
        conversation_id -> Nullable<Uid>,
        message_id -> Nullable<Uid>,
        external_user_id -> Nullable<Text>,
        max_credits -> Nullable<BigInt>,
        timeout_seconds -> Integer,
        created_at -> UtcTime,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    execution_steps (execution_id, position) {
        execution_id -> Uid,
        position -> Integer,
        id -> Uid,
        step_id -> Text,
        #[sql_name = "type"]
        kind -> Text,
        target -> Nullable<Text>,
        status -> Text,
        chosen -> Nullable<Integer>,
        candidates -> Nullable<JsonDoc>,
        due_at -> Nullable<UtcTime>,
        error -> Nullable<Text>,
        started_at -> Nullable<UtcTime>,
        completed_at -> Nullable<UtcTime>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    execution_attempts (id) {
        id -> Uid,
        execution_id -> Uid,
        position -> Integer,
        attempt -> Integer,
        candidate -> Integer,
        target_id -> Nullable<Uid>,
        target_name -> Text,
        status -> Text,
        may_pass -> Bool,
        input -> JsonDoc,
        output -> Nullable<JsonDoc>,
        error -> Nullable<Text>,
        invocation_id -> Nullable<Uid>,
        child_execution_id -> Nullable<Uid>,
        credits_charged -> Nullable<BigInt>,
        started_at -> UtcTime,
        completed_at -> Nullable<UtcTime>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(workflows, workflow_versions);
diesel::allow_tables_to_appear_in_same_query!(executions, tasks);
diesel::allow_tables_to_appear_in_same_query!(execution_steps, execution_attempts);
