//! The official `sops`: for keys that only it can use, and for files that it has to keep in its own form.
//!
//! Values go through its standard input and output, never on its command line; only ciphertext is in files. What it
//! says on its standard error is never shown: some of its errors quote plaintext.

mod error;
mod plain;
mod scratch;
mod whole_file;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use zeroize::Zeroizing;

use crate::processes::child_environment::inheriting;
use crate::processes::meltano::Host;
use spile_core::secret::Secret;
use spile_core::sops::node::{Node, find};
use spile_core::sops::{Document, Enc, Leaf, SECRETS, Scoped};

use scratch::Scratch;

pub use error::{KnownFailure, ProgramError};
pub use whole_file::{Format, WholeFile};

/// Settings in the environment that would outdo the rules of `.sops.yaml`.
const NOT_INHERITED: [&str; 8] = [
    "SOPS_CONFIG",
    "SOPS_KMS_ARN",
    "SOPS_GCP_KMS_IDS",
    "SOPS_HUAWEICLOUD_KMS_IDS",
    "SOPS_AZURE_KEYVAULT_URLS",
    "SOPS_VAULT_URIS",
    "SOPS_PGP_FP",
    "SOPS_AGE_RECIPIENTS",
];

/// A configuration that says nothing.
const NO_CONFIG: &str = "/dev/null";

/// The official `sops`, as it is found on the path; it has spile's own environment.
#[derive(Debug, Clone)]
pub struct Program {
    /// `PATH`
    path: OsString,
}

/// The standard input by its name: before 3.10 the program does not read it unnamed.
const STDIN: &str = "/dev/stdin";

impl Program {
    /// Takes a search path; the program is looked for when it is needed.
    #[must_use]
    pub fn new(path: OsString) -> Self {
        Self { path }
    }

    /// Returns where the program is.
    ///
    /// # Errors
    /// When it is nowhere on the path.
    pub fn find(&self) -> Result<PathBuf, ProgramError> {
        let host = Host { path: self.path.clone(), ..Host::default() };
        host.find("sops").ok_or_else(|| ProgramError::Missing { path: self.path.to_string_lossy().into_owned() })
    }

    /// Decrypts a document; only what is encrypted, where that is a document in itself.
    ///
    /// # Errors
    /// When the program is missing or fails.
    pub async fn decrypt(&self, document: &Document) -> Result<Vec<Leaf>, ProgramError> {
        let carried = if document.metadata.is_profile() { document.carrier() } else { document.clone() };
        let sent = carried.to_json();
        let leaves = self.decrypt_text(&carried, &sent, Format::Json).await?;
        if !document.metadata.is_profile() {
            return Ok(leaves);
        }
        // The plain part did not go through the program, and is not authenticated either way.
        plain::with_plain_part(document, leaves)
    }

    /// Decrypts a file's text, whose tree is known.
    ///
    /// # Errors
    /// When the program is missing or fails.
    pub async fn decrypt_text(
        &self,
        document: &Document,
        text: &str,
        format: Format,
    ) -> Result<Vec<Leaf>, ProgramError> {
        let arguments = ["decrypt", "--input-type", format.word(), "--output-type", "json", STDIN].map(OsString::from);
        let output = self.run("decrypt", Path::new(NO_CONFIG), &arguments, text.as_bytes()).await?;
        plain::leaves(document, &output)
    }

    /// Encrypts secrets under the rule that `.sops.yaml` has for a file, in spile's profile whatever scope it says.
    ///
    /// # Errors
    /// When there is no rule, or the program is missing, fails, or is so old that another profile comes out.
    pub async fn encrypt(
        &self,
        values: &[(String, Secret)],
        config: &Path,
        filename: &Path,
    ) -> Result<Document, ProgramError> {
        let scratch = Scratch::new()?;
        let config = scratch.config(config, filename, Scoped::AsProfile)?;
        let plain = Zeroizing::new(serde_json::to_vec(&Plain { secrets: Plaintexts(values) }).unwrap_or_default());
        let arguments =
            ["encrypt", "--filename-override", "secrets.json", "--input-type", "json", "--output-type", "json", STDIN];
        let output = self.run("encrypt", &config, &arguments.map(OsString::from), &plain).await?;
        let document = document("encrypt", &output)?;
        let is_encrypted = |(_, node): &(String, Node)| {
            node.as_text().is_some_and(|text| text.is_empty() || text.parse::<Enc>().is_ok())
        };
        if !document.metadata.is_profile() || !document.secrets().iter().all(is_encrypted) {
            return Err(ProgramError::OtherProfile);
        }
        Ok(document)
    }

