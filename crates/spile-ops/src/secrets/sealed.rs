//! Encrypts secrets for a file that does not exist yet.

use std::path::Path;

use super::Error;
use super::file::{Access, SecretsFile};
use crate as ops;
use spile_core::secret::Secret;

/// Returns the text of a new file with secrets, encrypted for the recipients in `.sops.yaml`.
///
/// # Errors
/// When they have no recipients, or a recipient's key cannot be used.
pub(crate) async fn sealed(
    access: Access<'_>,
    path: &Path,
    text: &str,
    secrets: &[(String, Secret)],
) -> Result<String, ops::Error> {
    let file = SecretsFile::of_text(path, text)?;
    let changes: Vec<_> = secrets.iter().map(|(name, secret)| (name.clone(), Some(secret.clone()))).collect();
    let document = file.sealed_with(access, &changes).await?;
    let merge =
        |error: toml_edit::TomlError| Error::Merge { path: path.to_owned(), message: error.message().to_owned() };
    Ok(spile_core::sops::rewrite(text, &document).map_err(merge)?)
}
