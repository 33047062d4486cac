//! A folder for one call of the program.

use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{ProgramError, WholeFile};
use crate::files::door::text_named;
use spile_core::sops::{Rule, Rules, Scoped};

/// A folder for one call that only its owner can access. It only ever contains ciphertext and rules.
pub(super) struct Scratch(tempfile::TempDir);

impl Scratch {
    pub(super) fn new() -> Result<Self, ProgramError> {
        let private = std::fs::Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().prefix("spile-").permissions(private).tempdir();
        folder.map(Self).map_err(|source| ProgramError::Io { doing: "create a private folder", source })
    }

    pub(super) fn copy(&self, file: WholeFile<'_>) -> Result<PathBuf, ProgramError> {
        write_private(&self.path_of(file), file.text)
    }

    fn path_of(&self, file: WholeFile<'_>) -> PathBuf {
        self.0.path().join(format!("document.{}", file.format.word()))
    }

    pub(super) fn read(&self, file: WholeFile<'_>) -> Result<String, ProgramError> {
        std::fs::read_to_string(self.path_of(file))
            .map_err(|source| ProgramError::Io { doing: "read the private copy", source })
    }

    /// Writes the one rule that matches a file as a configuration. The program itself would match the rules against the
    /// path of the copy, and its versions differ in how they treat a path that is passed to them.
    pub(super) fn config(&self, config: &Path, filename: &Path, which: Scoped) -> Result<PathBuf, ProgramError> {
        // The project's door has found this file, which may be in the repository above the project.
        let text =
            text_named(config).map_err(|why| ProgramError::Io { doing: "read `.sops.yaml`", source: why.into() })?;
        let rules = Rules::read(&text).map_err(ProgramError::Rules)?;
        let relative = config.parent().and_then(|folder| filename.strip_prefix(folder).ok()).unwrap_or(filename);
        let rule: &Rule = rules
            .for_path(&relative.to_string_lossy())
            .ok_or_else(|| ProgramError::NoRule { file: filename.to_owned() })?;
        write_private(&self.0.path().join(".sops.yaml"), &rules.alone(rule, which))
    }
}

/// Writes a file that only its owner can access.
fn write_private(path: &Path, text: &str) -> Result<PathBuf, ProgramError> {
    let file = std::fs::File::options().write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map(|()| path.to_owned()).map_err(|source| ProgramError::Io { doing: "write a private copy", source })
}
