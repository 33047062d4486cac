//! Outputs: files for other schedulers, rendered from the same integrations as `meltano.yml`. Pure.
//!
//! Templates get names, schedules and paths, but never the values of settings: an output runs `spile sync`.

mod calendar;
mod cron;
mod interval;
mod literal;
mod mark;
mod mistake;
mod names;
mod schedules;
mod streams;
mod tables;
mod task;
mod values;

use std::path::{Path, PathBuf};

use minijinja::syntax::SyntaxConfig;

use super::engine::{Author, Failure, Template};
use super::{MARKER, TemplateMistake, failed};
use crate::connector::Role;
use crate::integration::{Integration, Integrations};
use crate::name::{EnvironmentName, Slug};
use crate::plan::{Scope, State};
use crate::problem::{Problems, did_you_mean, listed};
use crate::settings::{Builtin, OutputSettings};
use crate::source::{Place, Placed, Source};
use streams::Loaded;
use values::OutputValues;

pub use mark::tasks_of;
pub use mistake::{NoTables, OutputMistake};
pub use streams::{Contracts, LoadedStream};
pub use task::{Task, TaskTiming};

/// The number of lines within which the marker has to be, because other tools may need the first line.
const MARKED_WITHIN: usize = 5;

/// The most instructions that a template may take per integration and stream, so that an endless loop ends.
const FUEL_FOR_EACH: u64 = 50_000;

/// A file that apply renders, with its template.
#[derive(Debug, Clone)]
pub struct Output {
    /// The file, relative to the project.
    pub path: PathBuf,
    /// The template's text.
    pub template: Source,
    settings: OutputSettings,
    project: String,
}

impl Output {
    /// Combines an output's settings in `spile.toml` with the text of its template.
    pub fn of(settings: &OutputSettings, project: &str, templates: &[Source], problems: &mut Problems) -> Option<Self> {
        let name = &settings.template;
        let template = match Builtin::find(name) {
            Some(builtin) => Some(source(builtin)),
            None => templates.iter().find(|own| own.path() == Path::new(&name.value)).cloned(),
        };
        if template.is_none() {
            let own = templates.iter().filter_map(|own| own.path().to_str());
            let known: Vec<&str> = Builtin::ALL.iter().map(|builtin| builtin.word()).chain(own).collect();
            let help = did_you_mean(name, known.iter().copied())
                .unwrap_or_else(|| format!("choose one of {}, or add a `templates/*.j2`", listed(known)));
            let span = name.place.span.clone().into();
            problems.push(&name.place.source, OutputMistake::UnknownTemplate { name: name.value.clone(), span, help });
        }
        let (path, settings, project) = (settings.path.clone(), settings.clone(), project.to_owned());
        Some(Self { path, template: template?, settings, project })
    }

    /// Returns the environment whose integrations it contains.
    #[must_use]
    pub fn environment(&self) -> &EnvironmentName {
        &self.settings.environment
    }

    /// Tells whether it lists the streams of integrations. Templates of the project may.
    #[must_use]
    pub fn lists_streams(&self) -> bool {
        self.builtin().is_none_or(Builtin::lists_streams)
    }

    /// Tells whether it keeps the jitter of integrations and their rule for missed runs. Templates of the project may.
    fn keeps_timing(&self) -> bool {
        self.builtin().is_none_or(Builtin::keeps_timing)
    }

    fn takes(&self, loader: &Slug) -> bool {
        self.settings.loader.as_ref().is_none_or(|only| only.value == loader.as_str())
    }

    /// Reports a loader that does not exist. An output of that loader would be empty.
    pub fn check_loader(&self, integrations: &Integrations, problems: &mut Problems) {
        let Some(Placed { value: name, place }) = &self.settings.loader else { return };
        let loaders = integrations.by_slug().filter(|one| one.role() == Role::Loader).map(|one| one.slug.as_str());
        let known: Vec<&str> = loaders.collect();
        if !known.contains(&name.as_str()) {
            let help = did_you_mean(name, known.iter().copied())
                .unwrap_or_else(|| format!("use the name of a loader's file: one of {}", listed(known)));
            let span = place.span.clone().into();
            problems.push(&place.source, OutputMistake::UnknownLoader { name: name.clone(), span, help });
        }
    }

    fn builtin(&self) -> Option<Builtin> {
        Builtin::find(&self.settings.template)
    }

