//! Scenarios: simulated economies, to start, stop and look at.

mod config;
pub mod dto;
mod problem;
mod query;
mod read;
mod run;

use utoipa_actix_web::service_config::ServiceConfig;

/// This area's handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(read::list_scenarios)
        .service(run::start_scenario)
        .service(run::stop_scenario)
        .service(read::read_scenario_status)
        .service(read::list_scenario_runs)
        .service(read::read_scenario_run)
        .service(read::list_scenario_ticks)
        .service(read::read_scenario_book)
        .service(read::list_scenario_trades)
        .service(read::list_scenario_candles);
}
