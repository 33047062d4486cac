//! Uses what `spile bake` installed in the project's folder while `.spile` and `.meltano` of the runs are elsewhere.
//!
//! The project may be read-only then. Environments are linked, because programs in them know their own path. Meltano's
//! database is copied, because every run writes to it.

use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::install::VENV;
use super::plugins::{self, MARKER, NeededPlugin, wanted};
use super::venv::remove_environment;
use super::{InstallError, Meltano, Request, RunError, database, system_db};
use crate::files::door::replace;
use crate::files::own_folder::{Own, OwnFolder};
use crate::files::project::OWN_FOLDER;

impl Meltano {
    /// Tells whether the pinned version is installed in the project's folder, and runs keep their files elsewhere.
    #[must_use]
    pub fn is_baked(&self) -> bool {
        self.baked_own().is_some_and(|own| self.is_installed_in(&own))
    }

    /// Links Meltano's environment in the project's folder, if it is the pinned version. Returns whether it is.
    pub(super) fn link_baked(&self) -> Result<bool, InstallError> {
        let Some(baked) = self.baked_own().filter(|own| self.is_installed_in(own)) else { return Ok(false) };
        let linked = self.own.make().and_then(|_| link(&baked.path().join(VENV), &self.venv));
        linked.map_err(InstallError::io("link", &self.venv)).map(|()| true)
    }

    /// Links the environments of a run's plugins in the project's folder, and copies Meltano's database.
    pub(super) fn link_baked_plugins(&self, request: &Request) -> Result<(), RunError> {
        let Some(baked) = self.baked_theirs() else { return Ok(()) };
        let linked = self.theirs.make().and_then(|theirs| {
            for plugin in wanted(request).iter().filter(|one| !self.has_plugin(one) && self.has_plugin_in(&baked, one))
            {
                link_plugin(&baked, &theirs, plugin)?;
            }
            if self.has_database() || !self.has_database_in(&baked) {
                return Ok(());
            }
            let database = baked.read(system_db::FILE)?.unwrap_or_default();
            theirs.replace(system_db::FILE, &database)?;
            theirs.replace(database::MARKER, self.version().as_bytes())
        });
        linked.map_err(RunError::io("link plugins into", self.theirs.path()))
    }

    fn baked_own(&self) -> Option<OwnFolder> {
        baked(&Own::at(&self.root.join(OWN_FOLDER)), &self.own)
    }

    fn baked_theirs(&self) -> Option<OwnFolder> {
        baked(&Own::of_meltano(&self.root), &self.theirs)
    }
}

/// Returns a folder of the project, unless it is the one that runs use or does not belong to this user.
fn baked(of_project: &Own, of_runs: &Own) -> Option<OwnFolder> {
    if of_project == of_runs { None } else { of_project.open().ok().flatten() }
}

fn link_plugin(baked: &OwnFolder, theirs: &OwnFolder, plugin: &NeededPlugin<'_>) -> io::Result<()> {
    let folder = plugin.folder();
    let to = theirs.folder(&folder)?;
    link(&baked.path().join(&folder).join(plugins::VENV), &to.join(plugins::VENV))?;
    match baked.linked_text(folder.join(MARKER)) {
        Some(text) => replace(&to.join(MARKER), text.as_bytes()),
        None => Ok(()),
    }
}

/// Replaces an environment with a link to another one.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    remove_environment(to)?;
    symlink(from, to)
}
