//! What an operator may tune.

use std::time::Duration;

/// The settings of identity. [`Default`] is what a public server wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityConfig {
    /// How many failed logins an account may have from one network address within a window before further ones from there
    /// are refused unheard.
    pub account_failures_max: u32,
    /// The same for the address, which may try many accounts.
    pub address_failures_max: u32,
    /// The same for the account, wherever the failures came from.
    pub account_failures_anywhere_max: u32,
    /// How long failed logins count.
    pub failure_window: Duration,
    /// How long a token from a login is good.
    pub token_lifetime: Duration,
    /// How long a key that was found good is believed without asking the database again: how long another process may take
    /// to hear that it was deleted.
    pub key_memory: Duration,
    /// How many passwords are hashed at the same time. Each takes 19 MiB and one core.
    pub hashes_at_once: usize,
    /// How many more may wait for their turn; beyond it a login is told to come back.
    pub hashes_waiting_max: usize,
}

impl Default for IdentityConfig {
    fn default() -> Self {
        Self {
            account_failures_max: 10,
            address_failures_max: 50,
            account_failures_anywhere_max: 200,
            failure_window: Duration::from_secs(15 * 60),
            token_lifetime: Duration::from_secs(7 * 24 * 60 * 60),
            key_memory: Duration::from_secs(1),
            // Never all cores: requests that hash nothing have to be answered too, even in a flood of logins.
            hashes_at_once: std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2)).min(4),
            hashes_waiting_max: 256,
        }
    }
}
