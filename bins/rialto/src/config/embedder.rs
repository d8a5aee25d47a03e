//! What makes vectors, as it is set.

use rialto_identity::Secret;

use super::Flags;

/// What makes the vectors by which agents are found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum EmbedderKind {
    /// The model that is part of this program.
    #[default]
    Builtin,
    /// A server that speaks as OpenAI's API does.
    Http,
    /// Nothing: agents are found by words alone.
    Off,
}

/// Where the agents nearest to a query are looked up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum VectorSearchKind {
    /// By pgvector beyond 100,000 agents, where PostgreSQL has it; else in memory.
    #[default]
    Auto,
    /// In memory.
    Memory,
    /// By pgvector, where PostgreSQL has it.
    Pgvector,
}

/// The settings of what makes vectors.
#[derive(Debug, Clone)]
pub struct EmbedderSettings {
    /// Which.
    pub kind: EmbedderKind,
    /// Where the server is, without a slash at the end.
    pub url: String,
    /// The server's model.
    pub model: Option<String>,
    /// How many numbers that model's vectors have.
    pub dimensions: Option<usize>,
    /// The server's key.
    pub key: Option<Secret>,
    /// Where they are compared.
    pub search: VectorSearchKind,
}

impl EmbedderSettings {
    /// Fills in the defaults.
    pub(super) fn from_flags(flags: &Flags) -> Self {
        let url = flags.embedder_url.as_deref().unwrap_or("https://api.openai.com/v1");
        Self {
            kind: flags.embedder.unwrap_or_default(),
            url: url.trim_end_matches('/').to_owned(),
            model: flags.embedder_model.clone(),
            dimensions: flags.embedder_dimensions.map(usize::from),
            key: flags.embedder_key.clone(),
            search: flags.vector_search.unwrap_or_default(),
        }
    }
}
