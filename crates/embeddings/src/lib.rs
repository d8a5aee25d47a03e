//! Text to vector, inside the process.
//!
//! Texts that mean the same have vectors that point the same way, whatever words they use. The model is all-MiniLM-L6-v2
//! (six layers, 384 dimensions, English) with its weights in bytes; it is part of the binary, 24 MB of it, and needs no
//! network, no download and no C++. See `model/NOTICE.md` for where it comes from.
//!
//! ```
//! use rialto_embeddings::{DOCUMENT_TOKENS_MAX, MiniLm};
//!
//! # fn main() -> Result<(), rialto_embeddings::ModelError> {
//! let model = MiniLm::builtin()?;
//! let texts = ["Turns podcasts into text.", "Cooks dinner from leftovers.", "transcribe an interview"];
//! let vectors = model.embed(&texts, DOCUMENT_TOKENS_MAX);
//! if let [transcriber, cook, query] = vectors.as_slice() {
//!     assert!(query.cosine(transcriber) > query.cosine(cook));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! - [`MiniLm`] is the model itself: a function from texts to vectors, on the thread that calls it.
//! - [`Embedder`] is what a program depends on; [`Builtin`] runs the model off the async threads, a bounded number of
//!   texts at once. Another implementation may ask a server.
//! - [`Vector`] is a direction. [`Int8Vector`] is one as it is kept, [`Probe`] one that is compared with many of those.
//!
//! # What holds
//! 1. A vector has length 1, and every number in it is finite.
//! 2. The same text has the same vector, bit for bit: alone or among others, on every thread and on every processor,
//!    whichever instructions it has. (Activations are rounded to 14 bits and summed exactly; the rest is plain `f32`
//!    arithmetic in one order.)
//! 3. Any text at all has a vector: empty, longer than the model reads, or of signs that it does not know.
//! 4. `unsafe` stands in `kernels` alone, and nothing outside can make it wrong.

mod builtin;
mod embedder;
mod kernels;
mod language;
mod minilm;
mod vector;

pub use builtin::Builtin;
pub use embedder::{EmbedError, Embedder, Embedding, Purpose};
pub use language::Language;
pub use minilm::{DIMENSIONS, DOCUMENT_TOKENS_MAX, MODEL, MiniLm, ModelError, QUERY_TOKENS_MAX, TOKENS_MAX};
pub use vector::{Int8Vector, Probe, Vector};
