//! `secrets init`: creates a key, a `.sops.yaml` and git's drivers, each unless it exists.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Error;
use crate as ops;
use spile_world::files::project::{SOPS_RULES, add_lines, check_lines};
use spile_world::keys::{Keys, make_identity};
use spile_world::{Project, processes::git};

/// What was created, and what already existed.
#[derive(Debug, Default, Serialize)]
pub struct Setup {
    /// The file of the new key, if one was created.
    pub key: Option<PathBuf>,
    /// The public keys of this user.
    pub recipients: Vec<String>,
    /// Whether the rules list this user as a recipient.
    pub is_recipient: bool,
    /// The project's `.sops.yaml`.
    pub rules: PathBuf,
    /// Whether it was created.
    pub made_rules: bool,
    /// The git settings that were written.
    pub git: Vec<String>,
}

/// The file that tells git which driver handles which file.
const GIT_ATTRIBUTES: &str = ".gitattributes";

/// The lines of `.gitattributes`.
const ATTRIBUTES: [&str; 1] = ["integrations/**/*.toml merge=spile diff=spile"];

/// The git configuration of the drivers. `%O`, `%A` and `%B` are git's names for the three versions, `%P` is the path.
const DRIVERS: [(&str, &str); 4] = [
    ("merge.spile.name", "spile: text line by line, secrets by their values"),
    ("merge.spile.driver", "spile secrets resolve %O %A %B %P"),
    ("diff.spile.textconv", "spile secrets textconv"),
    ("diff.spile.cachetextconv", "true"),
];

/// Prepares a project for secrets. What already exists stays as it is.
///
/// # Errors
/// When a key or a file cannot be written.
pub async fn setup(project: &Project, keys: &Keys, with_git: bool) -> Result<Setup, ops::Error> {
    let written = |path: &'static str| move |why| ops::Error::of_file("write", Path::new(path), why);
    let anywhere = Path::new("integrations/any.toml");
    // Obstacles are found before anything is created.
    let rules = project.sops_rules(anywhere)?;
    if with_git {
        check_lines(project, Path::new(GIT_ATTRIBUTES)).map_err(written(GIT_ATTRIBUTES))?;
        git::check(project.root()).await.map_err(Error::from)?;
    }
    let (recipients, key) = own_keys(keys)?;
    let mut made = Setup { key, recipients, ..Setup::default() };
    if let Some((path, text)) = rules {
        // Which rule matches a file is checked when the file is used. A user that no rule lists can decrypt nothing.
        made.is_recipient = made.recipients.iter().any(|recipient| text.contains(recipient.as_str()));
        made.rules = path;
    } else {
        made.is_recipient = true;
        made.rules = project.root().join(SOPS_RULES);
        let door = project.door().map_err(written(SOPS_RULES))?;
        door.create(Path::new(SOPS_RULES), rules_for(&made.recipients).as_bytes()).map_err(written(SOPS_RULES))?;
        made.made_rules = true;
    }
    if with_git {
        add_lines(project, Path::new(GIT_ATTRIBUTES), &ATTRIBUTES).map_err(written(GIT_ATTRIBUTES))?;
        made.git.push(GIT_ATTRIBUTES.to_owned());
        for (name, value) in DRIVERS {
            git::configure(project.root(), name, value).await.map_err(Error::from)?;
            made.git.push(name.to_owned());
        }
    }
    Ok(made)
}

fn public_keys(keys: &Keys) -> Vec<String> {
    keys.found().public_keys().map(str::to_owned).collect()
}

/// Returns the public keys of the user. If there are none, creates a key, and also returns its file.
pub(crate) fn own_keys(keys: &Keys) -> Result<(Vec<String>, Option<PathBuf>), ops::Error> {
    let known = public_keys(keys);
    if !known.is_empty() {
        return Ok((known, None));
    }
    let (path, recipient) = make_identity(keys.places()).map_err(Error::from)?;
    Ok((vec![recipient], Some(path)))
}

/// Returns a `.sops.yaml` with these recipients for the secrets of integrations.
pub(crate) fn rules_for(recipients: &[String]) -> String {
    let readers: Vec<String> = recipients.iter().map(|recipient| format!("      - {recipient}\n")).collect();
    let readers = readers.concat();
    format!(
        "# The recipients of secrets, for spile and sops: https://getsops.io/docs/#using-sopsyaml-conf\n\
         # After a change: spile secrets updatekeys\n\
         creation_rules:\n  - path_regex: ^integrations/\n    age:\n{readers}"
    )
}
