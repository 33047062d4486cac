//! `[lint]` in `spile.toml`: which lints are allowed, and how old secrets and locks may be.

use std::collections::BTreeSet;

use super::sync::{ABOVE_0, POSITIVE};
use crate::problem::{Problems, did_you_mean, listed};
use crate::table::{self, Table};

/// The lints, by their names in `allow`.
pub const LINTS: [&str; 9] = [
    "dense_schedule",
    "no_state",
    "old_lock",
    "old_secret",
    "stale_lock",
    "unlocked",
    "unpinned_pip_url",
    "unused_loader",
    "yanked_package",
];

/// The settings of lints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    /// The lints that are not reported.
    pub allow: BTreeSet<String>,
    /// The age at which secrets are reported, in days.
    pub secret_days: u16,
    /// The age at which locks are reported, in days.
    pub lock_days: u16,
}

impl Default for Lint {
    fn default() -> Self {
        Self { allow: BTreeSet::new(), secret_days: 365, lock_days: 180 }
    }
}

/// Reads the table.
pub(super) fn read(table: Table<'_>, problems: &mut Problems) -> Lint {
    let default = Lint::default();
    let allow = table.texts("allow", problems).map(|allow| allow.value).unwrap_or_default();
    for name in allow.iter().filter(|name| !LINTS.contains(&name.as_str())) {
        let finding = table::TomlMistake::Invalid {
            key: "allow".to_owned(),
            message: format!("there is no lint `{}`", name.value),
            span: name.place.span.clone().into(),
            help: Some(did_you_mean(&name.value, LINTS).unwrap_or_else(|| format!("choose one of {}", listed(LINTS)))),
        };
        problems.push(&name.place.source, finding);
    }
    let lint = Lint {
        allow: allow.into_iter().map(|name| name.value).collect(),
        secret_days: table.whole("secret_days", ABOVE_0, POSITIVE, problems).unwrap_or(default.secret_days),
        lock_days: table.whole("lock_days", ABOVE_0, POSITIVE, problems).unwrap_or(default.lock_days),
    };
    table.finish(problems);
    lint
}
