//! The shelf: the head of every connector, which is enough to list and search connectors.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::ConnectorsError;
use crate::{Error, certify};
use spile_core::connector::hub_facts::{HubFact, hub_facts};
use spile_core::connector::{Catalog, Connector, Head, Role, read, search};
use spile_core::definition::{self, DefinitionHints};
use spile_core::problem::{Problems, did_you_mean};
use spile_core::run::certify::{Certificate, Grade};
use spile_core::source::Source;
use spile_world::Project;
use spile_world::net::hub::{HubCache, KeptPlugin};

/// Where a connector is defined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In spile itself.
    BuiltIn,
    /// In a file of the project.
    File(PathBuf),
    /// In the local copy of the hub. It must be imported before it can be used.
    Hub(Box<KeptPlugin>),
    /// On the hub, which has not been downloaded: only facts about it are known.
    OnHub(&'static HubFact),
}

/// A connector on the shelf.
#[derive(Debug, Clone)]
pub struct ShelfEntry {
    /// What it says about itself.
    pub head: Head,
    /// Where it is defined.
    pub origin: Origin,
}

/// A connector, with all its settings, to show.
#[derive(Debug, Clone)]
pub struct ShownConnector {
    /// The connector.
    pub connector: Arc<Connector>,
    /// Where it is defined.
    pub origin: Origin,
    /// How the plugin of this version was last graded on this machine.
    pub certificate: Option<Certificate>,
}

/// Every connector, by role and name.
#[derive(Debug)]
pub struct Shelf {
    all: BTreeMap<(Role, String), ShelfEntry>,
    project: Project,
    kept: HubCache,
}

impl Shelf {
    /// Reads the heads of all connectors.
    ///
    /// # Errors
    /// When a definition of the project is invalid.
    pub fn read(project: &Project) -> Result<Self, Error> {
        let mut problems = Problems::default();
        let mut all: BTreeMap<_, _> = Catalog::built_in_heads()
            .into_iter()
            .map(|head| ((head.role, head.name.clone()), ShelfEntry { head, origin: Origin::BuiltIn }))
            .collect();
        let paths = project.connector_paths(&mut problems);
        let heads = peeked(project, &paths);
        for (path, peeked) in paths.into_iter().zip(heads) {
            let head = peeked.or_else(|| Head::read(&project.connector(&path, &mut problems)?, &mut problems));
            if let Some(head) = head {
                all.insert((head.role, head.name.clone()), ShelfEntry { head, origin: Origin::File(path) });
            }
        }
        if problems.any_error() {
            return Err(Error::Problems(problems.into_report()));
        }
        Ok(Self { all, project: project.clone(), kept: HubCache::of(&project.own_folder()) })
    }

    /// Reads the heads of all connectors, including those in the local copy of the hub, if that copy is trusted. Without
    /// one, includes what spile itself knows about the hub's plugins.
    ///
    /// # Errors
    /// When a definition of the project is invalid, or the local copy cannot be read.
    pub fn with_hub(project: &Project) -> Result<Self, Error> {
        let mut shelf = Self::read(project)?;
        // In an untrusted project, anyone could have written the local copy of the hub.
        let kept = project.believed_folder().map(|_| shelf.kept.index()).transpose()?.flatten();
        let Some(index) = kept else {
            // Forks that nobody is known to use would hide the rest.
            for fact in hub_facts().iter().filter(|fact| fact.is_default || fact.projects > 0) {
                let (key, head) = ((fact.head.role, fact.head.name.clone()), fact.head.clone());
                shelf.all.insert(key, ShelfEntry { head, origin: Origin::OnHub(fact) });
            }
            return Ok(shelf);
        };
        for plugin in index.plugins {
            let name = plugin.name();
            let (role, label, description) = (plugin.kind, plugin.label.clone(), plugin.description.clone());
            let (category, keywords) = (plugin.category.clone(), plugin.keywords.clone());
            let (docs, logo) = (None, None);
            let head = Head { name: name.clone(), role, label, description, category, keywords, docs, logo };
            shelf.all.insert((role, name), ShelfEntry { head, origin: Origin::Hub(Box::new(plugin)) });
        }
        Ok(shelf)
    }

    /// Returns the connectors of a role, or all: extractors first, sorted by name.
    pub fn standing(&self, role: Option<Role>) -> impl Iterator<Item = &ShelfEntry> {
        self.all.values().filter(move |one| role.is_none_or(|role| one.head.role == role))
    }

