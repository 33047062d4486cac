//! The definition that a tap or target prints for `--about`.

use crate::{Error, Event, Tell};
use spile_core::definition;
use spile_core::source::Source;
use spile_world::processes::meltano::{About, AboutQuestion};

use serde_json::Value;
use tokio::sync::watch;

/// Asks a tap or target built with the Singer SDK for its definition, and adds the requirement and the command to the
/// hints.
///
/// # Errors
/// When it cannot be installed, or does not print a definition.
pub async fn about(
    asked: &AboutQuestion<'_>,
    wanted: &mut definition::DefinitionHints,
    interrupt: &mut watch::Receiver<bool>,
    tell: Tell<'_>,
) -> Result<Source, Error> {
    tell(Event::AskingPlugin { requirement: asked.requirement.to_owned() });
    let About { executable, text } = About::ask(asked, interrupt).await?;
    // A name alone means the newest version, which the plugin reports itself. Pinning it makes every install the same.
    let version = version(&text).filter(|_| is_plain(asked.requirement));
    let requirement = asked.requirement.trim();
    wanted.pip_url =
        Some(version.map_or_else(|| requirement.to_owned(), |version| format!("{requirement}=={version}")));
    wanted.from = Some(format!("pip:{requirement}"));
    let source = Source::new(format!("{executable} --about --format=json"), text);
    wanted.executable = Some(executable);
    Ok(source)
}

/// Tells whether a requirement is only a name, with or without extras.
fn is_plain(requirement: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '[' | ']' | ',');
    requirement.trim().starts_with(|c: char| c.is_ascii_alphanumeric()) && requirement.trim().chars().all(letter)
}

/// Returns the version that a tap reports, if it is a valid version (PEP 440).
fn version(about: &str) -> Option<String> {
    let said: Value = serde_json::from_str(about).ok()?;
    let version = said["version"].as_str()?.trim();
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '!' | '-' | '_');
    let is_version = version.starts_with(|c: char| c.is_ascii_digit()) && version.chars().all(letter);
    is_version.then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_alone_is_pinned() {
        assert!(is_plain("meltanolabs-tap-github") && is_plain(" tap-x[s3] "));
        assert!(!is_plain("tap-x==1") && !is_plain("tap-x>=1") && !is_plain("./tap-x") && !is_plain("git+https://x/y"));
        assert_eq!(version(r#"{"version": "1.30.1"}"#).as_deref(), Some("1.30.1"));
        assert_eq!(version(r#"{"version": "[could not be detected]"}"#), None);
        assert_eq!(version("garbage"), None);
    }
}
