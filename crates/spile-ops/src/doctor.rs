//! `doctor`: checks everything that runs depend on, with the next step for each finding.

use super::{Error, Loaded, check};
use spile_core::problem::{Problems, Report, listed};
use spile_world::files::own_folder::Own;
use spile_world::files::state_folder;
use spile_world::processes::meltano::Host;
use spile_world::{Keys, Notifier, Outside, Project, World};

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckResult {
    /// Nothing to do.
    Good,
    /// Something is missing that only some operations need.
    Advice,
    /// Runs fail until this is fixed.
    Bad,
}

/// A finding about one subject.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// The subject of the check.
    pub subject: &'static str,
    /// The severity.
    pub verdict: CheckResult,
    /// What was found.
    pub found: String,
    /// The next step, if one is needed.
    pub help: Option<String>,
}

/// Checks Python, uv, Meltano, sops, the files, the registry of an environment (the default one unless it is named), and
/// the permissions.
pub async fn doctor(project: &Project, environment: Option<&str>, host: &Host, outside: &Outside) -> Vec<Finding> {
    let mut findings = vec![python(host), tool("uv", host, "optional: installs Meltano and plugins faster")];
    findings.push(tool("sops", host, "optional: only for keys other than age"));
    findings.push(good("variables", outside.variables.allowed().listed().join(", ")));
    findings.push(hosts(outside));
    match check(project) {
        Ok(loaded) => {
            findings.push(good("files", super::counted(loaded.integrations.iter().count(), "integration")));
            let world = loaded.environment(environment).and_then(|environment| {
                World::open(project, &loaded.settings, &environment, outside).map_err(Error::from)
            });
            match world {
                Ok(world) => {
                    findings.push(meltano(&world));
                    findings.push(registry(&world).await);
                    findings.extend(exposure(&world).await);
                }
                Err(Error::Problems(report)) => findings.extend(problems("registry", &report)),
                Err(error) => findings.push(bad("registry", &error, None)),
            }
            findings.extend(channels(&loaded, environment, outside));
            match check::variables(project, &loaded, environment, &outside.children) {
                Ok(variables) => findings.extend(self::variables(&variables)),
                Err(error) => findings.push(bad(".env", &error, None)),
            }
            findings.push(secrets(&outside.keys, &loaded).await);
        }
        Err(error) => findings.push(files(&error)),
    }
    findings.push(own_folder(".spile", &project.own()));
    findings.push(own_folder(".meltano", &Own::of_meltano(&state_folder::of(project.root()))));
    findings
}

fn good(subject: &'static str, found: impl Into<String>) -> Finding {
    Finding { subject, verdict: CheckResult::Good, found: found.into(), help: None }
}

fn bad(subject: &'static str, error: &(dyn miette::Diagnostic + 'static), help: Option<String>) -> Finding {
    let help = help.or_else(|| error.help().map(|help| help.to_string()));
    Finding { subject, verdict: CheckResult::Bad, found: error.to_string(), help }
}

/// Reports the first problem of the files with its place. `check` reports the rest.
fn files(error: &Error) -> Finding {
    let finding = bad("files", error, Some("run `spile check`".to_owned()));
    match error {
        Error::Problems(report) => match problems("files", report).next() {
            Some(first) => Finding { found: format!("{}; {}", finding.found, first.found), ..finding },
            None => finding,
        },
        _ => finding,
    }
}

/// Reports the settings that `.env` overrides, and the variables that a run would not get here.
fn variables(found: &check::Variables) -> Vec<Finding> {
    let overridden = problems(".env", &found.overridden).map(|one| Finding { verdict: CheckResult::Advice, ..one });
    let unset = found.unset.iter().map(|unset| Finding {
        subject: ".env",
        verdict: CheckResult::Advice,
        found: format!(
            "a run of `{}` needs {}, not set here",
            unset.slug,
            listed(unset.names.iter().map(String::as_str))
        ),
        help: Some("set it in `.env`, or in the environment and list it under `[run] env` in `spile.toml`".to_owned()),
    });
    overridden.chain(unset).collect()
}

/// Reports the hosts in `spile.toml` that may receive keys and passwords.
fn hosts(outside: &Outside) -> Finding {
    match outside.agreements.listed() {
        Ok(listed) if listed.is_empty() => good("hosts", "no hosts are trusted yet"),
        Ok(listed) => good("hosts", listed.join(", ")),
        Err(error) => Finding {
            subject: "hosts",
            verdict: CheckResult::Bad,
            found: format!("the list of trusted hosts cannot be read: {error}"),
            help: Some("fix or remove `registries.json` in `~/.local/state/spile`".to_owned()),
        },
    }
}

