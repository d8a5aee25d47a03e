//! all-MiniLM-L6-v2 on one thread: weights in bytes, activations in 14 bits, sums that are exact.

mod file;
mod forward;
mod layers;
mod tokenizer;
mod weights;

use thiserror::Error;

use crate::{Language, Vector, kernels::Path, language};
pub(crate) use tokenizer::WordPiece as Tokenizer;
use {forward::Forward, weights::Weights};

/// The name of the built-in model, with all that decides what its vectors mean.
pub const MODEL: &str = "all-MiniLM-L6-v2/int8";
/// How many numbers a vector has.
pub const DIMENSIONS: usize = 384;
/// The most that the model reads of a text, in tokens; an English word has one and a third of them.
pub const TOKENS_MAX: usize = 256;
/// The most that is worth reading of a description: what follows moves the vector little, and costs as much.
pub const DOCUMENT_TOKENS_MAX: usize = 128;
/// The most that is read of a query. Whoever asks pays nothing for it, so it has to be cheap.
pub const QUERY_TOKENS_MAX: usize = 64;

static FILE: &[u8] = include_bytes!("../../model/minilm-int8.safetensors");

/// Why a file is not the model.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ModelError {
    /// It is no safetensors file.
    #[error("the model's file cannot be read: {0}")]
    File(String),
    /// A tensor is missing, or is not what it must be.
    #[error("the model's tensor {0}")]
    Tensor(String),
}

/// The model. About 13 MB of memory beside the file in the binary; loading takes some 20 ms.
#[derive(Debug)]
pub struct MiniLm {
    tokenizer: Tokenizer,
    weights: Weights,
    path: Path,
}

impl MiniLm {
    /// The model that is part of the binary.
    ///
    /// # Errors
    /// A [`ModelError`] when the binary was built with something else in its place.
    pub fn builtin() -> Result<Self, ModelError> {
        let file = file::File::parse(FILE)?;
        let (tokenizer, weights) = (Tokenizer::new(file.text("vocab")?)?, Weights::load(&file)?);
        if tokenizer.size() != weights.word_scale.len() {
            return Err(ModelError::Tensor("vocab has not as many pieces as there are words".into()));
        }
        Ok(Self { tokenizer, weights, path: Path::best() })
    }

    /// One vector for each text, in their order. Of each, at most `tokens_max` tokens are read, which is brought into the
    /// range of 2 to [`TOKENS_MAX`].
    ///
    /// It takes about a quarter of a millisecond a token on one core with AVX2.
    #[must_use]
    pub fn embed<S: AsRef<str>>(&self, texts: &[S], tokens_max: usize) -> Vec<Vector> {
        let texts: Vec<Vec<u32>> = texts.iter().map(|text| self.tokenizer.encode(text.as_ref(), tokens_max)).collect();
        self.path.run(Forward { weights: &self.weights, texts: &texts }).into_iter().map(Vector::of_length_one).collect()
    }

    /// How well the model knows the language of `text`, by a look at its letters and its words.
    #[must_use]
    pub fn language(&self, text: &str) -> Language {
        language::of(&self.tokenizer, text)
    }
}

#[cfg(test)]
mod tests;
