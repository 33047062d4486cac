//! Differences between a reviewed plan and the plan that would be made now.

use std::collections::BTreeSet;

use super::plan_data::{ChangeData, PlanData};
use spile_core::plan::Action;
use spile_core::record::Target;
use spile_core::render::FILE_NAME;

/// How many integrations to name.
const MOST: usize = 10;

/// Returns the differences as sentences: first what caused them, then each integration.
#[must_use]
pub fn between(saved: &PlanData, now: &PlanData) -> Vec<String> {
    let has_moved = |target: &Target| saved.revisions.of(*target) != now.revisions.of(*target);
    let moved = [Target::Registry, Target::MeltanoFile].into_iter().filter(has_moved);
    let mut sentences: Vec<String> = moved.map(|target| format!("{target} has changed")).collect();
    sentences.extend(outputs(saved, now).into_iter().map(|path| format!("`{path}` now renders differently")));
    if sentences.is_empty() {
        sentences.push("the files have changed".to_owned());
    }
    let (before, after) = (saved.integrations(), now.integrations());
    let of = |plan: &[&[ChangeData]], id| plan.iter().find(|changes| changes[0].id == id).map(|found| found.to_vec());
    let mut moved: Vec<(String, &'static str)> = Vec::new();
    for changes in &before {
        match of(&after, changes[0].id) {
            None => moved.push((changes[0].slug.to_string(), "no longer changes")),
            Some(now) if now != *changes => moved.push((changes[0].slug.to_string(), "changes differently")),
            Some(_) => {}
        }
    }
    let new = after.iter().filter(|changes| of(&before, changes[0].id).is_none());
    moved.extend(new.map(|changes| {
        let what = match super::plan_data::action(changes) {
            Action::Create => "is now also created",
            Action::Update => "is now also updated",
            Action::Delete => "is now also deleted",
        };
        (changes[0].slug.to_string(), what)
    }));
    moved.sort();
    let more = moved.len().saturating_sub(MOST);
    sentences.extend(moved.into_iter().take(MOST).map(|(slug, what)| format!("`{slug}` {what}")));
    if more > 0 {
        sentences.push(format!("and {more} more"));
    }
    sentences
}

/// Returns the files that would now be written differently, except `meltano.yml`, which has a revision.
fn outputs<'a>(saved: &'a PlanData, now: &'a PlanData) -> BTreeSet<&'a str> {
    let differing = |of: &'a PlanData, other: &'a PlanData| of.files.iter().filter(|file| !other.files.contains(file));
    let all = differing(saved, now).chain(differing(now, saved));
    all.map(|file| file.path.as_str()).filter(|path| *path != FILE_NAME).collect()
}
