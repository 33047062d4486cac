//! Progress of runs: a live line for each on a terminal, and a line now and then without one.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use spile_core::name::Slug;
use spile_view::runs::{Pace, pace};

/// How often a run is told of where there is no terminal.
const PAUSE: Duration = Duration::from_secs(10);

/// How often a line on a terminal is drawn again.
const TICK: Duration = Duration::from_millis(250);

/// The runs that are going on.
#[derive(Default)]
pub(super) struct Progress {
    lines: MultiProgress,
    runs: BTreeMap<Slug, Going>,
}

/// A run that is going on.
struct Going {
    began: Instant,
    told: Instant,
    streams: BTreeMap<String, u64>,
    line: Option<ProgressBar>,
}

impl Progress {
    /// Begins a run; `live` where there is a terminal to draw on.
    pub(super) fn begin(&mut self, slug: &Slug, live: bool) {
        let now = Instant::now();
        let drawn = live.then(|| {
            let spinner = self.lines.add(ProgressBar::new_spinner());
            // The template is the program's own.
            if let Ok(style) = ProgressStyle::with_template("{spinner:>12} {prefix}: {msg}{elapsed}") {
                spinner.set_style(style);
            }
            spinner.set_prefix(slug.to_string());
            spinner.enable_steady_tick(TICK);
            spinner
        });
        self.runs.insert(slug.clone(), Going { began: now, told: now, streams: BTreeMap::new(), line: drawn });
    }

    /// Takes in how many records of a stream there are so far. Returns what is to be said where there is no terminal.
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

    /// Ends a run.
    pub(super) fn end(&mut self, slug: &Slug) {
        if let Some(line) = self.runs.remove(slug).and_then(|going| going.line) {
            line.finish_and_clear();
        }
    }

    /// Does something with the lines out of the way.
    pub(super) fn aside<T>(&self, what: impl FnOnce() -> T) -> T {
        if self.runs.values().any(|going| going.line.is_some()) { self.lines.suspend(what) } else { what() }
    }
}
