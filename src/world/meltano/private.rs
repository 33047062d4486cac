//! The private folder of a run, and clearing away those of runs that died.
//!
//! A run's folder holds a `lock` file, locked for as long as any process of the run lives: Meltano gets it as its
//! standard input, which its tap inherits, and a lock ends when the last holder of the file does. So a run is dead
//! when its lock is free, whoever was killed, and no process id has to be believed.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::world::project::make_private;

/// The name of the locked file.
const LOCK: &str = "lock";

/// The folder of one run; removed when it is dropped.
#[derive(Debug)]
pub(super) struct Private {
    folder: PathBuf,
    lock: File,
}

impl Private {
    /// Makes a folder under `runs` for a run of these plugins.
    pub(super) fn make(runs: &Path, name: &str, plugins: &[&str]) -> io::Result<Self> {
        make_private(runs)?;
        let _gate = gate(runs)?;
        let folder = runs.join(name);
        make_private(&folder)?;
        let mut lock = create(&folder.join(LOCK))?;
        lock.write_all(plugins.join("\n").as_bytes())?;
        lock.try_lock().map_err(io::Error::from)?;
        Ok(Self { folder, lock })
    }

    /// Returns the path of a file in it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Returns the folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a file that only its owner can read.
    pub(super) fn write(&self, name: &str, text: &str) -> io::Result<()> {
        create(&self.path(name))?.write_all(text.as_bytes())
    }

    /// Returns the locked file once more: the lock lasts until all of them are closed.
    pub(super) fn lock(&self) -> io::Result<File> {
        self.lock.try_clone()
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        // What cannot be removed now is swept later.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Opens a file for writing that only its owner can read.
fn create(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Keeps sweeping away from folders that are just being made.
fn gate(runs: &Path) -> io::Result<File> {
    let gate = create(&runs.join(".gate"))?;
    gate.lock()?;
    Ok(gate)
}

/// Removes the folders of runs that died, and the settings of their plugins that Meltano wrote in plain text to
/// `<name>/{tap,target}.<id>.config.json` under `meltano_runs`.
///
/// Such a file is not Meltano's of a living run: a plugin that a living run of spile uses is left alone, and a plugin
/// reads its file when it starts, so a `meltano run` beside it loses nothing either.
pub(super) fn sweep(runs: &Path, meltano_runs: &Path) -> io::Result<()> {
    if !runs.exists() {
        return Ok(());
    }
    let _gate = gate(runs)?;
    let (mut dead, mut used) = (Vec::new(), BTreeSet::new());
    for item in fs::read_dir(runs)? {
        let folder = item?.path();
        if !folder.is_dir() {
            continue;
        }
        let (is_alive, plugins) = inspect(&folder.join(LOCK))?;
        if is_alive {
            used.extend(plugins);
        } else {
            dead.push((folder, plugins));
        }
    }
    for (folder, plugins) in dead {
        for plugin in plugins.iter().filter(|plugin| !used.contains(*plugin)) {
            remove_settings(&meltano_runs.join(plugin))?;
        }
        // Last, so that a sweep which is killed half-way is made up for by the next one.
        fs::remove_dir_all(&folder)?;
    }
    Ok(())
}

/// Tells whether a run lives, and its plugins.
fn inspect(lock: &Path) -> io::Result<(bool, Vec<String>)> {
    let mut file = match File::open(lock) {
        Ok(file) => file,
        // It was killed before it had one.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((false, Vec::new())),
        Err(error) => return Err(error),
    };
    let mut plugins = String::new();
    file.read_to_string(&mut plugins)?;
    let is_alive = file.try_lock().is_err();
    Ok((is_alive, plugins.lines().map(str::to_owned).collect()))
}

fn remove_settings(folder: &Path) -> io::Result<()> {
    let is_settings = |name: &str| {
        let middle = name.strip_suffix(".config.json");
        middle.is_some_and(|name| name.starts_with("tap.") || name.starts_with("target."))
    };
    let items = match fs::read_dir(folder) {
        Ok(items) => items,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for item in items {
        let path = item?.path();
        if path.file_name().and_then(|name| name.to_str()).is_some_and(is_settings) {
            match fs::remove_file(&path) {
                // Meltano was faster.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets go of a run's lock and leaves its folder, as a kill does.
    fn kill(mut run: Private) -> PathBuf {
        run.lock = File::open("/dev/null").unwrap();
        let folder = run.folder.clone();
        std::mem::forget(run);
        folder
    }

    #[test]
    fn sweeping_removes_what_dead_runs_left_and_nothing_of_living_ones() {
        let root = tempfile::tempdir().unwrap();
        let (runs, settings) = (root.path().join("runs"), root.path().join("meltano"));
        let living = Private::make(&runs, "living", &["tap-a"]).unwrap();
        let dead = kill(Private::make(&runs, "dead", &["tap-a", "tap-b"]).unwrap());
        for plugin in ["tap-a", "tap-b", "tap-c"] {
            let folder = settings.join(plugin);
            make_private(&folder).unwrap();
            for name in ["tap.1.config.json", "tap.properties.json"] {
                create(&folder.join(name)).unwrap();
            }
        }
        sweep(&runs, &settings).unwrap();
        assert!(living.folder().exists() && !dead.exists());
        let left = |plugin: &str| fs::read_dir(settings.join(plugin)).unwrap().count();
        assert_eq!((left("tap-a"), left("tap-b"), left("tap-c")), (2, 1, 2));
    }

    #[test]
    fn a_run_lives_as_long_as_somebody_holds_its_lock() {
        let root = tempfile::tempdir().unwrap();
        let run = Private::make(root.path(), "run", &["tap-a"]).unwrap();
        let inherited = run.lock().unwrap();
        let folder = kill(run);
        assert_eq!(inspect(&folder.join(LOCK)).unwrap(), (true, vec!["tap-a".to_owned()]));
        drop(inherited);
        assert!(!inspect(&folder.join(LOCK)).unwrap().0);
    }
}
