//! What people do with the server, from registration to the last credit, over HTTP, on both databases.

mod a2a;
mod agents;
mod audit;
mod broker;
mod crash;
mod events;
mod fuzz;
mod hostile;
mod identity;
mod ledger;
mod main_job;
mod market;
mod operations;
mod page;
mod races;
mod registry;
mod replicas;
mod scenarios;
mod wallets;
