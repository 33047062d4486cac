//! `check`: reads and checks every file of a project. All other operations begin with it.

mod connectors;
mod contracts;
mod lint;
mod selection;
mod tables;
mod templates;
mod variables;

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::Error;
use spile_core::alert::policy;
use spile_core::connector::Catalog;
use spile_core::digest::hash;
use spile_core::integration::draft::{self, Draft};
use spile_core::integration::{Integration, Integrations, merge, secrets};
use spile_core::name::{EnvironmentName, Slug, project_id};
use spile_core::plan::{self, State};
use spile_core::problem::{Problems, Report};
use spile_core::record::Entry;
use spile_core::render::{self, Head, Output, Purpose, Task};
use spile_core::settings::{self, ProjectSettings};
use spile_core::source::Source;
use spile_world::files::project::IntegrationFiles;
use spile_world::{self as world, Project};

pub use connectors::ConnectorFiles;
pub use contracts::with_contracts;
pub(super) use lint::forgetting;
pub use lint::with_lints;
pub use selection::{Undiscovered, with_selection};
pub(super) use tables::before_plan;
pub use tables::{Knowledge, with_tables};
pub use variables::{Unset, Variables, variables};

/// A project's files, checked.
#[derive(Debug)]
pub struct Loaded {
    /// `spile.toml`
    pub settings: ProjectSettings,
    /// All connectors.
    pub catalog: Catalog,
    /// All integrations.
    pub integrations: Integrations,
    /// The template of `meltano.yml`.
    pub template: Source,
    /// What `meltano.yml` is to hold.
    pub entries: State<Entry>,
    /// `meltano.yml` as the files ask for it.
    pub rendered: String,
    /// Whether that text was kept from when the same was rendered before.
    pub is_kept: bool,
    /// What is rendered beside it, as the files ask for it.
    pub outputs: Vec<Rendered>,
    /// What is not a mistake but worth a warning.
    pub advice: Report,
}

/// An output as the files ask for it.
#[derive(Debug)]
pub struct Rendered {
    /// The output.
    pub output: Output,
    /// What it is to hold.
    pub tasks: State<Task>,
    /// The text that this is.
    pub text: String,
}

impl Loaded {
    /// Renders a `meltano.yml` of these entries with the project's template.
    ///
    /// # Errors
    /// When the template fails on them, or loses one.
    pub fn render(&self, entries: &State<Entry>) -> Result<String, Error> {
        self.rendered_for(Purpose::Project, entries)
    }

    /// Makes sure that the rendered file holds all that it is to hold.
    ///
    /// # Errors
    /// When the template loses or changes an entry.
    pub fn prove(&self) -> Result<(), Error> {
        // What the project's own template renders was looked at when it was checked.
        if !is_builtin(&self.template) {
            return Ok(());
        }
        render::prove(&self.rendered, &self.entries).map_err(|mistake| mistaken(&self.template, mistake))
    }

    /// Renders a `meltano.yml` of these entries for that purpose.
    ///
    /// # Errors
    /// As [`Self::render`].
    pub fn rendered_for(&self, purpose: Purpose, entries: &State<Entry>) -> Result<String, Error> {
        self.rendered_by(&self.template, purpose, entries)
    }

    /// Does what [`Self::rendered_for`] does, with another template.
    ///
    /// # Errors
    /// As [`Self::render`].
    pub fn rendered_by(&self, template: &Source, purpose: Purpose, entries: &State<Entry>) -> Result<String, Error> {
        let rendered = render::meltano_yml(&head(&self.settings, purpose), entries, template);
        rendered.map_err(|mistake| mistaken(template, mistake))
    }

    /// Returns the stamp of all that `meltano.yml` is rendered of.
    #[must_use]
    pub fn stamp(&self) -> String {
        render::stamp(&head(&self.settings, Purpose::Project), &self.entries, &self.template)
    }

