//! What a program that needs vectors depends on.

use std::pin::Pin;

use thiserror::Error;

use crate::{Language, Vector};

/// What a text is, for models that tell the two apart, and so that a query costs less than a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Something to be found.
    Document,
    /// Something to find it by.
    Query,
}

/// Why there is no vector.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EmbedError {
    /// The model could not be asked, or did not answer. Asking again later may help.
    #[error("the embedder is not available: {0}")]
    Unavailable(String),
    /// The model will not have these texts. It may have others.
    #[error("the embedder refuses the text: {0}")]
    Refused(String),
    /// The answer is not what this model's vectors are: too few, of another size, or no numbers. Asking again will not
    /// help before somebody has looked at the settings.
    #[error("the embedder's answer is of no use: {0}")]
    Unusable(String),
}

/// The vectors that are being made.
pub type Embedding<'a> = Pin<Box<dyn Future<Output = Result<Vec<Vector>, EmbedError>> + Send + 'a>>;

/// Makes vectors out of texts.
pub trait Embedder: Send + Sync + 'static {
    /// The name of all that decides what a vector means: the model, its version, its rounding. Vectors of two names are
    /// never compared.
    fn model(&self) -> &str;

    /// How many numbers a vector has.
    fn dimensions(&self) -> usize;

    /// How well the model knows the language of `text`. A guess, made without the model: it takes microseconds.
    fn language(&self, text: &str) -> Language;

    /// One vector for each text, in their order. It never blocks the thread that polls it.
    fn embed(&self, texts: Vec<String>, purpose: Purpose) -> Embedding<'_>;
}
