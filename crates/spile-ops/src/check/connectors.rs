//! Selection of the project's own connectors to read.
//!
//! A project may have imported a whole hub. Connectors that no integration uses are known only by their file names, and
//! only `spile check` reads them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use spile_core::connector::{Catalog, Role};
use spile_core::integration::draft::Draft;
use spile_core::problem::Problems;
use spile_core::source::Source;
use spile_world::Project;

/// The files of the project's own connectors.
#[derive(Debug)]
pub enum ConnectorFiles {
    /// All of them, read.
    Read(Vec<Source>),
    /// Their paths, and the project from which the ones in use are read later.
    Listed(Project, Vec<PathBuf>),
}

impl Default for ConnectorFiles {
    fn default() -> Self {
        Self::Read(Vec::new())
    }
}

impl ConnectorFiles {
    /// Lists the files without reading any.
    pub fn listed(project: &Project, problems: &mut Problems) -> Self {
        Self::Listed(project.clone(), project.connector_paths(problems))
    }

    /// Returns the catalog of all connectors, or of those that the integrations use.
    pub(super) fn catalog(&self, drafts: &[Draft], problems: &mut Problems) -> Catalog {
        let wanted = drafts.iter().filter_map(|draft| {
            let role = draft.role.as_ref().map_or(Role::Extractor, |role| role.value);
            Some((role, draft.connector.as_ref()?.value.as_str()))
        });
        // Thousands of integrations use only a few connectors.
        let wanted: BTreeSet<(Role, &str)> = wanted.collect();
        self.of(&wanted.into_iter().map(|(role, name)| (role, name.to_owned())).collect(), problems)
    }

    /// Returns the catalog of all connectors, or of the given ones.
    pub fn of(&self, wanted: &BTreeSet<(Role, String)>, problems: &mut Problems) -> Catalog {
        match self {
            Self::Read(sources) => Catalog::new(sources, problems),
            Self::Listed(project, paths) => {
                let is_wanted =
                    |path: &&PathBuf| wanted.iter().any(|(role, name)| Catalog::is_named(path, *role, name));
                let mut found = Problems::default();
                let catalog = Catalog::new(&sources(project, paths.iter().filter(is_wanted), &mut found), &mut found);
                if wanted.iter().all(|(role, name)| catalog.has(*role, name)) {
                    problems.extend(found);
                    return catalog;
                }
                // A missing connector may be in a file with a different name. Reading all files finds it, and reports that
                // with the other problems.
                Catalog::new(&sources(project, paths.iter(), problems), problems)
            }
        }
    }
}

fn sources<'a>(project: &Project, paths: impl Iterator<Item = &'a PathBuf>, problems: &mut Problems) -> Vec<Source> {
    paths.filter_map(|path| project.connector(path, problems)).collect()
}
