//! The private folder of a run, and the cleanup after dead runs.
//!
//! A run's folder contains a `lock` file, which is locked while any process of the run is alive: Meltano gets it as
//! standard input, which its tap inherits, and the lock ends when the last process closes the file. So a run is dead
//! when its lock is free, no matter which process was killed, and without relying on process ids.
//!
//! The file starts with a description of the run. If a plugin needs input, that follows in the same file, so that a
//! loader that is fed also holds the lock, as a tap does.
//!
//! The lock also prevents a second run of the same extractor, because Meltano passes bookmarks and catalogs to a tap in
//! files that are named after the plugin only.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::liveness;
use crate::files::door::make_private;
use crate::files::own_folder::{Own, OwnFolder};
use crate::files::process_lock::{Lock, RunLock};

/// The parent of run folders, inside spile's own folder.
pub(super) const RUNS: &str = "runs";

/// The name of the locked file.
pub(super) const LOCK: &str = "lock";

/// The name of the file whose time tells since when a run has been without its spile.
const ORPHANED: &str = "orphaned";

/// How long the rest of a run may take to end by itself. Meltano notices within a second, and `launch.py` kills within
/// ten what does not stop.
const GRACE: Duration = Duration::from_secs(15);

/// The description of a run in its lock file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Holder {
    /// The run's id.
    pub run: Uuid,
    /// The run's environment.
    pub environment: String,
    /// The plugins that it uses.
    pub plugins: Vec<String>,
    /// The plugin that no other run may use at the same time.
    pub claims: Option<String>,
    /// When the run started.
    pub since: Timestamp,
    /// The spile process that started it.
    pub process: liveness::Identity,
}

/// Why a run gets no folder.
#[derive(Debug)]
pub(super) enum NoRunFolder {
    /// Another run uses the claimed plugin.
    Busy(Box<Holder>),
    /// A file cannot be created.
    Io(io::Error),
}

impl From<io::Error> for NoRunFolder {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The folder of one run. Dropping it removes the folder.
#[derive(Debug)]
pub struct Private {
    folder: PathBuf,
    lock: File,
    /// How many bytes of the lock file describe the run.
    said: u64,
}

impl Private {
    /// Creates a folder for a run inside spile's own folder.
    pub(super) fn make(own: &Own, holder: &Holder) -> Result<Self, NoRunFolder> {
        let _gate = gate(own)?;
        let own = own.make()?;
        if let Some(other) = holder.claims.as_ref().map(|claim| who_claims(&own, claim)).transpose()?.flatten() {
            return Err(NoRunFolder::Busy(Box::new(other)));
        }
        let folder = own.folder(Path::new(RUNS).join(holder.run.to_string()))?;
        let mut lock = create(&folder.join(LOCK))?;
        let said = serde_json::to_vec(holder).map_err(io::Error::from)?;
        lock.write_all(&said)?;
        lock.try_lock().map_err(io::Error::from)?;
        Ok(Self { folder, lock, said: said.len() as u64 })
    }

    /// Creates a folder inside this one, for a process of the same run. It shares the lock.
    pub(super) fn inner(&self, name: &str) -> io::Result<Self> {
        self.make_folder(name)?;
        Ok(Self { folder: self.path(name), lock: self.lock.try_clone()?, said: self.said })
    }

    /// Returns the path of a file in the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Returns the folder's path.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a file that only its owner can read.
    pub(super) fn write(&self, name: &str, text: &str) -> io::Result<()> {
        self.write_bytes(name, text.as_bytes())
    }

    /// Writes a binary file that only its owner can read.
    pub(super) fn write_bytes(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        create(&self.path(name))?.write_all(bytes)
    }

    /// Removes a file, if there is one.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        absent_is_fine(fs::remove_file(self.path(name)))
    }

    /// Removes a folder and what is in it, if there is one.
    pub(super) fn remove_folder(&self, name: &str) -> io::Result<()> {
        absent_is_fine(fs::remove_dir_all(self.path(name)))
    }

