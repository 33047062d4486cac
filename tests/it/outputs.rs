//! Outputs: files that apply renders beside `meltano.yml`, verified with the programs that read them.

pub mod airflow;
mod changes;
pub mod dagster;
pub mod dbt;
mod github;
pub mod kubernetes;
mod literals;
mod systemd;

use std::path::Path;
use std::process::Command;

use spile_core::name::{IntegrationId, Slug};
use spile_core::plan::State;
use spile_core::problem::Problems;
use spile_core::render::output::LoadedStream;
use spile_core::render::{Output, Task};
use spile_core::settings;
use spile_core::source::Source;

use crate::tools;

/// A name that would be code, a template or a line break wherever it is not written as a literal.
pub const HOSTILE: &str = "'''\"\"\"\\ {{ 1 + 1 }} {% raw %} $(touch pwned) `x`\n# spile: {\"slug\":\"a\"}\r\u{0}\u{85}\u{2028}\u{202e}é\u{1f600} */ -->.md";

/// Returns an output as declared in `spile.toml`, with these project templates.
pub fn output(project: &str, declared: &str, templates: &[Source]) -> Output {
    let name = toml::Value::from(project);
    let text = format!("[project]\nname = {name}\ndefault_environment = 'prod'\n[[outputs]]\n{declared}\n");
    let mut problems = Problems::default();
    let settings = settings::read(&Source::new("spile.toml", text), &mut problems).expect("settings");
    let output = Output::of(&settings.outputs[0], &settings.name, templates, &mut problems);
    let report = problems.into_report();
    assert!(report.problems().is_empty(), "{:?}", report.problems());
    output.unwrap()
}

/// Returns a task in which every text is `words`.
pub fn task(slug: &str, schedule: &str, timezone: &str, words: &str) -> Task {
    Task {
        slug: slug.parse().unwrap(),
        schedule: schedule.to_owned(),
        timezone: timezone.to_owned(),
        connector: words.to_owned(),
        loader: "lake".parse().unwrap(),
        tags: [words.to_owned(), "a tag".to_owned()].into(),
        name: words.to_owned(),
        description: Some(words.to_owned()),
        path: words.to_owned(),
        streams: Vec::new(),
        loaded_at: None,
        timing: None,
    }
}

/// Returns a task with these streams, each with its table in the schema `raw`, as a loader that notes the time of loading
/// writes them.
pub fn with_streams(task: Task, streams: &[&str]) -> Task {
    let stream = |name: &&str| LoadedStream {
        name: (*name).to_owned(),
        schema: Some("raw".to_owned()),
        table: Some(name.replace('-', "_")),
    };
    Task { streams: streams.iter().map(stream).collect(), loaded_at: Some("_sdc_batched_at".to_owned()), ..task }
}

/// Returns the tasks by the ids that a project derives for them.
pub fn tasks(all: impl IntoIterator<Item = Task>) -> State<Task> {
    let id = |slug: &Slug| IntegrationId::derived("acme", slug);
    all.into_iter().map(|task| (id(&task.slug), task)).collect()
}

/// Makes a Python environment with these packages in a folder.
pub fn install_python(folder: &Path, packages: &[&str]) {
    tools::succeeds(Command::new("python3").args(["-m", "venv"]).arg(folder));
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]).args(packages);
    tools::succeeds(&mut pip);
}
