//! Rendering `meltano.yml` from entries, and reading entries back from it; pure.

pub mod read;

use std::borrow::Cow;
use std::collections::BTreeMap;

use miette::{Diagnostic, SourceSpan};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::name::EnvironmentName;
use crate::plan::State;
use crate::record::Entry;
use crate::record::entry::Setup;
use crate::source::Source;

/// The first line of every file that spile renders: a file without it is not overwritten.
pub const MARKER: &str = "# Rendered by spile from integrations/: edit the files there and run `spile apply`.";

/// The file's name in the project, and the template's under `templates/`.
pub const FILE_NAME: &str = "meltano.yml";

/// The template that is part of the program.
pub const TEMPLATE: &str = include_str!("../templates/meltano.yml.j2");

/// The most instructions a template may take for each entry, so that one that loops ends.
const FUEL_FOR_EACH: u64 = 50_000;

/// What can be wrong with a template of the project's own.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Mistake {
    /// The template does not parse, or fails.
    #[error("the template fails: {message}")]
    #[diagnostic(
        code(spile::template::failed),
        help("mend it, or remove it to use the built-in one; `docs/templates.md` lists what it is given")
    )]
    Failed {
        /// The engine's own sentence.
        message: String,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// The text is no YAML, or not of Meltano's form.
    #[error("what the template renders is not a readable `meltano.yml`: {message}")]
    #[diagnostic(code(spile::template::unreadable), help("compare the template with the built-in one"))]
    Unreadable {
        /// The reader's own sentence.
        message: String,
        /// The template's start.
        #[label("this template")]
        span: SourceSpan,
    },
    /// The first line is not the one that marks spile's own files.
    #[error("the template leaves out the first line that marks a file as rendered by spile")]
    #[diagnostic(code(spile::template::unmarked), help("write `{{{{ marker|safe }}}}` first"))]
    Unmarked {
        /// The template's start.
        #[label("this template")]
        span: SourceSpan,
    },
    /// An integration did not come through.
    #[error("the template {what} `{name}`")]
    #[diagnostic(
        code(spile::template::unfaithful),
        help("write every plugin, job and schedule that the template is given, as the built-in one does")
    )]
    Unfaithful {
        /// `drops`, `changes` or `adds`.
        what: &'static str,
        /// The integration.
        name: String,
        /// The template's start.
        #[label("this template")]
        span: SourceSpan,
    },
}

/// What the file says besides its entries.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// `default_environment`
    pub default_environment: EnvironmentName,
    /// `environments`
    pub environments: Vec<EnvironmentName>,
}

/// Renders the file and reads it back: what is not there unchanged is a mistake of the template's.
///
/// # Errors
/// When the template fails, or loses or changes an entry.
pub fn meltano_yml(head: &Head, entries: &State<Entry>, template: &Source) -> Result<String, Mistake> {
    let text = render(head, entries, template)?;
    let span = || (0..0).into();
    let back =
        read::entries(&text).map_err(|error| Mistake::Unreadable { message: error.to_string(), span: span() })?;
    if !read::is_rendered(&text) {
        return Err(Mistake::Unmarked { span: span() });
    }
    let unfaithful = |what, entry: &Entry| Mistake::Unfaithful { what, name: entry.slug.to_string(), span: span() };
    for (id, entry) in entries.iter() {
        match back.get(id) {
            None => return Err(unfaithful("drops", entry)),
            Some(found) if found != entry => return Err(unfaithful("changes", entry)),
            Some(_) => {}
        }
    }
    back.iter().find(|(id, _)| entries.get(id).is_none()).map_or(Ok(text), |(_, entry)| Err(unfaithful("adds", entry)))
}

fn render(head: &Head, entries: &State<Entry>, template: &Source) -> Result<String, Mistake> {
    let name = template.path().display().to_string();
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_auto_escape_callback(|_| AutoEscape::Json);
    engine.set_fuel(Some(FUEL_FOR_EACH * (entries.len() as u64 + 10)));
    engine.add_template(&name, template.text()).map_err(|error| failed(&error))?;
    let values = minijinja::value::Serde(Values::of(head, entries));
    let rendered = engine.get_template(&name).and_then(|template| template.render(values));
    rendered.map(|text| format!("{}\n", escaped(text.trim_end()))).map_err(|error| failed(&error))
}

/// Writes what JSON leaves as it is and YAML refuses, or takes for a line break, as an escape of both.
fn escaped(text: &str) -> String {
    let special =
        |c: char| matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
    let parts = text.split_inclusive(special).map(|part| match part.char_indices().next_back() {
        Some((at, c)) if special(c) => Cow::Owned(format!("{}\\u{:04x}", &part[..at], u32::from(c))),
        _ => Cow::Borrowed(part),
    });
    parts.collect()
}

fn failed(error: &minijinja::Error) -> Mistake {
    let message =
        error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    Mistake::Failed { message, span: error.range().unwrap_or(0..0).into() }
}

/// What a template is given.
#[derive(Serialize)]
struct Values<'a> {
    marker: &'static str,
    default_environment: &'a EnvironmentName,
    environments: Vec<Value>,
    plugins: BTreeMap<&'static str, Plugins<'a>>,
    jobs: Vec<Value>,
    schedules: Vec<Value>,
}

#[derive(Serialize, Default)]
struct Plugins<'a> {
    base: Vec<&'a Map<String, Value>>,
    inheriting: Vec<Value>,
}

impl<'a> Values<'a> {
    fn of(head: &'a Head, entries: &'a State<Entry>) -> Self {
        let mut sorted: Vec<_> = entries.iter().map(|(id, entry)| (entry, *id)).collect();
        sorted.sort_by(|a, b| a.0.slug.cmp(&b.0.slug));
        let mut plugins: BTreeMap<&'static str, Plugins<'a>> = BTreeMap::new();
        let mut bases: BTreeMap<(&'static str, &str), &Map<String, Value>> = BTreeMap::new();
        let (mut jobs, mut schedules) = (Vec::new(), Vec::new());
        for (entry, id) in &sorted {
            let list = entry.role.plural();
            bases.insert((list, entry.base_plugin()), &entry.definition);
            let mut mark = json!({"id": id, "slug": entry.slug});
            if entry.protect {
                mark["protect"] = json!(true);
            }
            plugins.entry(list).or_default().inheriting.push(json!({
                "name": entry.plugin,
                "inherit_from": entry.base_plugin(),
                "annotations": {"spile": mark},
                "config": entry.base.config,
                "select": entry.base.select,
                "metadata": entry.base.metadata,
            }));
            if let Some(loader) = &entry.loader {
                jobs.push(json!({"name": entry.slug, "task": format!("{} {loader}", entry.plugin)}));
                schedules.extend(
                    entry
                        .interval
                        .as_ref()
                        .map(|interval| json!({"name": entry.slug, "interval": interval, "job": entry.slug})),
                );
            }
        }
        for ((list, _), definition) in bases {
            plugins.entry(list).or_default().base.push(definition);
        }
        let environments = head.environments.iter().map(|name| environment(name, &sorted)).collect();
        Self { marker: MARKER, default_environment: &head.default_environment, environments, plugins, jobs, schedules }
    }
}

fn environment<I>(name: &EnvironmentName, entries: &[(&Entry, I)]) -> Value {
    let mut plugins: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (entry, _) in entries {
        let Some(Setup { config, select, metadata }) = entry.environments.get(name) else { continue };
        let overlay = json!({"name": entry.plugin, "config": config, "select": select, "metadata": metadata});
        plugins.entry(entry.role.plural()).or_default().push(overlay);
    }
    json!({"name": name, "plugins": plugins})
}
