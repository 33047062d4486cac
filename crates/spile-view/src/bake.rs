//! What `spile bake` installed, as text for people and as data.

use serde_json::{Value, json};

use super::{CHANGED, GOOD, QUIET, STRONG, harmless, styled};
use spile_ops::bake::{BakeState, Baked};

/// Returns the installations, one line for each, and the next step if some have no lock.
#[must_use]
pub fn baked(baked: &[Baked]) -> String {
    let mut text: String = baked.iter().map(line).collect();
    if baked.iter().any(|one| !one.locked) {
        text.push_str("run `spile lock` and commit `locks/`, so that every image gets the same versions\n");
    }
    text
}

fn line(baked: &Baked) -> String {
    let (style, word) = match baked.state {
        BakeState::Installed => (GOOD, "installed"),
        BakeState::Unchanged => (QUIET, "unchanged"),
    };
    let name = styled(STRONG, &harmless(&baked.name));
    let locked = if baked.locked { String::new() } else { styled(CHANGED, " without a lock") };
    format!("{} {name}{locked}\n", styled(style, word))
}

/// Returns the installations as data.
#[must_use]
pub fn data(baked: &[Baked]) -> Value {
    json!({ "installed": baked })
}
