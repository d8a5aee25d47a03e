//! How refusals of the simulator look.

use rialto_simulation::SimulationError;

use crate::http::Problem;

impl From<SimulationError> for Problem {
    fn from(error: SimulationError) -> Self {
        match error {
            SimulationError::Invalid { field, low, high } => {
                Self::invalid(format!("body.{field}"), format!("must be between {low} and {high}"))
            }
            SimulationError::AlreadyRunning => {
                Self::conflict("simulation-running", "A simulation is already running. Stop it first.")
            }
            SimulationError::NotRunning => Self::bad_request("no-simulation-running", "No simulation is running"),
            SimulationError::RunUnknown => Self::not_found("Run not found"),
            SimulationError::Forbidden(why) => Self::forbidden(why),
            SimulationError::Store(error) => error.into(),
            SimulationError::Broken(_) | SimulationError::Ledger(_) => Self::internal(error),
        }
    }
}