    /// Returns the integration of that name.
    ///
    /// # Errors
    /// When nothing has it.
    pub fn named(&self, name: &str) -> Result<&Arc<Integration>, Error> {
        let known = || self.integrations.iter().map(|known| known.slug.as_str()).collect::<Vec<_>>();
        self.integrations.find(name).ok_or_else(|| super::unknown_names(&[name.to_owned()], &known()))
    }

    /// Returns the environment that the command line names, or the default one.
    ///
    /// # Errors
    /// When nobody declared it.
    pub fn environment(&self, asked: Option<&str>) -> Result<EnvironmentName, Error> {
        Ok(self.settings.environment(asked)?)
    }
}

/// The files of a project, as read or as they will be.
#[derive(Debug, Default)]
pub struct Files {
    /// `spile.toml`
    pub settings: Option<Source>,
    /// The project's own connectors.
    pub connectors: ConnectorFiles,
    /// Integrations, their overlays and sidecars.
    pub integrations: IntegrationFiles,
    /// The template of `meltano.yml`.
    pub template: Option<Source>,
    /// The project's own templates of outputs.
    pub output_templates: Vec<Source>,
    /// What was rendered last.
    pub kept: Option<world::Rendered>,
}

impl Files {
    /// Reads the files of a project.
    pub fn read(project: &Project, problems: &mut Problems) -> Self {
        let connectors = ConnectorFiles::Read(project.connectors(problems));
        Self { connectors, ..Self::used(project, problems) }
    }

    /// Reads the files of a project, and of its own connectors only the names.
    pub fn used(project: &Project, problems: &mut Problems) -> Self {
        let settings = project.settings(problems);
        let connectors = ConnectorFiles::listed(project, problems);
        // The text of thousands takes as long as a tenth of their files.
        let (integrations, kept) = rayon::join(|| project.integrations(problems), || world::Rendered::of(project));
        Self {
            settings,
            connectors,
            integrations,
            template: project.template(problems),
            output_templates: project.output_templates(problems),
            kept,
        }
    }
}

/// Reads and checks every file of a project, its template included.
///
/// # Errors
/// With every problem of every file.
pub fn check(project: &Project) -> Result<Loaded, Error> {
    let mut problems = Problems::default();
    let files = Files::read(project, &mut problems);
    with_templates(project, files, problems)
}

/// Reads and checks a project without the connectors that no integration uses: what everything but `spile check` does.
///
/// # Errors
/// With every problem of every file that is read.
pub fn used(project: &Project) -> Result<Loaded, Error> {
    let mut problems = Problems::default();
    let files = Files::used(project, &mut problems);
    with_templates(project, files, problems)
}

/// What the files of each integration say, as a mark: another one where one of them says something else.
pub type Marks = BTreeMap<Slug, String>;

/// Reads and checks a project as [`used`] does, and marks what was read: files may have changed when that is looked at.
///
/// # Errors
/// As [`used`].
pub fn marked(project: &Project) -> Result<(Loaded, Marks), Error> {
    let mut problems = Problems::default();
    let files = Files::used(project, &mut problems);
    let marks = marks(&files.integrations);
    Ok((with_templates(project, files, problems)?, marks))
}

fn marks(files: &IntegrationFiles) -> Marks {
    let mut texts: BTreeMap<&Slug, Vec<u8>> = BTreeMap::new();
    for (name, source) in files.declared.iter().chain(&files.sidecars) {
        let text = texts.entry(&name.slug).or_default();
        for part in [source.path().as_os_str().as_encoded_bytes(), source.text().as_bytes()] {
            text.extend((part.len() as u64).to_be_bytes());
            text.extend(part);
        }
    }
    texts.into_iter().map(|(slug, text)| (slug.clone(), hash(&text)[..32].to_owned())).collect()
}

fn with_templates(project: &Project, files: Files, mut problems: Problems) -> Result<Loaded, Error> {
    if let Some(settings) = &files.settings {
        templates::check(project, settings, &mut problems);
    }
    checked(files, problems)
}

