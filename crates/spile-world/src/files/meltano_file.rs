//! `meltano.yml` as a target: it is read and replaced as a whole, and never written if spile did not render it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::files::door::Shut;
use crate::files::door::sweep_temporary;
use crate::files::io_error::IoError;
use crate::files::own_folder::Own;
use crate::files::process_lock::{Lock, RunLock};
use crate::files::project::Project;
use crate::{Origin, Target, TargetError};
use spile_core::digest::hash;
use spile_core::name::IntegrationId;
use spile_core::plan::{Last, LastDocument, Revision, Snapshot, State, Step};
use spile_core::record::{Entry, Record};
use spile_core::render::{FILE_NAME, read};

/// The rendered file of a project.
#[derive(Debug)]
pub struct MeltanoFile {
    project: Project,
    /// The folder that stores what the last apply on this machine wrote. If the file differs from that, something else
    /// has changed it.
    own: Own,
    /// The entries of recent texts by hash, because parsing a text with thousands of plugins takes long.
    known: Mutex<Vec<(Revision, State<Entry>)>>,
}

/// The most bytes of the file. It is rendered, so thousands of integrations make it larger than any file that people
/// write.
pub(crate) const MOST_BYTES: u64 = 256 << 20;

/// How many texts are remembered. An apply uses three: the current text, the desired one and the last applied one.
const KNOWN: usize = 3;

impl MeltanoFile {
    /// Names the file. Nothing is read.
    #[must_use]
    pub fn new(project: &Project) -> Self {
        Self { project: project.clone(), own: project.own(), known: Mutex::default() }
    }

    /// Returns the entries of a text.
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

    /// Locks the project's files, so that the later of two writers sees what the earlier one has written.
    fn lock(&self) -> std::io::Result<RunLock> {
        let lock = RunLock::hold(&self.own, Lock::Project)?;
        sweep_temporary(self.project.root())?;
        // Leftover temporary files there do no harm.
        let _ = self.own.make()?.folder(APPLIED).and_then(|folder| sweep_temporary(&folder));
        Ok(lock)
    }

    /// Reads what the last apply on this machine wrote. Returns `None` if there was none, the folder does not belong to
    /// this user, or the file is damaged.
    fn applied(&self) -> Option<String> {
        self.own.open().ok()??.text(applied_file())
    }

    /// Reads the file, and what the last apply on this machine wrote.
    fn texts(&self) -> Result<(String, LastDocument<String>), TargetError> {
        // If there was no apply, or its record is damaged, there is nothing to compare with.
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
        // The file was edited, or an apply has written only one of the two so far. While the lock is held, no apply is
        // running.
        let own = self.own.open().ok().flatten();
        let shared = own.and_then(|own| RunLock::share(&own, Lock::Project).ok().flatten());
        let Some(_lock) = shared else { return Ok((text, applied)) };
        read().map(other)
    }

    /// Compares the file with what the last apply on this machine wrote.
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

    /// Stores what was applied, for later comparison.
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

/// The folder of what the last apply wrote, inside spile's own folder.
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
        let io = IoError::of("write", FILE_NAME);
        let _lock = self.lock().map_err(&io)?;
        if self.text()? == *document { Ok(self.keep_applied(document).map_err(io)?) } else { Ok(()) }
    }

    async fn write(&self, step: &Step<Entry>, _: &Origin) -> Result<(), TargetError> {
        let _lock = self.lock().map_err(IoError::of("lock", FILE_NAME))?;
        if Revision(hash(self.text()?.as_bytes())) != step.revision {
            return Err(TargetError::Stale { target: Entry::TARGET });
        }
        let io = IoError::of("write", FILE_NAME);
        let written = self.project.door().and_then(|door| door.replace(Path::new(FILE_NAME), step.after.as_bytes()));
        written.map_err(|why| TargetError::of_file("write", Path::new(FILE_NAME), why))?;
        Ok(self.keep_applied(&step.after).map_err(io)?)
    }
}
