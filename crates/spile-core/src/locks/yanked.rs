//! Versions that their authors have withdrawn from the index. Installers still take them if a lock names them.

use std::fmt;

use serde::Serialize;

/// A version in a lock that its authors have withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct YankedPackage {
    /// The package.
    pub package: String,
    /// The version.
    pub version: String,
    /// Why, in the words of its authors; empty if they gave no reason.
    pub reason: String,
}

impl YankedPackage {
    /// Reads a line of uv: ``warning: `attrs==21.1.0` is yanked (reason: "…")``.
    #[must_use]
    pub fn in_warning(line: &str) -> Option<Self> {
        let (exact, rest) = line.trim().strip_prefix("warning: `")?.split_once("` is yanked")?;
        let reason = rest.trim().strip_prefix("(reason: ").and_then(|rest| rest.strip_suffix(')')).unwrap_or_default();
        Self::new(exact, reason.trim_matches('"'))
    }

    /// Reads the comment of a lock: `attrs==21.1.0 …`.
    pub(super) fn read(comment: &str) -> Option<Self> {
        let (exact, reason) = comment.split_once(' ').unwrap_or((comment, ""));
        Self::new(exact, reason)
    }

    fn new(exact: &str, reason: &str) -> Option<Self> {
        let (package, version) = exact.split_once("==")?;
        // A lock refuses control characters, and a reason has one line.
        let reason = reason.chars().filter(|c| !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}')).collect();
        Some(Self { package: package.to_owned(), version: version.to_owned(), reason })
    }
}

impl fmt::Display for YankedPackage {
    /// Writes the comment of a lock.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { package, version, reason } = self;
        write!(f, "{package}=={version}{}{reason}", if reason.is_empty() { "" } else { " " })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_of_uv_becomes_a_comment_and_back() {
        let line =
            "warning: `attrs==21.1.0` is yanked (reason: \"Installable but not importable on \u{1b}Python 3.4.\")";
        let yanked = YankedPackage::in_warning(line).unwrap();
        let comment = "attrs==21.1.0 Installable but not importable on Python 3.4.";
        assert_eq!((yanked.to_string().as_str(), YankedPackage::read(comment).as_ref()), (comment, Some(&yanked)));
        let silent = YankedPackage::in_warning("warning: `attrs==21.1.0` is yanked").unwrap();
        assert_eq!((silent.to_string().as_str(), silent.reason.as_str()), ("attrs==21.1.0", ""));
    }

    #[test]
    fn other_warnings_name_no_version() {
        for line in ["warning: `attrs` is old", "Resolved 3 packages in 7ms", "warning: `x` is yanked"] {
            assert_eq!(YankedPackage::in_warning(line), None, "{line}");
        }
    }
}
