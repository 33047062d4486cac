//! Problems as diagnostics.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lsp_types::{Diagnostic, DiagnosticSeverity, NumberOrString};

use super::range::range;
use spile_core::assist::Encoding;
use spile_core::problem::{Problem, Report};

pub(super) type Diagnostics = Vec<Diagnostic>;

/// Returns the problems of each file, by its path in the project.
pub(super) fn diagnostics(report: &Report, encoding: Encoding) -> BTreeMap<PathBuf, Diagnostics> {
    let mut found: BTreeMap<PathBuf, Diagnostics> = BTreeMap::new();
    for problem in report.problems() {
        found.entry(problem.source.path().to_owned()).or_default().push(diagnostic(problem, encoding));
    }
    found
}

pub(super) fn diagnostic(problem: &Problem, encoding: Encoding) -> Diagnostic {
    let place = problem.place();
    let severity = if problem.is_error() { DiagnosticSeverity::ERROR } else { DiagnosticSeverity::WARNING };
    let help = problem.help().map(|help| format!("\n{help}")).unwrap_or_default();
    Diagnostic {
        range: range(place.source.text(), place.span.clone(), encoding),
        severity: Some(severity),
        code: Some(NumberOrString::String(problem.code())),
        source: Some("spile".to_owned()),
        message: format!("{}{help}", problem.message()),
        ..Diagnostic::default()
    }
}
