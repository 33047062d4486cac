//! Notices when a tap writes a new secret into its settings file, and keeps the secret before that file is deleted.
//!
//! Meltano passes settings to a tap in a file, and deletes it at the end. Taps for sources that rotate refresh tokens
//! write the new token there. `launch.py` copies the file to the run's folder when Meltano has written it, and again
//! after each change, so a look at both finds every change, also after a run was killed.
//!
//! The new value is encrypted for the recipients of the file's secrets, which takes public keys only.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::Request;
use super::run_folder::{Holder, Private, RUNS};
use crate::files::own_folder::{Own, OwnFolder};
use crate::machine;
use crate::stores::rotated_secrets::{self, NotSealed, RotatedOf, seal};
use spile_core::integration::rotated::{RotatedSecret, RotatedSecrets, changed};
use spile_core::name::{EnvironmentName, IntegrationId};
use spile_core::secret::Secret;
use spile_core::sops::Document;

/// The file that tells `launch.py`, and a later sweep, what is watched.
const WATCHED: &str = "rotation.json";

/// The copy of the settings as Meltano wrote them.
const BEFORE: &str = "settings_before.json";

/// The copy of the settings as the tap has changed them.
const AFTER: &str = "settings_after.json";

/// The most bytes of a tap's settings.
const LARGEST: u64 = 16 * 1024 * 1024;

/// The secrets of a tap that its source may rotate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotatingSecrets {
    /// The environment.
    pub environment: EnvironmentName,
    /// The integration.
    pub integration: IntegrationId,
    /// The settings. Others are not looked at.
    pub names: Vec<String>,
    /// The secrets of the file: a sops document as JSON.
    pub file: String,
    /// The rotated values that were stored when the run started.
    pub previous: RotatedSecrets,
}

/// Where a tap's settings are during a run.
#[derive(Debug)]
struct Places<'a> {
    /// Meltano's own folder.
    theirs: Option<&'a OwnFolder>,
    /// The file in it that the tap has.
    settings: PathBuf,
    /// spile's own folder.
    own: &'a OwnFolder,
    /// The run's folder in it.
    folder: PathBuf,
}

/// Watches the settings of a tap while its run lasts.
#[derive(Debug)]
pub(super) struct RotationWatch {
    watched: RotatingSecrets,
    run: Uuid,
    extractor: String,
    own: Own,
    theirs: Own,
    /// The values that were found last.
    found: Vec<(String, Secret)>,
    /// The file that was looked at last, as the system describes it.
    seen: Option<(SystemTime, u64)>,
}

impl RotationWatch {
    /// Starts to watch, if the request's tap has secrets.
    pub(super) fn start(request: &Request, private: &Private, own: &Own, theirs: &Own) -> io::Result<Option<Self>> {
        let Some(watched) = &request.rotating else { return Ok(None) };
        private.write(WATCHED, &serde_json::to_string(watched)?)?;
        Ok(Some(Self {
            watched: watched.clone(),
            run: request.run_id,
            extractor: request.extractor.clone(),
            own: own.clone(),
            theirs: theirs.clone(),
            found: Vec::new(),
            seen: None,
        }))
    }

    /// Looks again if the tap's settings file has changed since the last call.
    pub(super) fn look_if_changed(&mut self) -> Look {
        let path = self.theirs.path().join(settings_file(&self.extractor, self.run));
        // Only a description: what the file contains is read through its folder.
        let now = path.symlink_metadata().ok().and_then(|found| Some((found.modified().ok()?, found.len())));
        if now.is_none() || now == self.seen {
            return Look::default();
        }
        let look = self.look();
        if look.kept.is_ok() {
            self.seen = now;
        }
        look
    }

    /// Returns the secrets that the tap has changed, after they were stored.
    pub(super) fn look(&mut self) -> Look {
        let (at, found) = match self.changed() {
            Ok(Some(changed)) => changed,
            Ok(None) => return Look::default(),
            Err(error) => return Look { secrets: Vec::new(), kept: Err(error.into()) },
        };
        let secrets = found.iter().map(|(_, value)| value.clone()).collect();
        if found == self.found {
            return Look { secrets, kept: Ok(()) };
        }
        let kept = keep(&self.own, &self.watched, self.run, at, &found);
        if kept.is_ok() {
            self.found = found;
        }
        Look { secrets, kept }
    }

    fn changed(&self) -> io::Result<Option<Changed>> {
        let Ok(Some(own)) = self.own.open() else { return Ok(None) };
        let theirs = self.theirs.open().ok().flatten();
        let places = Places {
            theirs: theirs.as_ref(),
            settings: settings_file(&self.extractor, self.run),
            own: &own,
            folder: Path::new(RUNS).join(self.run.to_string()),
        };
        places.changed(&self.watched.names)
    }
}

/// When a tap wrote its settings, and the secrets in them that differ from those it was given.
type Changed = (Timestamp, Vec<(String, Secret)>);

/// The result of a look at a tap's settings.
#[derive(Debug)]
pub(super) struct Look {
    /// The secrets that the tap has changed. They have to be masked even if they cannot be stored.
    pub(super) secrets: Vec<Secret>,
    /// Whether they are stored.
    pub(super) kept: Result<(), NotKept>,
}

impl Default for Look {
    fn default() -> Self {
        Self { secrets: Vec::new(), kept: Ok(()) }
    }
}

