//! `pull` without a name: copies hand edits in `meltano.yml` to the files that it is rendered from. Edits of an integration
//! go to its file, the rest to the template.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::rewritten_with;
use crate::edits::{self, Edits};
use crate::plan::edited_by_hand;
use crate::secrets::{Access, SecretsFile, to_set};
use crate::{Error, Loaded, check};
use spile_core::import::{NotKept, kept};
use spile_core::integration::check::is_reference;
use spile_core::integration::rewrite::Edit;
use spile_core::integration::{FileName, Integration};
use spile_core::name::{EnvironmentName, FieldPath, IntegrationId, Slug};
use spile_core::plan::drift::{DriftKind, Files, in_target};
use spile_core::plan::hand_edit::HandEditKind;
use spile_core::plan::{Change, Compared, Difference, FieldChange, HandEdit, LastDocument, Snapshot, State};
use spile_core::problem::Problems;
use spile_core::record::Entry;
use spile_core::record::entry::Setup;
use spile_core::render::{Purpose, TEMPLATE_FILE, rest};
use spile_core::secrecy::{self, clear};
use spile_core::secret::Secret;
use spile_core::source::Source;
use spile_core::value::expansion::{plain, to_file};
use spile_core::yaml::Document;
use spile_world::World;

/// The result of a pull.
#[derive(Debug, Default)]
pub struct PulledEdits {
    /// The files that were written.
    pub files: Vec<PathBuf>,
    /// The edits that went into the template.
    pub kept: Vec<HandEdit>,
    /// The fields that went into files of integrations.
    pub fields: BTreeMap<PathBuf, Vec<FieldPath>>,
    /// Secrets that were in plain text and are now encrypted, by file.
    pub encrypted: BTreeMap<PathBuf, Vec<String>>,
    /// Edits that are not in any file yet, one sentence each.
    pub left: Vec<String>,
    /// The keys of values that look like secrets and are now in plain text in the template.
    pub in_clear: Vec<String>,
}

/// Writes hand edits in `meltano.yml` to the files that it is rendered from. The files are checked, and their result is
/// compared with the current text, before anything is written.
///
/// # Errors
/// When an edit has no place in the template, or an integration's file cannot express it. In both cases, nothing is
/// written.
pub async fn pull_edits(world: &World, loaded: &Loaded, access: Access<'_>) -> Result<PulledEdits, Error> {
    let there = world.meltano_file.read().await?;
    let mut pulled = PulledEdits { kept: hand_edits(world, &there, &loaded.rendered).await?, ..PulledEdits::default() };
    let changed = changed_fields(&there, loaded, &mut pulled.left)?;
    let mut edits = Edits::default();
    if !pulled.kept.is_empty() {
        let text = template(loaded, &there.document, &pulled.kept)?;
        let before = edits::read(&world.project, Path::new(TEMPLATE_FILE))?;
        edits.set(TEMPLATE_FILE, before, Some(text));
    }
    for (integration, fields) in &changed {
        let Some(found) = there.state.get(&integration.id) else { continue };
        let changed = ChangedEntry { integration, fields, found };
        files_of(&changed, loaded, access, &mut edits, &mut pulled).await?;
    }
    if edits.is_empty() {
        return Ok(pulled);
    }
    let now = check(&edits.over(&world.project))?;
    compare(&there, &now, &pulled, &changed)?;
    if let Some(edit) = hand_edits(world, &there, &now.rendered).await?.into_iter().next() {
        return Err(not_kept(&loaded.template, NotKept::whole(edit.part)));
    }
    pulled.in_clear = new_in_clear(&loaded.rendered, &now.rendered);
    pulled.files = edits.write(&world.project)?;
    // Edits that are in the files are no longer hand edits.
    if pulled.left.is_empty() && pulled.encrypted.is_empty() {
        world.meltano_file.settle(&there.document).await?;
    }
    Ok(pulled)
}

async fn hand_edits(world: &World, there: &Snapshot<Entry>, rendered: &str) -> Result<Vec<HandEdit>, Error> {
    edited_by_hand(world, there, rendered, Compared::Both).await
}

fn not_kept(template: &Source, not_kept: NotKept) -> Error {
    let mut problems = Problems::default();
    problems.push(template, not_kept);
    Error::Problems(problems.into_report())
}

/// Returns the template with the edits. It must render the current text, and must keep additions even without any
/// integration, so that a condition in the template does not remove them.
fn template(loaded: &Loaded, found: &str, edits: &[HandEdit]) -> Result<String, Error> {
    let refused = |why| not_kept(&loaded.template, why);
    let text = kept(loaded.template.text(), found, edits).map_err(refused)?;
    let source = Source::new(TEMPLATE_FILE, text.clone());
    let with = loaded.rendered_by(&source, Purpose::Project, &loaded.entries).map(|text| rest::of(&text));
    let bare = |template: &Source| loaded.rendered_by(template, Purpose::Run, &State::default());
    let without = bare(&source).map(|text| rest::of(&text));
    // A template that fails without integrations cannot be checked this way.
    let is_asked = bare(&loaded.template).is_ok();
    let wanted = rest::of(found);
    let is_kept = |edit: &&HandEdit| {
        let is_there = with.as_ref().is_ok_and(|with| rest::is_same(with.get(&edit.part), wanted.get(&edit.part)));
        let is_always = || !is_asked || without.as_ref().is_ok_and(|without| without.contains_key(&edit.part));
        is_there && (edit.kind != HandEditKind::Added || is_always())
    };
    match edits.iter().find(|edit| !is_kept(edit)) {
        Some(edit) => Err(refused(NotKept::whole(edit.part.clone()))),
        None => Ok(text),
    }
}

