//! `import`: adopts a Meltano project. Everything is prepared, checked and compared in memory, and then written completely
//! or not at all.

mod attempt;
mod error;
mod proof;
mod read;
pub mod report;
mod strays;
mod write;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::Error as OpsError;
use super::check::Loaded;
use attempt::{FailedAttempt, attempt};
use spile_core::connector::Catalog;
use spile_core::import::{self, Adopted, Import, LeftAlone, NewFile, Note};
use spile_core::phrase;
use spile_core::phrase::Phrase;
use spile_core::problem::Problems;
use spile_core::render::{FILE_NAME, TEMPLATE_FILE, read::is_rendered};
use spile_core::secrecy::{self, Copies, clear, is_name, said};
use spile_core::secret::Secret;
use spile_core::sops::DataKey;
use spile_core::source::Source;
use spile_core::yaml::Document;
use spile_world::files::io_error::IoError;
use spile_world::files::project::{SETTINGS, recover};
use spile_world::{Keys, Project};

pub use error::Error;
pub use write::{ImportOutcome, carry_out};

/// The options of an import.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The project's name, instead of the folder's.
    pub name: Option<String>,
    /// The age recipients of the secrets, if there is no `.sops.yaml`.
    pub recipients: Vec<String>,
}

/// A prepared and checked import. Nothing is written yet.
#[derive(Debug)]
pub struct Prepared {
    project: Project,
    /// The original `meltano.yml`.
    pub original: String,
    /// The new `meltano.yml`.
    pub rendered: String,
    /// The secrets that are encrypted, to keep them out of everything that is shown.
    pub copies: Copies,
    /// The included files that are merged into the template. They stay in place.
    pub included: Vec<PathBuf>,
    /// The new files, sorted by path.
    pub files: Vec<NewFile>,
    /// The plugins that become integrations.
    pub adopted: Vec<Adopted>,
    /// The plugins that stay in the template, and why.
    pub left: LeftAlone,
    /// The recipients of the secrets.
    pub readers: Readers,
    /// Notes for the user.
    pub notes: Vec<Note>,
}

/// The recipients of the secrets that are encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readers {
    /// There are no secrets.
    Nobody,
    /// The recipients in this `.sops.yaml`.
    Rules(PathBuf),
    /// These recipients. The import creates `.sops.yaml`.
    Given(Vec<String>),
    /// The user. The import creates `.sops.yaml`, and a key if the user has none.
    Own,
}

/// Prepares the import of a folder.
///
/// # Errors
/// When there is no file to import, Meltano would refuse it, a file is in the way, or the result would not mean the same.
pub fn prepare(folder: &Path, keys: &Keys, options: &Options) -> Result<Prepared, OpsError> {
    let project = Project::at(folder);
    recover(folder).map_err(IoError::of("put back the files of", "."))?;
    let source = read::meltano_yml(folder)?;
    if is_rendered(source.text()) {
        return Err(Error::Rendered.into());
    }
    let (included, text) = read::merged(folder, &source)?;
    let whole = Source::new(FILE_NAME, text);
    let text = import::prepared(whole.text()).map_err(|mistake| refused(&whole, mistake))?;
    let locks = read::locks(folder);
    let catalog = Catalog::new(&[], &mut Problems::default());
    let mut left = LeftAlone::new();
    loop {
        let mut import =
            import::import(&text, &catalog, &locks, &mut left).map_err(|mistake| refused(&whole, mistake))?;
        let known = left.len();
        let files = own_files(&project, &mut import, options);
        in_the_way(&project, &files)?;
        let attempted = attempt(&project, &import, &files, &mut left);
        if !import.left_secrets.is_empty()
            && !matches!(attempted, Err(FailedAttempt::Again | FailedAttempt::Refused(_)))
        {
            return Err(all_refused(&Source::new(FILE_NAME, text), import.left_secrets));
        }
        match attempted {
            Ok(loaded) => {
                for note in &mut import.notes {
                    note.line = line_before(source.text(), &text, note);
                }
                let prepared =
                    prepared(project, keys, Original { source, included }, Outcome { import, files, loaded }, options)?;
                return Ok(Prepared { left, ..prepared });
            }
            // Plugins that cannot be expressed stay as they are, and the rest is tried again.
            Err(FailedAttempt::Again) if left.len() > known => {}
            Err(FailedAttempt::Again) => return Err(refused(&whole, unfaithful("the file as a whole"))),
            Err(FailedAttempt::Refused(error)) => return Err(*error),
            Err(FailedAttempt::Differs(path)) => return Err(refused(&whole, unfaithful(&import.copies.struck(&path)))),
        }
    }
}

