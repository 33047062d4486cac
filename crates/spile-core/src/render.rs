//! Renders `meltano.yml` from entries, reads entries back from it, and renders other outputs. Pure.

pub(crate) mod engine;
pub mod output;
pub mod read;
pub mod rest;
mod same;
pub mod stamp;
pub mod steps;
mod values;

use miette::{Diagnostic, SourceSpan};
use minijinja::AutoEscape;
use minijinja::syntax::SyntaxConfig;
use uuid::Uuid;

use crate::name::EnvironmentName;
use crate::plan::State;
use crate::record::entry::Origin;
use crate::record::{Entry, Target};
use crate::source::Source;
use crate::yaml::write::{self, ValuePosition};
use engine::{Author, Failure, Template};
use values::Values;

pub use output::{Output, Task, TaskTiming};
pub use same::says_the_same;
pub use stamp::stamp;

/// The first line of every file that spile renders. Files without it are not overwritten.
pub const MARKER: &str = "# Rendered by spile from integrations/: edit the files there and run `spile apply`.";

/// The file's name in the project.
pub const FILE_NAME: &str = Target::MeltanoFile.title();

/// The path of a project's own template.
pub const TEMPLATE_FILE: &str = "templates/meltano.yml.j2";

/// The built-in template.
pub const TEMPLATE: &str = include_str!("../../../templates/meltano.yml.j2");

/// The macros that templates import under this name. They write what every `meltano.yml` needs, whatever surrounds it.
const PARTS: (&str, &str) = ("spile", include_str!("../../../templates/parts.j2"));

/// The most instructions that a template may take per entry, so that an endless loop ends.
const FUEL_FOR_EACH: u64 = 50_000;

/// Mistakes in a project's own template.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum TemplateMistake {
    /// A template that does not parse, or that fails.
    #[error("the template fails: {message}")]
    #[diagnostic(
        code(spile::template::failed),
        help("fix it, or remove it to use the built-in one; `docs/templates.md` lists its variables")
    )]
    Failed {
        /// The template engine's own message.
        message: String,
        /// Where it is.
        #[label("here")]
        span: SourceSpan,
    },
    /// A template that renders something that is not YAML, or not in Meltano's form.
    #[error("the template does not render a readable `meltano.yml`: {message}")]
    #[diagnostic(code(spile::template::unreadable), help("compare the template with the built-in one"))]
    Unreadable {
        /// The parser's own message.
        message: String,
        /// The start of the template.
        #[label("this template")]
        span: SourceSpan,
    },
    /// A template that does not begin with the line that marks spile's own files.
    #[error("the template does not start with the line that marks files rendered by spile")]
    #[diagnostic(code(spile::template::unmarked), help("start it with `{{{{ marker|safe }}}}`"))]
    Unmarked {
        /// The start of the template.
        #[label("this template")]
        span: SourceSpan,
    },
    /// A template that writes two plugins with the same name into one list.
    #[error("the template writes two {list} named `{name}`")]
    #[diagnostic(
        code(spile::template::plugin_twice),
        help("set a different `plugin.name` for the connector: Meltano would silently use the first of the two")
    )]
    PluginTwice {
        /// `extractors` or `loaders`.
        list: &'static str,
        /// The name.
        name: String,
        /// The start of the template.
        #[label("this template")]
        span: SourceSpan,
    },
    /// A template that drops, changes or adds an integration.
    #[error("the template {what} `{name}`")]
    #[diagnostic(
        code(spile::template::unfaithful),
        help("render every plugin, job, and schedule that the template gets, as the built-in one does")
    )]
    Unfaithful {
        /// `drops`, `changes` or `adds`.
        what: &'static str,
        /// The integration.
        name: String,
        /// The start of the template.
        #[label("this template")]
        span: SourceSpan,
    },
}

/// The contents of the file besides its entries.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// `project_id`. Meltano adds one to a file that has none.
    pub project_id: Uuid,
    /// `default_environment`
    pub default_environment: EnvironmentName,
    /// `environments`
    pub environments: Vec<EnvironmentName>,
    /// What the file is rendered for.
    pub purpose: Purpose,
}

/// What a file is rendered for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The project's `meltano.yml`.
    Project,
    /// A file that only one run sees. It always has an environment, even if the project's own file has none, because
    /// Meltano only runs in an environment.
    Run,
}

/// Renders the file and reads it back: a difference is a mistake in the template.
///
/// # Errors
/// When the template fails, or loses or changes an entry.
pub fn meltano_yml(head: &Head, entries: &State<Entry>, template: &Source) -> Result<String, TemplateMistake> {
    let text = unproven(head, entries, template)?;
    compare(&text, read::back_of_any(&text), entries)?;
    Ok(text)
}

