//! The catalog from which a run selects its streams: the last one, or a new one.

use serde_json::json;

use super::job::Job;
use crate::{Error, discover};
use spile_core::digest::hash;
use spile_core::settings::Severity;
use spile_world::Discoveries;
use spile_world::files::discoveries::Used;
use spile_world::files::io_error::IoError;
use spile_world::processes::meltano::{Catalog, CatalogFacts};

impl Job {
    /// Decides which catalog to use. The plugin must be installed, because the catalog depends on its version.
    pub(super) fn catalog(&self) -> Result<Catalog, Error> {
        let sync = &self.loaded.settings.sync;
        let (slug, environment) = (&self.integration.slug, &self.options.environment);
        let discoveries = self.discoveries();
        let path = discoveries.path(slug, environment);
        let used = discoveries.used(slug, environment).map_err(IoError::of("read", &path))?;
        let key = self.catalog_key()?;
        if used.is_some_and(|used| used.will_do(&key, sync.catalog, (self.world.clock)())) {
            return Ok(Catalog::Kept);
        }
        let may_be_old = sync.failed_discovery != Severity::Fail;
        Ok(if may_be_old { Catalog::RenewedWherePossible } else { Catalog::Renewed })
    }

    /// Records that a run has discovered the catalog.
    pub(super) fn remember_catalog(&self, facts: &CatalogFacts) -> Result<(), Error> {
        if !facts.discovered {
            return Ok(());
        }
        let (slug, environment) = (&self.integration.slug, &self.options.environment);
        let discoveries = self.discoveries();
        let used = Used { key: self.catalog_key()?, discovered_at: (self.world.clock)() };
        let kept = discoveries.use_from_now(slug, environment, &used);
        Ok(kept.map_err(IoError::of("write", discoveries.path(slug, environment)))?)
    }

    fn discoveries(&self) -> Discoveries {
        Discoveries::of(&self.world.project.own_folder())
    }

    /// Returns a hash of everything that the catalog of a run depends on. The selection is part of it, although the tap
    /// returns the same catalog for every selection: a newly selected stream may be newer than the last catalog.
    fn catalog_key(&self) -> Result<String, Error> {
        let environment = &self.options.environment;
        let source = discover::key(&self.world.meltano, &self.loaded, &self.integration, environment)?;
        let (declared, connector) = (self.integration.at(environment), &self.integration.connector);
        let all = json!({
            "source": source,
            "select": declared.select,
            "metadata": declared.metadata,
            "connector": [json!(connector.select), json!(connector.metadata)],
        });
        // A catalog that Meltano discovered by itself was not compared with a contract.
        let watched = if self.is_watching() { "\nwatched" } else { "" };
        Ok(hash(format!("{all}{watched}").as_bytes()))
    }
}
