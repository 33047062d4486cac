//! The only output door: results go to standard output, everything else to standard error.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};

use anstream::AutoStream;
use clap::ColorChoice;
use serde::Serialize;

use super::progress::Progress;
use super::{Format, Global, exit};
use spile_core::name::Slug;
use spile_core::phrase::codes;
use spile_core::plan::Summary;
use spile_core::run::{Run, RunStatus};
use spile_core::secret::Secret;
use spile_core::state::choice::StreamChoice;
use spile_core::visible;
use spile_ops::{Error, Event};
use spile_view::report::ErrorData;
use spile_view::{self as view, BAD, CHANGED, GOOD, QUIET, STRONG, plain, styled};

/// The streams for results, notes and prompts.
pub struct Output {
    results: AutoStream<io::Stdout>,
    notes: AutoStream<io::Stderr>,
    format: Format,
    talk: Talk,
    asks: bool,
    live: bool,
    /// Whether a CI runner reads the output and interprets some lines as commands, as GitHub's does.
    runs_commands: bool,
    progress: Progress,
    /// Why results could not be written.
    lost: Option<io::Error>,
}

/// How much progress to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Talk {
    Quiet,
    Normal,
    Verbose,
}

/// Shows that the program is waiting, from wherever it waits: a silent program looks as if it hangs.
pub(super) fn waiting(sentence: &str) {
    // If standard error is closed, there is nowhere to report to.
    let _ = writeln!(anstream::stderr(), "{} {sentence}", styled(CHANGED.bold(), &format!("{:>12}", "Waiting")));
}

impl Output {
    /// Opens the streams as the arguments say.
    #[must_use]
    pub fn new(global: &Global) -> Self {
        let choice = match global.color {
            ColorChoice::Auto => anstream::ColorChoice::Auto,
            ColorChoice::Always => anstream::ColorChoice::Always,
            ColorChoice::Never => anstream::ColorChoice::Never,
        };
        let talk = match (global.quiet, global.verbose) {
            (true, _) => Talk::Quiet,
            (_, true) => Talk::Verbose,
            _ => Talk::Normal,
        };
        Self {
            results: AutoStream::new(io::stdout(), choice),
            notes: AutoStream::new(io::stderr(), choice),
            format: global.format,
            talk,
            asks: !global.no_input && io::stdin().is_terminal(),
            live: io::stderr().is_terminal(),
            runs_commands: super::variable("GITHUB_ACTIONS").is_some_and(|value| value == "true"),
            progress: Progress::default(),
            lost: None,
        }
    }

