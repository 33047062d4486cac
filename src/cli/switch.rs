//! `spile enable`, `spile disable`, `spile pause` and `spile resume`

use serde_json::json;

use super::selection_args::RequiredSelectionArgs;
use super::{Global, Output};
use spile_core::name::Slug;
use spile_ops::switch::{Switch, SwitchTarget};
use spile_ops::{self as ops, Error};
use spile_view::{GOOD, styled};

/// Enable integrations: write `enabled = true` into their files, or into those of `--env` only
#[derive(Debug, clap::Args)]
pub struct EnableArgs {
    #[command(flatten)]
    which: RequiredSelectionArgs,
}

/// Disable integrations: write `enabled = false` into their files, or into those of `--env` only
#[derive(Debug, clap::Args)]
pub struct DisableArgs {
    #[command(flatten)]
    which: RequiredSelectionArgs,
}

pub(super) async fn enable(args: &EnableArgs, global: &Global, output: &mut Output) -> Result<u8, Error> {
    switch(&args.which, Switch::On, global, output).await
}

pub(super) async fn disable(args: &DisableArgs, global: &Global, output: &mut Output) -> Result<u8, Error> {
    switch(&args.which, Switch::Off, global, output).await
}

async fn switch(which: &RequiredSelectionArgs, to: Switch, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = global.open(output)?;
    let place = if global.environment.is_some() {
        SwitchTarget::Only(environment)
    } else {
        SwitchTarget::Everywhere(environment)
    };
    let written = ops::switch::switch(&world, &loaded, &which.chosen(), to, &place).await?;
    let paths: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
    let text = || match paths.as_slice() {
        [] => "nothing to change\n".to_owned(),
        paths => {
            let changed = styled(GOOD.bold(), "Changed:");
            format!("{changed} {}\nrun `spile plan` to see the effect\n", paths.join(", "))
        }
    };
    output.result(text, &json!({ "paths": paths }));
    Ok(0)
}

/// Pause integrations: schedules and unnamed syncs skip them
#[derive(Debug, clap::Args)]
pub struct PauseArgs {
    #[command(flatten)]
    which: RequiredSelectionArgs,
}

/// Resume paused integrations
#[derive(Debug, clap::Args)]
pub struct ResumeArgs {
    #[command(flatten)]
    which: RequiredSelectionArgs,
}

pub(super) async fn pause(args: &PauseArgs, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, _) = global.open(output)?;
    let slugs = ops::switch::pause(&world, &loaded, &args.which.chosen()).await?;
    tell("Paused:", "paused", &slugs, output);
    Ok(0)
}

pub(super) async fn resume(args: &ResumeArgs, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, _) = global.open(output)?;
    let slugs = ops::switch::resume(&world, &loaded, &args.which.chosen()).await?;
    tell("Resumed:", "resumed", &slugs, output);
    Ok(0)
}

fn tell(headline: &str, key: &str, slugs: &[Slug], output: &mut Output) {
    let named = || slugs.iter().map(Slug::as_str).collect::<Vec<_>>().join(", ");
    let text = || match slugs {
        [] => "nothing to change\n".to_owned(),
        _ => format!("{} {}\n", styled(GOOD.bold(), headline), named()),
    };
    output.result(text, &json!({ key: slugs }));
}
