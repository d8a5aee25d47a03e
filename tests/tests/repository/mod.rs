//! Checks of the repository itself: what prose asks for, a test enforces.

mod dependencies;
mod migrations;
mod tidy;
