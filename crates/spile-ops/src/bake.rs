//! `bake`: installs Meltano and the plugins of integrations, so that a later sync needs no network.
//!
//! For the layer of an image. It reads no secret and asks no registry, so it needs neither keys nor variables.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::watch;
use uuid::Uuid;

use super::invocation::{self, Invocation};
use super::lock::subjects;
use super::{Error, Event, Loaded, RunSelection, Tell};
use spile_core::integration::Integration;
use spile_core::locks::MELTANO;
use spile_core::name::EnvironmentName;
use spile_world::World;
use spile_world::files::project::OWN_FOLDER;
use spile_world::processes::meltano::{Host, Request};

/// What to install, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The environment.
    pub environment: EnvironmentName,
    /// The integrations. Unless it is named by its whole name, an integration must be enabled.
    pub which: RunSelection,
    /// The part of the user's environment that installers get.
    pub host: Host,
    /// Whether the user interrupts.
    pub interrupt: watch::Receiver<bool>,
}

/// What became of an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BakeState {
    /// It was installed before.
    Unchanged,
    /// It was installed.
    Installed,
}

/// Something that is installed now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Baked {
    /// The plugin, or `meltano`.
    pub name: String,
    /// What became of it.
    pub state: BakeState,
    /// Whether its versions come from a lock.
    pub locked: bool,
}

/// Installs Meltano and the plugins of the selected integrations with their loaders and mappers.
///
/// # Errors
/// When a name is unknown, or something cannot be installed.
pub async fn bake(world: &World, loaded: &Loaded, options: &Options, tell: Tell<'_>) -> Result<Vec<Baked>, Error> {
    let chosen = chosen(world, loaded, options).await?;
    let all = subjects(&world.meltano, loaded)?;
    let locked = |name: &str| all.get(name).and_then(|subject| subject.lock_in_use(&world.meltano)).is_some();
    let was_installed = world.meltano.is_installed();
    invocation::install(world, &options.host, &options.interrupt, tell).await?;
    let mut baked = vec![Baked { name: MELTANO.to_owned(), state: state(was_installed), locked: locked(MELTANO) }];
    let mut known = BTreeSet::new();
    for integration in &chosen {
        let request = request(world, loaded, integration, options)?;
        let plugins = world.meltano.plugins(&request);
        if !world.meltano.is_ready(&request) {
            tell(Event::Preparing { slug: integration.slug.clone() });
            world.meltano.make_ready(&request, &mut options.interrupt.clone()).await?;
        }
        for (name, was_installed) in plugins {
            if known.insert(name.clone()) {
                let locked = locked(&name);
                baked.push(Baked { name, state: state(was_installed), locked });
            }
        }
    }
    baked[1..].sort_by(|one, other| one.name.cmp(&other.name));
    Ok(baked)
}

fn state(was_installed: bool) -> BakeState {
    if was_installed { BakeState::Unchanged } else { BakeState::Installed }
}

async fn chosen(world: &World, loaded: &Loaded, options: &Options) -> Result<Vec<Arc<Integration>>, Error> {
    let mut chosen = options.which.among(world, loaded).await?;
    chosen.retain(|one| options.which.names(&one.slug) || one.at(&options.environment).enabled);
    Ok(chosen)
}

/// Returns the request of a sync, as far as the installation of its plugins needs it.
fn request(
    world: &World,
    loaded: &Loaded,
    integration: &Arc<Integration>,
    options: &Options,
) -> Result<Request, Error> {
    let run = Uuid::new_v4();
    let folder = Path::new(OWN_FOLDER).join("logs").join(integration.slug.as_str()).join("bake");
    let invocation = Invocation {
        run,
        environment: options.environment.clone(),
        log: folder.join(format!("{run}.log")),
        timeout: None,
        host: options.host.clone(),
        hold: None,
    };
    let destination = integration.at(&options.environment).loader.as_ref();
    let destination = destination.and_then(|slug| loaded.integrations.find(slug.as_str()));
    invocation::without_secrets(world, loaded, integration, destination, invocation)
}
