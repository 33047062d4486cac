//! Progress of runs: a live line for each on a terminal, and occasional lines elsewhere.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use spile_core::name::Slug;
use spile_view::runs::{Pace, pace};

/// How often to report a run without a terminal.
const PAUSE: Duration = Duration::from_secs(10);

/// How often to redraw a line on a terminal.
const TICK: Duration = Duration::from_millis(250);

/// The active runs.
#[derive(Default)]
pub(super) struct Progress {
    lines: MultiProgress,
    runs: BTreeMap<Slug, Going>,
}

/// An active run.
struct Going {
    began: Instant,
    told: Instant,
    streams: BTreeMap<String, u64>,
    line: Option<ProgressBar>,
}

impl Progress {
    /// Adds a run; `live` if there is a terminal to draw on.
    pub(super) fn begin(&mut self, slug: &Slug, live: bool) {
        let now = Instant::now();
        let drawn = live.then(|| {
            let spinner = self.lines.add(ProgressBar::new_spinner());
            // The template is a constant and always valid.
            if let Ok(style) = ProgressStyle::with_template("{spinner:>12} {prefix}: {msg}{elapsed}") {
                spinner.set_style(style);
            }
            spinner.set_prefix(slug.to_string());
            spinner.enable_steady_tick(TICK);
            spinner
        });
        self.runs.insert(slug.clone(), Going { began: now, told: now, streams: BTreeMap::new(), line: drawn });
    }

    /// Updates the number of records of a stream so far. Without a terminal, returns a line to print now and then.
    pub(super) fn records(&mut self, slug: &Slug, stream: &str, records: u64) -> Option<String> {
        let going = self.runs.get_mut(slug)?;
        going.streams.insert(stream.to_owned(), records);
        let pace = pace(&Pace { streams: &going.streams, elapsed: going.began.elapsed() });
        if let Some(line) = &going.line {
            line.set_message(format!("{pace}, "));
            return None;
        }
        if going.told.elapsed() < PAUSE {
            return None;
        }
        going.told = Instant::now();
        Some(format!("{slug}: {pace}"))
    }

    /// Removes a run.
    pub(super) fn end(&mut self, slug: &Slug) {
        if let Some(line) = self.runs.remove(slug).and_then(|going| going.line) {
            line.finish_and_clear();
        }
    }

    /// Runs something while the live lines are hidden.
    pub(super) fn aside<T>(&self, what: impl FnOnce() -> T) -> T {
        if self.runs.values().any(|going| going.line.is_some()) { self.lines.suspend(what) } else { what() }
    }
}
