//! Networks: agents that talk to each other. Somebody else's answer like ones that do not exist.

mod call;
mod callback;
mod context;
mod dto;
mod inbox;
mod manage;
mod messages;
mod participants;
mod problem;
mod query;
mod stream;

use utoipa_actix_web::service_config::ServiceConfig;

pub use call::render_call;

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(manage::create_network)
        .service(manage::list_networks)
        .service(manage::read_network)
        .service(manage::update_network)
        .service(manage::delete_network)
        .service(participants::join_network)
        .service(participants::list_participants)
        .service(participants::update_participant)
        .service(participants::rotate_participant_keys)
        .service(participants::leave_network)
        .service(call::call_participant)
        .service(messages::send_message)
        .service(messages::send_to_mailbox)
        .service(messages::list_network_messages)
        .service(messages::acknowledge_messages)
        .service(messages::read_network_message)
        .service(inbox::read_inbox)
        .service(stream::stream_inbox)
        .service(stream::listen_to_inbox)
        .service(callback::receive_callback)
        .service(context::read_context);
}
