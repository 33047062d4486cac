//! The formats of results, and which of them each command can write.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Arg, ValueEnum};

use super::GLOBAL;

/// The format of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for people
    Text,
    /// JSON for programs
    Json,
    /// Markdown for a pull request comment
    Markdown,
    /// SARIF for code scanning
    Sarif,
    /// XML test reports for CI, as junit writes them
    Junit,
    /// Annotations for GitHub Actions
    Github,
}

/// Returns the formats that a command can write.
pub(super) fn formats(command: &str) -> &'static [Format] {
    match command {
        "plan" | "apply" => &[Format::Text, Format::Json, Format::Markdown],
        "check" => &[Format::Text, Format::Json, Format::Sarif, Format::Junit, Format::Github],
        "test" | "sync" | "run-due" => &[Format::Text, Format::Json, Format::Junit],
        _ => &[Format::Text, Format::Json],
    }
}

/// Returns the `--format` argument of a command, which replaces the global one of that name.
pub(super) fn argument(command: &str) -> Arg {
    let names = PossibleValuesParser::new(formats(command).iter().filter_map(Format::to_possible_value));
    let format = Arg::new("format").long("format").value_name("FORMAT").help("Output format").help_heading(GLOBAL);
    format.global(true).default_value("text").value_parser(names.try_map(|name| Format::from_str(&name, false)))
}