    /// Sets a secret, or removes it; the ciphertexts of the others stay as they are.
    ///
    /// # Errors
    /// When the name is one that the program cannot be told, or it is missing or fails.
    pub async fn set(&self, document: &Document, name: &str, value: Option<&Secret>) -> Result<Document, ProgramError> {
        self.on_carrier(document, async |file| self.set_in_file(file, &[SECRETS, name], value).await).await
    }

    /// Makes a new data key and encrypts everything with it.
    ///
    /// # Errors
    /// When the program is missing or fails.
    pub async fn rotate(&self, document: &Document) -> Result<Document, ProgramError> {
        self.on_carrier(document, async |file| self.rotate_file(file).await).await
    }

    /// Wraps the data key for the recipients of the rule that `.sops.yaml` has for a file. Values stay as they are.
    ///
    /// # Errors
    /// When there is no rule, or the program is missing or fails.
    pub async fn updatekeys(
        &self,
        document: &Document,
        config: &Path,
        filename: &Path,
    ) -> Result<Document, ProgramError> {
        self.on_carrier(document, async |file| {
            self.updatekeys_file(WholeFile { config: Some(config), ..file }, filename).await
        })
        .await
    }

    /// Has only the encrypted part changed, where that is a document in itself.
    async fn on_carrier(
        &self,
        whole: &Document,
        change: impl AsyncFnOnce(WholeFile<'_>) -> Result<String, ProgramError>,
    ) -> Result<Document, ProgramError> {
        let is_carried = whole.metadata.is_profile();
        let sent = if is_carried { whole.carrier().to_json() } else { whole.to_json() };
        let text = change(WholeFile { text: &sent, format: Format::Json, config: None }).await?;
        let changed = document("read", text.as_bytes())?;
        if !is_carried {
            return Ok(changed);
        }
        let mut result = whole.clone();
        result.metadata = changed.metadata;
        let secrets = find(&changed.tree, SECRETS).cloned().unwrap_or(Node::Map(Vec::new()));
        match result.tree.iter_mut().find(|(key, _)| key == SECRETS) {
            Some((_, node)) => *node = secrets,
            None => result.tree.push((SECRETS.to_owned(), secrets)),
        }
        Ok(result)
    }

    async fn run(
        &self,
        doing: &'static str,
        config: &Path,
        arguments: &[OsString],
        stdin: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, ProgramError> {
        // It needs what leads to its own keys: those of clouds, of Vault, of GnuPG.
        let mut command = Command::from(inheriting(self.find()?));
        command.arg("--config").arg(config).args(arguments).env("PATH", &self.path);
        for name in NOT_INHERITED {
            command.env_remove(name);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let io = |source| ProgramError::Io { doing: "start `sops`", source };
        let mut child = command.spawn().map_err(io)?;
        let mut input = child.stdin.take();
        let write = async {
            if let Some(mut input) = input.take() {
                // A program that ends before it has read everything says why by its exit code.
                let _ = input.write_all(stdin).await;
                let _ = input.shutdown().await;
            }
        };
        let ((), output) = tokio::join!(write, child.wait_with_output());
        let Output { status, stdout, stderr } = output.map_err(io)?;
        let (stdout, stderr) = (Zeroizing::new(stdout), Zeroizing::new(stderr));
        if status.success() {
            return Ok(stdout);
        }
        let reason = KnownFailure::of(&String::from_utf8_lossy(&stderr));
        Err(ProgramError::Failed { doing, code: status.code(), reason })
    }
}

fn document(doing: &'static str, bytes: &[u8]) -> Result<Document, ProgramError> {
    let text = std::str::from_utf8(bytes).map_err(|_| ProgramError::Answer { doing })?;
    Document::from_json(text).map_err(|_| ProgramError::Answer { doing })
}

/// Writes a path as the program reads it; it takes every `[` for the start of a key.
fn index(path: &[&str]) -> Result<String, ProgramError> {
    if let Some(name) = path.iter().find(|name| name.contains('[') || name.is_empty()) {
        return Err(ProgramError::Name { name: (*name).to_owned() });
    }
    Ok(format!("[\"{}\"]", path.join("\"][\"")))
}

#[derive(Serialize)]
struct Plain<'a> {
    secrets: Plaintexts<'a>,
}

/// Plaintext on its way to the program.
struct Plaintexts<'a>(&'a [(String, Secret)]);

impl Serialize for Plaintexts<'_> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, value)| (name, value.expose())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_program_would_split_are_refused() {
        assert_eq!(index(&["secrets", "a]\"b"]).unwrap(), "[\"secrets\"][\"a]\"b\"]");
        assert!(index(&["secrets", "a[b"]).is_err());
    }
}
