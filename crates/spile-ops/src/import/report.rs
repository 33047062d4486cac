//! The report of an import: the integrations, what stays in the template, what spile does not run, and the names of the
//! secrets. It contains no values.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

use super::Prepared;
use spile_core::connector::Role;
use spile_core::import::{Adopted, Note};
use spile_core::render::steps::{self, Job};
use spile_core::secrecy;
use spile_core::yaml::{Document, ValueReader};

/// The result of an import.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The length of each list.
    pub counts: Counts,
    /// The plugins that become integrations.
    pub integrations: Vec<Became>,
    /// The new files that do not belong to an integration: connectors, the template, `spile.toml`.
    pub files: Vec<PathBuf>,
    /// What stays in the template.
    pub template: Vec<TemplatePart>,
    /// What Meltano runs but spile does not.
    pub not_run: Vec<NotRun>,
    /// The secrets that were in plain text, and are encrypted.
    pub secrets: Vec<Sealed>,
    /// Other notes for the user.
    pub notes: Vec<Note>,
}

/// The length of each list.
#[derive(Debug, Serialize)]
pub struct Counts {
    /// Plugins that become integrations.
    pub integrations: usize,
    /// New files, including those of integrations.
    pub files: usize,
    /// Things that stay in the template.
    pub template: usize,
    /// Things that spile does not run.
    pub not_run: usize,
    /// Secrets that are encrypted.
    pub secrets: usize,
    /// Notes.
    pub notes: usize,
}

/// A plugin that becomes an integration.
#[derive(Debug, Serialize)]
pub struct Became {
    /// Its role.
    pub kind: Role,
    /// Its name.
    pub plugin: String,
    /// Its files: the main one, and one for each environment with different values.
    pub files: Vec<PathBuf>,
    /// The name of its connector.
    #[serde(rename = "type")]
    pub connector: String,
    /// The integration that its records go to.
    pub loader: Option<String>,
    /// The mappers that its records pass through.
    pub mappers: Vec<String>,
}

/// Something that stays in the template.
#[derive(Debug, Serialize)]
pub struct TemplatePart {
    /// The list that it is in: a list of `plugins`, `jobs` or `schedules`, or `keys` for a key of the file.
    pub list: String,
    /// Its name.
    pub name: String,
    /// Why it is not an integration, if it could have been one.
    pub why: Option<String>,
}

/// Something that Meltano runs but spile does not.
#[derive(Debug, Serialize)]
pub struct NotRun {
    /// The list that it is in.
    pub list: String,
    /// Its name.
    pub name: String,
    /// The reason, as a phrase that follows its name.
    pub why: String,
    /// The command that runs it, if there is one.
    pub command: Option<String>,
}

/// A secret that is encrypted.
#[derive(Debug, Serialize)]
pub struct Sealed {
    /// The file that contains it after the import.
    pub file: PathBuf,
    /// The setting.
    pub name: String,
}

/// The keys of the file that spile renders after the import, or that the report lists separately.
const KNOWN: [&str; 8] =
    ["version", "plugins", "jobs", "schedules", "environments", "default_environment", "project_id", "include_paths"];

impl Report {
    /// Makes the report of a prepared import.
    #[must_use]
    pub fn of(prepared: &Prepared) -> Self {
        let document = rendered(prepared);
        let integrations: Vec<Became> = prepared.adopted.iter().map(|one| became(one, prepared)).collect();
        let is_own = |file: &&spile_core::import::NewFile| file.name.is_none();
        let files: Vec<PathBuf> = prepared.files.iter().filter(is_own).map(|file| file.path.clone()).collect();
        let template = kept(&document, prepared);
        let not_run = not_run(&document, &template, prepared);
        let sealed = |file: &spile_core::import::NewFile| {
            let path = file.path.clone();
            file.secrets.iter().map(|(name, _)| Sealed { file: path.clone(), name: shown(name) }).collect::<Vec<_>>()
        };
        let secrets: Vec<Sealed> = prepared.files.iter().flat_map(sealed).collect();
        let counts = Counts {
            integrations: integrations.len(),
            files: prepared.files.len(),
            template: template.len(),
            not_run: not_run.len(),
            secrets: secrets.len(),
            notes: prepared.notes.len(),
        };
        Self { counts, integrations, files, template, not_run, secrets, notes: prepared.notes.clone() }
    }
}

/// Returns a name with everything that looks like a secret removed: secrets can be in unexpected places.
fn shown(name: &str) -> String {
    secrecy::struck(name).into_owned()
}

/// Returns the values of the new `meltano.yml`, which is known to be readable.
fn rendered(prepared: &Prepared) -> Value {
    let Ok(document) = Document::parse(&prepared.rendered) else { return Value::Null };
    ValueReader::of(&document).value(&document.root, &mut Vec::new())
}