fn refused(source: &Source, mistake: import::ImportMistake) -> OpsError {
    all_refused(source, vec![mistake])
}

fn all_refused(source: &Source, mistakes: Vec<import::ImportMistake>) -> OpsError {
    let mut problems = Problems::default();
    for mistake in mistakes {
        problems.push(source, mistake);
    }
    hide_values(source, &mut problems);
    OpsError::Problems(problems.into_report())
}

/// The keys whose values are never secrets.
const PLAIN: [&str; 9] =
    ["name", "inherit_from", "variant", "namespace", "interval", "job", "version", "default_environment", "kind"];

/// Characters that can enclose or precede a value.
const ENCLOSING: [char; 16] = ['[', ']', '{', '}', ',', '"', '\'', '-', '?', ':', '|', '>', ' ', '\t', '\r', '\n'];

/// Hides from excerpts everything that may be a secret in a text that could not be understood, and all copies of known
/// secrets.
fn hide_values(source: &Source, problems: &mut Problems) {
    let mut start = 0;
    for line in source.text().split_inclusive('\n') {
        let (key, value) = line.split_once(':').unwrap_or(("", line));
        let is_plain = PLAIN.contains(&key.trim_start_matches([' ', '-']).trim()) && is_word(value.trim());
        if !is_plain {
            // Characters that enclose a value are not secret, and are often the mistake. They stay visible, or the whole
            // line would be hidden.
            let from = start + line.len() - value.trim_start_matches(ENCLOSING).len();
            let to = start + line.trim_end_matches(ENCLOSING).len();
            problems.hide(&source.place(from..to.max(from)));
        }
        start += line.len();
    }
    // Scanning the lines finds secrets even if the text is not YAML.
    let in_piece = |piece: &str| said(piece).filter(|(name, _)| is_name(name)).map(|(_, value)| bare(&piece[value]));
    // A line may contain a whole mapping.
    let on_line = |line: &str| -> Vec<Secret> {
        std::iter::once(line).chain(line.split(['{', '[', ','])).filter_map(in_piece).collect()
    };
    let mut secrets: Vec<Secret> = source.text().lines().flat_map(on_line).collect();
    if let Ok(document) = Document::parse(source.text()) {
        secrets.extend(clear(&document).into_iter().map(|clear| bare(&source.text()[clear.span])));
    }
    for span in Copies::of(secrets.iter()).spans(source.text()) {
        problems.hide(&source.place(span));
    }
}

/// Returns a value without the characters that enclose it.
fn bare(value: &str) -> Secret {
    Secret::new(value.trim_matches(['"', '\'', '}', ']', ',', ' ', '\r']))
}

/// Tells whether a value is a single word.
fn is_word(value: &str) -> bool {
    value.trim_matches(['"', '\'']).chars().all(|c| c.is_alphanumeric() || "-_.@/*>=<~^:".contains(c))
}

fn unfaithful(what: &str) -> import::ImportMistake {
    import::ImportMistake::Unfaithful { what: what.to_owned(), span: (0..0).into() }
}

/// Returns the line of the original file that a note is about. If the lines there were reformatted, it is the one that
/// contains the name.
fn line_before(before: &str, after: &str, note: &Note) -> Option<usize> {
    let line = note.line?;
    if before == after {
        return Some(line);
    }
    let diff = similar::TextDiff::from_lines(before, after);
    let is_there = |op: &&similar::DiffOp| op.new_range().contains(&(line - 1));
    let op = diff.ops().iter().find(is_there)?;
    if op.tag() == similar::DiffTag::Equal {
        return Some(op.old_range().start + line - op.new_range().start);
    }
    let name = note.message.names().next()?;
    let lines: Vec<&str> = before.lines().collect();
    op.old_range().find(|index| lines.get(*index).is_some_and(|line| line.contains(name))).map(|index| index + 1)
}

