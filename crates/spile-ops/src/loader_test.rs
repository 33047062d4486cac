//! Testing a loader by feeding it one record, in a folder of its own where it writes to files.

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

/// The loaders of files, by plugin, and the setting that names the folder to write to.
const FOLDERS: [(&str, &str); 3] =
    [("target-jsonl", "destination_path"), ("target-csv", "output_path"), ("target-csv", "destination_path")];

/// Tests a loader with a request that has it as its only plugin. A loader of files leaves nothing; another one leaves a
/// stream `spile_test` of one record in its destination.
///
/// # Errors
/// When Meltano cannot be started or the log cannot be written; a loader that fails is a result.
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
    // A loader that follows the schemas of its extractors is tested without one.
    request.settings.extend(schema(loader, environment));
    let finished = world.meltano.test_loader(&request, interrupt).await;
    drop(folder);
    Ok(finished?)
}

/// Returns the folder that a loader of files writes to, relative to the project or not, and the setting that names it.
/// What names variables is Meltano's to put together: there the test writes to the folder itself.
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

/// Returns the variable of the setting that names the schema, and the schema that the loader's file names.
fn schema(loader: &Integration, environment: &EnvironmentName) -> Option<(String, String)> {
    let setting = schema_setting(&loader.connector)?;
    let schema = plain(LoaderSettings::of(loader, environment).text(setting)?)?.into_owned();
    Some((environment_variable(&loader.plugin_name(), setting), schema))
}

/// A folder for the test alone; removed when it is dropped.
struct TestFolder {
    path: PathBuf,
    /// Whether the folder that it is in was there before.
    was_there: bool,
}

impl Drop for TestFolder {
    fn drop(&mut self) {
        // What cannot be removed is hidden, and in nobody's way.
        let _ = std::fs::remove_dir_all(&self.path);
        if let Some(above) = self.path.parent().filter(|_| !self.was_there) {
            let _ = std::fs::remove_dir(above);
        }
    }
}
