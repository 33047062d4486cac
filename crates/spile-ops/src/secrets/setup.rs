//! `secrets init`: a key, a `.sops.yaml` and git's drivers, each where there is none yet.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Error;
use crate as ops;
use spile_world::files::project::{SOPS_RULES, add_lines, check_lines};
use spile_world::keys::{Keys, make_identity};
use spile_world::{Project, processes::git};

/// What was made, and what was there.
#[derive(Debug, Default, Serialize)]
pub struct Setup {
    /// The file of a new key, where one was made.
    pub key: Option<PathBuf>,
    /// The public keys of this user.
    pub recipients: Vec<String>,
    /// Whether the rules let this user read.
    pub is_recipient: bool,
    /// The `.sops.yaml` that holds for the project.
    pub rules: PathBuf,
    /// Whether it was made.
    pub made_rules: bool,
    /// What was configured in git.
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
    // What is in the way is found before anything is made.
    let rules = project.sops_rules(anywhere)?;
    if with_git {
        check_lines(project, Path::new(GIT_ATTRIBUTES)).map_err(written(GIT_ATTRIBUTES))?;
        git::check(project.root()).await.map_err(Error::from)?;
    }
    let (recipients, key) = own_keys(keys)?;
    let mut made = Setup { key, recipients, ..Setup::default() };
    if let Some((path, text)) = rules {
        // Whether a rule lets them read this or that file is found out where it is used; who is not named reads nothing.
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

/// Returns the public keys of the user; where there are none, makes one, and returns its file too.
pub(crate) fn own_keys(keys: &Keys) -> Result<(Vec<String>, Option<PathBuf>), ops::Error> {
    let known = public_keys(keys);
    if !known.is_empty() {
        return Ok((known, None));
    }
    let (path, recipient) = make_identity(keys.places()).map_err(Error::from)?;
    Ok((vec![recipient], Some(path)))
}

/// Returns a `.sops.yaml` that lets these recipients read the secrets of integrations.
pub(crate) fn rules_for(recipients: &[String]) -> String {
    let readers: Vec<String> = recipients.iter().map(|recipient| format!("      - {recipient}\n")).collect();
    let readers = readers.concat();
    format!(
        "# The recipients of secrets, for spile and sops: https://getsops.io/docs/#using-sopsyaml-conf\n\
         # After a change: spile secrets updatekeys\n\
         creation_rules:\n  - path_regex: ^integrations/\n    age:\n{readers}"
    )
}
