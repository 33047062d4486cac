//! The definition that a tap or target prints with `--about`.

use crate::{Error, Event, Tell};
use spile_core::definition;
use spile_core::source::Source;
use spile_world::processes::meltano::{About, AboutQuestion};

use serde_json::Value;
use tokio::sync::watch;

/// Asks a tap or target of the Singer SDK what it takes, and completes with its command what is asked of the definition.
///
/// # Errors
/// When it cannot be installed, or does not say it.
pub async fn about(
    asked: &AboutQuestion<'_>,
    wanted: &mut definition::DefinitionHints,
    interrupt: &mut watch::Receiver<bool>,
    tell: Tell<'_>,
) -> Result<Source, Error> {
    tell(Event::AskingPlugin { requirement: asked.requirement.to_owned() });
    let About { executable, text } = About::ask(asked, interrupt).await?;
    // A name alone is the newest version, which it says itself: every install is to be the same.
    let version = version(&text).filter(|_| is_plain(asked.requirement));
    let requirement = asked.requirement.trim();
    wanted.pip_url =
        Some(version.map_or_else(|| requirement.to_owned(), |version| format!("{requirement}=={version}")));
    wanted.from = Some(format!("pip:{requirement}"));
    let source = Source::new(format!("{executable} --about --format=json"), text);
    wanted.executable = Some(executable);
    Ok(source)
}

/// Tells whether a requirement is a name, with or without extras, and nothing else.
fn is_plain(requirement: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '[' | ']' | ',');
    requirement.trim().starts_with(|c: char| c.is_ascii_alphanumeric()) && requirement.trim().chars().all(letter)
}

/// Returns the version that a tap says it has, where that is one (PEP 440).
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