    /// Returns the connectors of a role that match all words: those on this machine first, and the best match first.
    /// Without words, returns only those on this machine.
    #[must_use]
    pub fn search(&self, words: &[String], role: Option<Role>) -> Vec<&ShelfEntry> {
        let is_here = |one: &&ShelfEntry| !matches!(one.origin, Origin::OnHub(_));
        if words.iter().all(|word| word.trim().is_empty()) {
            return self.standing(role).filter(is_here).collect();
        }
        let found = search::search(self.standing(role).map(|one| (&one.head, one)), words);
        let (mut here, elsewhere): (Vec<_>, Vec<_>) = found.into_iter().partition(is_here);
        here.extend(elsewhere);
        here
    }

    /// Returns the connectors with a name, with their whole definition. An extractor and a loader may share a name.
    ///
    /// # Errors
    /// When there is none, or its definition is invalid.
    pub fn show(&self, name: &str, role: Option<Role>) -> Result<Vec<ShownConnector>, Error> {
        let mut problems = Problems::default();
        let found: Vec<&ShelfEntry> = self.standing(role).filter(|one| one.head.name == name).collect();
        if found.is_empty() {
            let names = self.standing(role).map(|one| one.head.name.as_str());
            let help =
                did_you_mean(name, names).unwrap_or_else(|| format!("search with `spile connectors search {name}`"));
            return Err(ConnectorsError::Unknown { name: name.to_owned(), help }.into());
        }
        let mut shown = Vec::new();
        for ShelfEntry { head, origin } in found {
            let connector = match origin {
                Origin::BuiltIn => Catalog::built_in(head.role, name),
                Origin::File(path) => {
                    let source = self.project.connector(path, &mut problems);
                    source.and_then(|source| read::connector(&source, &mut problems)).map(Arc::new)
                }
                Origin::Hub(plugin) => {
                    let asked = DefinitionHints { role: Some(plugin.kind), ..DefinitionHints::default() };
                    let found = definition::read(&from_hub(&self.kept, plugin)?, &asked, &mut problems);
                    found.map(|found| Arc::new(found.connector))
                }
                Origin::OnHub(fact) => return Err(not_downloaded(fact).into()),
            };
            if let Some(connector) = connector {
                let certificate = self.certificate(&connector)?;
                shown.push(ShownConnector { connector, origin: origin.clone(), certificate });
            }
        }
        if problems.any_error() {
            return Err(Error::Problems(problems.into_report()));
        }
        Ok(shown)
    }

    /// Returns the certificate of a connector. In an untrusted project, anyone could have written one.
    fn certificate(&self, connector: &Connector) -> Result<Option<Certificate>, Error> {
        let folder = self.project.believed_folder().filter(|_| connector.head.role == Role::Extractor);
        Ok(folder.map(|folder| certify::kept(&folder, connector)).transpose()?.flatten())
    }

    /// Returns the grade of each extractor that has one, by name.
    ///
    /// # Errors
    /// When a certificate cannot be read.
    pub fn grades(&self) -> Result<BTreeMap<String, Grade>, Error> {
        let Some(folder) = self.project.believed_folder() else { return Ok(BTreeMap::new()) };
        let mut grades = BTreeMap::new();
        for name in certify::connectors(&folder)? {
            // A connector that is gone, or whose definition is invalid, has no grade.
            let shown = self.show(&name, Some(Role::Extractor)).unwrap_or_default();
            let certificate = shown.into_iter().find_map(|one| one.certificate);
            grades.extend(certificate.map(|certificate| (name, certificate.grade)));
        }
        Ok(grades)
    }
}

/// Returns the error for a definition that is on the hub and not on this machine.
fn not_downloaded(fact: &HubFact) -> ConnectorsError {
    let help = format!("run `spile connectors import {}`, which downloads its definition", fact.head.name);
    ConnectorsError::NotInHub { name: fact.head.name.clone(), help }
}

/// Returns a definition from the local copy of the hub.
pub(super) fn from_hub(kept: &HubCache, plugin: &KeptPlugin) -> Result<Source, Error> {
    let text = kept.definition(plugin)?.ok_or_else(|| ConnectorsError::NotInHub {
        name: plugin.name(),
        help: "its local copy is incomplete: run `spile connectors update`".to_owned(),
    })?;
    Ok(Source::new(plugin.name(), text))
}

/// Reads the heads of files by the quick way, several at a time: opening a thousand files takes most of a search. Heads
/// that need more are read again as a whole, which reports their mistakes.
fn peeked(project: &Project, paths: &[PathBuf]) -> Vec<Option<Head>> {
    let peek = |path: &PathBuf| Head::peek(&project.connector_head(path, &mut Problems::default())?);
    paths.par_iter().map(peek).collect()
}
