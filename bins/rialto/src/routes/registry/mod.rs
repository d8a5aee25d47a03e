//! Agents: registering them, finding them, rating them.

mod discover;
mod dto;
mod manage;
mod problem;
mod query;
mod rate;
mod read;

pub use self::manage::{judge, judge_change};
use utoipa_actix_web::service_config::ServiceConfig;

pub use discover::find_agents;
pub use dto::{AgentListResponse, AgentResponse};
pub use query::DiscoverParams;
pub use read::find_agent;

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(manage::register_agent)
        .service(read::list_agents)
        // Before the agent of that name.
        .service(discover::list_new_agents)
        .service(discover::list_trending_agents)
        .service(read::read_agent)
        .service(manage::update_agent)
        .service(manage::delete_agent)
        .service(discover::discover_agents)
        .service(read::list_my_agents)
        .service(rate::rate_agent)
        .service(rate::list_agent_ratings)
        .service(manage::set_agent_credentials)
        .service(manage::delete_agent_credentials);
}
