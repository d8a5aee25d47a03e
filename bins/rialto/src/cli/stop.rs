//! Being told to stop.

/// Waits until the process is told to stop. Whether it was asked (SIGTERM), and not interrupted.
pub async fn told_to_stop() -> bool {
    use actix_web::rt::signal;
    #[cfg(unix)]
    if let Ok(mut terminate) = signal::unix::signal(signal::unix::SignalKind::terminate()) {
        return tokio::select! {
            _ = terminate.recv() => true,
            _ = signal::ctrl_c() => false,
        };
    }
    let _ = signal::ctrl_c().await;
    false
}
