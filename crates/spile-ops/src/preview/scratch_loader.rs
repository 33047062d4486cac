//! The loader of a preview: the DuckDB loader that is part of the program, whatever loaders the project has.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, json};
use uuid::Uuid;

use crate::{Error, Loaded};
use spile_core::connector::{Catalog, Plugin, Role};
use spile_core::run::StreamFilter;
use spile_world::processes::meltano::{Request, Surroundings};

/// The name of its connector.
const DUCKDB: &str = "duckdb";

/// Returns the request that loads the records of another one into a file.
///
/// # Errors
/// When the program has no such loader.
pub(super) fn request(of: &Request, loaded: &Loaded, file: &Path) -> Result<Request, Error> {
    let built_in = Catalog::built_in(Role::Loader, DUCKDB);
    let connector = built_in.ok_or_else(|| Error::NoConnector {
        role: Role::Loader,
        name: DUCKDB.to_owned(),
        help: "install spile again: this connector is part of it".to_owned(),
    })?;
    let mut plugin = connector.plugin.clone();
    // The project may have a plugin of this name from elsewhere. Its installation stays as it is.
    let is_other = |own: &Plugin| own.name == plugin.name && own.pip_url != plugin.pip_url;
    if loaded.integrations.iter().any(|one| is_other(&one.connector.plugin)) {
        plugin.name.push_str("--preview");
    }
    Ok(Request {
        run_id: Uuid::new_v4(),
        project_file: project_file(&of.environment, &plugin, file),
        extractor: plugin.name.clone(),
        plugins: vec![(Role::Loader, plugin)],
        variables: BTreeMap::new(),
        // Not given to it, but masked in its log.
        masked: of.variables.values().cloned().collect(),
        settings: BTreeMap::new(),
        hidden: Vec::new(),
        surroundings: Surroundings::Nothing,
        filter: StreamFilter::default(),
        ..of.clone()
    })
}

/// Returns a `meltano.yml` of only this loader. JSON is YAML.
fn project_file(environment: &str, plugin: &Plugin, file: &Path) -> String {
    let config = json!({ "path": file, "default_target_schema": "main", "primary_key_required": false });
    let mut loader = Map::new();
    loader.insert("name".to_owned(), json!(plugin.name));
    loader.insert("namespace".to_owned(), json!(plugin.namespace));
    loader.insert("variant".to_owned(), json!(plugin.variant));
    loader.insert("pip_url".to_owned(), json!(plugin.pip_url));
    loader.insert("executable".to_owned(), json!(plugin.executable));
    loader.insert("config".to_owned(), config);
    loader.extend(plugin.passed.clone());
    let project = json!({
        "version": 1,
        "default_environment": environment,
        "environments": [{ "name": environment }],
        "plugins": { "loaders": [loader] },
    });
    project.to_string()
}
