//! Secrets as people read them: their names, and never their values.

use jiff::Timestamp;

use super::ago::ago;
use super::{CHANGED, QUIET, STRONG, plain, styled};
use spile_core::integration::rotated::Rotation;
use spile_ops::counted;
use spile_ops::secrets::ListedSecrets;

/// Returns the names of secrets, who can decrypt them, and which of them a source has rotated.
#[must_use]
pub fn list(listed: &[ListedSecrets], now: Timestamp) -> String {
    if listed.is_empty() {
        return "no integration has secrets\n".to_owned();
    }
    let mut lines = Vec::new();
    for one in listed {
        let recipients = counted(one.recipients.len(), "recipient");
        let place = styled(QUIET, &format!("{}, {recipients}", plain(&one.path.display().to_string())));
        lines.push(format!("{} {place}", styled(STRONG, one.slug.as_str())));
        let width = one.names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        for name in &one.names {
            let rotation = one.rotated.iter().find(|rotation| rotation.name == *name);
            let note = rotation.map(|rotation| styled(CHANGED, &since(rotation, now))).unwrap_or_default();
            lines.push(format!("  {:width$}  {note}", plain(name)).trim_end().to_owned());
        }
    }
    super::harmless(&(lines.join("\n") + "\n"))
}

/// Returns how long ago a source has rotated a secret.
#[must_use]
pub fn since(rotation: &Rotation, now: Timestamp) -> String {
    format!("rotated by the source {} on {}", ago(rotation.at, now), plain(&rotation.host))
}
