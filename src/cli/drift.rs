//! `spile drift` and `spile pull`

use serde_json::json;

use super::{Global, Output, exit};
use spile_ops::{self as ops, Error};
use spile_view::plan_data::DriftData;
use spile_view::{self as view, GOOD, styled};

/// Show what changed outside of spile since the last apply; exit with 2 if something did
#[derive(Debug, clap::Args)]
pub struct DriftArgs {}

pub(super) async fn drift(_: &DriftArgs, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = global.open(output)?;
    let plan = ops::plan(&world, &loaded, &ops::plan::Options::everything(environment)).await?;
    let has_drifted = !plan.drift.is_empty() || plan.is_edited;
    let drift: Vec<DriftData> = plan.drift.iter().map(DriftData::from).collect();
    let data = json!({ "drift": drift, "meltano_edited": plan.is_edited });
    let none = || format!("{} nothing else has changed anything\n", styled(GOOD.bold(), "No drift:"));
    output.result(|| if has_drifted { view::drift::text(&drift, plan.is_edited) } else { none() }, &data);
    Ok(if has_drifted { exit::CHANGES } else { 0 })
}

/// Write changes made outside of spile into the file of an integration; comments are kept
#[derive(Debug, clap::Args)]
pub struct PullArgs {
    /// Name of the integration
    #[arg(value_name = "SLUG")]
    slug: String,
}

pub(super) async fn pull(args: &PullArgs, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = global.open(output)?;
    let pulled = ops::pull(&world, &loaded, &environment, &args.slug).await?;
    let path = pulled.path.display().to_string();
    let fields: Vec<&str> = pulled.fields.iter().map(|field| field.path.as_str()).collect();
    let text = || {
        if fields.is_empty() {
            return format!("{path} says what the row says\n");
        }
        format!("{} {path}: {}\n", styled(GOOD.bold(), "Changed:"), fields.join(", "))
    };
    output.result(text, &json!({ "path": path, "fields": fields }));
    Ok(0)
}
