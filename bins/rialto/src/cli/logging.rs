//! The log: to standard error, for eyes or for machines.

use std::{error::Error, io, io::IsTerminal};

use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::LogFormat;

/// What is logged when nobody says otherwise. A client that does not speak HTTP is no error of ours: it gets its 400, and
/// strangers must not be able to fill the log.
const DEFAULT: &str = "info,actix_server=warn,actix_http=off";

/// Starts to log. Lines are written by a thread of their own, which has written them all when the guard is dropped.
///
/// # Errors
/// A filter that makes no sense.
pub fn start(format: Option<LogFormat>, filter: Option<&str>) -> Result<WorkerGuard, Box<dyn Error>> {
    let filter = EnvFilter::try_new(filter.unwrap_or(DEFAULT)).map_err(|error| format!("--log-level: {error}"))?;
    let terminal = io::stderr().is_terminal();
    let format = format.unwrap_or(if terminal { LogFormat::Human } else { LogFormat::Json });
    let (out, guard) = tracing_appender::non_blocking(io::stderr());
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        LogFormat::Json => registry.with(fmt::layer().json().flatten_event(true).with_writer(out)).init(),
        LogFormat::Human => registry.with(fmt::layer().with_ansi(terminal).with_target(false).with_writer(out)).init(),
    }
    Ok(guard)
}
