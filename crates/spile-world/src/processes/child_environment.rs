//! The environment of child processes. They are all started here, so that none gets the whole environment by accident.
//!
//! A plugin and its installer come from third parties. They start with an empty environment and get what
//! [`RunEnvironment`] passes on. A command that the user has named gets the user's environment.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::process::Command;
use std::sync::Arc;

use spile_core::secrecy;
use spile_core::secret::Secret;
use spile_core::settings::RunEnvironment;

/// The variables that a notification program needs to find the desktop.
const DESKTOP: [&str; 10] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
];

/// The environment that spile was started with, for its child processes. The command line reads it once.
#[derive(Clone, Default)]
pub struct ChildEnvironment(Arc<BTreeMap<OsString, OsString>>);

impl ChildEnvironment {
    /// Takes all variables that spile has. Each child process gets only a selection.
    pub fn of(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self(Arc::new(variables.into_iter().collect()))
    }

    /// Returns the command of a third-party program. It gets only the variables that the project passes on.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>, run: &RunEnvironment) -> Command {
        let passes = |name: &OsStr| name.to_str().is_some_and(|name| run.passes(name));
        let mut command = empty(program);
        command.envs(self.0.iter().filter(|(name, _)| passes(name)));
        command
    }

    /// Returns the value of a variable if a run's child processes get it.
    #[must_use]
    pub fn passed(&self, name: &str, run: &RunEnvironment) -> Option<String> {
        let value = self.0.get(OsStr::new(name)).filter(|_| run.passes(name))?;
        Some(value.to_string_lossy().into_owned())
    }

    /// Returns the command of the program that shows notifications.
    #[must_use]
    pub fn desktop(&self, program: &str) -> Command {
        let mut command = empty(program);
        command.envs(self.0.iter().filter(|(name, _)| DESKTOP.iter().any(|wanted| *name == *wanted)));
        command
    }

    /// Returns the values to mask in the output of child processes: variables that hold the keys of the registry, of
    /// channels or of secrets, and passed variables whose name or value looks like a secret.
    #[must_use]
    pub fn secrets(&self, run: &RunEnvironment) -> Vec<Secret> {
        let texts = self.0.iter().filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)));
        texts.filter_map(|(name, value)| secret_of(name, value, run)).map(Secret::new).collect()
    }
}

impl fmt::Debug for ChildEnvironment {
    /// Prints only the names, because the values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChildEnvironment").field(&self.0.keys().collect::<Vec<_>>()).finish()
    }
}

/// Returns the secret part of a variable, if any.
fn secret_of<'a>(name: &str, value: &'a str, run: &RunEnvironment) -> Option<&'a str> {
    // A name like `..._CREDENTIALS` often holds a file path, which errors must be able to show.
    let is_called_one = (secrecy::is_name(name) || name.ends_with("_KEY")) && !value.starts_with('/');
    let may_be_one = run.withholds(name) || run.passes(name);
    if run.is_named_by_settings(name) || may_be_one && (is_called_one || secrecy::is_value(value)) {
        return Some(value);
    }
    token_in_address(value).filter(|_| may_be_one)
}

/// Returns the user of a URL if it is as long as a token: `https://TOKEN@pypi.example.com/simple`.
fn token_in_address(address: &str) -> Option<&str> {
    let user = address.split_once("://")?.1.split(['/', '?', '#']).next()?.rsplit_once('@')?.0;
    (user.len() >= SHORTEST_TOKEN).then_some(user)
}

/// The shortest user name that counts as a token. Names of people are shorter.
const SHORTEST_TOKEN: usize = 16;

/// Returns the command of a program that the user has named: an editor, `sops`, a command that prints a key, or what
/// `exec` runs. It gets the user's whole environment.
#[must_use]
pub fn inheriting(program: impl AsRef<OsStr>) -> Command {
    started(program)
}

/// Returns the variables in a `.env` that no child process may get. Meltano reads that file itself.
#[must_use]
pub fn withheld_in(dotenv: &str, run: &RunEnvironment) -> Vec<String> {
    dotenv.lines().filter_map(assigned).filter(|name| run.withholds(name)).map(str::to_owned).collect()
}

/// Returns the value that a `.env` assigns to a variable. The last assignment counts, as for every reader of the file.
#[must_use]
pub fn assigned_in(dotenv: &str, name: &str) -> Option<String> {
    let line = dotenv.lines().rfind(|line| assigned(line) == Some(name))?;
    let value = line.split_once('=').map(|(_, value)| value.trim())?;
    Some(value.trim_matches(['\'', '"']).to_owned())
}

/// Returns the number of the line, from 1, in which a `.env` last assigns a variable.
#[must_use]
pub fn assigned_at(dotenv: &str, name: &str) -> Option<usize> {
    dotenv.lines().zip(1..).filter(|(line, _)| assigned(line) == Some(name)).last().map(|(_, number)| number)
}

