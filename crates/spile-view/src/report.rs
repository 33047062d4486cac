//! Problems and errors, as text for people and as data.

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, Severity, SourceCode};
use serde::{Deserialize, Serialize};

use super::excerpt::{self, Excerpt, Masked};
use spile_core::phrase::Phrase;
use spile_core::problem::{Problem, Report};
use spile_core::secrecy::struck;
use spile_core::visible::plain;
use spile_ops::Error;

/// A problem as data, the same in every interface.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct ProblemData {
    /// `spile::area::word`
    pub code: String,
    /// `error` or `warning`
    pub severity: String,
    /// What is wrong.
    pub message: Phrase,
    /// The next step.
    pub help: Option<Phrase>,
    /// The file, relative to the project.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The span in bytes: its start and its length.
    pub span: (usize, usize),
}

impl From<&Problem> for ProblemData {
    fn from(problem: &Problem) -> Self {
        let place = problem.place();
        let (line, column) = place.line_and_column();
        Self {
            code: problem.code(),
            severity: if problem.is_error() { "error" } else { "warning" }.to_owned(),
            message: problem.message(),
            help: problem.help(),
            file: problem.path(),
            line,
            column,
            span: (place.span.start, place.span.len()),
        }
    }
}

/// A failed operation as data.
#[derive(Debug, Serialize)]
pub struct ErrorData {
    /// `spile::area::word`
    pub code: String,
    /// What went wrong.
    pub message: String,
    /// The causes, outermost first.
    pub causes: Vec<String>,
    /// The next step.
    pub help: Option<String>,
    /// The problems, if the files are invalid.
    pub problems: Vec<ProblemData>,
}

impl From<&Error> for ErrorData {
    fn from(error: &Error) -> Self {
        let problems = match error {
            Error::Problems(report) | Error::Words(report) => report.problems().iter().map(ProblemData::from).collect(),
            _ => Vec::new(),
        };
        Self {
            code: error.shown().code().map(|code| code.to_string()).unwrap_or_default(),
            message: struck(&error.shown().to_string()).into_owned(),
            causes: error.causes().iter().map(|cause| struck(cause).into_owned()).collect(),
            help: error.shown().help().map(|help| struck(&help.to_string()).into_owned()),
            problems,
        }
    }
}

/// Returns an error as text; problems in files come with their lines.
#[must_use]
pub fn error(error: &Error) -> String {
    let problems = match error {
        Error::Problems(report) | Error::Words(report) => self::problems(report),
        _ => String::new(),
    };
    let data = ErrorData::from(error);
    let head = match error.shown().severity() {
        Some(Severity::Warning) => super::styled(super::CHANGED.bold(), "warning"),
        _ => super::styled(super::BAD.bold(), "error"),
    };
    let mut text = format!("{problems}{head}: {}\n", plain(&data.message));
    let causes = data.causes.into_iter().map(|cause| ("because:", cause));
    // Problems show their own codes.
    let code = Some(data.code).filter(|code| problems.is_empty() && !code.is_empty());
    let more = data.help.map(|help| ("help:", help)).into_iter().chain(code.map(|code| ("code:", code)));
    for (word, sentence) in causes.chain(more) {
        text = format!("{text}  {} {}\n", super::styled(super::QUIET, word), plain(&sentence));
    }
    text
}

/// Returns problems with their places, excerpts and help.
#[must_use]
pub fn problems(report: &Report) -> String {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode()).with_links(false).with_width(110);
    let handler = handler.with_context_lines(excerpt::CONTEXT);
    let mut text = String::new();
    let mut last = None;
    for problem in report.problems() {
        let masked = Masked::of(report, problem, last.take());
        let shown = ProblemExcerpt { problem, excerpt: Excerpt::of(&masked, problem) };
        if handler.render_report(&mut text, &shown).is_err() {
            text = format!("{text}{problem:?}\n");
        }
        text.push('\n');
        last = Some(masked);
    }
    text
}

/// A problem with its excerpt.
struct ProblemExcerpt<'a> {
    problem: &'a Problem,
    excerpt: Excerpt,
}

impl Diagnostic for ProblemExcerpt<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.problem.finding().code()
    }

    fn severity(&self) -> Option<Severity> {
        self.problem.finding().severity()
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        let help = self.problem.help()?.to_string();
        Some(Box::new(plain(&help).into_owned()))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.excerpt)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.excerpt.labels()))
    }
}

impl std::fmt::Debug for ProblemExcerpt<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self.problem, f)
    }
}

impl std::fmt::Display for ProblemExcerpt<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&plain(&self.problem.message().to_string()))
    }
}

impl std::error::Error for ProblemExcerpt<'_> {}
