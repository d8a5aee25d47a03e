//! What people do with the server, from registration to the last credit, over HTTP, on both databases.

mod a2a;
mod agents;
mod audit;
mod broker;
mod coordination;
mod crash;
mod discovery;
mod events;
mod fuzz;
mod hostile;
mod identity;
mod keys;
mod ledger;
mod main_job;
mod market;
mod networks;
mod operations;
mod page;
mod proxy;
mod races;
mod registry;
mod replicas;
mod scenarios;
mod sdk;
mod services;
mod wallets;
