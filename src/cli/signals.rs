//! The signals that ask the program to end.

use tokio::sync::watch;

/// Reports that the user wants to stop: on Ctrl-C, and on the signal that init systems send.
pub(super) async fn pass_on(interrupted: watch::Sender<bool>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        interrupted.send_replace(true);
    }
}