/// Reads `spile.toml` alone: what needs no more works also where other files are wrong.
///
/// # Errors
/// With every problem of it.
pub fn settings(project: &Project) -> Result<ProjectSettings, Error> {
    let mut problems = Problems::default();
    let settings = project.settings(&mut problems).and_then(|source| settings::read(&source, &mut problems));
    settings.filter(|_| !problems.any_error()).ok_or_else(|| Error::Problems(problems.into_report()))
}

/// Checks files that were read; `problems` are those of reading them.
///
/// # Errors
/// With every problem of every file.
pub fn checked(files: Files, mut problems: Problems) -> Result<Loaded, Error> {
    let settings = files.settings.and_then(|source| settings::read(&source, &mut problems));
    let drafts = drafts(files.integrations, &mut problems);
    let catalog = files.connectors.catalog(&drafts, &mut problems);
    let mut outputs = Vec::new();
    let integrations = settings.as_ref().map(|known| merge::integrations(&drafts, known, &catalog, &mut problems));
    drafts.into_par_iter().for_each(drop);
    let all = integrations.as_ref().filter(|_| !problems.any_error());
    for channel in settings.iter().flat_map(|settings| &settings.notify) {
        policy::check(channel, all, &mut problems);
    }
    if let (Some(settings), Some(integrations), false) = (&settings, &integrations, problems.any_error()) {
        outputs = self::outputs(settings, integrations, &files.output_templates, &mut problems);
    }
    let (Some(settings), Some(integrations), Some(template), false) =
        (settings, integrations, files.template, problems.any_error())
    else {
        return Err(Error::Problems(problems.into_report()));
    };
    let entries = plan::entries(&integrations, &settings);
    let head = head(&settings, Purpose::Project);
    let kept = files.kept.filter(|kept| kept.stamp == render::stamp(&head, &entries, &template));
    let is_kept = kept.is_some();
    let render = if is_builtin(&template) { render::unproven } else { render::meltano_yml };
    let rendered = kept.map_or_else(|| render(&head, &entries, &template), |kept| Ok(kept.text));
    match rendered {
        Ok(rendered) => {
            let advice = problems.into_report();
            Ok(Loaded { settings, catalog, integrations, template, entries, rendered, is_kept, outputs, advice })
        }
        Err(mistake) => {
            problems.push(&template, mistake);
            Err(Error::Problems(problems.into_report()))
        }
    }
}

/// Tells whether a template is the program's own, which loses nothing: its laws are tried with all that can be said.
fn is_builtin(template: &Source) -> bool {
    template.text() == render::TEMPLATE
}

/// Renders the outputs; mistakes of their templates are reported.
fn outputs(
    settings: &ProjectSettings,
    integrations: &Integrations,
    templates: &[Source],
    problems: &mut Problems,
) -> Vec<Rendered> {
    let mut rendered = Vec::new();
    for written in &settings.outputs {
        let Some(output) = Output::of(written, &settings.name, templates, problems) else { continue };
        let tasks = output.tasks(integrations);
        match output.render(&tasks) {
            Ok(text) => {
                output.advise(&tasks, &text, problems);
                rendered.push(Rendered { output, tasks, text });
            }
            Err(mistake) => problems.push(&output.template, mistake),
        }
    }
    rendered
}

/// Returns the error for a mistake of a template's.
pub(super) fn mistaken(template: &Source, mistake: render::TemplateMistake) -> Error {
    let mut problems = Problems::default();
    problems.push(template, mistake);
    Error::Problems(problems.into_report())
}

fn drafts(files: IntegrationFiles, problems: &mut Problems) -> Vec<Draft> {
    let mut drafts = problems.of_each(files.declared, |(name, source), problems| draft::read(&source, name, problems));
    secrets::attach(&mut drafts, &files.sidecars, problems);
    drafts
}

fn head(settings: &ProjectSettings, purpose: Purpose) -> Head {
    Head {
        project_id: project_id(&settings.name),
        default_environment: settings.default_environment.clone(),
        environments: settings.environments.keys().cloned().collect(),
        purpose,
    }
}
