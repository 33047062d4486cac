//! `rollback`: plans the way back to the state after an earlier apply.

use std::collections::{BTreeMap, BTreeSet};

use super::{Error, Loaded};
use spile_core::integration::Choices;
use spile_core::name::EnvironmentName;
use spile_core::plan::history::{Applied, Left, Pruned};
use spile_core::plan::{Compared, Desired, Findings, Head, Outputs, Plan, Scope};
use spile_world::World;

/// How many applies are searched for one whose id starts with the given text.
const FAR: usize = 1000;

/// A plan back to the state after an earlier apply.
#[derive(Debug)]
pub struct Rollback {
    /// The apply.
    pub apply: Applied,
    /// The changes that lead back to it.
    pub plan: Plan,
    /// Whether `meltano.yml` is rolled back too. For very large files, the hosted registry stores only the hash.
    pub with_file: bool,
}

/// Plans the way back to the state after an apply: rows with their earlier ciphertexts, and the earlier `meltano.yml`. The
/// project's files are not changed.
///
/// # Errors
/// When no apply matches, or a target cannot be read.
pub async fn rollback(
    world: &World,
    loaded: &Loaded,
    environment: &EnvironmentName,
    of: &str,
) -> Result<Rollback, Error> {
    let apply = match find(&world.registry.applies(FAR).await?, of) {
        Err(Error::NoApply { of }) => return Err(missing(of, world.registry.pruned().await?)),
        found => found?,
    };
    let left = world.registry.left_by(apply.id).await?;
    let Left { apply, rows, adopted, text } = left.ok_or_else(|| Error::NoApply { of: of.to_owned() })?;
    let mut current = super::plan::targets(world).await?;
    // Adoptions that were not yet recorded with their row roll back only the ownership.
    let released = adopted.into_iter().filter_map(|(id, row)| {
        let row = row.or_else(|| current.registry.state.get(&id).cloned())?;
        Some((id, row))
    });
    current.registry.released = released.collect();
    let with_file = text.is_some();
    let text = text.unwrap_or_else(|| current.meltano.document.clone());
    let meltano = if with_file { super::plan::left_entries(&text)? } else { current.meltano.state.clone() };
    let desired = Desired { registry: rows, meltano, protected: BTreeSet::new() };
    let desired = Scope::Everything.narrow(desired, &current);
    let text = if desired.protected.is_empty() { text } else { loaded.render(&desired.meltano)? };
    let head = Head {
        project: loaded.settings.name.clone(),
        environment: environment.clone(),
        scope: Scope::Everything,
        compared: Compared::Both,
        spared: BTreeSet::new(),
        outputs: Outputs::default(),
        choices: BTreeMap::new(),
        asked: Choices::default(),
    };
    let plan = Plan::new(head, &current, &desired, &loaded.integrations, text);
    let after = plan.meltano.after.as_str();
    let hand_edits = super::plan::edited_by_hand(world, &current.meltano, after, Compared::Both).await?;
    let seen = super::secrets::seen(&world.keys, &plan.registry).await;
    let plan = plan.with(Findings { hand_edits, seen, ..Findings::default() });
    Ok(Rollback { apply, plan, with_file })
}

/// Returns the error for an apply that does not exist, or is possibly no longer kept.
fn missing(of: String, pruned: Option<Pruned>) -> Error {
    match pruned {
        Some(Pruned { applies, until }) => Error::PrunedApply { of, applies, until },
        None => Error::NoApply { of },
    }
}

/// Finds an apply by its id, or by the start of its id.
fn find(applies: &[Applied], of: &str) -> Result<Applied, Error> {
    let mut found = applies.iter().filter(|apply| apply.id.to_string().starts_with(&of.to_lowercase()));
    match (found.next(), found.next()) {
        (Some(apply), None) if !of.is_empty() => Ok(apply.clone()),
        (None, _) | (Some(_), None) => Err(Error::NoApply { of: of.to_owned() }),
        (Some(_), Some(_)) => Err(Error::AmbiguousApply { of: of.to_owned() }),
    }
}
