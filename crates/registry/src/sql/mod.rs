//! The registry's store on both databases.

mod agent;
mod catalog;
mod credential;
mod identity;
mod ids;
pub(crate) mod neighbours;
mod quality;
mod rating;
mod raw_json;
mod schema;
mod search;
mod service;
mod vector;
