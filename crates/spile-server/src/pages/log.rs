//! The log of a run as its page shows it: lines with their time, level and source, and tracebacks folded.

use serde::Serialize;
use serde_json::{Map, Value};

/// How the tracebacks of Python programs begin.
const TRACEBACK: &str = "Traceback (most recent call last):";

/// The least level of the lines to show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// All lines.
    #[default]
    Info,
    /// Warnings and errors.
    Warning,
    /// Errors.
    Error,
}

impl Level {
    /// The levels with their words in an address, and in logs.
    pub const WORDS: [(&'static str, Self); 3] =
        [("info", Self::Info), ("warning", Self::Warning), ("error", Self::Error)];

    /// Returns the level of a line, by the word in the log.
    fn of(word: &str) -> Self {
        match word {
            "warning" | "warn" => Self::Warning,
            "error" | "critical" | "fatal" => Self::Error,
            _ => Self::Info,
        }
    }
}

/// What to show of a log.
#[derive(Debug, Clone, Default)]
pub struct LogFilter {
    /// The least level.
    pub level: Level,
    /// A text that lines have to contain, whatever the case of its letters.
    pub q: String,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// Where it begins in the file, in bytes: a name that stays while the log grows.
    pub at: u64,
    /// When it was written.
    pub time: String,
    /// Its level.
    pub level: Level,
    /// What wrote it.
    pub from: String,
    /// What it says.
    pub text: String,
}

/// Lines that are shown together: one line, or a traceback that is folded to what it ends with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogPart {
    /// The last line of a traceback.
    pub folded: Option<String>,
    /// The lines.
    pub lines: Vec<LogLine>,
}

impl LogPart {
    /// Returns the last lines of a log that match a filter, from the end of a file that begins at `start`.
    #[must_use]
    pub fn last(end: &str, start: u64, most: usize, filter: &LogFilter) -> Vec<Self> {
        let mut at = start;
        let line = |text: &str| {
            let line = LogLine::read(text.trim_end_matches(['\n', '\r']), at);
            at += text.len() as u64;
            line
        };
        let mut parts = Self::folded(end.split_inclusive('\n').map(line));
        parts.retain(|part| part.matches(filter));
        let mut left = most;
        let fits = |part: &&Self| {
            let is_left = left > 0;
            left = left.saturating_sub(part.lines.len());
            is_left
        };
        let shown = parts.iter().rev().take_while(fits).count();
        parts.split_off(parts.len() - shown)
    }

    /// Groups lines: a traceback goes on until the first line that is not indented, which names the error.
    fn folded(lines: impl Iterator<Item = LogLine>) -> Vec<Self> {
        let mut parts: Vec<Self> = Vec::new();
        let mut is_open = false;
        for line in lines {
            if let Some(part) = parts.last_mut().filter(|_| is_open) {
                is_open = line.text.starts_with(char::is_whitespace) || line.text.is_empty();
                part.folded = (!is_open).then(|| line.text.clone()).or(part.folded.take());
                part.lines.push(LogLine { level: Level::Error, ..line });
                continue;
            }
            is_open = line.text.contains(TRACEBACK);
            let level = if is_open { Level::Error } else { line.level };
            let folded = is_open.then(|| TRACEBACK.to_owned());
            parts.push(Self { folded, lines: vec![LogLine { level, ..line }] });
        }
        parts
    }

    fn matches(&self, filter: &LogFilter) -> bool {
        let part = filter.q.to_lowercase();
        let has = |line: &LogLine| format!("{} {}", line.from, line.text).to_lowercase().contains(&part);
        self.lines.iter().any(|line| line.level >= filter.level) && self.lines.iter().any(has)
    }
}

impl LogLine {
    /// Reads a line of Meltano's log. One in another form is shown as it is.
    fn read(line: &str, at: u64) -> Self {
        let entry: Map<String, Value> = serde_json::from_str(line).unwrap_or_default();
        let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
        if text("event").is_empty() {
            let (time, level, from) = (String::new(), Level::Info, String::new());
            return Self { at, time, level, from, text: line.to_owned() };
        }
        let time = text("timestamp").split_once('T').map_or("", |(_, time)| time.get(..8).unwrap_or(time));
        let from = if entry.contains_key("name") { text("name") } else { text("string_id") };
        let [time, from, said] = [time, from, text("event")].map(str::to_owned);
        Self { at, time, level: Level::of(text("level")), from, text: said }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "{\"timestamp\": \"2026-11-30T02:00:01Z\", \"level\": \"info\", \"name\": \"tap\", \"event\": \"begins\"}\n\
        plain words\n\
        {\"timestamp\": \"2026-11-30T02:00:02Z\", \"level\": \"warning\", \"name\": \"tap\", \"event\": \"is slow\"}\n\
        Traceback (most recent call last):\n  File \"a.py\", line 1\n    go()\nValueError: no id\nafter it\n";

    fn texts(parts: &[LogPart]) -> Vec<&str> {
        parts.iter().map(|part| part.folded.as_deref().unwrap_or(part.lines[0].text.as_str())).collect()
    }

    fn last(most: usize, level: Level, q: &str) -> Vec<LogPart> {
        LogPart::last(LOG, 100, most, &LogFilter { level, q: q.to_owned() })
    }

    #[test]
    fn a_traceback_is_folded_to_the_error_that_it_ends_with() {
        let parts = last(50, Level::Info, "");
        assert_eq!(texts(&parts), ["begins", "plain words", "is slow", "ValueError: no id", "after it"]);
        assert_eq!((parts[3].lines.len(), parts[0].lines[0].time.as_str()), (4, "02:00:01"));
        let second = u64::try_from(LOG.find("plain").unwrap()).unwrap();
        assert_eq!((parts[0].lines[0].at, parts[1].lines[0].at), (100, 100 + second));
    }

    #[test]
    fn lines_are_found_by_level_and_by_text() {
        assert_eq!(texts(&last(50, Level::Warning, "")), ["is slow", "ValueError: no id"]);
        assert_eq!(texts(&last(50, Level::Error, "")), ["ValueError: no id"]);
        assert_eq!(texts(&last(50, Level::Info, "A.PY")), ["ValueError: no id"]);
        assert_eq!(texts(&last(2, Level::Info, "")), ["ValueError: no id", "after it"]);
    }

    #[test]
    fn a_traceback_that_is_cut_off_is_shown() {
        let cut = "Traceback (most recent call last):\n  File \"a.py\"";
        assert_eq!(texts(&LogPart::last(cut, 0, 9, &LogFilter::default())), [TRACEBACK]);
    }
}
