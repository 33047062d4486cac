//! What tells open pages that something has changed: one look at the registry a second, for all of them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use jiff::Timestamp;

use super::app::App;
use super::pulse::Pulse;

/// How often to look, while a page is open.
const PAUSE: Duration = Duration::from_secs(1);

/// How many of the newest runs are watched. Older ones have ended.
const RUNS: usize = 50;

/// Looks for changes as long as a page is open, and sends them to all pages.
pub(super) async fn beat(app: &App) {
    loop {
        tokio::time::sleep(PAUSE).await;
        if app.pulse().receiver_count() == 0 {
            continue;
        }
        // If the files or the registry cannot be read, pages stay as they are.
        if let Some(now) = look(app).await {
            app.pulse().send_if_modified(|before| {
                let now = Pulse { drafts: before.drafts, ..now };
                std::mem::replace(before, now) != now
            });
        }
    }
}

async fn look(app: &App) -> Option<Pulse> {
    let desk = app.desk().await.ok()?;
    let runs = desk.world.runs.newest(None, RUNS).await.ok()?;
    let waiting: Vec<_> = app.queue().all().iter().map(|run| run.id).collect();
    let is_active = !waiting.is_empty() || runs.iter().any(|run| run.finished_at.is_none());
    let ends: Vec<_> = runs.iter().map(|run| (run.id, run.finished_at)).collect();
    let tick = is_active.then(|| Timestamp::now().as_second());
    let seen = desk.seen().await;
    let alerts: Vec<String> = seen.alerts.iter().map(|alert| alert.key.to_string()).collect();
    Some(Pulse { runs: number(&(waiting, ends, tick)), alerts: number(&alerts), drafts: 0 })
}

fn number(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}
