//! Who brings the money for credits.

/// A Stripe account, or what speaks like it.
#[derive(Clone)]
pub struct Stripe {
    pub secret_key: String,
    pub webhook_secret: String,
    pub api_base: String,
}

impl std::fmt::Debug for Stripe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stripe").field("api_base", &self.api_base).finish_non_exhaustive()
    }
}
