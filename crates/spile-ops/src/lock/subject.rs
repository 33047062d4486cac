//! What a project installs, and so can lock: Meltano and plugins.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::{Error, Loaded, invocation};
use spile_core::integration::Integration;
use spile_core::locks::{Lock, MELTANO, PipRequest, Unlockable};
use spile_core::problem::{did_you_mean, listed};
use spile_core::render::read::Listed;
use spile_world::World;
use spile_world::processes::meltano::Meltano;

/// Something that is installed.
pub(crate) struct Subject {
    /// The plugin, or `meltano`.
    pub name: String,
    /// What is installed.
    pub pip_url: String,
    /// The Python to install it with, if not Meltano's.
    pub interpreter: Option<String>,
    /// Why it cannot be locked; `None` if it can.
    pub unlockable: Option<Unlockable>,
    /// The list of plugins that it is in; `None` for Meltano itself.
    list: Option<&'static str>,
}

impl Subject {
    /// `pip_url` is `None` if the project does not contain it.
    fn new(name: String, pip_url: Option<String>, list: Option<&'static str>) -> Self {
        let unlockable = pip_url.as_ref().map_or(Some(Unlockable::Elsewhere), |url| PipRequest::read(url).err());
        Self { name, pip_url: pip_url.unwrap_or_default(), interpreter: None, unlockable, list }
    }

    /// Returns the plugin of an integration.
    fn of(integration: &Integration, listed: &Listed) -> Self {
        let (plugin, list) = (&integration.connector.plugin, integration.role().plural());
        let (name, pip_url) = match &integration.plugin {
            None => (plugin.name.clone(), Some(plugin.pip_url.clone())),
            Some(name) => listed.installed(integration.role(), name).unwrap_or_else(|| (name.clone(), None)),
        };
        let interpreter = plugin.passed.get("python").and_then(serde_json::Value::as_str).map(str::to_owned);
        Self { interpreter, ..Self::new(name, pip_url, Some(list)) }
    }

    /// Returns why a lock does not fit it; `None` if it does.
    pub fn misfit(&self, lock: &Lock) -> Option<String> {
        self.unlockable.as_ref().map(ToString::to_string).or_else(|| lock.misfit(&self.pip_url))
    }

    /// Returns the lock that it was installed from here; `None` if it is not installed, or without a lock.
    pub fn lock_in_use(&self, meltano: &Meltano) -> Option<Lock> {
        match self.list {
            Some(list) => meltano.lock_in_use(list, &self.name),
            None => meltano.lock_in_use_of_meltano(),
        }
    }
}

/// Returns Meltano and all plugins that the project's integrations are installed as.
///
/// # Errors
/// When the template fails.
pub(crate) fn subjects(meltano: &Meltano, loaded: &Loaded) -> Result<BTreeMap<String, Subject>, Error> {
    // A text that cannot be read was refused earlier.
    let listed = Listed::read(&invocation::rendered(loaded, &loaded.integrations)?).unwrap_or_default();
    let mut subjects = vec![Subject::new(MELTANO.to_owned(), Some(meltano.requirement()), None)];
    for one in loaded.integrations.iter() {
        subjects.push(Subject::of(one, &listed));
        let mappings = loaded.settings.environments.keys().flat_map(|environment| one.at(environment).mappers.clone());
        let mappers = mappings.filter_map(|mapping| listed.mapper(&mapping));
        subjects.extend(mappers.map(|(name, pip_url)| Subject::new(name, pip_url, Some("mappers"))));
    }
    Ok(by_name(subjects))
}

/// Returns the subjects that install something, each once.
fn by_name(subjects: Vec<Subject>) -> BTreeMap<String, Subject> {
    let mut found = BTreeMap::new();
    for subject in subjects {
        let is_nothing = subject.unlockable.is_none() && subject.pip_url.trim().is_empty();
        match found.entry(subject.name.clone()) {
            Entry::Vacant(entry) if !is_nothing => drop(entry.insert(subject)),
            Entry::Occupied(mut entry) if !is_nothing && entry.get().pip_url != subject.pip_url => {
                entry.get_mut().unlockable = Some(Unlockable::Namesake);
            }
            Entry::Vacant(_) | Entry::Occupied(_) => {}
        }
    }
    found
}

/// Returns what has one of these names, or everything.
///
/// # Errors
/// When a name is unknown, or the template fails.
pub(super) fn chosen(world: &World, loaded: &Loaded, names: &[String]) -> Result<Vec<Subject>, Error> {
    let mut all = subjects(&world.meltano, loaded)?;
    if names.is_empty() {
        return Ok(all.into_values().collect());
    }
    let unknown: Vec<&str> = names.iter().filter(|name| !all.contains_key(*name)).map(String::as_str).collect();
    if !unknown.is_empty() {
        let names = unknown.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let known = all.keys().map(String::as_str);
        let near = unknown.iter().find_map(|name| did_you_mean(name, known.clone()));
        let help = near.unwrap_or_else(|| format!("spile can lock {}", listed(known)));
        return Err(Error::NotInstalled { names, help });
    }
    Ok(names.iter().filter_map(|name| all.remove(name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_of_one_name_share_a_lock_only_if_they_install_the_same() {
        let subject =
            |name: &str, pip_url: &str, list| Subject::new(name.to_owned(), Some(pip_url.to_owned()), Some(list));
        let found = by_name(vec![
            subject("same", "a==1", "extractors"),
            subject("same", "a==1", "extractors"),
            subject("two", "a==1", "extractors"),
            subject("two", "b==1", "loaders"),
            subject("nothing", " ", "mappers"),
            Subject::new("hub".to_owned(), None, Some("loaders")),
        ]);
        let why: Vec<_> = found.values().map(|one| (one.name.as_str(), one.unlockable.clone())).collect();
        let (namesake, elsewhere) = (Some(Unlockable::Namesake), Some(Unlockable::Elsewhere));
        assert_eq!(why, [("hub", elsewhere), ("same", None), ("two", namesake)]);
    }
}
