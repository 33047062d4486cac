//! Files with secrets: finds them by the integration's name, decrypts and changes the secrets, and writes the file without
//! other changes.

use std::path::Path;

use jiff::Timestamp;

use super::rule::{needs_program, rule};
use super::{Error, Values};
use crate as ops;
use spile_core::integration::FileName;
use spile_core::name::{EnvironmentName, SettingName, Slug};
use spile_core::problem::Problems;
use spile_core::secret::Secret;
use spile_core::sops::node::{self, Members, Node};
use spile_core::sops::{DataKey, Document};
use spile_core::source::Source;
use spile_core::table;
use spile_world::files::door::Shut;
use spile_world::files::project::IntegrationFiles;
use spile_world::keys::wrap;
use spile_world::processes::sops_program::{Format, WholeFile};
use spile_world::{Keys, Program, Project, files::project};

/// The inputs of operations on secrets.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// The project's folder.
    pub project: &'a Project,
    /// The keys that decrypt secrets.
    pub keys: &'a Keys,
    /// The official sops, for operations that only it supports.
    pub program: &'a Program,
    /// The time that a rewrite records.
    pub now: Timestamp,
}

/// A secret to set, or to remove if it has no value.
pub type SecretEdit = (String, Option<Secret>);

/// Returns values as secrets to set.
#[must_use]
pub fn to_set(values: &Values) -> Vec<SecretEdit> {
    values.iter().map(|(name, value)| (name.clone(), Some(value.clone()))).collect()
}

/// Whether a file has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// It was written.
    Written,
    /// It stays the same, byte for byte.
    Not,
}

/// The file of an integration that contains its secrets, or will contain them.
#[derive(Debug, Clone)]
pub struct SecretsFile {
    /// The integration, and the environment of an overlay.
    pub name: FileName,
    /// The integration's file.
    pub source: Source,
    /// The sidecar with the secrets, if there is one.
    pub sidecar: Option<Source>,
    /// The secrets, if there are any yet.
    pub document: Option<Document>,
    pub(super) members: Members,
}

impl SecretsFile {
    /// Finds the file of an integration, or its overlay for an environment. Other files may be invalid, so that this also
    /// works to repair a project.
    ///
    /// # Errors
    /// When it does not exist, or cannot be read.
    pub fn find(project: &Project, slug: &str, environment: Option<&str>) -> Result<Self, ops::Error> {
        let mut unread = Problems::default();
        let files = project.integrations(&mut unread);
        let of = |name: &FileName| name.slug.as_str() == slug;
        let is_it = |name: &FileName| of(name) && name.environment.as_ref().map(EnvironmentName::as_str) == environment;
        let known = || files.declared.iter().map(|(name, _)| name);
        if let Some(name) = known().find(|name| is_it(name)).cloned() {
            return Self::one(files, &name);
        }
        // The file or overlay may be one of those that could not be read.
        let stem = environment.map_or_else(|| slug.to_owned(), |environment| format!("{slug}.{environment}"));
        let is_unread = |path: &Path| path.file_stem().is_some_and(|found| found == stem.as_str());
        if !unread.unread(|path| is_unread(path).then(String::new)).is_empty() {
            return Err(ops::Error::Problems(unread.into_report().of(is_unread)));
        }
        if let (Some(name), Some(environment)) = (known().find(|name| of(name)), environment) {
            return Err(Error::NoOverlay { slug: name.slug.clone(), environment: environment.to_owned() }.into());
        }
        let known: Vec<&str> = known().map(|name| name.slug.as_str()).collect();
        Err(ops::unknown_names(&[slug.to_owned()], &known))
    }

    /// Reads one of the files, and its sidecar.
    fn one(files: IntegrationFiles, wanted: &FileName) -> Result<Self, ops::Error> {
        let mut problems = Problems::default();
        let own =
            |files: Vec<(FileName, Source)>| files.into_iter().find(|(name, _)| name == wanted).map(|(_, text)| text);
        let (source, sidecar) = (own(files.declared), own(files.sidecars));
        let file = source.and_then(|source| Self::read(wanted.clone(), source, sidecar, &mut problems));
        file.ok_or_else(|| ops::Error::Problems(problems.into_report()))
    }