/// Why a changed secret is not stored.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotKept {
    /// It cannot be encrypted.
    #[error("`{name}` cannot be encrypted: {why}")]
    Lost {
        /// The setting.
        name: String,
        /// The reason.
        why: NotSealed,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Keeps what a killed run has left, before its files are removed.
pub(super) fn rescue(own: &Own, theirs: Option<&OwnFolder>, folder: &Path, holder: &Holder) -> io::Result<()> {
    let Some(extractor) = holder.plugins.first() else { return Ok(()) };
    let Ok(Some(opened)) = own.open() else { return Ok(()) };
    let folder = Path::new(RUNS).join(folder.file_name().unwrap_or_default());
    let Some(text) = opened.read_up_to(folder.join(WATCHED), LARGEST)? else { return Ok(()) };
    // One of another form is of another version of spile, or was not written to its end: then nothing has run.
    let Ok(watched) = serde_json::from_slice::<RotatingSecrets>(&text) else { return Ok(()) };
    let settings = settings_file(extractor, holder.run);
    let places = Places { theirs, settings, own: &opened, folder };
    let Some((at, found)) = places.changed(&watched.names)? else { return Ok(()) };
    match keep(own, &watched, holder.run, at, &found) {
        // Nobody can ever encrypt it, and every later command would fail at it. `spile check` warns of such files.
        Ok(()) | Err(NotKept::Lost { .. }) => Ok(()),
        Err(NotKept::Io(error)) => Err(error),
    }
}

/// Encrypts values and stores them.
fn keep(
    own: &Own,
    watched: &RotatingSecrets,
    run: Uuid,
    at: Timestamp,
    found: &[(String, Secret)],
) -> Result<(), NotKept> {
    let file = Document::from_json(&watched.file).map_err(io::Error::other)?;
    let mut secrets = RotatedSecrets::new();
    for (name, value) in found {
        let lost = |why| NotKept::Lost { name: name.clone(), why };
        let secret = RotatedSecret {
            at,
            run,
            host: machine::name(),
            previous: watched.previous.get(name).map(|previous| previous.run),
            sealed: seal(&file, name, value, at).map_err(lost)?,
            replaces: watched.file.clone(),
        };
        secrets.insert(name.clone(), secret);
    }
    let of = RotatedOf { environment: watched.environment.clone(), integration: watched.integration };
    Ok(rotated_secrets::keep(own, &of, secrets)?)
}

impl Places<'_> {
    /// Returns the secrets that differ from those that Meltano wrote, and when the tap wrote them. Settings that are not
    /// a JSON object are ignored: the tap is about to write them, or has its own format.
    fn changed(&self, names: &[String]) -> io::Result<Option<Changed>> {
        let Some((_, before)) = read(self.own, &self.folder.join(BEFORE))? else { return Ok(None) };
        let theirs = self.theirs.map(|theirs| read(theirs, &self.settings)).transpose()?.flatten();
        let after = match theirs {
            Some(after) => Some(after),
            None => read(self.own, &self.folder.join(AFTER))?,
        };
        Ok(after.map(|(at, after)| (at, changed(names, &before, &after))).filter(|(_, found)| !found.is_empty()))
    }
}

/// Reads a settings file and when it was written; `None` if it does not exist or is not a JSON object.
fn read(folder: &OwnFolder, path: &Path) -> io::Result<Option<(Timestamp, Value)>> {
    let Some(file) = folder.open(path)? else { return Ok(None) };
    let at = Timestamp::try_from(file.metadata()?.modified()?).map_err(io::Error::other)?;
    let value = folder.read_up_to(path, LARGEST)?.and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    Ok(value.filter(Value::is_object).map(|value| (at, value)))
}

/// Returns the file with a tap's settings, in Meltano's folder. `launch.py` names it after the run.
fn settings_file(extractor: &str, run: Uuid) -> PathBuf {
    Path::new("run").join(extractor).join(format!("tap.{run}.config.json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::processes::meltano::liveness::Identity;

    #[test]
    fn a_secret_that_nobody_could_decrypt_is_reported_and_masked_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let (own, run) = (Own::at(&folder.path().join(".spile")), Uuid::from_u128(1));
        let runs = Path::new(RUNS).join(run.to_string());
        let opened = own.make().unwrap();
        opened.folder(&runs).unwrap();
        opened.replace(runs.join(BEFORE), br#"{"token": "old-token", "url": "a"}"#).unwrap();
        opened.replace(runs.join(AFTER), br#"{"token": "new-token", "url": "b"}"#).unwrap();
        let watched = RotatingSecrets {
            environment: "dev".parse().unwrap(),
            integration: IntegrationId(Uuid::from_u128(7)),
            names: vec!["token".to_owned()],
            file: Document::profile(&[]).to_json(),
            previous: RotatedSecrets::new(),
        };
        let mut watch = RotationWatch {
            watched: watched.clone(),
            run,
            extractor: "tap-shop".to_owned(),
            theirs: Own::at(&folder.path().join(".meltano")),
            own: own.clone(),
            found: Vec::new(),
            seen: None,
        };
        let look = watch.look();
        assert_eq!(look.secrets, [Secret::new("new-token")]);
        assert!(matches!(look.kept, Err(NotKept::Lost { name, why: NotSealed::NoAge }) if name == "token"));
        assert!(!own.path().join("rotated_secrets").exists());
        // A sweep after a kill goes on.
        opened.replace(runs.join(WATCHED), &serde_json::to_vec(&watched).unwrap()).unwrap();
        let holder = Holder {
            run,
            environment: "dev".to_owned(),
            plugins: vec!["tap-shop".to_owned()],
            claims: None,
            since: Timestamp::UNIX_EPOCH,
            process: Identity::own(),
        };
        rescue(&own, None, &runs, &holder).unwrap();
    }
}
