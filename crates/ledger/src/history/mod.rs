//! Reading the books: what there is, what happened, and what was there at a time.

mod access;
mod error;

pub use access::{HoldView, TransferView, read_account, read_hold, read_transfer};
pub use error::HistoryError;
