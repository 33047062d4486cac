//! Outputs: rendered from the checked files, with the contracts that some of them list streams from.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::Rendered;
use spile_core::discovered::Contract;
use spile_core::discovered::contract::path;
use spile_core::integration::Integrations;
use spile_core::problem::Problems;
use spile_core::render::Output;
use spile_core::render::output::Contracts;
use spile_core::settings::ProjectSettings;
use spile_core::source::Source;
use spile_world::Project;

/// What outputs are rendered from, in addition to the settings and the integrations.
pub(super) struct Sources<'a> {
    /// The project's own templates.
    pub(super) templates: &'a [Source],
    /// The project from which contracts are read.
    pub(super) contracts: Option<&'a Project>,
}

/// Renders the outputs. Mistakes in their templates are reported.
pub(super) fn rendered(
    settings: &ProjectSettings,
    integrations: &Integrations,
    sources: &Sources<'_>,
    problems: &mut Problems,
) -> Vec<Rendered> {
    let mut rendered = Vec::new();
    for written in &settings.outputs {
        let Some(output) = Output::of(written, &settings.name, sources.templates, problems) else { continue };
        output.check_loader(integrations, problems);
        let tasks = output.tasks(integrations, &contracts(&output, integrations, sources, problems));
        match output.render(&tasks) {
            Ok(text) => {
                output.advise(&tasks, &text, problems);
                rendered.push(Rendered { output, tasks, text });
            }
            Err(mistake) => problems.push(&output.template, mistake),
        }
    }
    rendered
}

/// Reads the contracts of integrations for an output that lists streams.
fn contracts(
    output: &Output,
    integrations: &Integrations,
    sources: &Sources<'_>,
    problems: &mut Problems,
) -> Contracts {
    let Some(project) = sources.contracts.filter(|_| output.lists_streams()) else { return Contracts::new() };
    // A folder that cannot be listed is treated as if every contract could be there.
    let listed: Option<BTreeSet<PathBuf>> = project.contracts().ok();
    let paths = integrations.by_slug().map(|one| path(&one.slug, output.environment()));
    let there = paths.filter(|path| listed.as_ref().is_none_or(|all| all.contains(path)));
    let mut read = |path: PathBuf| {
        let source = project.contract(&path, problems)?;
        Some((path, Contract::read(&source, problems)?))
    };
    there.filter_map(&mut read).collect()
}
