//! How errors are made from other errors, and what caused them.

use std::io;
use std::path::Path;

use miette::Diagnostic;

use super::Error;
use crate::secrets::SignInError;
use spile_core::problem::{Problems, did_you_mean, listed};
use spile_core::settings::RegistryMistake;
use spile_core::source::Placed;
use spile_world::NoWorld;
use spile_world::files::door::Shut;
use spile_world::files::io_error::IoError;
use spile_world::files::project::FileError;
use spile_world::files::refusal::FileRefusal;
use spile_world::net::oauth::OAuthError;

impl From<FileError> for Error {
    fn from(error: FileError) -> Self {
        Self::Problems(error.into())
    }
}

impl From<SignInError> for Error {
    fn from(error: SignInError) -> Self {
        Self::Secrets(error.into())
    }
}

impl From<OAuthError> for Error {
    fn from(error: OAuthError) -> Self {
        Self::Secrets(error.into())
    }
}

impl From<NoWorld> for Error {
    fn from(error: NoWorld) -> Self {
        match error {
            NoWorld::Problems(report) => Self::Problems(report),
            NoWorld::NotAgreed(agreement) => {
                let Placed { value: agreement, place } = *agreement;
                let mut problems = Problems::default();
                let span = place.span.clone().into();
                problems.push(&place.source, RegistryMistake::NotAgreed { agreement, span });
                Self::Problems(problems.into_report())
            }
            NoWorld::Supabase(error) => Self::Target(error.into()),
        }
    }
}

impl Error {
    /// Returns the error for a file of the project that cannot be read or written.
    pub(crate) fn of_file(doing: &'static str, path: &Path, why: Shut) -> Self {
        match why {
            Shut::Io(source) => IoError::of(doing, path)(source).into(),
            why => FileError::new(path, why).into(),
        }
    }

    /// Returns the error for a file named on the command line that cannot be read.
    #[must_use]
    pub fn of_named(path: &Path, why: Shut) -> Self {
        let named = || path.display().to_string();
        match why {
            Shut::NotRegular => Self::Folder { path: named(), help: "choose a file in it" },
            Shut::Io(source) if source.kind() == io::ErrorKind::NotFound => Self::NoFile { path: named() },
            why => Self::of_file("read", path, why),
        }
    }

    /// Returns the error for a file named on the command line that cannot be written.
    #[must_use]
    pub fn of_written(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::IsADirectory => {
                Self::Folder { path: path.display().to_string(), help: "add a file name to the path" }
            }
            _ => IoError::of("write", path)(source).into(),
        }
    }

    /// Returns the error to show. If other errors wrap a refusal by spile itself, it returns that refusal, which has its
    /// own code and help.
    #[must_use]
    pub fn shown(&self) -> &(dyn Diagnostic + 'static) {
        FileRefusal::behind(self).map_or(self, |refusal| refusal)
    }

    /// Returns the chain of causes, outermost first.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        let mut causes = Vec::new();
        if FileRefusal::behind(self).is_some() {
            return causes;
        }
        let mut cause = std::error::Error::source(self);
        while let Some(next) = cause {
            causes.push(next.to_string());
            cause = next.source();
        }
        causes
    }
}

/// Returns the error for names that no integration has.
#[must_use]
pub fn unknown_names(unknown: &[String], known: &[&str]) -> Error {
    let (tags, names): (Vec<&String>, Vec<&String>) = unknown.iter().partition(|name| name.starts_with('#'));
    let (patterns, names): (Vec<&String>, Vec<&String>) =
        names.into_iter().partition(|name| name.contains(['*', '?', '[']));
    let list = |names: &[&String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let said = [("is named", names), ("matches", patterns), ("has the tag", tags)];
    let said: Vec<String> = said
        .iter()
        .filter(|(_, words)| !words.is_empty())
        .map(|(verb, words)| format!("no integration {verb} {}", list(words)))
        .collect();
    let near: Vec<String> = unknown.iter().filter_map(|name| did_you_mean(name, known.iter().copied())).collect();
    let help = match (near.is_empty(), known.is_empty()) {
        (false, _) => near.join(" "),
        (true, true) => "this project has no integrations yet: add a file to `integrations/`".to_owned(),
        (true, false) => format!("known integrations: {}", listed(known.iter().copied())),
    };
    Error::UnknownNames { message: said.join(", and "), help }
}
