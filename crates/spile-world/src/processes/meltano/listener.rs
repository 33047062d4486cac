//! The listener of a run: writes the log and learns from it.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use super::child::LONGEST_LINE;
use super::mask::Mask;
use super::rotation::{NotKept, RotationWatch};
use super::run_log::SharedLog;
use super::{Outcome, Progress, Request, RunError, Tell};
use crate::files::own_folder::Own;
use spile_core::run::Cause;
use spile_core::run::log::{LogLine, Tally};

/// How many of the log's last lines are kept for an error to quote.
const LAST_LINES: usize = 60;

/// Writes the log and learns from it, line by line.
pub(super) struct Listener<'a> {
    log: SharedLog,
    /// The label of its lines, if several processes write the log.
    label: Option<String>,
    pub(super) mask: Mask,
    /// Watches for new secrets; `None` if the tap has none.
    pub(super) rotation: Option<RotationWatch>,
    pub(super) tally: Tally,
    told: BTreeMap<String, u64>,
    pub(super) last: VecDeque<String>,
    tell: Tell<'a>,
}

impl<'a> Listener<'a> {
    pub(super) fn open(own: &Own, request: &Request, mask: Mask, tell: Tell<'a>) -> Result<Self, RunError> {
        let (log, label) = match &request.part {
            Some(part) => (part.log.clone(), Some(part.label())),
            None => (SharedLog::open(own, &request.log)?, None),
        };
        Ok(Self {
            log,
            label,
            mask,
            rotation: None,
            tally: Tally::default(),
            told: BTreeMap::new(),
            last: VecDeque::new(),
            tell,
        })
    }

    pub(super) fn hear(&mut self, line: &[u8]) -> io::Result<()> {
        // A tap may log a new secret right after it has written it. What cannot be stored now is stored at the end.
        if let Some(rotation) = &mut self.rotation {
            self.mask.extend(&rotation.look_if_changed().secrets)?;
        }
        let line = &*self.mask.apply_up_to(LONGEST_LINE, line);
        match &self.label {
            Some(label) => self.log.write(&labeled(label, line))?,
            None => self.log.write(line)?,
        }
        let text = String::from_utf8_lossy(line);
        let entry = LogLine::parse(&text);
        match &entry {
            LogLine::Said { text, .. } => self.keep(text),
            LogLine::Counted(_)
            | LogLine::BookmarkBefore(_)
            | LogLine::BookmarkAfter(_)
            | LogLine::Facts(_)
            | LogLine::Catalog(_)
            | LogLine::BookmarksRefused(_)
            | LogLine::StreamsRefused(_)
            | LogLine::PartRefused(_)
            | LogLine::NotSinger(_)
            | LogLine::Metric { .. }
            | LogLine::BlockEnded(_)
            | LogLine::LoaderStopped(_)
            | LogLine::RunEnded { .. } => {}
        }
        let is_count = matches!(entry, LogLine::Counted(_) | LogLine::Metric { .. });
        self.tally.add(entry);
        if is_count {
            self.tell_records();
        }
        Ok(())
    }

    /// Stores the secrets that the tap has changed, now that it has ended.
    pub(super) fn keep_rotated(&mut self) -> Result<(), NotKept> {
        let Some(rotation) = &mut self.rotation else { return Ok(()) };
        let look = rotation.look();
        self.mask.extend(&look.secrets)?;
        look.kept
    }

    fn keep(&mut self, text: &str) {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            self.last.push_back(line.chars().take(1000).collect());
        }
        self.last.drain(..self.last.len().saturating_sub(LAST_LINES));
    }

    fn tell_records(&mut self) {
        let now = self.tally.streams();
        for (stream, &records) in now.iter().filter(|(stream, records)| self.told.get(*stream) != Some(records)) {
            (self.tell)(Progress::Records { stream: stream.clone(), records });
        }
        self.told = now;
    }

    pub(super) fn outcome(&self, status: ExitStatus) -> Outcome {
        if status.success() {
            return Outcome::Succeeded;
        }
        let (message, cause) = match status.signal() {
            Some(9) => {
                ("Meltano was killed (signal 9): the machine may have run out of memory".to_owned(), Cause::Killed)
            }
            Some(signal) => (format!("Meltano was killed (signal {signal})"), Cause::Killed),
            None => {
                let code = status.code().unwrap_or_default();
                let silent = || format!("Meltano exited with code {code} and gave no reason");
                (self.tally.reason().unwrap_or_else(silent), self.tally.cause())
            }
        };
        Outcome::Failed { message, cause }
    }
}

/// Returns a line with the label of its part: as a member of a line of JSON, which stays one, or else before the line.
fn labeled(label: &str, line: &[u8]) -> Vec<u8> {
    match line.strip_prefix(b"{").filter(|rest| !rest.starts_with(b"}")) {
        Some(rest) => [format!("{{\"spile_part\": \"{label}\", ").as_bytes(), rest].concat(),
        None => [format!("[{label}] ").as_bytes(), line].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_label_of_a_part_leaves_a_line_as_readable_as_it_was() {
        let line = labeled("1/2", br#"{"event": "x", "level": "info"}"#);
        let line = String::from_utf8(line).unwrap();
        assert_eq!(line, r#"{"spile_part": "1/2", "event": "x", "level": "info"}"#);
        assert!(matches!(LogLine::parse(&line), LogLine::Said { text, .. } if text == "x"));
        assert_eq!(labeled("1/2", b"Traceback"), b"[1/2] Traceback");
        assert_eq!(labeled("1/2", b"{}"), b"[1/2] {}");
    }
}
