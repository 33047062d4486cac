//! `spile drift` and `spile pull`

use std::sync::Arc;

use serde_json::json;

use super::{Global, Output, exit, program};
use spile_core::phrase::Phrase;
use spile_core::plan::HandEdit;
use spile_core::problem::listed;
use spile_ops::rotated_secrets;
use spile_ops::secrets::Access;
use spile_ops::{self as ops, Error, Loaded};
use spile_view::drift::Drifted;
use spile_view::plan_data::{DriftData, HandEditData};
use spile_view::{self as view, GOOD, STRONG, styled};
use spile_world::World;

/// Show what changed outside of spile since the last apply; exit with 2 if something did
#[derive(Debug, clap::Args)]
pub struct DriftArgs {}

pub(super) async fn drift(_: &DriftArgs, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = global.open(output)?;
    let plan = ops::plan(&world, &loaded, &ops::plan::Options::everything(environment)).await?;
    let drift: Vec<DriftData> = plan.drift.iter().map(DriftData::from).collect();
    let hand_edits: Vec<HandEditData> = plan.findings.hand_edits.iter().map(HandEditData::from).collect();
    let drifted = Drifted { records: &drift, hand_edits: &hand_edits, is_edited: plan.is_edited };
    let has_drifted = drifted.is_any();
    let mut data = json!({ "drift": drift, "meltano_edited": plan.is_edited });
    if !hand_edits.is_empty() {
        data["hand_edits"] = json!(hand_edits);
    }
    let none = || format!("{} nothing was changed outside spile\n", styled(GOOD.bold(), "No drift:"));
    output.result(|| if has_drifted { view::drift::text(&drifted) } else { none() }, &data);
    Ok(if has_drifted { exit::CHANGES } else { 0 })
}

/// Write changes made outside of spile into the files; comments are kept
///
/// Without a name, takes what was edited in meltano.yml, by Meltano's own commands or in an editor: changes to an integration
/// go into its file, everything else into `templates/meltano.yml.j2`. With a name, takes what changed in the registry row of that
/// integration, and secrets that its source has rotated.
#[derive(Debug, clap::Args)]
pub struct PullArgs {
    /// Pull the registry row of this integration [default: pull the edits in meltano.yml]
    #[arg(value_name = "SLUG")]
    slug: Option<String>,
}

pub(super) async fn pull(args: &PullArgs, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = global.open(output)?;
    let Some(slug) = &args.slug else { return pull_edits(&world, &loaded, output).await };
    let pulled = ops::pull(&world, &loaded, &environment, slug).await?;
    // Its secrets may be others now.
    let loaded = if pulled.fields.is_empty() { loaded } else { Arc::new(ops::check::used(&world.project)?) };
    let program = program();
    let access = Access { project: &world.project, keys: &world.keys, program: &program, now: (world.clock)() };
    let scope = rotated_secrets::Scope { world: &world, loaded: &loaded, environment: &environment, access };
    let rotated = rotated_secrets::pull(scope, slug).await?;
    let path = pulled.path.display().to_string();
    let fields: Vec<&str> = pulled.fields.iter().map(|field| field.path.as_str()).collect();
    let text = || {
        let mut lines = Vec::new();
        let changed = styled(GOOD.bold(), "Changed:");
        if fields.is_empty() && rotated.is_none() {
            lines.push(format!("{path} already matches the row"));
        }
        if !fields.is_empty() {
            lines.push(format!("{changed} {path}: {}", fields.join(", ")));
        }
        if let Some(rotated) = &rotated {
            let names = listed(rotated.names.iter().map(String::as_str));
            lines.push(format!("{changed} {}: {names}, rotated by the source", rotated.path.display()));
            lines.push(format!("{} spile apply", styled(STRONG, "Next:")));
        }
        lines.join("\n") + "\n"
    };
    let names = rotated.as_ref().map(|rotated| rotated.names.clone()).unwrap_or_default();
    output.result(text, &json!({ "path": path, "fields": fields, "rotated": names }));
    Ok(0)
}

async fn pull_edits(world: &World, loaded: &Loaded, output: &mut Output) -> Result<u8, Error> {
    let program = program();
    let access = Access { project: &world.project, keys: &world.keys, program: &program, now: (world.clock)() };
    let pulled = ops::pull_edits(world, loaded, access).await?;
    let phrases: Vec<Phrase> = pulled.kept.iter().map(HandEdit::phrase).collect();
    let data = json!({
        "files": pulled.files,
        "template": phrases,
        "fields": pulled.fields,
        "encrypted": pulled.encrypted,
        "left": pulled.left,
        "in_clear": pulled.in_clear,
    });
    output.result(|| view::pulled::text(&pulled), &data);
    Ok(0)
}
