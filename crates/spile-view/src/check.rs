//! The problems of a project in the formats that CI systems read: SARIF, `JUnit` and GitHub's annotations.

use std::collections::BTreeMap;
use std::path::Path;

use miette::Severity;
use serde_json::{Value, json};

use super::junit::{attribute, suite, xml};
use super::report::ProblemData;
use super::{CHANGED, styled};
use spile_core::name::EnvironmentName;
use spile_core::problem::{Problem, Report, listed};
use spile_core::visible::plain;
use spile_ops::check::Unset;

/// The page that explains the codes.
const CODES: &str = "docs/codes.md";

/// Returns a note for each integration with variables that are not set for runs started here.
#[must_use]
pub fn unset(all: &[Unset], default: &EnvironmentName) -> String {
    let one = |unset: &Unset| {
        let within = if unset.environment == *default { String::new() } else { format!(" in `{}`", unset.environment) };
        let (is, it) = if unset.names.len() == 1 { ("is", "it") } else { ("are", "them") };
        let names = listed(unset.names.iter().map(String::as_str));
        format!(
            "{} {names} {is} not set here: a run of `{}`{within} needs {it}, from `.env` or the environment\n",
            styled(CHANGED, "note:"),
            unset.slug
        )
    };
    all.iter().map(one).collect()
}

/// Returns the problems as SARIF 2.1.0, with one rule for each code; `way` leads from the root of the repository to the
/// project.
#[must_use]
pub fn sarif(report: &Report, way: &Path) -> Value {
    let problems: Vec<ProblemData> = report.problems().iter().map(ProblemData::from).collect();
    let rules: BTreeMap<&str, Value> = problems
        .iter()
        .map(|problem| {
            let help = problem.help.clone().unwrap_or_else(|| format!("see {CODES}").into());
            let name = problem.code.rsplit("::").next().unwrap_or_default();
            let rule = json!({
                "id": problem.code,
                "name": name,
                "shortDescription": { "text": problem.code },
                "help": { "text": help },
            });
            (problem.code.as_str(), rule)
        })
        .collect();
    let results: Vec<Value> =
        report.problems().iter().zip(&problems).map(|(problem, data)| result(problem, data, way)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "spile",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.into_values().collect::<Vec<_>>(),
            } },
            // Columns count characters.
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(problem: &Problem, data: &ProblemData, way: &Path) -> Value {
    let (line, column) = end(problem);
    let help = data.help.as_ref().map(|help| format!("\n{help}")).unwrap_or_default();
    json!({
        "ruleId": data.code,
        "level": data.severity,
        "message": { "text": format!("{}{help}", data.message) },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(&from(way, &data.file)), "uriBaseId": "%SRCROOT%" },
            "region": { "startLine": data.line, "startColumn": data.column, "endLine": line, "endColumn": column },
        } }],
    })
}

/// Returns the line and the column just after a problem's label.
fn end(problem: &Problem) -> (usize, usize) {
    let place = problem.place();
    let (line, column) = place.source.place(place.span.end..place.span.end).line_and_column();
    let start = place.line_and_column();
    // An empty label covers one character.
    if (line, column) <= start { (start.0, start.1 + 1) } else { (line, column) }
}

/// Returns a file's path from the root of the repository; `way` leads from there to the project.
fn from(way: &Path, file: &str) -> String {
    way.join(file).display().to_string()
}

/// Returns a path as part of a URI.
fn uri(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Returns the problems as `JUnit` XML: one case for each file with problems, or a single passed case.
#[must_use]
pub fn junit(report: &Report) -> String {
    let mut files: BTreeMap<String, Vec<ProblemData>> = BTreeMap::new();
    for problem in report.problems().iter().map(ProblemData::from) {
        files.entry(problem.file.clone()).or_default().push(problem);
    }
    let failed = |problems: &Vec<ProblemData>| problems.iter().any(|problem| problem.severity == "error");
    let (tests, failures) = (files.len().max(1), files.values().filter(|problems| failed(problems)).count());
    let mut cases: Vec<String> = files.iter().map(|(file, problems)| case(file, problems, failed(problems))).collect();
    if cases.is_empty() {
        cases.push("    <testcase classname=\"spile check\" name=\"all files\"/>\n".to_owned());
    }
    suite("spile check", tests, failures, &cases.concat())
}

fn case(file: &str, problems: &[ProblemData], failed: bool) -> String {
    let told = |problem: &ProblemData| {
        let help = problem.help.as_ref().map(|help| format!("\n  help: {help}")).unwrap_or_default();
        let ProblemData { file, line, column, message, code, severity, .. } = problem;
        format!("{file}:{line}:{column}: {severity}: {message} [{code}]{help}")
    };
    let text = xml(&problems.iter().map(told).collect::<Vec<_>>().join("\n"));
    let name = attribute(file);
    let first = problems.first().map(|problem| attribute(&problem.message.to_string())).unwrap_or_default();
    let inner = if failed {
        format!("<failure message=\"{first}\">{text}</failure>")
    } else {
        format!("<system-out>{text}</system-out>")
    };
    format!("    <testcase classname=\"spile check\" name=\"{name}\" file=\"{name}\">{inner}</testcase>\n")
}

/// Returns the problems as commands to GitHub Actions, which shows them at their lines; `way` leads from the root of
/// the repository to the project.
#[must_use]
pub fn github(report: &Report, way: &Path) -> String {
    let lines = report.problems().iter().map(|problem| {
        let data = ProblemData::from(problem);
        let command = if problem.finding().severity() == Some(Severity::Warning) { "warning" } else { "error" };
        let (line, column) = end(problem);
        let place = format!("line={},endLine={line},col={},endColumn={column}", data.line, data.column);
        let help = data.help.as_ref().map(|help| format!("\n{help}")).unwrap_or_default();
        let message = message(&format!("{}{help}", data.message));
        format!(
            "::{command} file={},{place},title={}::{message}\n",
            property(&from(way, &data.file)),
            property(&data.code)
        )
    });
    lines.collect()
}

/// Escapes a message as the runner's own toolkit does.
fn message(text: &str) -> String {
    // The runner looks for an older form of commands anywhere in a line, and offers no escape for it.
    plain(text).replace("##[", "## [").replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}
