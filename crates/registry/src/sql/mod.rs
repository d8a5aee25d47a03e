//! The registry's store on both databases.

mod agent;
mod catalog;
mod credential;
mod identity;
mod ids;
mod named;
pub(crate) mod neighbours;
mod proof;
mod quality;
mod rating;
mod raw_json;
mod schema;
mod search;
mod service;
mod standing;
mod vector;
