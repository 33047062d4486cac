//! The name of a registry's table, and the names that derive from it.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// The default name of the table.
const DEFAULT: &str = "integrations";

/// The longest name: the longest sequence name that derives from it still fits into Postgres' 63 bytes.
const LONGEST: usize = 40;

/// The names of the other tables; `integration_runs` stores runs.
const BESIDE: [&str; 7] = ["alerts", "applies", "changes", "files", "leases", "runs", "states"];

/// The names of the functions in the database; `spile_apply` applies.
const FUNCTIONS: [&str; 19] = [
    "applies",
    "apply",
    "drift",
    "ends",
    "exposure",
    "keep_alerts",
    "keep_state",
    "last_runs",
    "lease",
    "left",
    "may_plan",
    "others",
    "planner_project",
    "release",
    "revision",
    "rows",
    "state",
    "tries",
    "version",
];

/// The name of the table that stores rows: a plain SQL name, which needs no quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName(String);

/// A string that is not a plain name, or that spile uses for something else.
#[derive(Debug, thiserror::Error)]
#[error("it is not a valid name for a spile table")]
pub struct NotATableName;

impl Default for TableName {
    fn default() -> Self {
        Self(DEFAULT.to_owned())
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TableName {
    type Err = NotATableName;

    fn from_str(text: &str) -> Result<Self, NotATableName> {
        let is_plain = text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        // The functions of a table named `spile` would have the names of the default table's functions.
        let is_free = text != "spile";
        if is_plain && is_free && text.len() <= LONGEST { Ok(Self(text.to_owned())) } else { Err(NotATableName) }
    }
}

impl TableName {
    /// Tells whether it is the default name.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.0 == DEFAULT
    }

    /// Returns the counterpart of a name that belongs to the default table: for `spile_integrations`,
    /// `integration_runs` becomes `spile_integration_runs`, and `spile_apply` becomes `spile_integrations_apply`. Other
    /// names stay as they are.
    #[must_use]
    pub fn named<'a>(&self, name: &'a str) -> Cow<'a, str> {
        if self.is_default() {
            return Cow::Borrowed(name);
        }
        let (table, one) = (&self.0, self.0.strip_suffix('s').unwrap_or(&self.0));
        let rest = |start: &str| name.strip_prefix(start);
        let is_beside = |rest: &&str| BESIDE.contains(&rest.split('_').next().unwrap_or_default());
        if let Some(rest) = rest(DEFAULT).filter(|rest| rest.is_empty() || rest.starts_with('_')) {
            Cow::Owned(format!("{table}{rest}"))
        } else if let Some(rest) = rest("integration_").filter(is_beside) {
            Cow::Owned(format!("{one}_{rest}"))
        } else if let Some(function) = rest("spile_").filter(|rest| FUNCTIONS.contains(rest)) {
            Cow::Owned(format!("{table}_{function}"))
        } else {
            Cow::Borrowed(name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_names_derive_from_the_name_of_the_table() {
        let own: TableName = "spile_integrations".parse().unwrap();
        for (usual, name) in [
            ("integrations", "spile_integrations"),
            ("integrations_owner_idx", "spile_integrations_owner_idx"),
            ("integration_runs", "spile_integration_runs"),
            ("integration_changes_number_seq", "spile_integration_changes_number_seq"),
            ("spile_keep_state", "spile_integrations_keep_state"),
            ("integration_id", "integration_id"),
            ("spile_planner", "spile_planner"),
            ("spile_project", "spile_project"),
        ] {
            assert_eq!(own.named(usual), name);
            assert_eq!(TableName::default().named(usual), usual);
        }
        assert_eq!("data".parse::<TableName>().unwrap().named("integration_runs"), "data_runs");
    }

    #[test]
    fn the_longest_name_leaves_room_for_all_derived_names() {
        let longest = "x".repeat(LONGEST).parse::<TableName>().unwrap();
        for name in ["integration_changes_number_seq", "integration_runs_status_check", "spile_planner_project"] {
            assert!(longest.named(name).len() <= 63, "{name}");
        }
        for text in ["", "1a", "A", "a-b", "a.b", "\"a\"", "a b", "ä", "spile", &"x".repeat(LONGEST + 1)] {
            assert!(text.parse::<TableName>().is_err(), "{text}");
        }
    }
}