    /// Reads the files of all integrations.
    ///
    /// # Errors
    /// When a file is not TOML, or a sidecar is not a sops document, because either may contain secrets.
    pub fn all(project: &Project) -> Result<Vec<Self>, ops::Error> {
        let mut problems = Problems::default();
        let files = project.integrations(&mut problems);
        let mut found = Vec::new();
        for (name, source) in files.declared {
            let own = |(sidecar, _): &&(FileName, Source)| *sidecar == name;
            let sidecar = files.sidecars.iter().find(own).map(|(_, source)| source.clone());
            found.extend(Self::read(name, source, sidecar, &mut problems));
        }
        if problems.any_error() { Err(ops::Error::Problems(problems.into_report())) } else { Ok(found) }
    }

    fn read(name: FileName, source: Source, sidecar: Option<Source>, problems: &mut Problems) -> Option<Self> {
        let members = table::parse(&source, problems, |table, _| Some(node::from_toml(table.raw())))?;
        let document = match &sidecar {
            Some(sidecar) => Format::of(sidecar.path()).read(sidecar.text()).ok(),
            None => Document::from_members(members.clone()).ok(),
        };
        Some(Self { name, source, sidecar, document, members })
    }

    /// Reads one text as an integration's file, for git.
    pub(super) fn of_text(path: &Path, text: &str) -> Result<Self, ops::Error> {
        let slug = "merged"
            .parse::<Slug>()
            .map_err(|error| Error::Merge { path: path.to_owned(), message: error.to_string() })?;
        Self::new(FileName { slug, environment: None }, path, text)
    }

    /// Uses a text as the content of an integration's file that is not written yet.
    ///
    /// # Errors
    /// When it is not TOML.
    pub fn new(name: FileName, path: &Path, text: &str) -> Result<Self, ops::Error> {
        let mut problems = Problems::default();
        Self::read(name, Source::new(path, text), None, &mut problems)
            .ok_or_else(|| ops::Error::Problems(problems.into_report()))
    }

    /// Returns the text with secrets set, or removed if they have no value.
    ///
    /// # Errors
    /// When the existing secrets cannot be decrypted, or new ones have no recipients.
    pub async fn sealed_text(&self, access: Access<'_>, changes: &[SecretEdit]) -> Result<String, ops::Error> {
        let document = self.sealed_with(access, changes).await?;
        let text = spile_core::sops::rewrite(self.source.text(), &document);
        let message = |error: toml_edit::TomlError| error.message().to_owned();
        Ok(text.map_err(|error| Error::Merge { path: self.path().to_owned(), message: message(error) })?)
    }

