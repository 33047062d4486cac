//! The official `sops`, for keys that only it supports, and for files that must keep its formatting.
//!
//! Values go through its standard input and output, never through its command line, and files only contain ciphertext.
//! Its error output is never shown, because some errors quote plaintext.

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

/// Variables that would override the rules in `.sops.yaml`.
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

/// An empty configuration.
const NO_CONFIG: &str = "/dev/null";

/// The official `sops` on the path. It gets spile's own environment.
#[derive(Debug, Clone)]
pub struct Program {
    /// `PATH`.
    path: OsString,
}

/// The standard input by name. Before 3.10, the program does not read it by default.
const STDIN: &str = "/dev/stdin";

impl Program {
    /// Takes a search path. The program is located when it is needed.
    #[must_use]
    pub fn new(path: OsString) -> Self {
        Self { path }
    }

    /// Returns the program's path.
    ///
    /// # Errors
    /// When it is not on the path.
    pub fn find(&self) -> Result<PathBuf, ProgramError> {
        let host = Host { path: self.path.clone(), ..Host::default() };
        host.find("sops").ok_or_else(|| ProgramError::Missing { path: self.path.to_string_lossy().into_owned() })
    }

    /// Decrypts a document. If only its encrypted part forms a sops document, only that part is sent.
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
        // The plain part does not go through the program, and is not authenticated in either case.
        plain::with_plain_part(document, leaves)
    }

    /// Decrypts the text of a file whose tree is known.
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

    /// Encrypts secrets with the recipients of the rule in `.sops.yaml` that matches a file. Always uses spile's
    /// profile, whatever scope the rule sets.
    ///
    /// # Errors
    /// When no rule matches, or the program is missing, fails, or is too old to produce this profile.
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

    /// Sets or removes a secret. The ciphertexts of other secrets do not change.
    ///
    /// # Errors
    /// When the program cannot handle the name, is missing or fails.
    pub async fn set(&self, document: &Document, name: &str, value: Option<&Secret>) -> Result<Document, ProgramError> {
        self.on_carrier(document, async |file| self.set_in_file(file, &[SECRETS, name], value).await).await
    }

    /// Creates a new data key and encrypts everything with it.
    ///
    /// # Errors
    /// When the program is missing or fails.
    pub async fn rotate(&self, document: &Document) -> Result<Document, ProgramError> {
        self.on_carrier(document, async |file| self.rotate_file(file).await).await
    }

    /// Wraps the data key for the recipients of the rule in `.sops.yaml` that matches a file. Values do not change.
    ///
    /// # Errors
    /// When no rule matches, or the program is missing or fails.
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

    /// Changes a document. If only its encrypted part forms a sops document, only that part is sent.
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
        // It inherits the environment, because it needs access to its own keys: in clouds, Vault and GnuPG.
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
                // If the program ends before it has read everything, its exit code tells why.
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

/// Formats a path for the program, which treats every `[` as the start of a key.
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
