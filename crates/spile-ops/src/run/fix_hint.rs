//! Where to fix a failed run: the file and line, and the page.

use std::path::PathBuf;

use serde::Serialize;

use crate::Loaded;
use spile_core::connector::Role;
use spile_core::integration::Integration;
use spile_core::run::Run;
use spile_core::run::error_line::{self, Sought};
use spile_world::World;

/// Where and how to fix the cause of a failed run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FixHint {
    /// The next step.
    pub help: String,
    /// The file, relative to the project.
    pub path: PathBuf,
    /// The line in it.
    pub line: Option<usize>,
    /// The URL of the integration's page, if the project has an address.
    pub url: Option<String>,
}

/// Returns where to fix a failed run; `None` if the run succeeded, or its integration is gone.
#[must_use]
pub fn mend(world: &World, loaded: &Loaded, run: &Run) -> Option<FixHint> {
    let cause = run.cause?;
    let integration = side(loaded, run)?;
    let sought = Sought { cause, reason: run.error.as_deref().unwrap_or_default() };
    let found = files(integration, run).into_iter().find_map(|path| {
        // If the file cannot be read now, it is still named, without a line.
        let text = world.project.text(&path).ok()?;
        let line = error_line::line(&text, &integration.connector, &sought)?;
        Some((path, line))
    });
    let (path, line) = found.map_or((integration.path.clone(), None), |(path, line)| (path, Some(line)));
    let setting = line.as_ref().and_then(|line| line.setting.as_deref()).unwrap_or("SETTING");
    let url = loaded.settings.url.as_ref().map(|url| format!("{url}/integrations/{}", integration.slug));
    // Commands that run it again, or explain it, name the integration that ran.
    let command = format!("secrets set {} {setting}", integration.slug);
    let help = run.help()?.replace("secrets set NAME SETTING", &command);
    Some(FixHint { help: help.replace("NAME", run.slug.as_str()), path, line: line.map(|line| line.number), url })
}

/// Returns the side that failed. A loader has its own file and its own credentials.
fn side<'a>(loaded: &'a Loaded, run: &Run) -> Option<&'a Integration> {
    let failed = run.loader.filter(|_| run.details.failed == Some(Role::Loader));
    let failed = failed.and_then(|id| loaded.integrations.get(&id));
    failed.or_else(|| loaded.integrations.get(&run.integration)).map(|one| &**one)
}

/// Returns the files of an integration, starting with the overlay of the environment, because it takes precedence.
fn files(integration: &Integration, run: &Run) -> Vec<PathBuf> {
    let overlay = integration.path.with_file_name(format!("{}.{}.toml", integration.slug, run.environment));
    let has_overlay = integration.overlays.contains_key(&run.environment);
    has_overlay.then_some(overlay).into_iter().chain([integration.path.clone()]).collect()
}
