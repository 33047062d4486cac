//! Tests a loader by feeding it one record. For this, a loader that writes files gets its own folder.

use std::path::PathBuf;

use serde_json::Value;
use tokio::sync::watch;

use super::Error;
use spile_core::connector::naming::NamingSettings;
use spile_core::integration::Integration;
use spile_core::integration::check::environment_variable;
use spile_core::integration::load::{LoaderSettings, schema_setting};
use spile_core::name::EnvironmentName;
use spile_core::value::expansion::plain;
use spile_world::World;
use spile_world::processes::meltano::{Finished, Request};

/// The loaders that write files, by plugin, with the setting for the folder.
const FOLDERS: [(&str, &str); 3] =
    [("target-jsonl", "destination_path"), ("target-csv", "output_path"), ("target-csv", "destination_path")];

/// Tests a loader with a request in which it is the only plugin. A loader of files leaves nothing behind. Other loaders
/// leave a stream `spile_test` with one record in the destination.
///
/// # Errors
/// When Meltano cannot be started or the log cannot be written. A failed test is not an error.
pub(super) async fn carry_out(
    world: &World,
    loader: &Integration,
    environment: &EnvironmentName,
    mut request: Request,
    interrupt: &mut watch::Receiver<bool>,
) -> Result<Finished, Error> {
    let folder = folder(loader, environment).map(|(setting, folder)| {
        let inner = folder.join(format!(".spile-test-{}", request.run_id));
        let variable = environment_variable(&loader.plugin_name(), setting);
        request.settings.insert(variable, inner.display().to_string());
        let root = world.project.root();
        TestFolder { was_there: root.join(&folder).exists(), path: root.join(inner) }
    });
    // A loader may follow the schemas of its extractors, but the test has no extractor.
    request.settings.extend(schema(loader, environment));
    let finished = world.meltano.test_loader(&request, interrupt).await;
    drop(folder);
    Ok(finished?)
}

/// Returns the folder that a loader of files writes to (it may be relative to the project), and its setting. Returns `None`
/// if the path names variables, because Meltano expands them. The test then writes to the folder itself.
fn folder(loader: &Integration, environment: &EnvironmentName) -> Option<(&'static str, PathBuf)> {
    let connector = &loader.connector;
    let is_its =
        |(plugin, setting): &(_, &str)| connector.plugin.name == *plugin && connector.setting(setting).is_some();
    let (_, setting) = FOLDERS.into_iter().find(is_its)?;
    let written = loader.at(environment).config.get(setting);
    let written = written.or(connector.setting(setting).and_then(|setting| setting.default.as_ref()));
    let path = written.and_then(Value::as_str).unwrap_or_default();
    plain(path).map(|path| (setting, PathBuf::from(&*path)))
}

/// Returns the variable of the schema setting, and the schema that the loader's file sets.
fn schema(loader: &Integration, environment: &EnvironmentName) -> Option<(String, String)> {
    let setting = schema_setting(&loader.connector)?;
    let schema = plain(LoaderSettings::of(loader, environment).text(setting)?)?.into_owned();
    Some((environment_variable(&loader.plugin_name(), setting), schema))
}

/// A folder for one test. It is removed on drop.
struct TestFolder {
    path: PathBuf,
    /// Whether its parent folder existed before.
    was_there: bool,
}

impl Drop for TestFolder {
    fn drop(&mut self) {
        // A folder that cannot be removed is hidden, and does not disturb anyone.
        let _ = std::fs::remove_dir_all(&self.path);
        if let Some(above) = self.path.parent().filter(|_| !self.was_there) {
            let _ = std::fs::remove_dir(above);
        }
    }
}
