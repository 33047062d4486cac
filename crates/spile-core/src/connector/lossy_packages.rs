//! Packages that are known to lose rows, and the built-in connector that accepts the same settings and loses none.

use super::pip;

/// A package that loses rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faulty {
    /// Its name on the package index.
    package: &'static str,
    /// The newest version that was seen to lose rows.
    until: [u64; 3],
    /// What it does wrong.
    pub what: &'static str,
    /// The built-in connector to use instead.
    pub instead: &'static str,
}

/// Found by running `cargo test --test it certify` on the package.
const ALL: [Faulty; 1] = [Faulty {
    package: "target-duckdb",
    until: [0, 8, 0],
    what: "treats the first row of text values as a header, drops it, and still reports success",
    instead: "duckdb",
}];

impl Faulty {
    /// Returns what is known about the package that a `pip_url` installs; `None` if nothing is known, or if it pins a
    /// newer version. Without a pin, it may be the faulty version.
    #[must_use]
    pub fn of(pip_url: &str) -> Option<Self> {
        let requirement = pip::first_requirement(pip_url)?;
        let written = pip::package_name(&requirement);
        let name = pip::normalized(written);
        // A package from an address is not the one with that name on the package index.
        let is_named = !requirement.contains('@') && !requirement[written.len()..].starts_with(['/', ':', '+']);
        let faulty = ALL.into_iter().find(|known| known.package == name && is_named)?;
        pip::version(&requirement).is_none_or(|version| numbers(version) <= faulty.until).then_some(faulty)
    }
}

/// Reads the numbers of a version. Anything else counts as 0, so that an unreadable version counts as an old one.
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
    fn other_packages_and_newer_versions_are_not_reported() {
        for pip_url in [
            "",
            "target-duckdb==0.8.1",
            "target-duckdb==1.0",
            "target-duckdb-fork==0.1.0",
            "git+https://github.com/jwills/target-duckdb@bbf3c59",
            "./target-duckdb",
            "target-duckdb==0.8.1;python_version<'3.13'",
            "'target-duckdb @ git+https://github.com/jwills/target-duckdb@bbf3c59'",
            "./.spile/plugins/spile_target_duckdb-1.1.0-py3-none-any.whl",
        ] {
            assert_eq!(Faulty::of(pip_url), None, "{pip_url}");
        }
    }
}