    /// Returns the desired tasks, according to the files.
    #[must_use]
    pub fn tasks(&self, integrations: &Integrations, contracts: &Contracts) -> State<Task> {
        let environment = &self.settings.environment;
        let task = |one: &Integration| {
            let task = Task::of(one, environment).filter(|task| self.takes(&task.loader))?;
            let task = if self.keeps_timing() { task.with_timing(&one.at(environment).timing) } else { task };
            let streams = || Loaded::of(one, integrations, environment, contracts);
            Some(if self.lists_streams() { task.with_streams(streams()) } else { task })
        };
        integrations.iter().filter_map(|one| Some((one.id, task(one)?))).collect()
    }

    /// Renders the file.
    ///
    /// # Errors
    /// When the template fails, or does not mark the file as spile's.
    pub fn render(&self, tasks: &State<Task>) -> Result<String, TemplateMistake> {
        // A line with only a block leaves no empty line.
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        let is_builtin = self.builtin().is_some();
        let entries = tasks.iter().map(|(_, task)| task.streams.len() + 1).sum::<usize>();
        let template = Template {
            name: &self.template.path().display().to_string(),
            text: self.template.text(),
            author: if is_builtin { Author::Program } else { Author::Project },
            syntax: syntax.map_err(|error| failed(Failure::of(&error, "")))?,
            escape: literal::language,
            formatter: literal::formatted,
            import: None,
            fuel: FUEL_FOR_EACH * (entries as u64 + 10),
        };
        let values = minijinja::value::Serde(OutputValues::of(self, tasks)).into();
        let text = template.render(values).map(|text| format!("{}\n", text.trim_end())).map_err(failed)?;
        if is_rendered(&text) { Ok(text) } else { Err(TemplateMistake::Unmarked { span: (0..0).into() }) }
    }

    /// Reports the integrations that a built-in template leaves out.
    pub fn advise(&self, asked: &State<Task>, text: &str, problems: &mut Problems) {
        let Some(builtin) = self.builtin() else { return };
        let Place { source, span } = &self.settings.template.place;
        let found = tasks_of(text);
        for (_, task) in asked.iter().filter(|(id, _)| found.get(id).is_none()) {
            let (slug, path, span) = (task.slug.to_string(), self.path.display().to_string(), span.clone().into());
            let mistake = match builtin {
                Builtin::Dbt => OutputMistake::NoTables { reason: NoTables::of(task), slug, path, span },
                Builtin::Github if !task.is_in_utc() => {
                    OutputMistake::OnlyUtc { slug, path, timezone: task.timezone.clone(), span }
                }
                _ => OutputMistake::LeftOut { slug, path, schedule: task.schedule.clone(), span },
            };
            problems.push(source, mistake);
        }
    }

    /// Applies a scope to the desired tasks: tasks out of scope stay as in the file now. Returns `None` if the file
    /// does not show them: it was read completely only if it renders to the same bytes again.
    #[must_use]
    pub fn narrowed(&self, scope: &Scope, asked: &State<Task>, before: &str) -> Option<State<Task>> {
        let Scope::Only(named) = scope else { return Some(asked.clone()) };
        let current = tasks_of(before);
        if !before.is_empty() && !self.render(&current).is_ok_and(|again| again == before) {
            return None;
        }
        let is_named =
            |id| [asked.get(id), current.get(id)].into_iter().flatten().any(|task| named.contains(&task.slug));
        let new = asked.iter().filter(|(id, _)| is_named(id));
        let kept = current.iter().filter(|(id, _)| !is_named(id));
        Some(new.chain(kept).map(|(id, task)| (*id, task.clone())).collect())
    }
}

/// Tells whether spile rendered the text of an output.
#[must_use]
pub fn is_rendered(text: &str) -> bool {
    let marker = MARKER.trim_start_matches(['#', ' ']);
    text.lines().take(MARKED_WITHIN).any(|line| line.contains(marker))
}

fn source(builtin: Builtin) -> Source {
    match builtin {
        Builtin::Airflow => Source::new("airflow.py.j2", include_str!("../../../../templates/airflow.py.j2")),
        Builtin::Dagster => Source::new("dagster.py.j2", include_str!("../../../../templates/dagster.py.j2")),
        Builtin::Dbt => Source::new("dbt.yml.j2", include_str!("../../../../templates/dbt.yml.j2")),
        Builtin::Github => Source::new("github.yml.j2", include_str!("../../../../templates/github.yml.j2")),
        Builtin::Kubernetes => {
            Source::new("kubernetes.yml.j2", include_str!("../../../../templates/kubernetes.yml.j2"))
        }
        Builtin::Systemd => Source::new("systemd.sh.j2", include_str!("../../../../templates/systemd.sh.j2")),
    }
}

#[cfg(test)]
mod tests;