/// The changed fields, by integration.
type ChangedFields<'a> = Vec<(&'a Integration, Vec<FieldChange>)>;

/// Returns the changes of integrations since the last apply. If the last apply is not known, returns the differences from
/// the files.
fn changed_fields<'a>(
    there: &Snapshot<Entry>,
    loaded: &'a Loaded,
    left: &mut Vec<String>,
) -> Result<ChangedFields<'a>, Error> {
    let mut changed = Vec::new();
    if there.left == LastDocument::Unknown {
        for (id, found) in there.state.iter() {
            let (Some(integration), Some(wanted)) = (loaded.integrations.get(id), loaded.entries.get(id)) else {
                continue;
            };
            if let Some(change) = Change::between(wanted, found) {
                changed.push((&**integration, change.fields()));
            }
        }
        return Ok(changed);
    }
    for drift in in_target(there, &loaded.entries) {
        let Some(integration) = loaded.integrations.get(&drift.id).filter(|_| drift.kind == DriftKind::Changed) else {
            let slug = &drift.slug;
            left.push(match drift.kind {
                DriftKind::Removed => {
                    format!("`{slug}` is gone from `meltano.yml`: delete its file, or apply brings it back")
                }
                DriftKind::Changed | DriftKind::Added => format!("`{slug}` has no file: apply removes it"),
            });
            continue;
        };
        if let Some(both) = drift.fields.iter().find(|field| field.files == Files::Otherwise) {
            let why = format!("its `{}` has changed in the file too, to something else", both.change.path);
            let help = "make the file say what you want, and run `spile apply`";
            return Err(Error::NotPulled { slug: drift.slug, why, help });
        }
        let fields = drift.fields.into_iter().filter(|field| field.files == Files::AsLeft);
        let fields: Vec<FieldChange> = fields.map(|field| field.change).collect();
        if !fields.is_empty() {
            changed.push((&**integration, fields));
        }
    }
    Ok(changed)
}

/// The changes of one file of an integration.
#[derive(Default)]
struct FileChange {
    edits: Vec<Edit>,
    secrets: BTreeMap<String, Secret>,
    fields: Vec<FieldPath>,
}

/// An integration whose entry in `meltano.yml` was changed.
struct ChangedEntry<'a> {
    integration: &'a Integration,
    fields: &'a [FieldChange],
    found: &'a Entry,
}

async fn files_of(
    changed: &ChangedEntry<'_>,
    loaded: &Loaded,
    access: Access<'_>,
    edits: &mut Edits,
    pulled: &mut PulledEdits,
) -> Result<(), Error> {
    let ChangedEntry { integration, fields, found } = *changed;
    let mut files: BTreeMap<Option<EnvironmentName>, FileChange> = BTreeMap::new();
    for field in fields {
        let (environment, path) = within(&field.path, loaded);
        let said = environment.as_ref().map_or(Some(&found.base), |environment| found.environments.get(environment));
        let file = files.entry(environment.clone()).or_default();
        field_into(file, integration, loaded, &Changed { path: &path, field, said })?;
        file.fields.push(path);
    }
    for (environment, change) in files {
        let path = match &environment {
            Some(environment) => integration.overlay_path(environment),
            None => integration.path.clone(),
        };
        let before = edits::read(access.project, &path)?;
        let mut text = rewritten_with(&integration.slug, before.as_deref().unwrap_or_default(), &change.edits)?;
        if !change.secrets.is_empty() {
            let name = FileName { slug: integration.slug.clone(), environment: environment.clone() };
            text = SecretsFile::new(name, &path, &text)?.sealed_text(access, &to_set(&change.secrets)).await?;
            pulled.encrypted.insert(path.clone(), change.secrets.into_keys().collect());
        }
        edits.set(path.clone(), before, Some(text));
        pulled.fields.insert(path, change.fields);
    }
    Ok(())
}

/// Splits the path of a field into its environment, if the project has it, and the path within it.
fn within(path: &FieldPath, loaded: &Loaded) -> (Option<EnvironmentName>, FieldPath) {
    let found = path.environment().filter(|(name, _)| loaded.settings.environments.contains_key(name));
    found.map_or_else(|| (None, path.clone()), |(name, path)| (Some(name), path))
}

