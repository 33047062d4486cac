//! What is read of a source: the streams that it offers, asked once its connection has been tested.

use tokio::sync::watch;

use super::ask::{self, Choice, Default};
use crate::cli::discover::PATIENCE;
use crate::cli::run::pass_on;
use crate::cli::{Global, Output, host};
use crate::ops::discover::{Freshness, Options};
use crate::ops::new::Prepared;
use crate::ops::{self, Error};
use crate::world::World;

/// Asks which streams are read, and returns them as `select` has them; nothing where that is all, nobody wants to choose,
/// or the source does not say what it offers.
pub(super) async fn chosen(
    prepared: &Prepared,
    (global, output): (&Global, &mut Output),
) -> Result<Vec<String>, Error> {
    if !ask::yes("Choose the streams that are read? (its source is asked what it offers)", Default::No)? {
        return Ok(Vec::new());
    }
    let names = match offered(prepared, (global, output)).await {
        Ok(names) => names,
        Err(error) => {
            output.error(&error);
            return Ok(Vec::new());
        }
    };
    let count = names.len();
    let choices = || names.iter().map(|name| Choice { shown: name.clone(), is: name.clone() }).collect();
    let mut taken = ask::all("Which streams are read?", choices())?;
    while taken.is_empty() {
        output.note("none is chosen: choose at least one\n");
        taken = ask::all("Which streams are read?", choices())?;
    }
    if taken.len() == count {
        return Ok(Vec::new());
    }
    Ok(taken.into_iter().map(|choice| format!("{}.*", choice.is.replace('.', "\\."))).collect())
}

async fn offered(prepared: &Prepared, (global, output): (&Global, &mut Output)) -> Result<Vec<String>, Error> {
    let world =
        World::offline(&prepared.project, &prepared.loaded.settings, &global.outside(&prepared.project, output)?);
    let (interrupted, interrupt) = watch::channel(false);
    let options = Options {
        environment: prepared.loaded.environment(global.environment.as_deref())?,
        freshness: Freshness::Kept,
        timeout: Some(PATIENCE),
        host: host(),
        interrupt,
    };
    let signals = tokio::spawn(pass_on(interrupted));
    let of = (prepared.slug.as_str(), &options);
    let offer = ops::discover(&world, &prepared.loaded, of, &mut |event| output.event(&event)).await;
    signals.abort();
    Ok(offer?.discovered.streams.into_iter().map(|stream| stream.name).collect())
}