fn became(one: &Adopted, prepared: &Prepared) -> Became {
    let is_its = |file: &&spile_core::import::NewFile| file.name.as_ref().is_some_and(|name| name.slug == one.slug);
    Became {
        kind: one.key.role,
        plugin: shown(&one.key.name),
        files: prepared.files.iter().filter(is_its).map(|file| file.path.clone()).collect(),
        connector: one.connector.clone(),
        loader: one.loader.as_ref().map(ToString::to_string),
        mappers: one.mappers.iter().map(|mapper| shown(mapper)).collect(),
    }
}

/// Returns the names in a list.
fn names(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(|item| item["name"].as_str())
}

fn kept(document: &Value, prepared: &Prepared) -> Vec<TemplatePart> {
    let mut kept = Vec::new();
    for (list, plugins) in document["plugins"].as_object().into_iter().flatten() {
        let is_adopted =
            |name: &&str| prepared.adopted.iter().any(|one| one.key.role.plural() == list && one.key.name == *name);
        for name in names(plugins).filter(|name| !is_adopted(name)) {
            let left = prepared.left.iter().find(|(key, _)| key.role.plural() == list && key.name == name);
            let is_role = [Role::Extractor, Role::Loader].iter().any(|role| role.plural() == list);
            let definition = || "other plugins inherit from it, or nothing runs it".to_owned();
            let why = left.map(|(_, why)| shown(&why.what)).or_else(|| is_role.then(definition));
            kept.push(TemplatePart { list: list.clone(), name: shown(name), why });
        }
    }
    for list in ["jobs", "schedules"] {
        kept.extend(names(&document[list]).map(|name| TemplatePart {
            list: list.to_owned(),
            name: shown(name),
            why: None,
        }));
    }
    let keys = document.as_object().into_iter().flatten().map(|(key, _)| key);
    let others = keys.filter(|key| !KNOWN.contains(&key.as_str()));
    kept.extend(others.map(|key| TemplatePart { list: "keys".to_owned(), name: shown(key), why: None }));
    kept
}

fn not_run(document: &Value, template: &[TemplatePart], prepared: &Prepared) -> Vec<NotRun> {
    let is_extractor = |one: &&Adopted| one.key.role == Role::Extractor && one.loader.is_none();
    let mut found: Vec<NotRun> = prepared.adopted.iter().filter(is_extractor).map(without_loader).collect();
    let ran = ["mappers", "jobs", "schedules", "keys"];
    found.extend(template.iter().filter(|kept| !ran.contains(&kept.list.as_str())).map(|kept| NotRun {
        list: kept.list.clone(),
        name: kept.name.clone(),
        why: match &kept.why {
            Some(why) => format!("stays in the template: {why}"),
            None => "is not an extractor, loader or mapper".to_owned(),
        },
        command: (kept.list == "utilities").then(|| format!("meltano invoke {}", kept.name)),
    }));
    let jobs = steps::jobs(document);
    let schedules: Vec<&str> = names(&document["schedules"]).collect();
    let is_schedule = |job: &&Job| schedules.contains(&job.name.as_str());
    for job in jobs.iter().filter(|job| !is_schedule(job)) {
        if let Some(why) = more_than_a_run(job, &prepared.adopted) {
            let (name, command) = (shown(&job.name), Some(shown(&job.command)));
            found.push(NotRun { list: "jobs".to_owned(), name, why, command });
        }
    }
    found.extend(schedules.into_iter().map(|name| NotRun {
        list: "schedules".to_owned(),
        name: shown(name),
        why: "belongs to Meltano: spile runs only the schedules in integration files".to_owned(),
        command: Some(shown(&format!("meltano schedule run {name}"))),
    }));
    found
}

fn without_loader(one: &Adopted) -> NotRun {
    let more = one.more.as_ref();
    NotRun {
        list: one.key.role.plural().to_owned(),
        name: shown(&one.key.name),
        why: more.map_or_else(|| "has no loader, or several".to_owned(), |more| shown(&more.why)),
        command: more.map(|more| shown(&more.command)),
    }
}

/// Returns why no integration does the same as a job; `None` if an integration does.
fn more_than_a_run(job: &Job, adopted: &[Adopted]) -> Option<String> {
    let Some((extractor, pair)) = job.only_pair() else {
        return Some("is not just one extractor with one loader".to_owned());
    };
    let named = |role, name: &str| adopted.iter().find(|one| one.key.role == role && one.key.name == name);
    let (Some(from), Some(to)) = (named(Role::Extractor, extractor), named(Role::Loader, &pair.loader)) else {
        return Some("runs a plugin that stays in the template".to_owned());
    };
    let does_it = from.loader.as_ref() == Some(&to.slug) && from.mappers == pair.mappers;
    let why = || from.more.as_ref().map_or_else(|| "has other destinations too".to_owned(), |more| more.why.clone());
    (!does_it).then(|| shown(&format!("runs `{extractor}`, which {}", why())))
}
