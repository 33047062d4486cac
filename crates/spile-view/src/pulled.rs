//! The result of a pull from `meltano.yml`, as people read it.

use super::{CHANGED, GOOD, QUIET, STRONG, plain, styled};
use spile_core::name::FieldPath;
use spile_core::problem::listed;
use spile_core::render::TEMPLATE_FILE;
use spile_ops::pull::PulledEdits;

/// Returns what was written, what was skipped, and the next step.
#[must_use]
pub fn text(pulled: &PulledEdits) -> String {
    let mut lines = Vec::new();
    let changed = styled(GOOD.bold(), "Changed:");
    if !pulled.kept.is_empty() {
        lines.push(format!("{changed} {TEMPLATE_FILE}"));
        lines.extend(pulled.kept.iter().map(|edit| format!("  {}", plain(&edit.phrase().to_string()))));
    }
    for (path, fields) in &pulled.fields {
        let fields: Vec<&str> = fields.iter().map(FieldPath::as_str).collect();
        lines.push(format!("{changed} {}: {}", path.display(), plain(&fields.join(", "))));
        if let Some(names) = pulled.encrypted.get(path) {
            let names = listed(names.iter().map(String::as_str));
            lines.push(format!("  {names} stood in plain text in meltano.yml and is encrypted now"));
        }
    }
    let warned = styled(CHANGED, "!");
    for name in &pulled.in_clear {
        let name = plain(name);
        lines.push(format!("{warned} `{name}` looks like a secret and is in plain text in the template"));
        lines.push(styled(QUIET, "  put it into a variable: write `${NAME}` there and the value into `.env`"));
    }
    lines.extend(pulled.left.iter().map(|left| format!("{warned} {}", plain(left))));
    if lines.is_empty() {
        return "meltano.yml holds nothing that the files do not say\n".to_owned();
    }
    if !pulled.files.is_empty() {
        lines.push(format!("{} spile plan", styled(STRONG, "Next:")));
    }
    super::harmless(&(lines.join("\n") + "\n"))
}
