//! A2A: the cards that we publish, agents that are imported by theirs, and the protocol itself.

mod cards;
mod dto;
mod import;
mod network_task;
mod operations;
mod problem;
mod query;
mod rest;
mod rpc;
mod sse;

pub use cards::base;
use utoipa_actix_web::service_config::ServiceConfig;

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(cards::platform_agent_card)
        .service(cards::legacy_platform_agent_card)
        .service(cards::read_platform_card)
        .service(cards::list_agent_cards)
        // Before the agents of those names.
        .service(import::fetch_card)
        .service(import::import_agent)
        .service(import::import_agents)
        .service(import::refresh_agent)
        .service(cards::read_agent_card)
        .service(cards::well_known_agent_card)
        .service(cards::read_imported_card)
        .service(network_task::send_network_task)
        .service(rpc::call_platform)
        .service(rpc::call_agent)
        .configure(bind_messages)
        .configure(bind_tasks);
}

fn bind_messages(config: &mut ServiceConfig<'_>) {
    config
        .service(rest::a2a_send_message)
        .service(rest::a2a_send_agent_message)
        .service(rest::a2a_stream_message)
        .service(rest::a2a_stream_agent_message)
        .service(rest::a2a_extended_card)
        .service(rest::a2a_extended_agent_card);
}

fn bind_tasks(config: &mut ServiceConfig<'_>) {
    config
        .service(rest::a2a_list_tasks)
        .service(rest::a2a_list_agent_tasks)
        // Before the tasks of those names.
        .service(rest::a2a_cancel_task)
        .service(rest::a2a_cancel_agent_task)
        .service(rest::a2a_subscribe_to_task)
        .service(rest::a2a_subscribe_to_agent_task)
        .service(rest::a2a_resubscribe_to_task)
        .service(rest::a2a_resubscribe_to_agent_task)
        .service(rest::a2a_get_task)
        .service(rest::a2a_get_agent_task)
        .service(rest::a2a_create_push_config)
        .service(rest::a2a_create_agent_push_config)
        .service(rest::a2a_list_push_configs)
        .service(rest::a2a_list_agent_push_configs)
        .service(rest::a2a_get_push_config)
        .service(rest::a2a_get_agent_push_config)
        .service(rest::a2a_delete_push_config)
        .service(rest::a2a_delete_agent_push_config);
}
