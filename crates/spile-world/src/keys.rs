//! Keys: age identities, searched for in the same places as sops does, and the documents that they decrypt.
//!
//! Separate from `sops`, because identities come from files, the environment and commands.

mod ask;
mod command;
mod error;
mod identity;
mod key_creation;
mod key_search;
mod places;
mod wrap;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::processes::sops_program::{Format, Program, ProgramError};
use ask::Asking;
use identity::Identity;
use spile_core::sops::{DataKey, Document, EncryptionRule, Fault, Leaf, Metadata, Wrapped};

pub use error::{Looked, NoKey, Official, OpenError};
pub use key_creation::{NoIdentity, make_identity};
pub use key_search::{KeySearch, SearchedPlace};
pub use places::Places;
pub use wrap::{BadRecipient, Reason, wrap};

/// The prefix of post-quantum recipients, which the age library does not support.
const POST_QUANTUM: &str = "age1pq1";

/// How long to wait before searching again when no key fits. A server may start before a command works or a file
/// exists.
const AGAIN: Duration = Duration::from_mins(1);

/// The keys of the user who runs spile. They are read when the first document has to be decrypted, and again if no key
/// fits.
pub struct Keys {
    places: Places,
    found: Mutex<Option<(Instant, Arc<KeySearch>)>>,
    /// The results of commands by recipient. A command may return a different key for each recipient.
    asked: Mutex<BTreeMap<String, Arc<KeySearch>>>,
    /// Data keys that were created here, by their wrapped form, so that new ciphertext can be tested before it is
    /// written.
    made: Mutex<BTreeMap<String, DataKey>>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("found", &self.found).finish_non_exhaustive()
    }
}

impl Keys {
    /// Creates the keys from the places to search. Nothing is searched yet.
    #[must_use]
    pub fn new(places: Places) -> Self {
        Self { places, found: Mutex::default(), asked: Mutex::default(), made: Mutex::default() }
    }

    /// Returns every searched place with what was found there. Searches now if that has not happened yet.
    pub fn found(&self) -> Arc<KeySearch> {
        self.look(None)
    }

    /// Returns the places to search.
    #[must_use]
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// Returns the official `sops` program on the path of these places.
    #[must_use]
    pub fn program(&self) -> Program {
        Program::new(self.places.path.clone())
    }

    fn look(&self, recipient: Option<&str>) -> Arc<KeySearch> {
        // A poisoned lock is fine: the value was complete when it was stored.
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let look = || {
            forbid_core_dumps();
            (Instant::now(), Arc::new(KeySearch::look(&self.places, recipient)))
        };
        found.get_or_insert_with(look).1.clone()
    }

    /// Discards the search result if it is old enough. Tells whether it did.
    fn forgets(&self, after: Duration) -> bool {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.as_ref().is_none_or(|(since, _)| since.elapsed() < after) {
            return false;
        }
        *found = None;
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clear();
        true
    }

    /// Unwraps the data key natively. Tries the identities whose public keys match a recipient first, and the others
    /// only if none matches: plugins, passphrase-protected files, and recipients in another notation.
    ///
    /// # Errors
    /// When no key decrypts it, with every place that was searched.
    pub fn data_key(&self, metadata: &Metadata) -> Result<DataKey, NoKey> {
        self.data_key_after(metadata, AGAIN)
    }

    fn data_key_after(&self, metadata: &Metadata, again: Duration) -> Result<DataKey, NoKey> {
        let found = self.unwrapped(metadata);
        if found.is_err() && self.forgets(again) { self.unwrapped(metadata) } else { found }
    }

    fn unwrapped(&self, metadata: &Metadata) -> Result<DataKey, NoKey> {
        // An incomplete entry is a mistake in the document, which its reader reports.
        let wrapped = metadata.age().unwrap_or_default();
        if let Some(made) = self.made(&wrapped) {
            return Ok(made);
        }
        let first = wrapped.first().map(|first| first.recipient.as_str());
        let found = &*self.look(first);
        let mut tries = Tries { asking: Asking(self.places.ask), damaged: Vec::new() };
        if let Some(key) = tries.matching(found, &wrapped) {
            return Ok(key);
        }
        let others = wrapped.iter().map(|wrapped| &wrapped.recipient).filter(|it| found.recipient.as_ref() != Some(it));
        let asked: Vec<_> = others.map(|recipient| self.ask_commands(recipient)).collect();
        let asked: Vec<&KeySearch> = asked.iter().map(Arc::as_ref).collect();
        let key = asked.iter().find_map(|found| tries.matching(found, &wrapped));
        let key = key.or_else(|| tries.rest(std::iter::once(found).chain(asked.iter().copied()), &wrapped));
        key.ok_or_else(|| NoKey {
            recipients: metadata.recipients(),
            places: Looked::all(found, &asked),
            damaged: tries.damaged,
            default_file: self.places.default_file().map(|path| path.display().to_string()),
            official: Official::NotAsked,
        })
    }

