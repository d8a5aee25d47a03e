//! Agents: find them, read them, call them.

use rialto_registry::AgentView;
use rialto_store::idempotency::Stored;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::routes::{
    broker::{self, InvokeRequest, InvokeResponse, Made},
    mcp::{
        schema::Schemas,
        tool::{Answer, Call, Done, Effect, Tool},
    },
    registry::{self, AgentListResponse, AgentResponse, DiscoverParams},
};

pub fn all(schemas: &Schemas) -> Vec<Tool> {
    let search = Tool {
        name: "search_agents",
        title: "Search agents",
        description: "Finds AI agents for a need in plain words, with their prices in credits, ratings and success rates. Call one \
            with invoke_agent.",
        is_public: true,
        effect: Effect::Reads,
        input: schemas.parameters::<DiscoverParams>(),
        output: schemas.body::<FoundAgents>(),
        run: search_agents,
    };
    let get = Tool {
        name: "get_agent",
        title: "Read an agent",
        description: "Everything about one agent: what it does, the JSON Schema of its input, its price in credits, how it is rated.",
        is_public: true,
        effect: Effect::Reads,
        input: schemas.body::<WhichAgent>(),
        output: schemas.body::<AgentResponse>(),
        run: get_agent,
    };
    let invoke = Tool {
        name: "invoke_agent",
        title: "Invoke an agent",
        description: "Calls an agent and pays its price in credits from your wallet, if it answers well; otherwise nothing is charged. \
            Give max_credits to bound the price, and an idempotency_key so that a repeat is not charged again.",
        is_public: false,
        effect: Effect::Calls,
        input: schemas.body::<InvokeRequest>(),
        output: schemas.body::<InvokeResponse<'_>>(),
        run: invoke_agent,
    };
    vec![search, get, invoke.once()]
}

/// Agents that were found.
#[derive(Serialize, ToSchema)]
struct FoundAgents {
    /// The best first.
    agents: Vec<AgentListResponse>,
    /// How many those are.
    count: usize,
}

/// Which agent.
#[derive(Deserialize, ToSchema)]
struct WhichAgent {
    /// Its readable id, or its UUID.
    agent_id: String,
}

fn search_agents(call: Call) -> Answer {
    Box::pin(async move {
        let found: Vec<AgentView> = registry::find_agents(&call.app, call.arguments::<DiscoverParams>()?).await?;
        let agents: Vec<_> = found.into_iter().map(AgentListResponse::from).collect();
        Done::with(&FoundAgents { count: agents.len(), agents })
    })
}

fn get_agent(call: Call) -> Answer {
    Box::pin(async move {
        let which: WhichAgent = call.arguments()?;
        Done::with(&registry::find_agent(&call.app, &which.agent_id).await?)
    })
}

fn invoke_agent(call: Call) -> Answer {
    Box::pin(async move {
        let asked: InvokeRequest = call.arguments()?;
        let caller = call.caller()?;
        let key = call.key(&caller, "invoke_agent")?;
        let made = broker::make(&call.app, caller, asked.into_call(&call.request)?, key).await?;
        let done = Done::kept(&match made {
            Made::Now(body) => Stored { status: 200, body },
            Made::Replayed(stored) => stored,
        })?;
        Ok(Done { failed: done.value.get("success") != Some(&true.into()), ..done })
    })
}