    /// Returns the path of the file that contains the secrets, relative to the project.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.sidecar.as_ref().unwrap_or(&self.source).path()
    }

    /// Returns the arguments that name the integration in commands: `shop`, `shop --env prod`.
    #[must_use]
    pub fn title(&self) -> String {
        match &self.name.environment {
            Some(environment) => format!("{} --env {environment}", self.name.slug),
            None => self.name.slug.to_string(),
        }
    }

    /// Returns the secrets under `[secrets]` that are in plain text.
    #[must_use]
    pub fn plain(&self) -> Values {
        let Some(node::Node::Map(secrets)) = node::find(&self.members, spile_core::sops::SECRETS) else {
            return Values::new();
        };
        let is_plain = |text: &str| !text.is_empty() && !text.starts_with(spile_core::sops::PREFIX);
        let texts = secrets.iter().filter_map(|(name, node)| Some((name, node.as_text()?)));
        texts.filter(|(_, text)| is_plain(text)).map(|(name, text)| (name.clone(), Secret::new(text))).collect()
    }

    /// Decrypts the secrets.
    ///
    /// # Errors
    /// When there are none, or no key decrypts them.
    pub async fn values(&self, keys: &Keys) -> Result<Values, Error> {
        let document = self.document()?;
        let leaves = match &self.sidecar {
            Some(sidecar) => keys.open_text(document, sidecar.text(), Format::of(sidecar.path())).await,
            None => keys.open(document).await,
        };
        let leaves = leaves.map_err(|error| Error::opening(self.path(), error))?;
        let encrypted = leaves.into_iter().filter(|leaf| leaf.was_encrypted);
        Ok(spile_core::integration::Secrets::values(encrypted.collect()))
    }

    /// Returns the names of the secrets.
    ///
    /// # Errors
    /// When there are none.
    pub fn names(&self) -> Result<Vec<String>, Error> {
        let document = self.document()?;
        let texts = if self.sidecar.is_some() { document.ciphertexts() } else { document.carrier().ciphertexts() };
        Ok(texts.iter().map(|(path, _)| spile_core::integration::secrets::setting_of(path)).collect())
    }

    /// Returns the secrets as a separate document that the official sops can decrypt.
    ///
    /// # Errors
    /// When there are none.
    pub fn exported(&self) -> Result<String, Error> {
        let document = self.document()?;
        let is_whole = self.sidecar.is_some() || !document.metadata.mac_only_encrypted();
        Ok(if is_whole { document.to_json() } else { document.carrier().to_json() })
    }

    /// Returns the sealed secrets.
    pub(super) fn document(&self) -> Result<&Document, Error> {
        self.document.as_ref().ok_or_else(|| Error::NoSecrets { slug: self.name.slug.clone() })
    }

    /// Sets secrets, or removes those without a value. Every other byte stays as it is.
    ///
    /// # Errors
    /// When the existing secrets cannot be decrypted, or new ones have no recipients.
    pub async fn change(&self, access: Access<'_>, changes: &[SecretEdit]) -> Result<Changed, ops::Error> {
        self.said_otherwise(changes)?;
        if let Some(sidecar) = &self.sidecar {
            none_is_empty(changes)?;
            let mut text = sidecar.text().to_owned();
            for (name, value) in changes {
                let file = WholeFile { text: &text, ..whole(sidecar) };
                text = access.program.set_in_file(file, &[name], value.as_ref()).await.map_err(Error::from)?;
            }
            return write(access.project, sidecar, &text);
        }
        let document = self.sealed_with(access, changes).await?;
        self.write(access.project, &document)
    }

    /// Refuses to set a secret that is also under `[config]`: a setting is set only once.
    fn said_otherwise(&self, changes: &[SecretEdit]) -> Result<(), Error> {
        let Some(Node::Map(config)) = node::find(&self.members, "config") else { return Ok(()) };
        match changes.iter().find(|(name, value)| value.is_some() && says(config, name)) {
            Some((name, _)) => Err(Error::InConfig { path: self.source.path().to_owned(), name: name.clone() }),
            None => Ok(()),
        }
    }

    /// Returns the document with secrets set or removed.
    pub(super) async fn sealed_with(&self, access: Access<'_>, changes: &[SecretEdit]) -> Result<Document, Error> {
        none_is_empty(changes)?;
        match &self.document {
            Some(document) => self.changed(access, document.clone(), changes).await,
            None => self.created(access, changes).await,
        }
    }

    async fn changed(
        &self,
        access: Access<'_>,
        mut document: Document,
        changes: &[SecretEdit],
    ) -> Result<Document, Error> {
        if !document.metadata.is_profile() {
            return Err(Error::NotProfile { path: self.path().to_owned(), slug: self.name.slug.clone() });
        }
        let key = match access.keys.data_key(&document.metadata) {
            Ok(key) => key,
            Err(_) if document.metadata.needs_program() => {
                let mut document = document.carrier();
                for (name, value) in changes {
                    document = access.program.set(&document, name, value.as_ref()).await?;
                }
                return Ok(document);
            }
            Err(error) => return Err(Error::no_key(self.path(), error)),
        };
        let fault = |fault| Error::fault(self.path(), fault);
        // Plain-text values are about to be replaced, and the MAC does not cover them.
        let mut sealed = document.clone();
        for name in self.plain().keys() {
            sealed.remove(name);
        }
        sealed.open(&key).map_err(fault)?;
        if apply(&mut document, changes, &key) {
            document.seal(&key, access.now).map_err(fault)?;
        }
        Ok(document)
    }

    async fn created(&self, access: Access<'_>, changes: &[SecretEdit]) -> Result<Document, Error> {
        let set = || changes.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
        let (rule, at) = rule(access.project, self.source.path())?;
        if needs_program(&rule) {
            let values: Vec<(String, Secret)> = set().collect();
            return Ok(access.program.encrypt(&values, &at.config, &at.file).await?);
        }
        if rule.age.is_empty() {
            return Err(Error::NoRecipients { path: self.source.path().to_owned() });
        }
        let key = DataKey::generate();
        let wrapped: Result<Vec<_>, _> = rule.age.iter().map(|recipient| wrap(&key, recipient)).collect();
        let wrapped = wrapped?;
        access.keys.keep(&wrapped, &key);
        let mut document = Document::profile(&wrapped);
        apply(&mut document, changes, &key);
        document.seal(&key, access.now).map_err(|fault| Error::fault(self.path(), fault))?;
        Ok(document)
    }

    /// Writes the integration's file with a document.
    pub(super) fn write(&self, project: &Project, document: &Document) -> Result<Changed, ops::Error> {
        self.write_text(project, self.source.text(), document)
    }

    /// Writes another text with a document.
    pub(super) fn write_text(&self, project: &Project, text: &str, document: &Document) -> Result<Changed, ops::Error> {
        let rewritten = spile_core::sops::rewrite(text, document)
            .map_err(|error| Error::Merge { path: self.path().to_owned(), message: error.message().to_owned() })?;
        write(project, &self.source, &rewritten)
    }
}