    /// Returns the format of results.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Tells whether results are for programs.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Tells whether results are for people.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.format == Format::Text
    }

    /// Writes a result, as text for people or as data for programs.
    pub fn result(&mut self, text: impl FnOnce() -> String, data: &impl Serialize) {
        match self.format {
            Format::Json => {
                let json = serde_json::to_string_pretty(data).unwrap_or_default();
                self.text(&format!("{json}\n"));
            }
            // The commands that support the other formats write them.
            Format::Text | Format::Markdown | Format::Sarif | Format::Junit | Format::Github => self.text(&text()),
        }
    }

    /// Writes to standard output, with escapes for everything that controls a terminal. A reader that has closed the
    /// pipe is not an error.
    pub fn text(&mut self, text: &str) {
        let shown = match self.format {
            Format::Json | Format::Sarif => visible::json(text).into_owned(),
            Format::Text | Format::Markdown if self.runs_commands => without_commands(&view::harmless(text)),
            // These two formats escape commands in ways of their own.
            Format::Text | Format::Markdown | Format::Junit | Format::Github => view::harmless(text),
        };
        let written = self.results.write_all(shown.as_bytes()).and_then(|()| self.results.flush());
        self.heed(written);
    }

    /// Writes bytes from elsewhere, for example a log: escaped for a terminal, unchanged for a file or another program.
    pub fn foreign(&mut self, bytes: &[u8]) {
        if io::stdout().is_terminal() || self.runs_commands {
            // A character that is cut in half appears as a replacement character in its place.
            self.text(&String::from_utf8_lossy(bytes));
        } else {
            self.bytes(bytes);
        }
    }

    /// Writes bytes to standard output unchanged. A reader that has closed the pipe is not an error here either.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let mut stdout = io::stdout();
        let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
        self.heed(written);
    }

    fn heed(&mut self, written: io::Result<()>) {
        let lost = written.err().filter(|error| error.kind() != io::ErrorKind::BrokenPipe);
        self.lost = self.lost.take().or(lost);
    }

    /// Returns the exit code of a command, which becomes a failure if results were lost, for example on a full disk.
    #[must_use]
    pub fn closed(mut self, code: u8) -> u8 {
        let Some(lost) = self.lost.take() else { return code };
        self.note(&format!("the results cannot be written: {lost}\n"));
        if matches!(code, 0 | exit::CHANGES | exit::DESTRUCTIVE) { exit::FAILED } else { code }
    }

    /// Writes to standard error. If it is closed, there is nowhere to report to.
    pub fn note(&mut self, text: &str) {
        let shown = view::harmless(text);
        let shown = if self.runs_commands { without_commands(&shown) } else { shown };
        let Self { notes, progress, .. } = self;
        let _ = progress.aside(|| notes.write_all(shown.as_bytes()));
    }

    /// Writes an error: to standard error for people, or as the result for programs.
    pub fn error(&mut self, error: &Error) {
        match self.format {
            Format::Json => self.result(String::new, &serde_json::json!({ "error": ErrorData::from(error) })),
            Format::Text | Format::Markdown | Format::Sarif | Format::Junit | Format::Github => {
                self.note(&view::report::error(error));
            }
        }
    }

    /// Asks for `yes`; any other answer, or nobody to answer, means no.
    pub fn confirm(&mut self, question: &str) -> bool {
        if !self.asks {
            return false;
        }
        self.note(&format!("\n{question}\n  Type `yes` to confirm: "));
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).is_ok() && answer.trim() == "yes"
    }

    /// Tells whether the program may prompt.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.asks
    }

    /// Prompts for a secret without an echo; `None` if nobody can answer.
    pub fn ask_secret(&mut self, what: &str) -> Option<Secret> {
        if !self.asks {
            return None;
        }
        rpassword::prompt_password(format!("{what} (not shown): ")).ok().map(Secret::new)
    }

    /// Shows progress.
    pub fn event(&mut self, event: &Event) {
        // Who wants to hear less still hears what was applied, and that nobody was notified.
        match event {
            Event::NotNotified { channel, message, help } => {
                return self.warning(&format!("`{channel}`: {message}"), help.as_deref());
            }
            Event::Unseen { message, help } => return self.warning(message, help.as_deref()),
            Event::NotReread { problems } => {
                let held = "the project now has invalid files; the last valid version is used until they are fixed";
                return self.warning(held, Some(&problems.join("\n             ")));
            }
            Event::Applied(Summary { create, update, delete, .. }) => {
                let done = styled(GOOD.bold(), "Applied:");
                return self.note(&format!("{done} {create} created, {update} updated, {delete} deleted\n"));
            }
            _ if self.talk == Talk::Quiet => return,
            _ => {}
        }
        match event {
            Event::InstallingMeltano { version } => self.step("Installing", &format!("Meltano {version}")),
            Event::Locking { name } => self.step("Locking", &format!("`{name}`")),
            Event::Downloading { name } => self.step("Downloading", &format!("the packages of `{name}`")),
            Event::AskingHub { definitions } => {
                self.step("Fetching", &format!("{} from the hub", spile_ops::counted(*definitions, "definition")));
            }
            Event::AskingPlugin { requirement } => self.step("Inspecting", &format!("`{requirement}`")),
            Event::Preparing { slug } => self.step("Preparing", &format!("the plugins of `{slug}`")),
            Event::Discovering { slug } => self.step("Discovering", &format!("the streams of `{slug}`")),
            Event::Previewing { slug } => self.step("Reading", &format!("the first records of `{slug}`")),
            Event::Certifying { slug } => self.step("Reading", &format!("`{slug}` several times")),
            Event::Comparing { slug } => self.step("Comparing", &format!("`{slug}` with its destination")),
            Event::Began { slug, kind, .. } => {
                let verb = if *kind == spile_core::run::RunKind::Test { "Testing" } else { "Syncing" };
                self.step(verb, slug.as_str());
                self.progress.begin(slug, self.live && self.talk == Talk::Normal);
            }
            Event::Records { slug, stream, records } if self.talk == Talk::Verbose => {
                self.step("Moved", &format!("{slug}: {records} of `{stream}`"));
            }
            Event::Records { slug, stream, records } => {
                if let Some(line) = self.progress.records(slug, stream, *records) {
                    self.step("Moved", &line);
                }
            }
            Event::Waiting { slug, busy } => self.step("Waiting", &format!("for `{slug}`: {busy}")),
            Event::Retrying { slug, reason, after } => {
                self.step("Retrying", &format!("{slug} in {} s: {reason}", after.as_secs()));
            }
            Event::Ended(run) => {
                self.progress.end(&run.slug);
                self.ended(run);
            }
            Event::WroteTarget(target) => self.step("Wrote", target.title()),
            Event::WroteOutput(path) => self.step("Wrote", &path.display().to_string()),
            Event::Notified { channel, title, more: 0 } => self.step("Notified", &format!("`{channel}`: {title}")),
            Event::Notified { channel, title, more } => {
                self.step("Notified", &format!("`{channel}`: {title}, and {more} more"));
            }
            Event::NotNotified { .. }
            | Event::Unseen { .. }
            | Event::NotReread { .. }
            | Event::Applied(_)
            | Event::StartingRuns
            | Event::Connecting { .. }
            | Event::Reading { .. }
            | Event::ReadRecord { .. }
            | Event::Queued(_) => {}
            Event::Left { slug, busy } => {
                if self.talk == Talk::Verbose {
                    self.step("Skipped", &format!("`{slug}` for now: {busy}"));
                }
            }
            Event::Reread { integrations } => {
                self.step("Reloaded", &format!("the project: {}", spile_ops::counted(*integrations, "integration")));
            }
            Event::Piece { slug, number, of, range } => {
                self.step("Backfilling", &format!("`{slug}`, piece {number} of {of}: {range}"));
            }
            Event::ResumedRefresh { slug, unfinished } => {
                self.step("Continuing", &view::runs::resumed(slug, unfinished));
            }
            Event::TookBookmark { slug, host, at } => {
                self.step("Continuing", &format!("with `{slug}` where `{host}` stopped at {at:.0}"));
            }
            Event::Chose { slug, what, .. } => self.chose(slug, what),
            Event::CopiedBookmark { slug } => {
                self.step("Copied", &format!("the bookmarks of `{slug}` from `.meltano/meltano.db` into the registry"));
            }
            Event::MovedState { slug, from, to } => {
                self.step("Moved", &format!("the bookmarks of `{slug}` from `{from}` to `{to}`"));
            }
        }
    }

    /// Writes what was done to bookmarks because of a choice.
    pub(super) fn chose(&mut self, slug: &Slug, what: &StreamChoice) {
        let listed = |streams: &BTreeSet<String>| codes(streams.iter().map(String::as_str));
        match what {
            StreamChoice::ForwardOnly { streams } => {
                let streams = listed(streams);
                self.step("Kept", &format!("the bookmarks of {streams} in `{slug}`: older rows keep the old value"));
            }
            StreamChoice::Resync { streams } => {
                let streams = listed(streams);
                let note = format!("the bookmarks of {streams} in `{slug}`: the next sync reads them from the start");
                self.step("Removed", &note);
            }
            StreamChoice::Backfill { since } => {
                let dates = since.iter().map(|(stream, date)| format!("`{stream}` to {date}"));
                let dates = dates.collect::<Vec<_>>().join(", ");
                let note = format!("the bookmarks of `{slug}`: {dates}; the next sync reads on from there");
                self.step("Moved back", &note);
            }
        }
    }

    /// Writes a warning, and the next step.
    pub(super) fn warning(&mut self, message: &str, help: Option<&str>) {
        let head = styled(CHANGED.bold(), &format!("{:>12}", "Warning"));
        self.note(&format!("{head} {}\n", plain(message)));
        if let Some(help) = help {
            self.note(&format!("{:>12} {}\n", "", styled(QUIET, &plain(help))));
        }
    }

    fn ended(&mut self, run: &Run) {
        let slug = &run.slug;
        match run.status {
            RunStatus::Ok | RunStatus::Warning => {
                let moved = run.records.filter(|_| run.kind == spile_core::run::RunKind::Sync);
                let moved = moved.map(|records| {
                    format!(": {}", spile_ops::counted(usize::try_from(records).unwrap_or(usize::MAX), "record"))
                });
                self.step("Finished", &format!("{slug}{}", moved.unwrap_or_default()));
                if run.status == RunStatus::Warning {
                    let what = run.error.as_deref().unwrap_or_default();
                    self.warning(&format!("{slug}: {what}"), None);
                }
            }
            RunStatus::Cancelled | RunStatus::Running => self.step("Stopped", slug.as_str()),
            RunStatus::Failed => {
                let error = run.error.as_deref().unwrap_or_default();
                let head = styled(BAD.bold(), &format!("{:>12}", "Failed"));
                self.note(&format!("{head} {slug}: {}\n", plain(error)));
                self.note(&format!("{:>12} {}\n", "", styled(QUIET, &format!("full log: spile logs {slug}"))));
            }
        }
    }

    /// Writes a line of progress: a verb, right-aligned in its column, as cargo does.
    pub fn step(&mut self, verb: &str, what: &str) {
        if self.talk == Talk::Quiet {
            return;
        }
        let verb = styled(GOOD.bold(), &format!("{verb:>12}"));
        self.note(&format!("{verb} {what}\n"));
    }

    /// Writes a bold line.
    pub fn headline(&mut self, text: &str) {
        self.note(&format!("{}\n", styled(STRONG, text)));
    }
}

/// Breaks up what GitHub's runner would interpret as a command: `::` at the start of a line, `##[` anywhere.
fn without_commands(text: &str) -> String {
    let broken = |line: &str| {
        let line = line.replace("##[", "## [");
        let start = line.len() - line.trim_start().len();
        if line[start..].starts_with("::") { format!("{}: :{}", &line[..start], &line[start + 2..]) } else { line }
    };
    text.split_inclusive('\n').map(broken).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_a_runner_command() {
        let text = "a ::b\n  ::error file=x::y\r\n\t::add-mask::z\n##[group]a ##[endgroup]\n :: \n";
        let broken = "a ::b\n  : :error file=x::y\r\n\t: :add-mask::z\n## [group]a ## [endgroup]\n : : \n";
        assert_eq!(without_commands(text), broken);
    }
}
