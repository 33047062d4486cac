//! The files that Meltano keeps for a plugin between runs: its catalog, and its logging configuration.
//!
//! A catalog is the tap's unmasked output, so a tap that names a stream after a secret leaves it there. Such a file is
//! removed instead of masked: Meltano creates it again, but would read a masked one with its changed names.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::mask::Mask;
use super::run_folder::absent_is_fine;

/// The most bytes of a file that are searched. If there are secrets, a larger file is removed without a search.
const LARGEST: u64 = 256 * 1024 * 1024;

/// What Meltano compares to find out whether a catalog is still valid.
const CACHE_KEY: &str = "tap.properties.cache_key";

/// Removes the files of these plugins that contain a secret. Settings files are left alone, because they are removed
/// with their runs.
pub(super) fn remove(meltano_runs: &Path, plugins: &[String], mask: &Mask) -> io::Result<()> {
    for folder in plugins.iter().map(|plugin| meltano_runs.join(plugin)) {
        for path in files(&folder)? {
            if !is_settings(&path) && holds_secret(&path, mask)? {
                absent_is_fine(fs::remove_file(&path))?;
                absent_is_fine(fs::remove_file(folder.join(CACHE_KEY)))?;
            }
        }
    }
    Ok(())
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let items = match fs::read_dir(folder) {
        Ok(items) => items,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let items: Vec<fs::DirEntry> = items.collect::<io::Result<_>>()?;
    let is_file = |item: &fs::DirEntry| item.file_type().is_ok_and(|kind| kind.is_file());
    Ok(items.into_iter().filter(is_file).map(|item| item.path()).collect())
}

fn is_settings(path: &Path) -> bool {
    path.to_string_lossy().ends_with(".config.json")
}

fn holds_secret(path: &Path, mask: &Mask) -> io::Result<bool> {
    let mut text = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(LARGEST + 1).read_to_end(&mut text)?,
        // A run of another environment removed it first.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    Ok(mask.finds(&text) || text.len() as u64 > LARGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::door::{make_private, replace};
    use spile_core::secret::Secret;

    #[test]
    fn a_catalog_that_contains_a_secret_is_removed_and_other_files_stay() {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("tap-a/tap.properties.json", "{\"streams\": \"of hunter2\"}"),
            ("tap-a/tap.properties.cache_key", "1"),
            ("tap-a/tap.singer_sdk_logging.json", "{}"),
            ("tap-a/tap.of-another-run.config.json", "hunter2"),
            ("tap-b/tap.properties.json", "hunter2"),
        ] {
            let path = root.path().join(name);
            make_private(path.parent().unwrap()).unwrap();
            replace(&path, text.as_bytes()).unwrap();
        }
        let mask = Mask::of([&Secret::new("hunter2")].into_iter()).unwrap();
        remove(root.path(), &["tap-a".to_owned(), "tap-c".to_owned()], &mask).unwrap();
        let mut left = files(&root.path().join("tap-a")).unwrap();
        left.sort();
        let names: Vec<_> = left.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["tap.of-another-run.config.json", "tap.singer_sdk_logging.json"]);
        assert_eq!(files(&root.path().join("tap-b")).unwrap().len(), 1);
    }
}
