//! The last step of the wizard: what will happen, in sentences, with the file and the plan on demand.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::draft_file::prepare;
use super::shell::At;
use super::state::next;
use crate::drafts::Draft;
use crate::pages::plan::PlanPage;
use crate::refusal::Refusal;
use crate::setup::Writing;
use spile_core::connector::Role;
use spile_core::integration::Integration;
use spile_core::problem::{counted, first_of};
use spile_ops::edits::Destination;
use spile_ops::new::{self, Prepared};
use spile_view::plan_data::PlanData;

/// The most streams that a sentence names.
const NAMED: usize = 5;

/// Returns what the step shows.
///
/// # Errors
/// If the answers make no valid file.
pub async fn data(at: &At, draft: &Draft) -> Result<Value, Refusal> {
    let prepared = prepare(at, draft).await?;
    // Without a registry there is no plan, but the file can still be saved.
    let plan = new::plan(&at.desk.world, &prepared, &at.desk.environment).await.ok();
    let plan = plan.map(|plan| PlanPage::from(&PlanData::of(&plan, at.desk.loaded.settings.guard, Vec::new())));
    let writing = &at.app.setup().writing;
    Ok(json!({
        "plan": plan, "file": prepared.path, "text": without_secrets(&prepared.text),
        "sentences": sentences(at, draft, &prepared), "is_copied": *writing == Writing::Not,
        "where": match writing {
            Writing::Not => "This server is read-only. Copy the file from here.",
            Writing::Applied => "Saving writes one file and applies the plan.",
            Writing::To(Destination::WorkingTree) => "Saving writes one file.",
            Writing::To(_) => "Saving commits one file to a new branch for review.",
        },
    }))
}

/// Says what the integration does once it is applied.
fn sentences(at: &At, draft: &Draft, prepared: &Prepared) -> Vec<String> {
    let Some(one) = prepared.loaded.integrations.find(prepared.slug.as_str()) else { return Vec::new() };
    let label = &draft.connector.head.label;
    let mut all = match one.role() {
        Role::Loader => vec![format!("{} receives the records of the sources that choose it.", one.base.name)],
        Role::Extractor => vec![reads(draft, label), writes(at, draft), runs(at, one)],
    };
    let secrets = draft.secrets.len();
    if secrets > 0 {
        all.push(format!(
            "{} encrypted in its file.",
            if secrets == 1 { "1 secret is".to_owned() } else { format!("{secrets} secrets are") }
        ));
    }
    all
}

fn reads(draft: &Draft, label: &str) -> String {
    let Some(offered) = &draft.answers.streams else { return format!("It reads {label}.") };
    let taken: Vec<String> = offered.iter().filter(|one| draft.takes(one)).map(|one| one.name.clone()).collect();
    let (count, all) = (taken.len(), counted(offered.len(), "stream"));
    if count == offered.len() {
        return format!("It reads all {all} of {label}.");
    }
    format!("It reads {count} of the {all} of {label}: {}.", first_of(&taken, NAMED))
}

fn writes(at: &At, draft: &Draft) -> String {
    let slug = &draft.answers.loader;
    let loader = at.desk.loaded.integrations.find(slug);
    match loader {
        Some(loader) => format!("It writes to {}.", loader.base.name),
        None => "It has no destination yet, so it cannot be synced.".to_owned(),
    }
}

fn runs(at: &At, one: &Integration) -> String {
    let declared = one.at(&at.desk.environment);
    let Some(schedule) = &declared.schedule else { return "It is synced when somebody starts it.".to_owned() };
    let next = next(one, &at.desk.environment, Timestamp::now());
    let next = next.map(|next| format!(", next {}", next.words)).unwrap_or_default();
    format!("It is synced on the schedule `{schedule}` ({}){next}.", declared.timing.zone_name())
}

/// Hides ciphertext, which is meaningless to people.
fn without_secrets(text: &str) -> String {
    let Some((before, sealed)) = text.split_once("\n[secrets]\n") else { return text.to_owned() };
    let names = sealed.lines().take_while(|line| !line.starts_with('[')).filter_map(|line| line.split_once(" = "));
    let lines: Vec<String> = names.map(|(name, _)| format!("{name} = (encrypted)")).collect();
    format!("{before}\n[secrets]\n{}\n", lines.join("\n"))
}