    /// Creates a folder in it that only its owner can enter.
    pub(super) fn make_folder(&self, name: &str) -> io::Result<()> {
        make_private(&self.path(name))
    }

    /// Returns another handle of the lock file, positioned at the start of `input`. The lock lasts until all handles
    /// are closed.
    pub(super) fn lock(&self, input: &str) -> io::Result<File> {
        let mut lock = self.lock.try_clone()?;
        lock.seek(SeekFrom::Start(self.said))?;
        lock.set_len(self.said)?;
        lock.write_all(input.as_bytes())?;
        // All handles share the read position.
        lock.seek(SeekFrom::Start(self.said))?;
        Ok(lock)
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        // If this fails, a later sweep removes it.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

pub(super) fn absent_is_fine(done: io::Result<()>) -> io::Result<()> {
    done.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Opens a file for writing that only its owner can read.
fn create(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Keeps sweeps away while a folder is being created.
fn gate(own: &Own) -> io::Result<RunLock> {
    RunLock::hold(own, Lock::Runs)
}

/// Finds the living run that claims a plugin.
fn who_claims(own: &OwnFolder, claim: &str) -> io::Result<Option<Holder>> {
    let claims = |holder: &Holder| holder.claims.as_deref() == Some(claim);
    let living: Vec<FoundFolder> = all(own)?.into_iter().filter(|found| found.is_alive).collect();
    if let Some(unread) = living.iter().find(|found| found.holder.is_none()) {
        let what = unread.folder.display();
        return Err(io::Error::other(format!("another version of spile is using `{what}`: wait until it ends")));
    }
    Ok(living.into_iter().filter_map(|found| found.holder).find(claims))
}

/// Tells whether any run is alive.
pub(super) fn any_lives(own: &Own) -> io::Result<bool> {
    let Some(folder) = with_runs(own) else { return Ok(false) };
    let _gate = gate(own)?;
    Ok(all(&folder)?.iter().any(|found| found.is_alive))
}

/// Returns spile's own folder if there has ever been a run.
fn with_runs(own: &Own) -> Option<OwnFolder> {
    own.open().ok().flatten().filter(|folder| folder.path().join(RUNS).is_dir())
}

/// A run's folder, as found.
struct FoundFolder {
    folder: PathBuf,
    is_alive: bool,
    /// `None` if the run was killed before it wrote its description.
    holder: Option<Holder>,
}

fn all(own: &OwnFolder) -> io::Result<Vec<FoundFolder>> {
    let mut found = Vec::new();
    for name in own.list(RUNS)? {
        let name = Path::new(RUNS).join(name);
        let folder = own.path().join(&name);
        if folder.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            let (is_alive, holder) = inspect(own, &name.join(LOCK))?;
            found.push(FoundFolder { folder, is_alive, holder });
        }
    }
    Ok(found)
}

/// Takes what matters from a dead run and its folder.
pub(super) type Bury<'a> = &'a dyn Fn(&Holder, &Path) -> io::Result<()>;

/// Removes the folders of dead runs, and the settings that Meltano wrote in plaintext for their plugins. Calls `bury`
/// for each run, with its folder, before anything of it is removed.
///
/// The settings of living runs have other names. A plugin reads its file when it starts, so a parallel `meltano run`
/// loses nothing either.
///
/// The rest of a run whose spile is gone should end by itself. If it has not after a while, it is killed.
pub(super) fn sweep(own: &Own, theirs: &Own, bury: Bury<'_>) -> io::Result<()> {
    let Some(folder) = with_runs(own) else { return Ok(()) };
    let _gate = gate(own)?;
    let theirs = theirs.open().ok().flatten();
    let (living, dead): (Vec<FoundFolder>, Vec<FoundFolder>) =
        all(&folder)?.into_iter().partition(|found| found.is_alive);
    for found in living.iter().filter(|found| found.holder.as_ref().is_some_and(|holder| !holder.process.lives())) {
        end_orphan(&found.folder)?;
    }
    let lives: BTreeSet<String> =
        living.iter().filter_map(|found| found.holder.as_ref()).map(|holder| holder.run.to_string()).collect();
    for found in dead {
        if let Some(holder) = &found.holder {
            bury(holder, &found.folder)?;
            if let Some(theirs) = &theirs {
                clear(theirs, &holder.plugins, |run| !lives.contains(run))?;
            }
        }
        // Removes the folder last, so that the next sweep can finish an interrupted one.
        // A run that has just ended may have removed its own folder first.
        absent_is_fine(fs::remove_dir_all(&found.folder))?;
    }
    Ok(())
}

/// Kills the rest of a run that has been without its spile for too long to end by itself.
fn end_orphan(folder: &Path) -> io::Result<()> {
    let marker = folder.join(ORPHANED);
    match fs::metadata(&marker) {
        // If the clock was set back, this waits longer.
        Ok(since) if since.modified()?.elapsed().is_ok_and(|age| age > GRACE) => {
            liveness::kill_all_of(folder, &folder.join(LOCK));
            Ok(())
        }
        Ok(_) => Ok(()),
        Err(_) => create(&marker).map(drop),
    }
}

/// Returns whether a run is alive, and its description.
fn inspect(own: &OwnFolder, lock: &Path) -> io::Result<(bool, Option<Holder>)> {
    // Without a lock file, the run was killed before it created one.
    let Some(mut file) = own.open(lock)? else { return Ok((false, None)) };
    let mut said = Vec::new();
    file.read_to_end(&mut said)?;
    let is_alive = file.try_lock().is_err();
    // The input of a plugin may follow.
    let holder = serde_json::Deserializer::from_slice(&said).into_iter().next();
    Ok((is_alive, holder.and_then(Result::ok)))
}

/// Removes the settings that Meltano wrote in plaintext for plugins of these runs:
/// `<name>/{tap,target}.<run>.config.json`.
pub(super) fn clear(theirs: &OwnFolder, plugins: &[String], is_of: impl Fn(&str) -> bool) -> io::Result<()> {
    let run = |name: &str| {
        let middle = name.strip_suffix(".config.json")?;
        middle.strip_prefix("tap.").or(middle.strip_prefix("target.")).map(str::to_owned)
    };
    for plugin in plugins {
        let folder = Path::new("run").join(plugin);
        for name in theirs.list(&folder)? {
            if name.to_str().and_then(run).is_some_and(|run| is_of(&run)) {
                theirs.remove(folder.join(name))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Releases a run's lock but leaves its folder, as a kill does.
    fn kill(mut run: Private) -> PathBuf {
        run.lock = File::open("/dev/null").unwrap();
        let folder = run.folder.clone();
        std::mem::forget(run);
        folder
    }

    fn holder(number: u8, plugins: &[&str]) -> Holder {
        Holder {
            run: Uuid::from_u128(number.into()),
            environment: "dev".to_owned(),
            plugins: plugins.iter().map(ToString::to_string).collect(),
            claims: plugins.first().map(ToString::to_string),
            since: Timestamp::UNIX_EPOCH,
            process: liveness::Identity::own(),
        }
    }

    fn own(root: &tempfile::TempDir) -> Own {
        Own::at(&root.path().join(".spile"))
    }

    fn inspected(folder: &Path) -> (bool, Option<Holder>) {
        let own = Own::at(folder.parent().unwrap().parent().unwrap()).open().unwrap().unwrap();
        let lock = folder.join(LOCK);
        inspect(&own, lock.strip_prefix(own.path()).unwrap()).unwrap()
    }

    #[test]
    fn sweeping_removes_only_the_files_of_dead_runs() {
        let root = tempfile::tempdir().unwrap();
        let (runs, theirs) = (own(&root), Own::of_meltano(root.path()));
        let settings = theirs.make().unwrap().folder("run").unwrap();
        let living = Private::make(&runs, &holder(1, &["tap-a"])).unwrap();
        let dead = kill(Private::make(&runs, &holder(2, &["tap-b", "tap-a"])).unwrap());
        for plugin in ["tap-a", "tap-b", "tap-c"] {
            let folder = settings.join(plugin);
            fs::create_dir(&folder).unwrap();
            let of = |number: u8| format!("tap.{}.config.json", Uuid::from_u128(number.into()));
            for name in [of(1), of(2), "tap.properties.json".to_owned()] {
                create(&folder.join(name)).unwrap();
            }
        }
        let buried = std::cell::RefCell::new(Vec::new());
        let bury = |holder: &Holder, _: &Path| {
            buried.borrow_mut().push(holder.clone());
            Ok(())
        };
        sweep(&runs, &theirs, &bury).unwrap();
        assert!(living.folder().exists() && !dead.exists());
        let left = |plugin: &str| fs::read_dir(settings.join(plugin)).unwrap().count();
        assert_eq!((left("tap-a"), left("tap-b"), left("tap-c")), (2, 2, 3), "the dead run's settings");
        assert_eq!(buried.into_inner(), [holder(2, &["tap-b", "tap-a"])]);
    }

    #[test]
    fn a_run_is_alive_while_its_lock_is_held() {
        let root = tempfile::tempdir().unwrap();
        let run = Private::make(&own(&root), &holder(1, &["tap-a"])).unwrap();
        let inherited = run.lock("").unwrap();
        let folder = kill(run);
        assert_eq!(inspected(&folder), (true, Some(holder(1, &["tap-a"]))));
        assert!(any_lives(&own(&root)).unwrap());
        drop(inherited);
        assert!(!inspected(&folder).0);
        assert!(!any_lives(&own(&root)).unwrap() && !any_lives(&Own::at(&root.path().join("nothing"))).unwrap());
    }

    #[test]
    fn a_plugins_input_follows_the_description_of_the_run() {
        let root = tempfile::tempdir().unwrap();
        let run = Private::make(&own(&root), &holder(1, &["target"])).unwrap();
        for input in ["a long line\n", "short\n", ""] {
            let mut read = String::new();
            run.lock(input).unwrap().read_to_string(&mut read).unwrap();
            assert_eq!(read, input);
            assert_eq!(inspected(run.folder()), (true, Some(holder(1, &["target"]))));
        }
    }

    #[test]
    fn a_living_run_with_an_unreadable_description_blocks_others() {
        let root = tempfile::tempdir().unwrap();
        let other = own(&root).make().unwrap().folder("runs/of-another-version").unwrap();
        let mut lock = create(&other.join(LOCK)).unwrap();
        lock.write_all(b"{\"who\": \"a newer one\"}").unwrap();
        lock.try_lock().unwrap();
        let refused = Private::make(&own(&root), &holder(1, &["tap-a"]));
        assert!(matches!(refused, Err(NoRunFolder::Io(error)) if error.to_string().contains("another version")));
        drop(lock);
        Private::make(&own(&root), &holder(1, &["tap-a"])).unwrap();
    }

    #[test]
    fn the_second_run_of_a_plugin_learns_about_the_first() {
        let root = tempfile::tempdir().unwrap();
        let first = Private::make(&own(&root), &holder(1, &["tap-a", "target"])).unwrap();
        let refused = Private::make(&own(&root), &holder(2, &["tap-a", "target"]));
        assert!(matches!(refused, Err(NoRunFolder::Busy(other)) if *other == holder(1, &["tap-a", "target"])));
        let _other = Private::make(&own(&root), &holder(3, &["tap-b", "target"])).unwrap();
        let unclaimed = Holder { claims: None, ..holder(4, &["tap-a"]) };
        let _test = Private::make(&own(&root), &unclaimed).unwrap();
        drop(first);
        assert!(Private::make(&own(&root), &holder(2, &["tap-a", "target"])).is_ok());
        assert!(any_lives(&own(&root)).unwrap());
    }
}
