//! Lock files, as text for people and as data.

use serde_json::{Value, json};

use super::{BAD, CHANGED, GOOD, QUIET, STRONG, harmless, styled};
use spile_core::locks::PackageChange;
use spile_ops::counted;
use spile_ops::lock::{LockState, PluginLock};

/// Returns the locks, one line for each, with the packages that changed below it.
#[must_use]
pub fn locks(locks: &[PluginLock]) -> String {
    let mut text = String::new();
    for lock in locks {
        text.push_str(&line(lock));
        // All packages of a new lock are new, so only withdrawn ones are worth a line.
        let is_shown = |change: &&PackageChange| match lock.state {
            LockState::Changed => true,
            LockState::Created => change.yanked.is_some(),
            _ => false,
        };
        text.extend(lock.changes.0.iter().filter(is_shown).map(|change| format!("  {}\n", package(change))));
    }
    if locks.iter().any(|lock| matches!(lock.state, LockState::Created | LockState::Changed | LockState::Confirmed)) {
        text.push_str("commit `locks/`; the next test or sync installs from it\n");
    }
    text
}

fn line(lock: &PluginLock) -> String {
    let packages = counted(lock.packages, "package");
    let (style, word, detail) = match lock.state {
        LockState::Unchanged => (QUIET, "locked", packages),
        LockState::Created => (GOOD, "created", packages),
        LockState::Changed if lock.changes.is_empty() => (CHANGED, "changed", format!("{packages}, same versions")),
        LockState::Changed => (CHANGED, "changed", packages),
        LockState::Confirmed => (GOOD, "confirmed", format!("{packages}, still the newest versions that fit")),
        LockState::Missing => (BAD, "missing", format!("run `spile lock {}`", lock.name)),
        LockState::Unlockable => (CHANGED, "unlockable", lock.reason.clone().unwrap_or_default()),
        LockState::Stale => (BAD, "stale", lock.reason.clone().unwrap_or_default()),
    };
    format!("{} {} {}\n", styled(style, word), styled(STRONG, &harmless(&lock.name)), harmless(&detail))
}

/// Returns the plugins that will be reinstalled because their locks have changed; empty if there are none.
#[must_use]
pub fn pending(locks: &[PluginLock]) -> String {
    let plugin = |lock: &PluginLock| {
        let packages: Vec<String> = lock.changes.0.iter().map(|change| format!("  {}", package(change))).collect();
        let name = styled(STRONG, &harmless(&lock.name));
        format!("the next run reinstalls {name} from its new lock:\n{}\n", packages.join("\n"))
    };
    locks.iter().map(plugin).collect()
}

/// Returns how a package changed: `+` added, `-` removed, `~` another version.
#[must_use]
pub fn package(change: &PackageChange) -> String {
    let (name, before, after) = (harmless(&change.package), change.before.join(", "), change.after.join(", "));
    let withdrawn = match change.yanked.as_deref() {
        None => String::new(),
        Some("") => " (withdrawn by its authors)".to_owned(),
        Some(reason) => format!(" (withdrawn by its authors: {})", harmless(reason)),
    };
    let after = after + &withdrawn;
    match (change.before.is_empty(), change.after.is_empty()) {
        (true, _) => styled(GOOD, &format!("+ {name} {after}")),
        (false, true) => styled(BAD, &format!("- {name} {before}")),
        (false, false) if change.only_hashes => styled(CHANGED, &format!("~ {name} {after}: other hashes")),
        (false, false) => styled(CHANGED, &format!("~ {name} {before} -> {after}")),
    }
}

/// Returns the locks as data.
#[must_use]
pub fn data(locks: &[PluginLock]) -> Value {
    json!({ "locks": locks })
}
