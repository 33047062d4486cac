//! Files whose formatting the program must keep. Each is copied into a private folder, changed there and read back.

use std::ffi::OsString;
use std::path::Path;

use zeroize::Zeroizing;

use super::scratch::Scratch;
use super::{NO_CONFIG, Program, ProgramError, index};
use spile_core::secret::Secret;
use spile_core::sops::{Document, NotADocument, Scoped};

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

impl Format {
    /// Returns the format for a file name; YAML by default.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let is_json = path.extension().is_some_and(|extension| extension == "json");
        if is_json { Self::Json } else { Self::Yaml }
    }

    /// Parses a document.
    ///
    /// # Errors
    /// When the text is not a sops document.
    pub fn read(self, text: &str) -> Result<Document, NotADocument> {
        match self {
            Self::Json => Document::from_json(text),
            Self::Yaml => Document::from_yaml(text),
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Yaml => "yaml",
        }
    }
}

/// A file next to an integration that is a sops document as a whole.
#[derive(Debug, Clone, Copy)]
pub struct WholeFile<'a> {
    /// Its text.
    pub text: &'a str,
    /// Its format.
    pub format: Format,
    /// The `.sops.yaml` that defines its indentation, if there is one.
    pub config: Option<&'a Path>,
}

impl Program {
    /// Sets or removes a value in a file, and returns the new text.
    ///
    /// # Errors
    /// When the program cannot handle a name, is missing or fails.
    pub async fn set_in_file(
        &self,
        file: WholeFile<'_>,
        path: &[&str],
        value: Option<&Secret>,
    ) -> Result<String, ProgramError> {
        let index = index(path)?;
        let scratch = Scratch::new()?;
        let copy = scratch.copy(file)?;
        let config = file.config.unwrap_or(Path::new(NO_CONFIG));
        let types = ["--input-type", file.format.word(), "--output-type", file.format.word()].map(OsString::from);
        let (word, stdin) = match value {
            Some(value) => ("set", Zeroizing::new(serde_json::to_vec(value.expose()).unwrap_or_default())),
            None => ("unset", Zeroizing::default()),
        };
        let mut arguments = vec![word.into()];
        arguments.extend(types);
        arguments.extend(value.map(|_| "--value-stdin".into()));
        arguments.extend([copy.into_os_string(), index.into()]);
        self.run(word, config, &arguments, &stdin).await?;
        scratch.read(file)
    }

    /// Creates a new data key for a file, and returns the new text.
    ///
    /// # Errors
    /// When the program is missing or fails.
    pub async fn rotate_file(&self, file: WholeFile<'_>) -> Result<String, ProgramError> {
        let scratch = Scratch::new()?;
        let copy = scratch.copy(file)?;
        let word = file.format.word();
        let mut arguments =
            ["rotate", "--in-place", "--input-type", word, "--output-type", word].map(OsString::from).to_vec();
        arguments.push(copy.into_os_string());
        self.run("rotate", file.config.unwrap_or(Path::new(NO_CONFIG)), &arguments, &[]).await?;
        scratch.read(file)
    }

    /// Wraps a file's data key for the recipients of the rule in `.sops.yaml` that matches it, and returns the new
    /// text.
    ///
    /// # Errors
    /// When no rule matches, or the program is missing or fails.
    pub async fn updatekeys_file(&self, file: WholeFile<'_>, filename: &Path) -> Result<String, ProgramError> {
        let scratch = Scratch::new()?;
        let copy = scratch.copy(file)?;
        let config = scratch.config(file.config.unwrap_or(Path::new(NO_CONFIG)), filename, Scoped::AsWritten)?;
        let mut arguments = ["updatekeys", "--yes", "--input-type", file.format.word()].map(OsString::from).to_vec();
        arguments.push(copy.into_os_string());
        self.run("updatekeys", &config, &arguments, &[]).await?;
        scratch.read(file)
    }
}
