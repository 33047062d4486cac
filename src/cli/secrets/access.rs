//! `spile secrets init`, `rotate` and `updatekeys`

use serde_json::json;

use super::SecretsContext;
use crate::cli::{Output, exit};
use spile_ops::secrets::{self, Changed, Regranted};
use spile_ops::{Error, counted};
use spile_view::{CHANGED, styled};

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

pub(super) async fn updatekeys(args: &UpdatekeysArgs, desk: &SecretsContext, output: &mut Output) -> Result<u8, Error> {
    let mut regranted = Vec::new();
    for file in &desk.files(&args.names)? {
        let one = if args.check {
            secrets::regranted(&desk.project, file)?
        } else {
            secrets::update_keys(desk.access(), file).await?
        };
        regranted.extend(one);
    }
    output.result(
        || regranted.iter().map(lines).collect::<String>() + &last_line(&regranted, args.check),
        &json!({ "files": regranted }),
    );
    Ok(if args.check && !regranted.is_empty() { exit::CHANGES } else { 0 })
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
