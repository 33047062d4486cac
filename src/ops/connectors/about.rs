//! The definition that a tap or target gives of itself.

use crate::definition;
use crate::ops::{Error, Event, Tell};
use crate::source::Source;
use crate::world::meltano::{About, Asked};

use tokio::sync::watch;

/// Asks a tap or target of the Singer SDK what it takes, and completes with its command what is asked of the definition.
///
/// # Errors
/// When it cannot be installed, or does not say it.
pub async fn about(
    asked: &Asked<'_>,
    wanted: &mut definition::Asked,
    interrupt: &mut watch::Receiver<bool>,
    tell: Tell<'_>,
) -> Result<Source, Error> {
    tell(Event::AskingPlugin { requirement: asked.requirement.to_owned() });
    let About { executable, text } = About::ask(asked, interrupt).await?;
    let source = Source::new(format!("{executable} --about --format=json"), text);
    wanted.pip_url = Some(asked.requirement.to_owned());
    wanted.executable = Some(executable);
    Ok(source)
}
