//! `migrate`: the SQL that sets up a hosted registry. It can be printed, written for the Supabase CLI, or compared with the
//! database, and an existing table can be checked against it.

pub mod fit;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Error;
use spile_core::settings::{Home, Registry};
use spile_world::files::door::{Door, Shut};
use spile_world::stores::supabase::{VERSION, migration};
use spile_world::{SupabaseError, World};

/// Returns the migration for the schema and the table of a registry.
#[must_use]
pub fn sql(registry: &Registry) -> String {
    migration(&home(registry))
}

/// Returns the location of a hosted registry's tables. For a local registry, it is the default location.
fn home(registry: &Registry) -> Home {
    match registry {
        Registry::Supabase(supabase) => supabase.home.clone(),
        Registry::Local => Home::default(),
    }
}

/// A migration file for the Supabase CLI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationFile {
    /// Its path.
    pub path: PathBuf,
    /// Whether it already existed with the same content.
    pub was_there: bool,
}

/// Writes the migration to the Supabase CLI's folder, with the current time in its name. If a file already has the same
/// text, it is not written again.
///
/// # Errors
/// When the folder is not writable.
pub fn write(folder: &Path, sql: &str, now: Timestamp) -> Result<MigrationFile, Error> {
    let failed = |doing, path: &Path| {
        let path = folder.join(path);
        move |why| Error::of_file(doing, &path, why)
    };
    let migrations = Path::new("migrations");
    std::fs::create_dir_all(folder).map_err(|error| failed("make", Path::new(""))(Shut::Io(error)))?;
    let door = Door::to_project(folder).map_err(failed("open", Path::new("")))?;
    let entries = match door.entries(migrations) {
        Err(Shut::Missing) => Vec::new(),
        entries => entries.map_err(failed("read", migrations))?,
    };
    for path in entries.into_iter().map(|entry| migrations.join(entry.name)) {
        let is_ours = path.to_string_lossy().ends_with(".sql");
        if is_ours && door.text(&path).is_ok_and(|text| text == sql) {
            return Ok(MigrationFile { path: folder.join(path), was_there: true });
        }
    }
    let stamp = now.to_zoned(TimeZone::UTC).strftime("%Y%m%d%H%M%S").to_string();
    let path = migrations.join(format!("{stamp}_spile_v{VERSION}.sql"));
    door.create(&path, sql.as_bytes()).map_err(failed("write", &path))?;
    Ok(MigrationFile { path: folder.join(path), was_there: false })
}

/// Compares the database's version with the program's version, and returns it.
///
/// # Errors
/// When the registry is not hosted, cannot be reached, or has a different version.
pub async fn check(world: &World) -> Result<i64, Error> {
    let Some(supabase) = &world.supabase else { return Err(Error::NotHosted) };
    let found = supabase.version().await.map_err(hosted)?;
    match found {
        VERSION => Ok(found),
        found if found < VERSION => Err(hosted(SupabaseError::Old { found, wanted: VERSION })),
        found => Err(hosted(SupabaseError::New { found, known: VERSION })),
    }
}

fn hosted(error: SupabaseError) -> Error {
    Error::Target(error.into())
}
