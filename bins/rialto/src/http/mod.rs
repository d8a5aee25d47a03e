//! What every route shares: who asks, what they sent, how they are refused, and how much they may ask for.

pub mod answer_seal;
pub mod body;
pub mod caller;
pub mod command;
pub mod docs;
pub mod fallback;
pub mod fingerprint;
pub mod input;
pub mod metrics;
pub mod middleware;
pub mod objects;
pub mod openapi;
pub mod paging;
pub mod problem;
pub mod rate_limit;
pub mod server;
pub mod socket;

pub use caller::{Admin, Auth, MaybeAuth, Seller};
pub use command::{Command, NoBody, Open};
pub use input::{Json, Path, Query};
pub use problem::Problem;
