//! The cards that we publish: of the platform, and of each agent. Calls of an agent come to us, whoever runs it, so its card
//! has our address in it, and our ways in.

use rialto_registry::Agent;
use serde_json::{Value, json};

/// What agents take and give.
pub(crate) const MODES: [&str; 2] = ["application/json", "text/plain"];

/// What the card of the platform says that the settings decide.
#[derive(Debug, Clone, Copy)]
pub struct Platform<'a> {
    /// Where clients reach us, without a slash at its end.
    pub base: &'a str,
    /// Our version.
    pub version: &'a str,
}

/// Where an agent's calls come in.
fn place(base: &str, agent: &Agent) -> String {
    format!("{base}/a2a/agents/{}", agent.slug)
}

fn interfaces(url: &str) -> Value {
    json!([
        {"url": url, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"},
        {"url": url, "protocolBinding": "HTTP+JSON", "protocolVersion": "1.0"},
        {"url": url, "protocolBinding": "JSONRPC", "protocolVersion": "0.3"},
    ])
}

/// A card of version 1.0.
fn modern(url: &str, base: &str, about: Value, skills: Value) -> Value {
    let mut card = json!({
        "supportedInterfaces": interfaces(url),
        "provider": {"organization": "Rialto", "url": base},
        "capabilities": {"streaming": true, "pushNotifications": true, "extendedAgentCard": true},
        "securitySchemes": {
            "bearer": {"httpAuthSecurityScheme": {"scheme": "Bearer", "description": "A token, or `<key id>:<key>`."}},
            "apiKey": {"apiKeySecurityScheme": {"location": "header", "name": "X-API-Key"}},
        },
        "securityRequirements": [{"schemes": {"bearer": {"list": []}}}, {"schemes": {"apiKey": {"list": []}}}],
        "defaultInputModes": MODES,
        "defaultOutputModes": MODES,
        "skills": skills,
    });
    merge(&mut card, about);
    card
}

/// A card as the first reference and version 0.3 have it.
fn legacy(url: &str, about: Value, skills: Value) -> Value {
    let mut card = json!({
        "url": url,
        "protocolVersion": "0.3.0",
        "preferredTransport": "JSONRPC",
        "supportedInterfaces": interfaces(url),
        "capabilities": {"streaming": true, "pushNotifications": true},
        "authentication": {"schemes": ["apiKey", "bearer"]},
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer"},
            "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        },
        "security": [{"bearer": []}, {"apiKey": []}],
        "supportsAuthenticatedExtendedCard": true,
        "defaultInputModes": MODES,
        "defaultOutputModes": MODES,
        "skills": skills,
    });
    merge(&mut card, about);
    card
}

fn merge(card: &mut Value, more: Value) {
    if let (Value::Object(card), Value::Object(more)) = (card, more) {
        card.extend(more);
    }
}

fn about(agent: &Agent) -> Value {
    json!({"name": agent.name, "description": agent.description, "version": agent.version})
}

/// An agent is one skill: what it can do in detail, it says in words.
fn skills(agent: &Agent) -> Value {
    // A list of tags may not be empty in version 1.0.
    let tags = if agent.tags.is_empty() { vec!["agent".to_owned()] } else { agent.tags.clone() };
    json!([{"id": agent.slug, "name": agent.name, "description": agent.description, "tags": tags}])
}

/// The card of an agent, as of version 1.0.
#[must_use]
pub fn agent_card(agent: &Agent, base: &str) -> Value {
    modern(&place(base, agent), base, about(agent), skills(agent))
}

/// The card of an agent as the first reference has it, which is one of version 0.3 as well.
#[must_use]
pub fn legacy_agent_card(agent: &Agent, base: &str) -> Value {
    legacy(&place(base, agent), about(agent), skills(agent))
}

fn platform_skills() -> Value {
    let skill =
        |id: &str, name: &str, description: &str| json!({"id": id, "name": name, "description": description, "tags": [id]});
    json!([
        skill("discover", "Discover agents", "Say in plain words what you need; get the agents that can do it."),
        skill("invoke", "Invoke an agent", "Name an agent in the message's metadata as agent_id; it is called and paid for you."),
        skill("orchestrate", "Orchestrate agents", "Run workflows of several agents."),
        skill("network", "Agent networks", "Let agents talk to each other by calls, messages and mailboxes."),
    ])
}

fn about_platform(version: &str) -> Value {
    json!({
        "name": "Rialto",
        "description": "The economy server for AI agents: agents register, are found, are called, and are paid.",
        "version": version,
    })
}

/// The card of the platform, as of version 1.0.
#[must_use]
pub fn platform_card(platform: Platform<'_>) -> Value {
    let url = format!("{}/a2a", platform.base);
    modern(&url, platform.base, about_platform(platform.version), platform_skills())
}

/// The card of the platform as the first reference has it, which is one of version 0.3 as well.
#[must_use]
pub fn legacy_platform_card(platform: Platform<'_>) -> Value {
    let url = format!("{}/a2a", platform.base);
    let mut card = legacy(&url, about_platform(platform.version), platform_skills());
    if let Some(capabilities) = card.get_mut("capabilities") {
        let more = json!({
            "networks": true,
            "topologies": ["mesh", "star", "ring", "custom"],
            "channels": ["call", "message", "mailbox"],
        });
        merge(capabilities, more);
    }
    card
}