/// A field that was changed.
struct Changed<'a> {
    /// Its path within its environment.
    path: &'a FieldPath,
    field: &'a FieldChange,
    /// The whole setup in that environment.
    said: Option<&'a Setup>,
}

fn field_into(
    file: &mut FileChange,
    integration: &Integration,
    loaded: &Loaded,
    &Changed { path, field, said }: &Changed<'_>,
) -> Result<(), Error> {
    let refused = |why: String| Error::NotPulled {
        slug: integration.slug.clone(),
        why,
        help: "change the file by hand, or run `spile apply` to make `meltano.yml` what it says",
    };
    let after = match &field.difference {
        Difference::Plain { after, .. } => after.clone(),
        // In `meltano.yml`, the secret is in plain text.
        Difference::Secret(_) => path.rest().and_then(|name| said?.config.get(name).cloned()),
    };
    let top = |key: &str, value| Edit { table: None, key: key.to_owned(), value };
    match path.split() {
        ("config", Some(name)) => match after.as_ref().and_then(|value| secret(integration, name, value)) {
            Some(secret) => drop(file.secrets.insert(name.to_owned(), secret)),
            None => file.edits.push(in_table("config", name, after.as_ref().map(to_file))),
        },
        ("metadata", Some(pattern)) => file.edits.push(in_table("metadata", pattern, after)),
        // The file itself decides their order.
        ("metadata", None) => {}
        (key @ "select", None) => file.edits.push(top(key, after.map(|patterns| patterns_of(&patterns)))),
        (key @ ("schedule" | "mappers"), None) => file.edits.push(top(key, after)),
        (key @ "loader", None) => {
            let plugin = after.as_ref().and_then(Value::as_str);
            let goes_to = plugin.and_then(|plugin| loaded.integrations.iter().find(|one| one.plugin_name() == plugin));
            if plugin.is_some() && goes_to.is_none() {
                return Err(refused("its job goes to a loader that is no integration".to_owned()));
            }
            file.edits.push(top(key, goes_to.map(|one| Value::from(one.slug.as_str()))));
        }
        _ => return Err(refused(format!("its `{}` in `meltano.yml` is not the file's to change", field.path))),
    }
    Ok(())
}

fn in_table(table: &'static str, key: &str, value: Option<Value>) -> Edit {
    Edit { table: Some(table), key: key.to_owned(), value }
}

/// Converts patterns to the form in files. `meltano.yml` has a backslash before text that looks like a variable but is not.
fn patterns_of(patterns: &Value) -> Value {
    let text = |pattern: &Value| {
        let text = pattern.as_str().unwrap_or_default();
        Value::from(plain(text).map_or_else(|| text.to_owned(), std::borrow::Cow::into_owned))
    };
    patterns.as_array().map(Vec::as_slice).unwrap_or_default().iter().map(text).collect()
}

/// Returns a value that has to be encrypted: the connector declares it as secret, or its name looks like one.
fn secret(integration: &Integration, name: &str, value: &Value) -> Option<Secret> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let setting = integration.connector.setting(name);
    let is_named = setting.map_or_else(|| secrecy::is_name(name), |setting| setting.secret);
    (is_named && !value.is_null() && !text.is_empty() && !is_reference(&text)).then(|| Secret::new(text))
}

/// Checks that the files render the current text, except for secrets, which are no longer in it.
fn compare(
    there: &Snapshot<Entry>,
    now: &Loaded,
    pulled: &PulledEdits,
    changed: &ChangedFields<'_>,
) -> Result<(), Error> {
    let secrets: BTreeSet<&String> = pulled.encrypted.values().flatten().collect();
    for (integration, fields) in changed {
        let wanted = |id: &IntegrationId| Some(Change::between(now.entries.get(id)?, there.state.get(id)?)?.fields());
        let left = wanted(&integration.id).unwrap_or_default();
        let is_secret = |path: &FieldPath| matches!(path.in_any_environment().split(), ("config", Some(name)) if secrets.contains(&name.to_owned()));
        let is_left =
            |field: &&FieldChange| fields.iter().any(|changed| changed.path == field.path) && !is_secret(&field.path);
        if let Some(field) = left.iter().find(is_left) {
            let why = format!("the file would not say of `{}` what `meltano.yml` says", field.path);
            let help = "write it into the file by hand, or run `spile apply` to make `meltano.yml` what the file says";
            return Err(Error::NotPulled { slug: Slug::clone(&integration.slug), why, help });
        }
    }
    Ok(())
}

/// Returns the keys of values that look like secrets and are in plain text in `after` but not in `before`.
fn new_in_clear(before: &str, after: &str) -> Vec<String> {
    let names = |text: &str| -> Vec<String> {
        let document = Document::parse(text);
        document.map(|document| clear(&document).into_iter().map(|clear| clear.name).collect()).unwrap_or_default()
    };
    let mut known = names(before);
    let is_new = |name: &String| match known.iter().position(|other| other == name) {
        Some(at) => {
            known.swap_remove(at);
            false
        }
        None => true,
    };
    names(after).into_iter().filter(is_new).collect()
}