/// Returns the variable that a line of a `.env` assigns.
fn assigned(line: &str) -> Option<&str> {
    let line = line.trim_start_matches(['\u{feff}', ' ', '\t']);
    let line = line.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])).unwrap_or(line);
    let name = line.split(['=', ' ', '\t']).find(|word| !word.is_empty())?;
    Some(name.trim_matches(['\'', '"']))
}

pub(crate) fn empty(program: impl AsRef<OsStr>) -> Command {
    let mut command = started(program);
    command.env_clear();
    command
}

#[expect(clippy::disallowed_methods, reason = "every child but git is started here")]
fn started(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

#[cfg(test)]
mod tests {
    use super::*;
    use spile_core::problem::Problems;
    use spile_core::source::Source;

    fn run(settings: &str) -> RunEnvironment {
        let source = Source::new("spile.toml", format!("[project]\nname = 'a'\n{settings}"));
        spile_core::settings::read(&source, &mut Problems::default()).unwrap().run
    }

    const REGISTRY: &str =
        "[registry]\nkind = 'supabase'\nurl = '${MELTANO_ADDRESS}'\nkey = '${SUPABASE_SECRET_KEY}'\n";

    fn environment(variables: &[(&str, &str)]) -> ChildEnvironment {
        ChildEnvironment::of(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())))
    }

    #[test]
    fn a_child_process_gets_only_passed_variables() {
        let all = [("PATH", "/usr/bin:/bin"), ("SUPABASE_SECRET_KEY", "x"), ("AWS_PROFILE", "a"), ("OTHER", "b")];
        let environment = environment(&all);
        let seen = |run: &RunEnvironment| {
            let output = environment.command("/usr/bin/env", run).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!(seen(&run(REGISTRY)), "PATH=/usr/bin:/bin\n");
        let with = format!("{REGISTRY}[run]\nenv = ['AWS_PROFILE']\n");
        assert_eq!(seen(&run(&with)), "AWS_PROFILE=a\nPATH=/usr/bin:/bin\n");
    }

    #[test]
    fn variables_that_grant_access_and_lookalikes_are_secrets() {
        let environment = environment(&[
            ("SUPABASE_SECRET_KEY", "sb_secret_1"),
            ("MELTANO_ADDRESS", "https://x.supabase.co"),
            ("SOPS_AGE_KEY", "AGE-SECRET-KEY-1"),
            ("SOPS_AGE_KEY_FILE", "/home/me/keys.txt"),
            ("SPILE_ENV", "production"),
            ("HTTPS_PROXY", "http://me:hunter2@proxy:8080"),
            ("HTTP_PROXY", "http://proxy:8080"),
            ("PIP_INDEX_URL", "https://pypi-0123456789abcdef@pypi.example.com/simple"),
            ("UV_INDEX_URL", "https://me@pypi.example.com/simple"),
            ("MELTANO_STATE_BACKEND_S3_AWS_SECRET_ACCESS_KEY", "aws-1"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/keys/gcp.json"),
            ("OTHER_PASSWORD", "which no child gets"),
        ]);
        let secrets =
            environment.secrets(&run(&format!("{REGISTRY}[run]\nenv = ['GOOGLE_APPLICATION_CREDENTIALS']\n")));
        let mut texts: Vec<_> = secrets.iter().map(Secret::expose).collect();
        texts.sort_unstable();
        assert_eq!(
            texts,
            [
                "AGE-SECRET-KEY-1",
                "aws-1",
                "http://me:hunter2@proxy:8080",
                "https://x.supabase.co",
                "pypi-0123456789abcdef",
                "sb_secret_1"
            ]
        );
        assert!(!format!("{environment:?}").contains("hunter2"));
    }

    #[test]
    fn registry_variables_in_a_dotenv_are_found_in_any_notation() {
        let text =
            "A=1\nexport SUPABASE_SECRET_KEY=x\n 'SOPS_AGE_KEY' = y\nMELTANO_ADDRESS\t=z\nexported=1\n# SPILE_X=1\n";
        assert_eq!(withheld_in(text, &run(REGISTRY)), ["SUPABASE_SECRET_KEY", "SOPS_AGE_KEY", "MELTANO_ADDRESS"]);
        assert!(withheld_in("", &run(REGISTRY)).is_empty());
        assert_eq!(assigned_in("A = 'x'\nB=y\nexport A=\"z z\"\n", "A").as_deref(), Some("z z"));
        assert_eq!(assigned_in("AB=1\n# A=1\n", "A"), None);
        assert_eq!(assigned_at("A=1\n# A=2\nB=3\nexport A=4\n", "A"), Some(4));
        assert_eq!(assigned_at("# A=2\n", "A"), None);
    }
}
