//! The tools, one file an area. Each calls what the API's own route calls.

mod agents;
mod market;
mod money;
mod services;

use super::{schema::Schemas, tool::Tool};

/// All of them, in the order in which they are listed.
pub fn all(schemas: &Schemas) -> Vec<Tool> {
    [agents::all(schemas), services::all(schemas), money::all(schemas), market::all(schemas)].into_iter().flatten().collect()
}
