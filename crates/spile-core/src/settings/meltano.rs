//! `[meltano]` in `spile.toml`: the Meltano that executes runs.

mod state_backend;

use std::collections::BTreeSet;

use super::SettingsMistake;
use crate::problem::Problems;
use crate::table::Table;

pub use state_backend::StateBackend;

/// The version of Meltano that is installed if `spile.toml` does not pin one.
pub const MELTANO_VERSION: &str = "4.4.1";

/// The Meltano that executes runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meltano {
    /// Its version.
    pub version: String,
    /// The extras of its package to install: `s3`, `gcs`, `azure` for state in a bucket.
    pub extras: BTreeSet<String>,
    /// Where state is stored, if set.
    pub state_backend: Option<StateBackend>,
}

impl Default for Meltano {
    fn default() -> Self {
        Self { version: MELTANO_VERSION.to_owned(), extras: BTreeSet::new(), state_backend: None }
    }
}

/// Reads the table.
pub(super) fn read(table: Table<'_>, problems: &mut Problems) -> Meltano {
    let version = table.text("version", problems);
    let extras = table.texts("extras", problems);
    let state_backend = table.text("state_backend", problems).and_then(|written| {
        let read = StateBackend::read(&written);
        read.map_err(|mistake| problems.push(&written.place.source, mistake)).ok()
    });
    table.finish(problems);
    let is_exact = |version: &str| {
        version.starts_with(|c: char| c.is_ascii_digit())
            && version.chars().all(|c| c.is_ascii_alphanumeric() || c == '.')
    };
    if let Some(version) = version.as_ref().filter(|version| !is_exact(version)) {
        let span = version.place.span.clone().into();
        let finding = SettingsMistake::MeltanoVersion { version: version.value.clone(), span };
        problems.push(&version.place.source, finding);
    }
    let extras = extras.map(|extras| extras.value).unwrap_or_default();
    for extra in extras.iter().filter(|extra| extra.parse::<crate::name::Slug>().is_err()) {
        let span = extra.place.span.clone().into();
        problems.push(&extra.place.source, SettingsMistake::MeltanoExtra { extra: extra.value.clone(), span });
    }
    let needed = state_backend.as_ref().and_then(StateBackend::extra);
    Meltano {
        version: version.map_or_else(|| MELTANO_VERSION.to_owned(), |version| version.value),
        extras: extras.into_iter().map(|extra| extra.value).chain(needed.map(str::to_owned)).collect(),
        state_backend,
    }
}
