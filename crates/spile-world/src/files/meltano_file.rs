//! `meltano.yml` as a target: read whole, replaced whole, and never where spile did not render it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::files::door::Shut;
use crate::files::own_folder::Own;
use crate::files::project::{Project, sweep_temporary};
use crate::files::run_lock::{Lock, RunLock};
use crate::{Origin, Target, TargetError};
use spile_core::digest::hash;
use spile_core::name::IntegrationId;
use spile_core::plan::{Last, LastDocument, Revision, Snapshot, State, Step};
use spile_core::record::Entry;
use spile_core::render::{FILE_NAME, read};

/// The rendered file of a project.
#[derive(Debug)]
pub struct MeltanoFile {
    project: Project,
    /// Where what the last apply here wrote is kept: where the file differs from it, something else has changed it.
    own: Own,
    /// What the last texts hold, by their hashes: texts of thousands of plugins take long to be taken apart.
    known: Mutex<Vec<(Revision, State<Entry>)>>,
}

/// How many bytes the file may have. It is rendered, and thousands of integrations make it larger than any file that
/// somebody writes.
pub(crate) const MOST_BYTES: u64 = 256 << 20;

/// As many as an apply comes across: the text that was, the one that is to be, and what the last apply left.
const KNOWN: usize = 3;

impl MeltanoFile {
    /// Names the file; nothing is read.
    #[must_use]
    pub fn new(project: &Project) -> Self {
        Self { project: project.clone(), own: project.own(), known: Mutex::default() }
    }

    /// Returns what a text holds.
    fn entries(&self, text: &str) -> Result<State<Entry>, read::Unreadable> {
        let revision = Revision(hash(text.as_bytes()));
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, entries)) = known.iter().find(|(known, _)| *known == revision) {
            return Ok(entries.clone());
        }
        drop(known);
        let entries = read::entries(text)?;
        self.keep(revision, &entries);
        Ok(entries)
    }

    fn keep(&self, revision: Revision, entries: &State<Entry>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(known, _)| *known != revision);
        if known.len() == KNOWN {
            known.remove(0);
        }
        known.push((revision, entries.clone()));
    }

    /// Locks the project's files, so that of two writers the later sees what the earlier has written.
    fn lock(&self) -> std::io::Result<RunLock> {
        let lock = RunLock::hold(&self.own, Lock::Project)?;
        sweep_temporary(self.project.root())?;
        // What is left there is in nobody's way.
        let _ = self.own.make()?.folder(APPLIED).and_then(|folder| sweep_temporary(&folder));
        Ok(lock)
    }

    /// Reads what the last apply here wrote; `None` where there was none, or that is not this user's own or damaged.
    fn applied(&self) -> Option<String> {
        self.own.open().ok()??.text(applied_file())
    }

    /// Reads the file, and what the last apply here wrote.
    fn texts(&self) -> Result<(String, LastDocument<String>), TargetError> {
        // Where there has been no apply, or what it wrote is damaged, there is nothing to compare with.
        let read = || Ok((self.text()?, self.applied()));
        let other = |(text, applied): (String, Option<String>)| match applied {
            None => (text, LastDocument::Unknown),
            Some(applied) if applied == text => (text, LastDocument::Same),
            Some(applied) => (text, LastDocument::Other(applied)),
        };
        let (text, applied) = other(read()?);
        if !matches!(applied, LastDocument::Other(_)) {
            return Ok((text, applied));
        }
        // Somebody has changed it, or an apply has written one of the two: under the lock there is none at work.
        let own = self.own.open().ok().flatten();
        let shared = own.and_then(|own| RunLock::share(&own, Lock::Project).ok().flatten());
        let Some(_lock) = shared else { return Ok((text, applied)) };
        read().map(other)
    }

    /// Compares the file with what the last apply here wrote.
    fn drifted(
        &self,
        state: &State<Entry>,
        left: &LastDocument<String>,
    ) -> (BTreeMap<IntegrationId, Last<Entry>>, bool) {
        let LastDocument::Other(left) = left else { return Default::default() };
        let Ok(left) = self.entries(left) else { return Default::default() };
        let ids: BTreeSet<&IntegrationId> = state.ids().chain(left.ids()).collect();
        let changed = ids.into_iter().filter(|id| state.get(id) != left.get(id));
        let drifted = changed.map(|id| (*id, left.get(id).cloned().map_or(Last::Deleted, Last::Held)));
        (drifted.collect(), true)
    }

    /// Keeps what was applied, to be compared with later.
    fn keep_applied(&self, text: &str) -> std::io::Result<()> {
        self.own.make()?.replace(applied_file(), text.as_bytes())
    }

    fn text(&self) -> Result<String, TargetError> {
        match self.project.door().and_then(|door| door.read_up_to(Path::new(FILE_NAME), MOST_BYTES)) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|_| TargetError::Foreign { path: FILE_NAME.into() }),
            Err(Shut::Missing) => Ok(String::new()),
            Err(why) => Err(TargetError::of_file("read", Path::new(FILE_NAME), why)),
        }
    }
}

/// The folder of what the last apply wrote, in spile's own.
const APPLIED: &str = "applied";

fn applied_file() -> PathBuf {
    PathBuf::from(APPLIED).join(FILE_NAME)
}

#[async_trait]
impl Target for MeltanoFile {
    type Record = Entry;

    async fn read(&self) -> Result<Snapshot<Entry>, TargetError> {
        let (text, left) = self.texts()?;
        let state = match text.as_str() {
            "" => State::default(),
            rendered if read::is_rendered(rendered) => self
                .entries(rendered)
                .map_err(|error| TargetError::Unreadable { path: FILE_NAME.into(), message: error.to_string() })?,
            _ => return Err(TargetError::Foreign { path: FILE_NAME.into() }),
        };
        let revision = Revision(hash(text.as_bytes()));
        let (drifted, is_edited) = self.drifted(&state, &left);
        Ok(Snapshot { drifted, is_edited, left, ..Snapshot::new(state, text, revision) })
    }

    fn learn(&self, document: &String, holds: &State<Entry>) {
        self.keep(Revision(hash(document.as_bytes())), holds);
    }

    async fn settle(&self, document: &String) -> Result<(), TargetError> {
        if self.applied().is_some_and(|applied| applied == *document) {
            return Ok(());
        }
        let io = |source| TargetError::Io { doing: "write", path: FILE_NAME.into(), source };
        let _lock = self.lock().map_err(io)?;
        if self.text()? == *document { self.keep_applied(document).map_err(io) } else { Ok(()) }
    }

    async fn write(&self, step: &Step<Entry>, _: &Origin) -> Result<(), TargetError> {
        let _lock = self.lock().map_err(|source| TargetError::Io { doing: "lock", path: FILE_NAME.into(), source })?;
        if Revision(hash(self.text()?.as_bytes())) != step.revision {
            return Err(TargetError::Stale { target: FILE_NAME });
        }
        let io = |source| TargetError::Io { doing: "write", path: FILE_NAME.into(), source };
        let written = self.project.door().and_then(|door| door.replace(Path::new(FILE_NAME), step.after.as_bytes()));
        written.map_err(|why| TargetError::of_file("write", Path::new(FILE_NAME), why))?;
        self.keep_applied(&step.after).map_err(io)
    }
}
