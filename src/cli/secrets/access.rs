//! `spile secrets init`, `rotate` and `updatekeys`

use serde_json::json;

use super::SecretsContext;
use crate::cli::open::Site;
use crate::cli::{Global, Output, exit};
use spile_core::connector::Role;
use spile_core::integration::Integration;
use spile_core::name::{EnvironmentName, Slug};
use spile_ops::rotated_secrets::{self, Resealed};
use spile_ops::secrets::{self, Changed, Regranted, SecretsFile};
use spile_ops::{self as ops, Error, Loaded, counted};
use spile_view::{self as view, CHANGED, styled};

/// What to prepare
#[derive(Debug, clap::Args)]
pub struct InitArgs {
    /// Also configure git to merge secrets by value and to show in diffs which ones changed
    #[arg(long)]
    git: bool,
}

/// What to re-encrypt
#[derive(Debug, clap::Args)]
pub struct RotateArgs {
    /// Names of the integrations
    #[arg(value_name = "SLUG", required_unless_present = "all")]
    names: Vec<String>,
    /// All files of the project that have secrets
    #[arg(long, conflicts_with = "names")]
    all: bool,
}

/// Which recipients to update
#[derive(Debug, clap::Args)]
pub struct UpdatekeysArgs {
    /// Names of the integrations [default: all]
    #[arg(value_name = "SLUG")]
    names: Vec<String>,
    /// Only show the differences, and exit with 2 if there are any
    #[arg(long)]
    check: bool,
}

pub(super) async fn init(args: &InitArgs, desk: &SecretsContext, output: &mut Output) -> Result<u8, Error> {
    let setup = secrets::setup(&desk.project, &desk.keys, args.git).await?;
    let text = || {
        let mut lines = Vec::new();
        if let Some(key) = &setup.key {
            lines.push(format!("created your key: {} (keep a copy of it in a safe place)", key.display()));
        }
        let verb = if setup.made_rules { "created" } else { "found" };
        lines.push(format!("{verb} {}", setup.rules.display()));
        lines.extend(setup.recipients.iter().map(|recipient| format!("your public key: {recipient}")));
        lines.extend((!setup.git.is_empty()).then(|| format!("configured git: {}", setup.git.join(", "))));
        if setup.is_recipient {
            lines.push("next: spile secrets set SLUG SETTING".to_owned());
        } else {
            let rules = setup.rules.display();
            lines.push(format!("next: add your public key to {rules}, and ask an existing recipient to"));
            lines.push("run `spile secrets updatekeys`".to_owned());
        }
        lines.join("\n") + "\n"
    };
    output.result(text, &setup);
    Ok(0)
}

pub(super) async fn rotate(args: &RotateArgs, desk: &SecretsContext, output: &mut Output) -> Result<u8, Error> {
    let files = desk.files(&args.names)?;
    let mut rotated = Vec::new();
    for file in &files {
        if secrets::rotate(desk.access(), file).await? == Changed::Written {
            output.step("Rotated", &file.path().display().to_string());
            rotated.push(file.path().to_owned());
        }
    }
    let text = || format!("{} re-encrypted\n", counted(rotated.len(), "file"));
    output.result(text, &json!({ "rotated": rotated }));
    Ok(0)
}

pub(super) async fn updatekeys(
    args: &UpdatekeysArgs,
    desk: &SecretsContext,
    global: &Global,
    output: &mut Output,
) -> Result<u8, Error> {
    let files = desk.files(&args.names)?;
    let mut regranted = Vec::new();
    for file in &files {
        let one = if args.check {
            secrets::regranted(&desk.project, file)?
        } else {
            secrets::update_keys(desk.access(), file).await?
        };
        regranted.extend(one);
    }
    let resealed = if args.check { Vec::new() } else { reseal(&files, desk, global, output).await };
    output.result(
        || {
            let files = regranted.iter().map(lines).collect::<String>();
            files + &resealed.iter().map(resealed_line).collect::<String>() + &last_line(&regranted, args.check)
        },
        &json!({ "files": regranted, "rotated": resealed }),
    );
    Ok(if args.check && !regranted.is_empty() { exit::CHANGES } else { 0 })
}

