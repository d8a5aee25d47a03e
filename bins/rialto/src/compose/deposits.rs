//! Asks for the money of deposits of which nothing was heard.

use std::{
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use rialto_jobs::Failure;
use rialto_proxy_billing::payments::deposit::ask_due;

use super::App;

/// How many deposits are asked for before it is looked whether there are more.
const BATCH: u32 = 16;
/// How long one turn goes on. What is still due then is asked for in the next.
const TURN: Duration = Duration::from_secs(120);

/// One turn, as often as it is called.
pub fn asking(app: &Arc<App>) -> impl Fn() -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>> + use<> {
    let app = Arc::clone(app);
    move || {
        let app = Arc::clone(&app);
        Box::pin(async move {
            let begun = Instant::now();
            while begun.elapsed() < TURN {
                let asked = ask_due(&app.db, &app.payments.deposits, &app.clock, BATCH).await?;
                if asked > 0 {
                    tracing::info!(deposits = asked, "what brings deposits was asked what became of them");
                }
                if asked < usize::try_from(BATCH).unwrap_or(usize::MAX) {
                    break;
                }
            }
            Ok(())
        })
    }
}
