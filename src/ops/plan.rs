//! `plan`: reads both targets and works out what would change; writes nothing.

use tokio::try_join;

use super::{Error, Loaded};
use crate::name::EnvironmentName;
use crate::plan::{self, Current, Desired, Plan, Scope};
use crate::world::World;

/// What a plan is about.
#[derive(Debug, Clone)]
pub struct Options {
    /// The environment whose rows are planned.
    pub environment: EnvironmentName,
    /// Which integrations.
    pub scope: Scope,
}

/// Works out what apply would do.
///
/// # Errors
/// When a target cannot be read, or the scope names what is not there.
pub async fn plan(world: &World, loaded: &Loaded, options: &Options) -> Result<Plan, Error> {
    let current = read(world).await?;
    let asked = plan::desired(&loaded.integrations, &loaded.settings, &options.environment);
    let unknown = options.scope.unknown(&asked, &current);
    if !unknown.is_empty() {
        let names: Vec<String> = unknown.iter().map(ToString::to_string).collect();
        let known: Vec<&str> = loaded.integrations.iter().map(|known| known.slug.as_str()).collect();
        return Err(super::unknown_names(&names, &known));
    }
    let mut plan = between(&current, asked, loaded, options)?;
    super::secrets::verify(&world.keys, &mut plan).await;
    Ok(plan)
}

/// Works out what an apply has left to do: a name that it deleted is known to nobody any more.
pub(super) async fn left(world: &World, loaded: &Loaded, options: &Options) -> Result<Plan, Error> {
    let asked = plan::desired(&loaded.integrations, &loaded.settings, &options.environment);
    between(&read(world).await?, asked, loaded, options)
}

async fn read(world: &World) -> Result<Current, Error> {
    let (registry, meltano) = try_join!(world.registry.read(), world.meltano_file.read())?;
    Ok(Current { registry, meltano })
}

fn between(current: &Current, asked: Desired, loaded: &Loaded, options: &Options) -> Result<Plan, Error> {
    let desired = options.scope.narrow(asked, current);
    let is_whole = options.scope == Scope::Everything && desired.protected.is_empty();
    let text = if is_whole { loaded.rendered.clone() } else { loaded.render(&desired.meltano)? };
    let head = (loaded.settings.name.clone(), options.environment.clone(), options.scope.clone());
    Ok(Plan::new(head, current, &desired, (&loaded.integrations, text)))
}