/// Encrypts the rotated secrets of files for their recipients, in every environment. The files have them already, so what
/// cannot be asked is a warning.
async fn reseal(files: &[SecretsFile], desk: &SecretsContext, global: &Global, output: &mut Output) -> Vec<Resealed> {
    let loaded = match ops::check::used(&desk.project) {
        Ok(loaded) => loaded,
        Err(error) => {
            warn(secrets::Error::RotationUnseen { why: error.to_string() }, output);
            return Vec::new();
        }
    };
    let (resealing, mut all) = (Resealing { files, desk, global, loaded: &loaded }, Vec::new());
    for environment in loaded.settings.environments.keys() {
        match resealing.in_environment(environment, output).await {
            Ok(resealed) => all.extend(resealed),
            Err(error) => {
                warn(secrets::Error::RotationUnseen { why: format!("in `{environment}`, {error}") }, output);
            }
        }
    }
    for Resealed { slug, environment, dropped, .. } in all.iter().filter(|one| !one.dropped.is_empty()).cloned() {
        warn(secrets::Error::RotationDropped { slug, environment, names: dropped }, output);
    }
    all
}

/// Files whose recipients may have changed.
struct Resealing<'a> {
    files: &'a [SecretsFile],
    desk: &'a SecretsContext,
    global: &'a Global,
    loaded: &'a Loaded,
}

impl Resealing<'_> {
    async fn in_environment(&self, environment: &EnvironmentName, output: &mut Output) -> Result<Vec<Resealed>, Error> {
        let Self { files, desk, global, loaded } = *self;
        let is_meant = |slug: &Slug| files.iter().any(|file| file.name.slug == *slug && file.document.is_some());
        let may_rotate = |one: &Integration| one.role() == Role::Extractor && one.at(environment).secrets.is_some();
        let meant = loaded.integrations.by_slug().filter(|one| is_meant(&one.slug) && may_rotate(one));
        let meant: Vec<&Integration> = meant.map(|one| &**one).collect();
        let mut all = Vec::new();
        if meant.is_empty() {
            return Ok(all);
        }
        let outside = global.outside(&desk.project, output)?;
        let site = Site { project: &desk.project, settings: &loaded.settings, environment };
        let world = site.open(&outside, output)?;
        let scope = rotated_secrets::Scope { world: &world, loaded, environment, access: desk.access() };
        for integration in meant {
            all.extend(rotated_secrets::reseal(scope, integration).await?);
        }
        Ok(all)
    }
}

fn warn(warning: secrets::Error, output: &mut Output) {
    output.note(&view::report::error(&warning.into()));
}

fn resealed_line(resealed: &Resealed) -> String {
    let Resealed { slug, environment, encrypted, .. } = resealed;
    if encrypted.is_empty() {
        return String::new();
    }
    let count = counted(encrypted.len(), "rotated secret");
    format!("{slug}: {count} in `{environment}` encrypted for the same recipients\n")
}

fn lines(file: &Regranted) -> String {
    let added = file.added.iter().map(|reader| format!("  {} {reader} can read\n", styled(CHANGED, "+")));
    let removed = file.removed.iter().map(|reader| format!("  {} {reader} can no longer read\n", styled(CHANGED, "-")));
    format!("{}\n{}", file.path.display(), added.chain(removed).collect::<String>())
}

fn last_line(files: &[Regranted], is_check: bool) -> String {
    let left = files.iter().any(|file| !file.removed.is_empty());
    let note = if left { "; removed recipients still know the old values: rotate these secrets" } else { "" };
    match files.len() {
        0 => "every file matches `.sops.yaml`\n".to_owned(),
        count => {
            let verb = match (is_check, count) {
                (true, 1) => "differs from",
                (true, _) => "differ from",
                (false, 1) => "now matches",
                (false, _) => "now match",
            };
            format!("{} {verb} `.sops.yaml`{note}\n", counted(count, "file"))
        }
    }
}
