//! The built-in model, off the async threads.

use std::sync::Arc;

use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::{
    DIMENSIONS, DOCUMENT_TOKENS_MAX, EmbedError, Embedder, Embedding, Language, MODEL, MiniLm, Purpose, QUERY_TOKENS_MAX,
};

/// How many texts are embedded in one go. Whoever comes next, a query perhaps, waits for no more than these.
const TEXTS_AT_ONCE: usize = 8;

/// [`MiniLm`] on the runtime's blocking threads, on a bounded number of them at once. Callers take turns in the order in
/// which they came, eight texts at a time, so that a query does not wait for an import.
#[derive(Debug, Clone)]
pub struct Builtin {
    model: Arc<MiniLm>,
    threads: Arc<Semaphore>,
}

impl Builtin {
    /// `model` on at most `threads` threads at once, at least one.
    #[must_use]
    pub fn new(model: Arc<MiniLm>, threads: usize) -> Self {
        Self { model, threads: Arc::new(Semaphore::new(threads.clamp(1, Semaphore::MAX_PERMITS))) }
    }

    async fn embed_all(&self, texts: Vec<String>, tokens_max: usize) -> Result<Vec<crate::Vector>, EmbedError> {
        let gone = |error: &dyn std::fmt::Display| EmbedError::Unavailable(error.to_string());
        let mut vectors = Vec::with_capacity(texts.len());
        let mut texts = texts.into_iter();
        loop {
            let some: Vec<String> = texts.by_ref().take(TEXTS_AT_ONCE).collect();
            if some.is_empty() {
                return Ok(vectors);
            }
            let turn = Arc::clone(&self.threads).acquire_owned().await.map_err(|error| gone(&error))?;
            let model = Arc::clone(&self.model);
            let work = move || {
                // Held until the work is done, even when nobody waits for it any more.
                let _turn = turn;
                model.embed(&some, tokens_max)
            };
            vectors.extend(spawn_blocking(work).await.map_err(|error| gone(&error))?);
        }
    }
}

impl Embedder for Builtin {
    fn model(&self) -> &str {
        MODEL
    }

    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    fn language(&self, text: &str) -> Language {
        self.model.language(text)
    }

    fn embed(&self, texts: Vec<String>, purpose: Purpose) -> Embedding<'_> {
        let tokens_max = match purpose {
            Purpose::Document => DOCUMENT_TOKENS_MAX,
            Purpose::Query => QUERY_TOKENS_MAX,
        };
        Box::pin(self.embed_all(texts, tokens_max))
    }
}
