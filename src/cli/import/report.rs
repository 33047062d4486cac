//! The report of an import as text.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use super::words::notes;
use spile_ops::counted;
use spile_ops::import::report::{Became, NotRun, Report, Sealed, TemplatePart};
use spile_view::{GOOD, QUIET, STRONG, styled};

/// Returns a report as text.
#[must_use]
pub fn text(report: &Report) -> String {
    let counts = &report.counts;
    let mut text = head(&counted(counts.integrations, "integration"));
    report.integrations.iter().for_each(|one| text.push_str(&became(one)));
    let others = report.files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    let _ = writeln!(text, "  with {others}: {} in all", counted(counts.files, "new file"));
    text.push_str(&head(&format!("{} in the template", counts.template)));
    text.push_str(&kept(&report.template));
    text.push_str(&head(&format!("{} not run by spile", counts.not_run)));
    report.not_run.iter().for_each(|one| text.push_str(&not_run(one)));
    text.push_str(&head(&format!("{} in plain text, to be encrypted", counted(counts.secrets, "secret"))));
    for Sealed { file, name } in &report.secrets {
        let _ = writeln!(text, "  {}: {name}", file.display());
    }
    if !report.notes.is_empty() {
        text.push_str(&head(&format!("{} to know", counted(counts.notes, "thing"))));
    }
    text.push_str(&notes(&report.notes));
    let _ = writeln!(text, "\n{}", styled(QUIET, "Nothing was written."));
    text.trim_start().to_owned()
}

fn head(words: &str) -> String {
    format!("\n{}\n", styled(STRONG, words))
}

fn became(one: &Became) -> String {
    let paths = |files: &[PathBuf]| files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    let through: Vec<String> = one.mappers.iter().map(|mapper| format!(" through `{mapper}`")).collect();
    let through = through.concat();
    let to = one.loader.as_ref().map(|loader| format!("{through} to `{loader}`")).unwrap_or_default();
    format!("  {} the {} `{}`{to}: {}\n", styled(GOOD, "+"), one.kind, one.plugin, paths(&one.files))
}

fn kept(template: &[TemplatePart]) -> String {
    let mut lists: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for TemplatePart { list, name, why } in template {
        let why = why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        lists.entry(list).or_default().push(format!("{name}{why}"));
    }
    let lines: Vec<String> =
        lists.into_iter().map(|(list, names)| format!("  {list}: {}\n", names.join(", "))).collect();
    lines.concat()
}

fn not_run(one: &NotRun) -> String {
    let command = one.command.as_ref().map(|command| format!("; run `{command}`")).unwrap_or_default();
    format!("  `{}` of `{}` {}{command}\n", one.name, one.list, one.why)
}
