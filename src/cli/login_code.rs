//! `spile login-code`

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::surroundings::actor;
use super::times::duration;
use super::tokens::role;
use super::{Global, Output};
use spile_ops::{Error, check};
use spile_world::files::io_error::IoError;
use spile_world::stores::invites::Invites;
use spile_world::stores::tokens::Role;
use spile_world::{Audit, Deed};

/// How long a code can be used at most.
const LONGEST: Duration = Duration::from_hours(24 * 30);

/// Invite one person to the pages of `spile serve`: prints a code that works once
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the person, as changes show it; without a name, the code is for you, as an admin
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    name: Option<String>,
    /// What the person may do: view (viewer), change files and run (editor), apply plans (admin) [default: editor]
    #[arg(long, value_parser = role, requires = "name")]
    role: Option<Role>,
    /// How long the code can be used, at most 30 days
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "24h")]
    lasts: Duration,
}

pub(super) fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let project = global.project()?;
    let url = check::settings(&project)?.url;
    let (name, role) = match &args.name {
        Some(name) => (name.clone(), args.role.unwrap_or(Role::Editor)),
        None => (actor(), Role::Admin),
    };
    let now = Timestamp::now();
    let until = now.checked_add(args.lasts.min(LONGEST)).unwrap_or(now);
    let code = Invites::of(&project.own_folder())
        .make(&name, role, now, until)
        .map_err(IoError::of("write", ".spile/invites.json"))?;
    let deed = Deed {
        at: now,
        actor: actor(),
        subject: None,
        role: Role::Admin.word().to_owned(),
        action: "invite".to_owned(),
        integrations: Vec::new(),
        result: Some(format!("{name}, {}", role.word())),
    };
    Audit::of(&project.own_folder()).add(&deed).map_err(IoError::of("write", ".spile/audit.jsonl"))?;
    let link = url.map(|url| format!("{}/login?code={code}", url.trim_end_matches('/')));
    let text = || link.as_ref().map_or_else(|| format!("{code}\n"), |link| format!("{code}\n{link}\n"));
    output.result(text, &json!({ "name": name, "role": role, "code": code, "until": until, "link": link }));
    Ok(0)
}