/// Refuses an empty value, because its source has probably failed.
fn none_is_empty(changes: &[SecretEdit]) -> Result<(), Error> {
    let is_empty = |(_, value): &&SecretEdit| value.as_ref().is_some_and(|value| value.expose().is_empty());
    changes.iter().find(is_empty).map_or(Ok(()), |(name, _)| Err(Error::Empty { name: name.clone() }))
}

/// Tells whether a table contains a setting: `a.b` can be a key of its own, or `b` in the table `a`.
fn says(table: &[(String, Node)], name: &str) -> bool {
    let inner = SettingName::new(name).split().and_then(|(first, rest)| Some((node::find(table, first)?, rest)));
    node::find(table, name).is_some() || matches!(inner, Some((Node::Map(inner), rest)) if says(inner, rest.as_str()))
}

/// Sets and removes secrets. Tells whether anything changed.
fn apply(document: &mut Document, changes: &[SecretEdit], key: &DataKey) -> bool {
    let mut any = false;
    for (name, value) in changes {
        any |= match value {
            Some(value) => document.set(name, value, key),
            None => document.remove(name),
        };
    }
    any
}

/// Returns a sidecar as input for the official sops.
pub(super) fn whole(sidecar: &Source) -> WholeFile<'_> {
    WholeFile { text: sidecar.text(), format: Format::of(sidecar.path()), config: None }
}

/// Replaces a file, if its text is still the same as when it was read.
pub(super) fn write(project: &Project, read: &Source, text: &str) -> Result<Changed, ops::Error> {
    if read.text() == text {
        return Ok(Changed::Not);
    }
    let path = read.path();
    let failed = |doing: &'static str| move |why| ops::Error::of_file(doing, path, why);
    // The lock prevents other writes between the check and the change.
    let _turn = project::Turn::of(project.root()).map_err(|source| failed("lock the folder of")(Shut::Io(source)))?;
    let door = project.door().map_err(failed("open the folder of"))?;
    if door.read(path).map_err(failed("read"))? != read.text().as_bytes() {
        return Err(Error::Moved { path: path.to_owned() }.into());
    }
    door.replace(path, text.as_bytes()).map_err(failed("write"))?;
    Ok(Changed::Written)
}
