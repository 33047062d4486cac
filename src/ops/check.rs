//! `check`: reads and checks every file of a project. All other operations begin with it.

use crate::connector::Catalog;
use crate::integration::draft::{self, Draft};
use crate::integration::{Integrations, secrets, together};
use crate::name::EnvironmentName;
use crate::ops::Error;
use crate::plan::{self, State};
use crate::problem::{Problems, Report};
use crate::record::Entry;
use crate::render::{self, Head};
use crate::settings::{self, ProjectSettings};
use crate::source::Source;
use crate::world::Project;

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
    /// `meltano.yml` as the files ask for it.
    pub rendered: String,
    /// What is no mistake but worth a word.
    pub advice: Report,
}

impl Loaded {
    /// Renders a `meltano.yml` of these entries with the project's template.
    ///
    /// # Errors
    /// When the template fails on them, or loses one.
    pub fn render(&self, entries: &State<Entry>) -> Result<String, Error> {
        render::meltano_yml(&head(&self.settings), entries, &self.template).map_err(|mistake| {
            let mut problems = Problems::default();
            problems.push(&self.template, mistake);
            Error::Problems(problems.into_report())
        })
    }

    /// Returns the environment that the command line names, or the default one.
    ///
    /// # Errors
    /// When nobody declared it.
    pub fn environment(&self, asked: Option<&str>) -> Result<EnvironmentName, Error> {
        Ok(self.settings.environment(asked)?)
    }
}

/// Reads and checks every file of a project, its template included.
///
/// # Errors
/// With every problem of every file.
pub fn check(project: &Project) -> Result<Loaded, Error> {
    let mut problems = Problems::default();
    let settings = project.settings(&mut problems).and_then(|source| settings::read(&source, &mut problems));
    let catalog = Catalog::new(&project.connectors(&mut problems), &mut problems);
    let drafts = drafts(project, &mut problems);
    let template = project.template(&mut problems);
    let integrations = settings.as_ref().map(|known| together::integrations(&drafts, known, &catalog, &mut problems));
    let (Some(settings), Some(integrations), Some(template), false) =
        (settings, integrations, template, problems.any_error())
    else {
        return Err(Error::Problems(problems.into_report()));
    };
    let entries = plan::desired(&integrations, &settings, &settings.default_environment).meltano;
    match render::meltano_yml(&head(&settings), &entries, &template) {
        Ok(rendered) => {
            Ok(Loaded { settings, catalog, integrations, template, rendered, advice: problems.into_report() })
        }
        Err(mistake) => {
            problems.push(&template, mistake);
            Err(Error::Problems(problems.into_report()))
        }
    }
}

fn drafts(project: &Project, problems: &mut Problems) -> Vec<Draft> {
    let files = project.integrations(problems);
    let read = files.declared.into_iter().filter_map(|(name, source)| draft::read(&source, name, problems));
    let mut drafts: Vec<Draft> = read.collect();
    secrets::attach(&mut drafts, &files.sidecars, problems);
    drafts
}

fn head(settings: &ProjectSettings) -> Head {
    Head {
        default_environment: settings.default_environment.clone(),
        environments: settings.environments.keys().cloned().collect(),
    }
}
