//! What makes the vectors by which agents are found.

mod http;

use std::{error::Error, sync::Arc};

use rialto_embeddings::{Builtin, MiniLm};
use rialto_registry::{Finder, VectorSearch};

use self::http::HttpEmbedder;
use crate::config::{EmbedderKind, EmbedderSettings, VectorSearchKind};

/// The finder that the settings ask for.
///
/// # Errors
/// Settings that name no embedder, or one that may not be called.
pub async fn finder(settings: &EmbedderSettings) -> Result<Finder, Box<dyn Error>> {
    match settings.kind {
        EmbedderKind::Off => Ok(Finder::off()),
        EmbedderKind::Http => Ok(Finder::new(Arc::new(HttpEmbedder::new(settings)?))),
        EmbedderKind::Builtin => {
            let threads = std::thread::available_parallelism().map_or(2, usize::from);
            let model = actix_web::rt::task::spawn_blocking(MiniLm::builtin).await??;
            Ok(Finder::new(Arc::new(Builtin::new(Arc::new(model), threads))))
        }
    }
}

/// Where the settings want neighbours to be looked up.
#[must_use]
pub const fn search(settings: &EmbedderSettings) -> VectorSearch {
    match settings.search {
        VectorSearchKind::Auto => VectorSearch::Auto,
        VectorSearchKind::Memory => VectorSearch::Memory,
        VectorSearchKind::Pgvector => VectorSearch::Pgvector,
    }
}
