//! What a new lock changes.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::LockedPackage;
use crate::connector::pip::normalized;

/// The packages that differ between two locks, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Difference(pub Vec<PackageChange>);

/// How a package differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageChange {
    /// The package.
    pub package: String,
    /// Its versions before; empty if it is new.
    pub before: Vec<String>,
    /// Its versions after; empty if it is gone.
    pub after: Vec<String>,
    /// Whether only the hashes differ.
    pub only_hashes: bool,
}

impl Difference {
    /// Compares the packages of two locks.
    #[must_use]
    pub fn between(before: &[LockedPackage], after: &[LockedPackage]) -> Self {
        let (before, after) = (by_name(before), by_name(after));
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let changes = names.into_iter().filter(|name| before.get(*name) != after.get(*name)).map(|name| {
            let versions = |of: &BTreeMap<String, Versions>| -> Vec<String> {
                of.get(name).into_iter().flat_map(|versions| versions.keys().cloned()).collect()
            };
            let (before, after) = (versions(&before), versions(&after));
            PackageChange { package: name.clone(), only_hashes: before == after, before, after }
        });
        Self(changes.collect())
    }

    /// Tells whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The versions of one package, with the hashes of each.
type Versions = BTreeMap<String, BTreeSet<String>>;

fn by_name(packages: &[LockedPackage]) -> BTreeMap<String, Versions> {
    let mut found: BTreeMap<String, Versions> = BTreeMap::new();
    for package in packages {
        let versions = found.entry(normalized(&package.name)).or_default();
        versions.entry(package.version.clone()).or_default().extend(package.hashes.iter().cloned());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str, hash: &str) -> LockedPackage {
        let (name, version) = (name.to_owned(), version.to_owned());
        LockedPackage { name, version, marker: None, hashes: vec![hash.to_owned()] }
    }

    #[test]
    fn added_removed_upgraded_and_rehashed_packages_are_told_apart() {
        let before = [
            package("gone", "1", "a"),
            package("Same_x", "1", "a"),
            package("up", "1", "a"),
            package("hash", "1", "a"),
        ];
        let after =
            [package("new", "2", "a"), package("same-x", "1", "a"), package("up", "2", "b"), package("hash", "1", "b")];
        let told: Vec<_> = Difference::between(&before, &after)
            .0
            .iter()
            .map(|change| format!("{} {:?} {:?} {}", change.package, change.before, change.after, change.only_hashes))
            .collect();
        assert_eq!(
            told,
            ["gone [\"1\"] [] false", "hash [\"1\"] [\"1\"] true", "new [] [\"2\"] false", "up [\"1\"] [\"2\"] false"]
        );
        assert!(Difference::between(&before, &before).is_empty());
    }
}