/// Reports why channels of the environment cannot be used on this machine. Runs do not need them, so it is only advice.
fn channels(loaded: &Loaded, environment: Option<&str>, outside: &Outside) -> Vec<Finding> {
    let Ok(environment) = loaded.environment(environment) else { return Vec::new() };
    let notifier = Notifier::new(outside);
    let mut found = Problems::default();
    for channel in loaded.settings.channels_of(&environment) {
        notifier.check(&channel.sender, &mut found);
    }
    problems("notify", &found.into_report()).map(|one| Finding { verdict: CheckResult::Advice, ..one }).collect()
}

/// Returns a finding for each problem, with its place.
fn problems(subject: &'static str, report: &Report) -> impl Iterator<Item = Finding> {
    report.problems().iter().map(move |problem| Finding {
        subject,
        verdict: CheckResult::Bad,
        found: format!("{}: {}", problem.to_reference(), problem.message()),
        help: problem.help().map(|help| help.to_string()),
    })
}

fn python(host: &Host) -> Finding {
    match host.python() {
        Ok(python) => good("python", format!("{} at {}", python.version, python.path.display())),
        Err(error) => bad("python", &Error::Install(error), None),
    }
}

fn tool(name: &'static str, host: &Host, purpose: &str) -> Finding {
    match host.find(name) {
        Some(path) => good(name, path.display().to_string()),
        None => Finding {
            subject: name,
            verdict: CheckResult::Advice,
            found: "not on PATH".to_owned(),
            help: Some(purpose.to_owned()),
        },
    }
}

fn meltano(world: &World) -> Finding {
    let version = world.meltano.version();
    if world.meltano.is_installed() {
        return good("meltano", format!("{version} in .spile/meltano"));
    }
    let help = Some("nothing to do: `spile test` and `spile sync` install it".to_owned());
    Finding { subject: "meltano", verdict: CheckResult::Advice, found: format!("{version} is not installed yet"), help }
}

async fn registry(world: &World) -> Finding {
    match world.registry.read().await {
        Ok(snapshot) => good("registry", super::counted(snapshot.state.len(), "row")),
        Err(error) => bad("registry", &error, None),
    }
}

/// Reports whether a hosted table is accessible to roles that should have no access. A planner's key cannot find out.
async fn exposure(world: &World) -> Option<Finding> {
    let rights = world.supabase.as_ref()?.exposure().await.ok()?;
    if rights.is_empty() {
        return Some(good("exposure", "no table is exposed"));
    }
    Some(Finding {
        subject: "exposure",
        verdict: CheckResult::Bad,
        found: rights.join(", "),
        help: Some("run the migration again to revoke these rights: `spile migrate` prints it".to_owned()),
    })
}

/// Decrypts the secrets of every environment. On machines that only plan, no key is needed.
async fn secrets(keys: &Keys, loaded: &Loaded) -> Finding {
    let (mut closed, mut count) = (Vec::new(), 0);
    for integration in loaded.integrations.iter() {
        for declaration in std::iter::once(&integration.base).chain(integration.overlays.values()) {
            let Some(secrets) = &declaration.secrets else { continue };
            count += 1;
            if let Err(error) = super::secrets::opened(keys, secrets).await {
                closed.push((secrets.path.display().to_string(), error));
            }
        }
    }
    let Some((path, error)) = closed.first() else {
        return good("secrets", format!("{} with secrets, all can be decrypted here", super::counted(count, "file")));
    };
    let files = super::counted(count, "file");
    Finding {
        subject: "secrets",
        verdict: CheckResult::Advice,
        found: format!("{} of {files} cannot be decrypted here; `{path}`: {error}", closed.len()),
        help: miette::Diagnostic::help(error).map(|help| help.to_string()),
    }
}

/// Reports whether a folder that spile or Meltano creates can be trusted.
fn own_folder(subject: &'static str, own: &Own) -> Finding {
    match own.open() {
        Ok(None) => good(subject, "not created yet"),
        Ok(Some(_)) => good(subject, "owned by this user, not tracked by git"),
        Err(not_own) => bad(subject, &not_own, None),
    }
}