    /// Remembers a data key that was created here, for as long as these keys exist.
    pub fn keep(&self, wrapped: &[Wrapped], key: &DataKey) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.extend(wrapped.iter().map(|one| (one.enc.clone(), key.clone())));
    }

    fn made(&self, wrapped: &[Wrapped]) -> Option<DataKey> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        wrapped.iter().find_map(|one| made.get(&one.enc).cloned())
    }

    fn ask_commands(&self, recipient: &str) -> Arc<KeySearch> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = asked.get(recipient) {
            return known.clone();
        }
        let found = Arc::new(KeySearch::ask_commands(&self.places, recipient));
        asked.insert(recipient.to_owned(), found.clone());
        found
    }

    /// Decrypts a document: natively if an age identity fits; otherwise with the official program, if the document has
    /// keys of other kinds, key groups or post-quantum recipients.
    ///
    /// # Errors
    /// When no key fits, values cannot be decrypted, or the program is needed and fails.
    pub async fn open(&self, document: &Document) -> Result<Vec<Leaf>, OpenError> {
        if needs_comments(document)? {
            return Err(OpenError::Comments);
        }
        match waiting(|| self.data_key(&document.metadata)) {
            Ok(key) => Ok(document.open(&key)?),
            Err(no_key) if is_for_program(&document.metadata) => {
                delegated(self.program().decrypt(document).await, no_key, &document.metadata)
            }
            Err(no_key) => Err(no_key.into()),
        }
    }

    /// Decrypts a file whose text is available. Like [`Keys::open`], and also works if comments decide what is
    /// encrypted.
    ///
    /// # Errors
    /// As for [`Keys::open`].
    pub async fn open_text(&self, document: &Document, text: &str, format: Format) -> Result<Vec<Leaf>, OpenError> {
        if needs_comments(document)? {
            return Ok(self.program().decrypt_text(document, text, format).await?);
        }
        match waiting(|| self.data_key(&document.metadata)) {
            Ok(key) => Ok(document.open(&key)?),
            Err(no_key) if is_for_program(&document.metadata) => {
                delegated(self.program().decrypt_text(document, text, format).await, no_key, &document.metadata)
            }
            Err(no_key) => Err(no_key.into()),
        }
    }
}

/// Runs code that may wait for a command or a passphrase. If the thread has other tasks, they move to another one.
fn waiting<T>(act: impl FnOnce() -> T) -> T {
    let has_others = tokio::runtime::Handle::try_current()
        .is_ok_and(|runtime| runtime.runtime_flavor() == tokio::runtime::RuntimeFlavor::MultiThread);
    if has_others { tokio::task::block_in_place(act) } else { act() }
}

fn needs_comments(document: &Document) -> Result<bool, Fault> {
    document.metadata.age()?;
    Ok(matches!(document.metadata.encryption_rule()?, EncryptionRule::Comments))
}

/// Tells whether the official program may support more than spile here.
fn is_for_program(metadata: &Metadata) -> bool {
    let is_post_quantum = |wrapped: &Wrapped| wrapped.recipient.trim().starts_with(POST_QUANTUM);
    metadata.needs_program() || metadata.age().is_ok_and(|age| age.iter().any(is_post_quantum))
}

/// Chooses the more helpful error: spile's own, if the program has no key either, or is missing and was only one of
/// several ways.
fn delegated(
    opened: Result<Vec<Leaf>, ProgramError>,
    no_key: NoKey,
    metadata: &Metadata,
) -> Result<Vec<Leaf>, OpenError> {
    let has_age = metadata.age().is_ok_and(|age| !age.is_empty());
    opened.map_err(|error| match error {
        ProgramError::Failed { code: Some(ProgramError::NO_DATA_KEY), reason: None, .. } => {
            NoKey { official: Official::Refused, ..no_key }.into()
        }
        ProgramError::Missing { .. } if has_age => NoKey { official: Official::Missing, ..no_key }.into(),
        other => OpenError::Program(other),
    })
}

/// The attempts to unwrap one document's data key.
struct Tries {
    asking: Asking,
    damaged: Vec<String>,
}

impl Tries {
    fn matching(&mut self, found: &KeySearch, wrapped: &[Wrapped]) -> Option<DataKey> {
        for Wrapped { recipient, enc } in wrapped {
            let normal = wrap::normal(recipient);
            for identity in found.identities().filter(|identity| identity.public() == Some(&normal)) {
                if let Some(key) = identity.unwrap(enc, self.asking) {
                    return Some(key);
                }
                // An identity whose passphrase was not entered has not been tried.
                if identity.may_be_tried() && !self.damaged.contains(recipient) {
                    self.damaged.push(recipient.clone());
                }
            }
        }
        None
    }

    fn rest<'a>(&self, found: impl Iterator<Item = &'a KeySearch>, wrapped: &[Wrapped]) -> Option<DataKey> {
        let mut identities: Vec<&Identity> =
            found.flat_map(KeySearch::identities).filter(|i| i.may_be_tried()).collect();
        // Tries identities that need no user first: plugins and passphrases may need one.
        identities.sort_by_key(|identity| identity.public().is_none());
        let unwrap = |identity: &&Identity| wrapped.iter().find_map(|w| identity.unwrap(&w.enc, self.asking));
        identities.iter().find_map(unwrap)
    }
}

/// Keeps the memory of this process out of core dumps from now on.
fn forbid_core_dumps() {
    let limit = Rlimit { current: Some(0), maximum: getrlimit(Resource::Core).maximum };
    // spile also works if the system refuses this.
    let _ = setrlimit(Resource::Core, limit);
}

#[cfg(test)]
mod tests;