/// Reads back what the built-in template rendered, which quotes every value that needs it.
///
/// # Errors
/// When an entry is lost, changed or added.
pub fn prove(text: &str, entries: &State<Entry>) -> Result<(), TemplateMistake> {
    compare(text, read::back(text), entries)
}

/// Compares a text with what was read back from it. A difference is a mistake in the template.
fn compare(
    text: &str,
    back: Result<read::Back, read::Unreadable>,
    entries: &State<Entry>,
) -> Result<(), TemplateMistake> {
    let span = || (0..0).into();
    let unreadable = |error: read::Unreadable| TemplateMistake::Unreadable { message: error.to_string(), span: span() };
    let read::Back { entries: back, names } = back.map_err(unreadable)?;
    if !read::is_rendered(text) {
        return Err(TemplateMistake::Unmarked { span: span() });
    }
    if let Some((list, name)) = twice(&names, entries) {
        return Err(TemplateMistake::PluginTwice { list, name, span: span() });
    }
    let unfaithful =
        |what, entry: &Entry| TemplateMistake::Unfaithful { what, name: entry.slug.to_string(), span: span() };
    for (id, entry) in entries.iter() {
        match back.get(id) {
            None => return Err(unfaithful("drops", entry)),
            Some(found) if found != entry => return Err(unfaithful("changes", entry)),
            Some(_) => {}
        }
    }
    back.iter().find(|(id, _)| entries.get(id).is_none()).map_or(Ok(()), |(_, entry)| Err(unfaithful("adds", entry)))
}

/// Finds a plugin rendered by spile whose name another plugin in its list has. Only a template with plugins of its own
/// can cause that.
fn twice(names: &read::Names, entries: &State<Entry>) -> Option<(&'static str, String)> {
    let made = entries.iter().map(|(_, entry)| entry).filter(|entry| entry.origin == Origin::Made);
    let mut own =
        made.flat_map(|entry| [entry.plugin.as_str(), entry.base_plugin()].map(|name| (entry.role.plural(), name)));
    let is_twice = |(list, name): &(&'static str, &str)| {
        names.get(list).and_then(|names| names.get(*name)).is_some_and(|times| *times > 1)
    };
    own.find(is_twice).map(|(list, name)| (list, name.to_owned()))
}

/// Renders the file without reading it back. For the built-in template, whose text is read back before it is written.
///
/// # Errors
/// When the template fails.
pub fn unproven(head: &Head, entries: &State<Entry>, template: &Source) -> Result<String, TemplateMistake> {
    let template = Template {
        name: &template.path().display().to_string(),
        text: template.text(),
        author: if template.text() == TEMPLATE { Author::Program } else { Author::Project },
        syntax: SyntaxConfig::default(),
        escape: |_| AutoEscape::Json,
        formatter: formatted,
        import: Some(PARTS),
        fuel: FUEL_FOR_EACH * (entries.len() as u64 + 10),
    };
    let values = minijinja::value::Serde(Values::of(head, entries)).into();
    template.render(values).map(|text| identified(text.trim_end_matches(['\n', ' ']), head.project_id)).map_err(failed)
}

/// Adds the project's id if the template does not write one: otherwise, the next `meltano run` would add its own.
fn identified(text: &str, id: Uuid) -> String {
    let says_one = text.lines().any(|line| line.starts_with("project_id:"));
    // Nothing can be added after a table in braces.
    let is_open = text.lines().find(|line| !line.starts_with('#')).is_some_and(|line| !line.starts_with('{'));
    if says_one || !is_open { format!("{text}\n") } else { format!("{text}\nproject_id: {id}\n") }
}

/// Writes a value as YAML on one line. The template's own text is not changed.
fn formatted(
    out: &mut minijinja::Output<'_>,
    state: &mut minijinja::State<'_, '_>,
    value: &minijinja::Value,
) -> Result<(), minijinja::Error> {
    if value.is_safe() || value.is_undefined() || *state.auto_escape() != AutoEscape::Json {
        return minijinja::escape_formatter(out, state, value);
    }
    // The built-in macros always write a value alone on its line.
    let place = if state.name() == PARTS.0 { ValuePosition::Block } else { ValuePosition::Flow };
    let mut text = String::new();
    if let Some(said) = value.as_str() {
        write::text(&mut text, said, place);
    } else {
        let value = serde_json::to_value(value)
            .map_err(|error| minijinja::Error::new(minijinja::ErrorKind::BadSerialization, error.to_string()))?;
        write::value(&mut text, &value, place);
    }
    out.write_str(&text).map_err(minijinja::Error::from)
}

fn failed(failure: Failure) -> TemplateMistake {
    TemplateMistake::Failed { message: failure.message, span: failure.span.into() }
}

#[cfg(test)]
mod tests;
