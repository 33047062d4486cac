//! Packages that are known to lose rows, and the built-in connector that reads the same settings and loses none.

use super::pip;

/// A package that loses rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faulty {
    /// Its name on the package index.
    package: &'static str,
    /// The newest version that was seen to lose some.
    until: [u64; 3],
    /// What it does.
    pub what: &'static str,
    /// The built-in connector to take instead.
    pub instead: &'static str,
}

/// Found by `cargo test --test it certify`, run over the package.
const ALL: [Faulty; 1] = [Faulty {
    package: "target-duckdb",
    until: [0, 8, 0],
    what: "treats the first row of text values as a header, drops it, and still reports success",
    instead: "duckdb",
}];

impl Faulty {
    /// Returns what is known of the package that a `pip_url` installs; `None` where nothing is, or where it pins a newer
    /// version. Without a pin it may be the faulty one.
    #[must_use]
    pub fn of(pip_url: &str) -> Option<Self> {
        let requirement = pip::first_requirement(pip_url)?;
        // `_`, `.` and case make no difference in names (PEP 503).
        let name = pip::package_name(&requirement).to_ascii_lowercase().replace(['_', '.'], "-");
        // What comes from an address is not what the package index has under that name.
        let is_named = !requirement.contains('@') && !requirement[name.len()..].starts_with(['/', ':', '+']);
        let faulty = ALL.into_iter().find(|known| known.package == name && is_named)?;
        pip::version(&requirement).is_none_or(|version| numbers(version) <= faulty.until).then_some(faulty)
    }
}

/// Reads the numbers of a version; anything else is 0, so that an unreadable version counts as an old one.
fn numbers(version: &str) -> [u64; 3] {
    let mut parts = version.split('.').map(|part| part.trim().parse().unwrap_or(0));
    [(); 3].map(|()| parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_that_loses_rows_is_known_however_it_is_written() {
        for pip_url in [
            "target-duckdb",
            "target-duckdb==0.8.0",
            "Target_DuckDB==0.7.0",
            "target-duckdb~=0.8",
            "target-duckdb[test]==0.8.0 duckdb==1.0.0",
            "--no-cache target-duckdb>=0.1",
            "--index-url https://pypi.example/simple target-duckdb",
            "'target-duckdb == 0.8.0 ; python_version < \"3.13\"'",
        ] {
            assert_eq!(Faulty::of(pip_url).map(|found| found.instead), Some("duckdb"), "{pip_url}");
        }
    }

    #[test]
    fn others_and_newer_versions_are_not_accused() {
        for pip_url in [
            "",
            "target-duckdb==0.8.1",
            "target-duckdb==1.0",
            "target-duckdb-fork==0.1.0",
            "git+https://github.com/jwills/target-duckdb@bbf3c59",
            "./target-duckdb",
            "target-duckdb==0.8.1;python_version<'3.13'",
            "'target-duckdb @ git+https://github.com/jwills/target-duckdb@bbf3c59'",
            "./.spile/plugins/spile_target_duckdb-1.0.0-py3-none-any.whl",
        ] {
            assert_eq!(Faulty::of(pip_url), None, "{pip_url}");
        }
    }
}
