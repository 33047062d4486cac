//! An import as text and as data, without secrets.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::{Value, json};
use similar::TextDiff;

use spile_core::import::{NewFile, Note};
use spile_core::secrecy::{self, masked};
use spile_ops::counted;
use spile_ops::import::{ImportOutcome, Prepared, Readers};
use spile_view::{CHANGED, GOOD, QUIET, STRONG, styled};

/// Returns what an import would do, as text.
#[must_use]
pub fn text(prepared: &Prepared) -> String {
    let mut text = format!("{}\n", styled(STRONG, "New files"));
    for file in &prepared.files {
        let secrets = file.secrets.len();
        let encrypted =
            if secrets == 0 { String::new() } else { format!(" ({} encrypted)", counted(secrets, "secret")) };
        let _ = writeln!(text, "  {} {}{}", styled(GOOD, "+"), file.path.display(), styled(QUIET, &encrypted));
    }
    text.push_str(&readers(&prepared.readers));
    for path in &prepared.included {
        let _ = writeln!(
            text,
            "    {} is merged into the template; its new first line says that it is no longer used",
            path.display()
        );
    }
    text.push_str(&secrets(prepared));
    let _ = writeln!(text, "\n{}", styled(STRONG, "meltano.yml, with the same meaning for Meltano"));
    for line in diff(prepared).lines() {
        let line = match line.chars().next() {
            Some('+') => styled(GOOD, line),
            Some('-') => styled(CHANGED, line),
            _ => line.to_owned(),
        };
        let _ = writeln!(text, "  {line}");
    }
    if !prepared.notes.is_empty() {
        let _ = writeln!(text, "\n{}", styled(STRONG, "Notes"));
    }
    text + &notes(&prepared.notes)
}

fn readers(readers: &Readers) -> String {
    let plus = styled(GOOD, "+");
    match readers {
        Readers::Nobody => String::new(),
        Readers::Rules(path) => format!("    secrets are encrypted for the recipients in {}\n", path.display()),
        Readers::Given(_) => format!("  {plus} .sops.yaml, for the recipients on the command line\n"),
        Readers::Own => format!("  {plus} .sops.yaml, for your own key; a key is created if you have none\n"),
    }
}

/// Returns the question before writing.
#[must_use]
pub fn question(prepared: &Prepared) -> String {
    let files = counted(prepared.files.len(), "file");
    format!("Write {files} and meltano.yml?")
}

/// Returns the import as data.
#[must_use]
pub fn data(prepared: &Prepared, written: Option<&ImportOutcome>) -> Value {
    let integrations = prepared.adopted.iter().map(|one| {
        json!({"slug": one.slug, "kind": one.key.role, "plugin": one.key.name, "type": one.connector, "loader": one.loader})
    });
    let secrets = encrypted(prepared).map(|(file, name)| json!({"file": file, "name": name}));
    json!({
        "files": prepared.files.iter().map(|file| file.path.clone()).collect::<Vec<_>>(),
        "included": prepared.included,
        "integrations": integrations.collect::<Vec<_>>(),
        "secrets": secrets.collect::<Vec<_>>(),
        "meltano_yml": {"diff": diff(prepared)},
        "notes": prepared.notes,
        "written": written,
    })
}

fn secrets(prepared: &Prepared) -> String {
    let sealed = prepared.files.iter().filter(|file| !file.secrets.is_empty());
    let line = |file: &NewFile| {
        let names: Vec<&str> = file.secrets.iter().map(|(name, _)| name.as_str()).collect();
        format!("    {}: {}\n", file.path.display(), names.join(", "))
    };
    let names: Vec<String> = sealed.map(line).collect();
    if names.is_empty() {
        return String::new();
    }
    let head = styled(STRONG, "Found in plain text and encrypted");
    let advice = "    rotate them if the file was ever committed or shared";
    format!("\n{head}\n{}{}\n", names.concat(), styled(QUIET, advice))
}

fn encrypted(prepared: &Prepared) -> impl Iterator<Item = (String, &str)> {
    let of = |file: &NewFile| file.path.display().to_string();
    prepared.files.iter().flat_map(move |file| file.secrets.iter().map(move |(name, _)| (of(file), name.as_str())))
}

fn diff(prepared: &Prepared) -> String {
    let (names, copies) = (encrypted(prepared).map(|(_, name)| name).collect::<BTreeSet<&str>>(), &prepared.copies);
    // The lines around a change may contain a secret in an unexpected place, for example in the name of a key.
    let shown = |text: &str| secrecy::struck(&masked(text, &names, copies)).into_owned();
    let (before, after) = (shown(&prepared.original), shown(&prepared.rendered));
    TextDiff::from_lines(before.as_str(), after.as_str())
        .unified_diff()
        .context_radius(2)
        .header("a/meltano.yml", "b/meltano.yml")
        .to_string()
}

/// Returns the notes; groups those that say the same about several lines.
pub(super) fn notes(notes: &[Note]) -> String {
    let mut groups: Vec<(&Note, Vec<usize>)> = Vec::new();
    for note in notes {
        match groups.iter_mut().find(|(first, _)| (&first.message, &first.help) == (&note.message, &note.help)) {
            Some((_, lines)) => lines.extend(note.line),
            None => groups.push((note, note.line.into_iter().collect())),
        }
    }
    groups.into_iter().map(|(note, lines)| group(note, &lines)).collect()
}

fn group(note: &Note, lines: &[usize]) -> String {
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    let place = if lines.is_empty() { String::new() } else { format!("meltano.yml:{}: ", lines.join(", ")) };
    let help = note.help.as_ref().map_or_else(String::new, |help| format!("    {}\n", styled(QUIET, help)));
    format!("  {} {place}{}\n{help}", styled(CHANGED, "!"), note.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_that_say_the_same_of_several_lines_are_one() {
        let note = |line, message: &str| Note { line, message: message.into(), help: None };
        let shown = notes(&[note(Some(3), "a"), note(None, "b"), note(Some(5), "a"), note(Some(9), "c")]);
        let plain = anstream::adapter::strip_str(&shown).to_string();
        assert_eq!(plain, "  ! meltano.yml:3, 5: a\n  ! b\n  ! meltano.yml:9: c\n");
    }
}
