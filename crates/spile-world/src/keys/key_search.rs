//! The search for keys: every place, and what was found there.

use std::fmt;
use std::io::Read;
use std::path::Path;

use zeroize::Zeroizing;

use super::command;
use super::identity::{self, From, Identity, IdentityCount, LONGEST, Unread};
use super::places::Places;

/// Every place that was searched, in the same order as sops searches.
#[derive(Debug)]
pub struct KeySearch {
    /// The places.
    pub places: Vec<SearchedPlace>,
    /// The recipient that was passed to the commands.
    pub(super) recipient: Option<String>,
}

/// One place and what was found there.
pub struct SearchedPlace {
    /// The variable or the path.
    pub name: String,
    pub(super) state: PlaceState,
}

/// What was found at a place.
pub(super) enum PlaceState {
    /// The variable is not set.
    NotSet,
    /// The file does not exist.
    NoFile,
    /// The identities, possibly none.
    Held(Vec<Identity>),
    /// Something that could not be read.
    Unread(Unread),
}

impl KeySearch {
    /// Returns the public keys of all identities that reveal theirs.
    pub fn public_keys(&self) -> impl Iterator<Item = &str> {
        self.identities().filter_map(Identity::public)
    }

    pub(super) fn identities(&self) -> impl Iterator<Item = &Identity> {
        self.places.iter().flat_map(SearchedPlace::identities)
    }

    /// Searches all places. Commands receive one recipient, if they depend on it.
    pub(super) fn look(places: &Places, recipient: Option<&str>) -> Self {
        let mut found = Vec::new();
        let ssh = |path: &Path, name: &str| ssh_file(path, name);
        found.push(match &places.ssh_private_key_file {
            Some(path) => ssh(path, &format!("SOPS_AGE_SSH_PRIVATE_KEY_FILE ({})", path.display())).must_exist(),
            None => SearchedPlace::not_set("SOPS_AGE_SSH_PRIVATE_KEY_FILE"),
        });
        found.push(ssh_command(places, recipient));
        for name in ["id_ed25519", "id_rsa"] {
            if let Some(path) = places.home.as_ref().map(|home| home.join(".ssh").join(name)) {
                found.push(ssh(&path, &path.display().to_string()));
            }
        }
        found.push(match &places.age_key {
            Some(key) => SearchedPlace::new("SOPS_AGE_KEY", identity::read_secret(key, "SOPS_AGE_KEY")),
            None => SearchedPlace::not_set("SOPS_AGE_KEY"),
        });
        found.push(match &places.age_key_file {
            Some(path) => age_file(path, &format!("SOPS_AGE_KEY_FILE ({})", path.display())).must_exist(),
            None => SearchedPlace::not_set("SOPS_AGE_KEY_FILE"),
        });
        found.push(age_command(places, recipient));
        found.extend(places.default_file().map(|path| age_file(&path, &path.display().to_string())));
        Self { places: found, recipient: recipient.map(str::to_owned) }
    }

    /// Runs only the commands, for another recipient.
    pub(super) fn ask_commands(places: &Places, recipient: &str) -> Self {
        let is_set = |place: &SearchedPlace| !matches!(place.state, PlaceState::NotSet);
        let asked = [ssh_command(places, Some(recipient)), age_command(places, Some(recipient))];
        Self { places: asked.into_iter().filter(is_set).collect(), recipient: Some(recipient.to_owned()) }
    }
}

impl SearchedPlace {
    fn new(name: &str, read: Result<Vec<Identity>, Unread>) -> Self {
        let state = read.map_or_else(PlaceState::Unread, PlaceState::Held);
        Self { name: name.to_owned(), state }
    }

    fn not_set(name: &str) -> Self {
        Self { name: name.to_owned(), state: PlaceState::NotSet }
    }

    /// Reports a missing file as an error, because a variable names it.
    fn must_exist(mut self) -> Self {
        if matches!(self.state, PlaceState::NoFile) {
            self.state = PlaceState::Unread(Unread::Io("the file does not exist".to_owned()));
        }
        self
    }

    pub(super) fn identities(&self) -> &[Identity] {
        match &self.state {
            PlaceState::Held(identities) => identities,
            PlaceState::NotSet | PlaceState::NoFile | PlaceState::Unread(_) => &[],
        }
    }

    /// Tells whether the place contained something that could not be read.
    #[must_use]
    pub fn is_faulty(&self) -> bool {
        matches!(self.state, PlaceState::Unread(_))
    }

    /// Describes what was found, as lines: public keys, or the one reason why there is none.
    #[must_use]
    pub fn describe(&self) -> Vec<String> {
        match &self.state {
            PlaceState::NotSet => vec!["not set".to_owned()],
            PlaceState::NoFile => vec!["no such file".to_owned()],
            PlaceState::Unread(unread) => vec![unread.to_string()],
            PlaceState::Held(identities) if identities.is_empty() => vec!["contains no key".to_owned()],
            PlaceState::Held(identities) => identities.iter().flat_map(Identity::describe).collect(),
        }
    }
}

impl fmt::Debug for SearchedPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("name", &self.name).field("holds", &self.describe()).finish_non_exhaustive()
    }
}

/// Reads a file; `None` if it does not exist.
fn bytes(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Unread> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Unread::Io(error.to_string())),
    };
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(LONGEST).read_to_end(&mut bytes).map_err(|error| Unread::Io(error.to_string()))?;
    Ok(Some(bytes))
}

fn ssh_file(path: &Path, name: &str) -> SearchedPlace {
    let read = |bytes: Zeroizing<Vec<u8>>| Ok(vec![identity::read_ssh(&bytes, name, From::File)?]);
    from_file(path, name, read)
}

fn age_file(path: &Path, name: &str) -> SearchedPlace {
    from_file(path, name, |bytes| identity::read(bytes, name, IdentityCount::OneInALine))
}

fn from_file(
    path: &Path,
    name: &str,
    read: impl FnOnce(Zeroizing<Vec<u8>>) -> Result<Vec<Identity>, Unread>,
) -> SearchedPlace {
    match bytes(path) {
        Ok(None) => SearchedPlace { name: name.to_owned(), state: PlaceState::NoFile },
        Ok(Some(bytes)) => SearchedPlace::new(name, read(bytes)),
        Err(unread) => SearchedPlace::new(name, Err(unread)),
    }
}

fn ssh_command(places: &Places, recipient: Option<&str>) -> SearchedPlace {
    let name = "SOPS_AGE_SSH_PRIVATE_KEY_CMD";
    let Some(words) = &places.ssh_private_key_cmd else { return SearchedPlace::not_set(name) };
    let read = command::output(words, &places.path, recipient)
        .and_then(|bytes| Ok(vec![identity::read_ssh(&bytes, name, From::Command)?]));
    SearchedPlace::new(name, read)
}

fn age_command(places: &Places, recipient: Option<&str>) -> SearchedPlace {
    let name = "SOPS_AGE_KEY_CMD";
    let Some(words) = &places.age_key_cmd else { return SearchedPlace::not_set(name) };
    let read = command::output(words, &places.path, recipient);
    SearchedPlace::new(name, read.and_then(|bytes| identity::read(bytes, name, IdentityCount::OneInALine)))
}
