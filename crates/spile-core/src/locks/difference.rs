//! What a new lock changes.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Lock, LockedPackage, YankedPackage};
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
    /// Why the authors have withdrawn the version after; empty if they gave no reason, `None` if they have not.
    pub yanked: Option<String>,
}

impl Difference {
    /// Compares packages with those of a new lock.
    #[must_use]
    pub fn between(before: &[LockedPackage], new: &Lock) -> Self {
        let (before, after) = (by_name(before), by_name(&new.packages));
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let changes = names.into_iter().filter(|name| before.get(*name) != after.get(*name)).map(|name| {
            let versions = |of: &BTreeMap<String, Versions>| -> Vec<String> {
                of.get(name).into_iter().flat_map(|versions| versions.keys().cloned()).collect()
            };
            let (before, after) = (versions(&before), versions(&after));
            let is_this = |one: &&YankedPackage| normalized(&one.package) == *name && after.contains(&one.version);
            let yanked = new.yanked.iter().find(is_this).map(|one| one.reason.clone());
            PackageChange { package: name.clone(), only_hashes: before == after, before, after, yanked }
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
        let yanked = |package: &str, version: &str| YankedPackage {
            package: package.to_owned(),
            version: version.to_owned(),
            reason: "broken".to_owned(),
        };
        let lock = |packages: &[LockedPackage], yanked: &[YankedPackage]| Lock {
            pip_url: String::new(),
            python: String::new(),
            resolved: None,
            spile: String::new(),
            yanked: yanked.to_vec(),
            packages: packages.to_vec(),
        };
        let told = |change: &PackageChange| {
            let PackageChange { package, before, after, only_hashes, yanked } = change;
            format!("{package} {before:?} {after:?} {only_hashes}{}", yanked.as_deref().unwrap_or_default())
        };
        let new = lock(&after, &[yanked("Up", "2"), yanked("gone", "1"), yanked("new", "1")]);
        let told: Vec<_> = Difference::between(&before, &new).0.iter().map(told).collect();
        assert_eq!(
            told,
            [
                "gone [\"1\"] [] false",
                "hash [\"1\"] [\"1\"] true",
                "new [] [\"2\"] false",
                "up [\"1\"] [\"2\"] falsebroken"
            ]
        );
        assert!(Difference::between(&before, &lock(&before, &[])).is_empty());
    }
}
