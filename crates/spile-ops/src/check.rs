//! `check`: reads and checks every file of a project. All other operations start with it.

mod connectors;
mod contracts;
mod lint;
mod locks;
mod outputs;
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
pub use locks::with_locks;
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
    /// The entries that `meltano.yml` should have.
    pub entries: State<Entry>,
    /// The `meltano.yml` that the files declare.
    pub rendered: String,
    /// Whether that text came from the cache of an earlier rendering.
    pub is_kept: bool,
    /// The other rendered outputs that the files declare.
    pub outputs: Vec<Rendered>,
    /// The warnings.
    pub advice: Report,
}

impl Loaded {
    /// Adds what a further check has found to the warnings.
    ///
    /// # Errors
    /// When it has found errors. They come with the warnings.
    fn with_found(mut self, found: Problems) -> Result<Self, Error> {
        let is_wrong = found.any_error();
        let report = std::mem::take(&mut self.advice).and(found.into_report());
        if is_wrong {
            return Err(Error::Problems(report));
        }
        self.advice = report;
        Ok(self)
    }
}

/// An output that the files declare.
#[derive(Debug)]
pub struct Rendered {
    /// The output.
    pub output: Output,
    /// The tasks that it should have.
    pub tasks: State<Task>,
    /// The text with these tasks.
    pub text: String,
}

impl Loaded {
    /// Renders a `meltano.yml` with these entries, using the project's template.
    ///
    /// # Errors
    /// When the template fails on them, or loses an entry.
    pub fn render(&self, entries: &State<Entry>) -> Result<String, Error> {
        self.rendered_for(Purpose::Project, entries)
    }

    /// Checks that the rendered file contains every entry.
    ///
    /// # Errors
    /// When the template loses or changes an entry.
    pub fn prove(&self) -> Result<(), Error> {
        // The output of a template of the project's own was already checked.
        if !is_builtin(&self.template) {
            return Ok(());
        }
        render::prove(&self.rendered, &self.entries).map_err(|mistake| mistaken(&self.template, mistake))
    }

    /// Renders a `meltano.yml` with these entries for a purpose.
    ///
    /// # Errors
    /// See [`Self::render`].
    pub fn rendered_for(&self, purpose: Purpose, entries: &State<Entry>) -> Result<String, Error> {
        self.rendered_by(&self.template, purpose, entries)
    }

    /// Renders like [`Self::rendered_for`], with another template.
    ///
    /// # Errors
    /// See [`Self::render`].
    pub fn rendered_by(&self, template: &Source, purpose: Purpose, entries: &State<Entry>) -> Result<String, Error> {
        let rendered = render::meltano_yml(&head(&self.settings, purpose), entries, template);
        rendered.map_err(|mistake| mistaken(template, mistake))
    }

    /// Returns the stamp of everything that `meltano.yml` is rendered from.
    #[must_use]
    pub fn stamp(&self) -> String {
        render::stamp(&head(&self.settings, Purpose::Project), &self.entries, &self.template)
    }

    /// Returns the integration with a name.
    ///
    /// # Errors
    /// When no integration has it.
    pub fn named(&self, name: &str) -> Result<&Arc<Integration>, Error> {
        let known = || self.integrations.iter().map(|known| known.slug.as_str()).collect::<Vec<_>>();
        self.integrations.find(name).ok_or_else(|| super::unknown_names(&[name.to_owned()], &known()))
    }

    /// Returns the environment that the command line names, or the default one.
    ///
    /// # Errors
    /// When it is not declared.
    pub fn environment(&self, asked: Option<&str>) -> Result<EnvironmentName, Error> {
        Ok(self.settings.environment(asked)?)
    }
}

/// The files of a project, as they are on disk or would be after a change.
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
    /// The project from which outputs read the contracts of integrations.
    pub contracts: Option<Project>,
    /// The text that was rendered last, from the cache.
    pub kept: Option<world::Rendered>,
}

impl Files {
    /// Reads the files of a project.
    pub fn read(project: &Project, problems: &mut Problems) -> Self {
        let connectors = ConnectorFiles::Read(project.connectors(problems));
        Self { connectors, ..Self::used(project, problems) }
    }

    /// Reads the files of a project, but lists its own connectors only by name.
    pub fn used(project: &Project, problems: &mut Problems) -> Self {
        let settings = project.settings(problems);
        let connectors = ConnectorFiles::listed(project, problems);
        // Loading the cached text of thousands of integrations takes a tenth of the time that their files take.
        let (integrations, kept) = rayon::join(|| project.integrations(problems), || world::Rendered::of(project));
        Self {
            settings,
            connectors,
            integrations,
            template: project.template(problems),
            output_templates: project.output_templates(problems),
            contracts: Some(project.clone()),
            kept,
        }
    }
}

/// Reads and checks every file of a project, including its templates.
///
/// # Errors
/// Returns every problem of every file.
pub fn check(project: &Project) -> Result<Loaded, Error> {
    let mut problems = Problems::default();
    let files = Files::read(project, &mut problems);
    with_templates(project, files, problems)
}

/// Reads and checks a project without the connectors that no integration uses. Every command except `spile check` uses it.
///
/// # Errors
/// Returns every problem of every file that it reads.
pub fn used(project: &Project) -> Result<Loaded, Error> {
    let mut problems = Problems::default();
    let files = Files::used(project, &mut problems);
    with_templates(project, files, problems)
}

/// A hash of each integration's files. It changes if any of the files changes.
pub type Marks = BTreeMap<Slug, String>;

/// Reads and checks a project like [`used`], and returns hashes of what was read: the files may have changed by the time
/// somebody looks at them.
///
/// # Errors
/// See [`used`].
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

/// Reads only `spile.toml`. Operations that need no other file also work if other files are invalid.
///
/// # Errors
/// Returns every problem of the file.
pub fn settings(project: &Project) -> Result<ProjectSettings, Error> {
    let mut problems = Problems::default();
    let settings = project.settings(&mut problems).and_then(|source| settings::read(&source, &mut problems));
    settings.filter(|_| !problems.any_error()).ok_or_else(|| Error::Problems(problems.into_report()))
}

/// Checks files that were read. `problems` are the problems found while reading them.
///
/// # Errors
/// Returns every problem of every file.
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
        let sources = outputs::Sources { templates: &files.output_templates, contracts: files.contracts.as_ref() };
        outputs = outputs::rendered(settings, integrations, &sources, &mut problems);
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

/// Tells whether a template is the built-in one. It loses nothing: tests try its laws with everything that files can
/// declare.
fn is_builtin(template: &Source) -> bool {
    template.text() == render::TEMPLATE
}

/// Returns the error for a mistake in a template.
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