/// Returns the new project files that do not belong to an integration: the template, and `spile.toml` if it does not exist.
fn own_files(project: &Project, import: &mut Import, options: &Options) -> Vec<NewFile> {
    let mut files = std::mem::take(&mut import.files);
    let file = |path: &str, text: String| NewFile { path: path.into(), name: None, text, secrets: Vec::new() };
    files.push(file(TEMPLATE_FILE, import.template.clone()));
    if !project.root().join(SETTINGS).exists() {
        files.push(file(SETTINGS, settings(project, import, options)));
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn settings(project: &Project, import: &Import, options: &Options) -> String {
    let root = project.root().canonicalize().unwrap_or_else(|_| project.root().to_owned());
    let stem = root.file_name().map(|stem| stem.to_string_lossy().into_owned());
    let name = options.name.clone().or(stem).unwrap_or_else(|| "project".to_owned());
    let mut text = format!(
        "# The project: its name, its environments, its registry (left out: a local one, in .spile/registry.db).\n\n\
         [project]\nname = {}\n",
        serde_json::json!(name)
    );
    // Ignores a default environment that the file does not declare.
    let is_declared = |name: &_| import.environments.is_empty() || import.environments.contains(name);
    let default = import.default_environment.as_ref().filter(|name| is_declared(name));
    if let Some(default) = default.or_else(|| import.environments.first()) {
        let _ = writeln!(text, "default_environment = \"{default}\"");
    }
    let names: BTreeSet<_> = import.environments.iter().collect();
    for name in names {
        let _ = writeln!(text, "\n[environments.{name}]");
    }
    text
}

/// Refuses to overwrite any file except `meltano.yml`.
fn in_the_way(project: &Project, files: &[NewFile]) -> Result<(), Error> {
    let is_there = |file: &&NewFile| project.root().join(&file.path).exists();
    let files: Vec<PathBuf> = files.iter().filter(is_there).map(|file| file.path.clone()).collect();
    if files.is_empty() { Ok(()) } else { Err(Error::InTheWay { files }) }
}

/// The `meltano.yml` that is imported, and the files that it includes.
struct Original {
    source: Source,
    included: Vec<PathBuf>,
}

/// The result of an import, and the project as it would be.
struct Outcome {
    import: Import,
    files: Vec<NewFile>,
    loaded: Loaded,
}

fn prepared(
    project: Project,
    keys: &Keys,
    original: Original,
    outcome: Outcome,
    options: &Options,
) -> Result<Prepared, OpsError> {
    let Original { source, included } = original;
    let Outcome { import, files, loaded } = outcome;
    proof::no_secret_is_left(&files, &loaded.rendered, &import.copies)?;
    let readers = readers(&project, keys, &files, options)?;
    let mut notes = import.notes;
    notes.extend(strays::notes(project.root(), &import.copies));
    notes.extend(import::left_in_clear(&loaded.rendered));
    for one in &import.adopted {
        if let Some(more) = &one.more {
            notes.push(Note {
                line: None,
                message: phrase!["the ", &one.key, " ", Phrase::parse(&more.why), ", so spile does not sync it"],
                help: Some(format!("run `{}` to run the whole job", more.command)),
            });
        } else if one.loader.is_none() && one.key.role == spile_core::connector::Role::Extractor {
            notes.push(Note {
                line: None,
                message: phrase!["the ", &one.key, " has no loader, or several"],
                help: Some(format!(
                    "to sync it with spile, add `loader = \"SLUG\"` to `integrations/{}.toml`",
                    one.slug
                )),
            });
        }
    }
    // A note names its subject, which may be a secret in an unexpected place.
    for note in &mut notes {
        note.message = Phrase::parse(&secrecy::struck(&note.message.to_string()));
        note.help = note.help.as_deref().map(|help| secrecy::struck(help).into_owned());
    }
    notes.sort();
    Ok(Prepared {
        original: source.text().to_owned(),
        rendered: loaded.rendered,
        adopted: import.adopted,
        project,
        copies: import.copies,
        included,
        files,
        left: LeftAlone::new(),
        readers,
        notes,
    })
}

fn readers(project: &Project, keys: &Keys, files: &[NewFile], options: &Options) -> Result<Readers, OpsError> {
    let Some(file) = files.iter().find(|file| !file.secrets.is_empty()) else { return Ok(Readers::Nobody) };
    if let Some((path, _)) = project.sops_rules(&file.path)? {
        return Ok(Readers::Rules(path));
    }
    if options.recipients.is_empty() {
        // Loads the keys now, so that problems with them are reported before any question is asked.
        keys.found();
        return Ok(Readers::Own);
    }
    for recipient in &options.recipients {
        spile_world::keys::wrap(&DataKey::generate(), recipient).map_err(super::secrets::Error::from)?;
    }
    Ok(Readers::Given(options.recipients.clone()))
}
