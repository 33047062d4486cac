//! `new` and `edit`: writes an integration's file from answers. Its secrets are encrypted at once, and the file is checked
//! before it is written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::edits::Edits;
use super::run::{self, Options};
use super::secrets::{Access, SecretEdit, SecretsFile, Values, to_set};
use super::{Error, Loaded, RunSelection, Tell, check};
use spile_core::form::NewFile;
use spile_core::integration::FileName;
use spile_core::integration::rewrite::{Edit, NotRewritten, rewrite};
use spile_core::name::{EnvironmentName, Slug};
use spile_core::plan::{Plan, Selection};
use spile_core::problem::Problems;
use spile_core::run::Run;
use spile_core::source::Source;
use spile_world::{Outside, Project, World};

/// A prepared file.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The integration.
    pub slug: Slug,
    /// The file, relative to the project.
    pub path: PathBuf,
    /// Its current content; `None` if it does not exist yet.
    pub before: Option<String>,
    /// Its new content, with encrypted secrets.
    pub text: String,
    /// The project with the new file.
    pub project: Project,
    /// The same project, checked.
    pub loaded: Arc<Loaded>,
}

impl Prepared {
    /// Returns the edits to write.
    #[must_use]
    pub fn edits(&self) -> Edits {
        let mut edits = Edits::default();
        edits.set(&self.path, self.before.clone(), Some(self.text.clone()));
        edits
    }
}

impl Prepared {
    /// Opens a world for the file that is not written yet. It has no registry.
    #[must_use]
    pub fn offline(&self, outside: &Outside) -> World {
        World::offline(&self.project, &self.loaded.settings, outside)
    }
}

/// Plans what an apply of a prepared file would do, whether or not the file is already written.
///
/// # Errors
/// When a target cannot be read.
pub async fn plan(world: &World, prepared: &Prepared, environment: &EnvironmentName) -> Result<Plan, Error> {
    let mut options = super::plan::Options::everything(environment.clone());
    options.selection = Selection::exactly([prepared.slug.clone()]);
    let world = World { project: prepared.project.clone(), ..world.clone() };
    super::plan(&world, &prepared.loaded, &options).await
}

/// Returns the path of an integration's file.
#[must_use]
pub fn path_of(slug: &Slug) -> PathBuf {
    Path::new("integrations").join(format!("{slug}.toml"))
}

/// Prepares the file of a new integration. Writes nothing.
///
/// # Errors
/// When the name is taken, its secrets have no recipients, or the project would be invalid with it.
pub async fn prepare(access: Access<'_>, slug: &Slug, file: &NewFile, secrets: &Values) -> Result<Prepared, Error> {
    let text = file.text().map_err(|error| unwritten(&path_of(slug), error.into()))?;
    prepare_text(access, slug, text, secrets).await
}

/// Returns the error for a value that a file cannot contain.
pub(super) fn unwritten(path: &Path, error: NotRewritten) -> Error {
    match error {
        NotRewritten::Toml(error) => {
            super::secrets::Error::Merge { path: path.to_owned(), message: error.message().to_owned() }.into()
        }
        NotRewritten::Value(error) => {
            let mut problems = Problems::default();
            problems.push(&Source::new(path, ""), error);
            Error::Problems(problems.into_report())
        }
    }
}

/// Prepares the file of a new integration from a text without secrets. Writes nothing.
///
/// # Errors
/// See [`prepare`].
pub async fn prepare_text(access: Access<'_>, slug: &Slug, text: String, secrets: &Values) -> Result<Prepared, Error> {
    let path = path_of(slug);
    if access.project.root().join(&path).exists() {
        return Err(Error::Taken { slug: slug.clone(), file: path.display().to_string() });
    }
    let name = FileName { slug: slug.clone(), environment: None };
    prepared(access, name, RewrittenFile { path, before: None, text }, &to_set(secrets)).await
}

/// Prepares a change of an integration's file, or of its overlay for an environment. Writes nothing, and keeps every byte
/// that is not part of the change.
///
/// # Errors
/// When the file does not exist, its secrets cannot be decrypted, or the project would be invalid with the change.
pub async fn changed(
    access: Access<'_>,
    slug: &str,
    environment: Option<&str>,
    edits: &[Edit],
    secrets: &[SecretEdit],
) -> Result<Prepared, Error> {
    let file = SecretsFile::find(access.project, slug, environment)?;
    if let Some(sidecar) = file.sidecar.as_ref().filter(|_| !secrets.is_empty()) {
        let (slug, path) = (file.name.slug.clone(), sidecar.path().to_owned());
        return Err(super::secrets::Error::InSidecar { slug, path }.into());
    }
    let path = file.source.path().to_owned();
    let before = file.source.text().to_owned();
    let text = rewrite(&before, edits).map_err(|error| unwritten(&path, error))?;
    prepared(access, file.name.clone(), RewrittenFile { path, before: Some(before), text }, secrets).await
}

/// A file before and after a change.
struct RewrittenFile {
    path: PathBuf,
    before: Option<String>,
    text: String,
}

async fn prepared(
    access: Access<'_>,
    name: FileName,
    file: RewrittenFile,
    secrets: &[SecretEdit],
) -> Result<Prepared, Error> {
    let RewrittenFile { path, before, mut text } = file;
    let slug = name.slug.clone();
    if !secrets.is_empty() {
        text = SecretsFile::new(name, &path, &text)?.sealed_text(access, secrets).await?;
    }
    let project = access.project.with(&path, text.clone());
    let loaded = Arc::new(check(&project)?);
    Ok(Prepared { slug, path, before, text, project, loaded })
}

/// Tests a file that is not written yet: reads one record from its source, or writes one to its destination. The registry
/// does not record the test.
///
/// # Errors
/// When nothing can be started. A failed test is not an error.
pub async fn test(world: &World, prepared: &Prepared, options: &Options, tell: Tell<'_>) -> Result<Option<Run>, Error> {
    let options = Options { which: RunSelection::exactly([prepared.slug.clone()]), ..options.clone() };
    Ok(run::test_quietly(world, &prepared.loaded, &options, tell).await?.all().pop())
}

/// Writes a prepared file.
///
/// # Errors
/// When it has changed in the meantime, or cannot be written.
pub fn save(project: &Project, prepared: &Prepared) -> Result<(), Error> {
    prepared.edits().write(project).map(drop)
}
