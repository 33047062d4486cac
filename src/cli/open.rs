//! How a command opens the project and the world of its environment.

use std::path::PathBuf;
use std::sync::Arc;

use super::surroundings::{host, keys, variable, variable_os};
use super::{Global, Output};
use spile_core::name::EnvironmentName;
use spile_core::problem::Problems;
use spile_core::settings::{ALLOW, Agreement, ProjectSettings, TRUST_VARIABLE, Variables};
use spile_ops::{self as ops, Error, Loaded};
use spile_view as view;
use spile_world::files::io_error::IoError;
use spile_world::files::project::Trust;
use spile_world::{Agreements, Authorities, NoWorld, Outside, Project, UserFolders, World};

impl Global {
    /// Returns how far the project is trusted, as the command line or the environment says.
    pub(super) fn trust(&self) -> Trust {
        self.standing.trust(variable("SPILE_UNTRUSTED").as_deref())
    }

    pub(super) fn folder(&self) -> Result<PathBuf, Error> {
        let here = std::env::current_dir();
        let here = here.map_err(IoError::of("find", "."))?;
        Ok(self.folder.as_ref().map_or_else(|| here.clone(), |folder| here.join(folder)))
    }

    pub(super) fn project(&self) -> Result<Project, Error> {
        let folder = self.folder()?;
        // A named folder is the project. Without a name, the parent folders are searched, as cargo does.
        let is_named = self.folder.is_some() && folder.join(spile_world::files::project::SETTINGS).is_file();
        let project = if is_named { Project::at(folder) } else { Project::find(&folder)? };
        Ok(match self.trust() {
            Trust::Own => project,
            Trust::Untrusted => project.untrusted(),
        })
    }

    /// Reads and checks the project's files and opens the world of the environment.
    pub(super) fn open(&self, output: &mut Output) -> Result<(Arc<Loaded>, World, EnvironmentName), Error> {
        let (project, loaded, environment) = self.checked(output)?;
        let outside = self.outside(&project, output)?;
        let site = Site { project: &project, settings: &loaded.settings, environment: &environment };
        let world = site.open(&outside, output)?;
        // Its rows are kept until the process ends, for the same reason as in `checked`.
        std::mem::forget(world.registry.clone());
        Ok((loaded, world, environment))
    }

    /// Reads and checks the project's files and opens the world without its registry.
    pub(super) fn offline(&self, output: &mut Output) -> Result<(Arc<Loaded>, World, EnvironmentName), Error> {
        let (project, loaded, environment) = self.checked(output)?;
        let world = match self.trust() {
            Trust::Own => World::offline(&project, &loaded.settings, &self.outside(&project, output)?),
            Trust::Untrusted => World::untrusted(&project, &loaded.settings),
        };
        Ok((loaded, world, environment))
    }

    /// Collects what the user's environment passes to a world.
    pub(super) fn outside(&self, project: &Project, output: &Output) -> Result<Outside, Error> {
        let mut problems = Problems::default();
        let folders = UserFolders::beside(project, variable_os);
        let allowed = folders.allowed(variable(ALLOW).as_deref(), &mut problems);
        let trusted = variable(TRUST_VARIABLE);
        let agreements = Agreements::of(&folders).trusting(&self.trust_registry, trusted.as_deref(), &mut problems);
        if problems.any_error() {
            return Err(Error::Problems(problems.into_report()));
        }
        let (keys, variables) = (Arc::new(keys(output)), Variables::new(variable, allowed));
        let (agreements, authorities) = (Arc::new(agreements), Authorities::of(variable_os));
        Ok(Outside { keys, variables, agreements, children: host().environment, authorities })
    }

    /// Reads and checks the project's files. They stay in memory until the process ends: to free the values of thousands,
    /// one by one, takes an eighth of a plan's time.
    pub(super) fn checked(&self, output: &mut Output) -> Result<(Project, Arc<Loaded>, EnvironmentName), Error> {
        let project = self.project()?;
        let loaded = Arc::new(ops::check::used(&project)?);
        std::mem::forget(loaded.clone());
        if !loaded.advice.problems().is_empty() {
            output.note(&view::report::problems(&loaded.advice));
        }
        let environment = loaded.environment(self.environment.as_deref())?;
        Ok((project, loaded, environment))
    }
}

/// A project in one environment: what a world is opened for.
#[derive(Clone, Copy)]
pub(super) struct Site<'a> {
    pub project: &'a Project,
    pub settings: &'a ProjectSettings,
    pub environment: &'a EnvironmentName,
}

impl Site<'_> {
    /// Opens the world. If nobody has agreed to the host of its registry yet, asks.
    pub(super) fn open(&self, outside: &Outside, output: &mut Output) -> Result<World, Error> {
        let open = || World::open(self.project, self.settings, self.environment, outside);
        match open() {
            Err(NoWorld::NotAgreed(agreement)) if agrees(&agreement, &outside.agreements, output) => Ok(open()?),
            opened => Ok(opened?),
        }
    }
}

/// Asks whether a secret may be sent to a host, and remembers a yes.
pub(super) fn agrees(agreement: &Agreement, agreements: &Agreements, output: &mut Output) -> bool {
    if !output.confirm(&agreement.question()) {
        return false;
    }
    if let Err(error) = agreements.remember(agreement) {
        let message = format!("the answer applies to this command only, because it cannot be saved: {error}");
        output.event(&ops::Event::Unseen { message, help: None });
    }
    true
}
