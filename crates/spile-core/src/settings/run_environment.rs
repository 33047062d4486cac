//! `[run]` in `spile.toml`: which environment variables the children of a run get.
//!
//! Separate from starting children: this only decides whether a name is passed on, regardless of who asks.

mod mistake;
mod named;

use std::collections::BTreeSet;

use crate::problem::Problems;
use crate::source::Placed;
use crate::table::Table;

pub use mistake::RunMistake;
use named::NamedVariable;

/// Variables that any program may need, and that contain no secrets. Includes `LD_LIBRARY_PATH`, because drivers like
/// Oracle's find their libraries with it. Excludes `SHELL`, because what needs a shell uses `/bin/sh`.
const USUAL: [&str; 15] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "LANG",
    "LANGUAGE",
    "TZ",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "AWS_CA_BUNDLE",
];

/// Prefixes of such variables: the locale, standard folders, Python, its installers, Meltano.
const FAMILIES: [&str; 6] = ["LC_", "XDG_", "PYTHON", "PIP_", "UV_", "MELTANO_"];

/// Proxies, whose names programs read in upper or lower case.
const PROXIES: [&str; 4] = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"];

/// Variables that would change how a run behaves without anyone noticing, or make Meltano start slowly: container
/// images often forbid Python to store compiled code. The last two would make Python wait for input.
const RESERVED: [&str; 8] = [
    "VIRTUAL_ENV",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONHOME",
    "PYTHONPATH",
    "MELTANO_CWD",
    "MELTANO_ENV_FILE",
    "PYTHONINSPECT",
    "PYTHONSTARTUP",
];

/// Prefixes of such variables: options of `meltano run`, and Meltano's logging, which spile reads.
const RESERVED_FAMILIES: [&str; 2] = ["MELTANO_RUN_", "MELTANO_CLI_LOG_"];

/// Prefixes of the sources of keys, and of spile's own variables.
const KEY_SOURCES: [&str; 2] = ["SOPS_", "SPILE_"];

/// Which environment variables the children of a run get.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunEnvironment {
    /// Variables that the project passes on in addition to the usual ones.
    env: BTreeSet<String>,
    /// Variables that `[registry]` and `[[notify]]` name.
    withheld: BTreeSet<String>,
}

impl RunEnvironment {
    /// Tells whether children get a variable.
    #[must_use]
    pub fn passes(&self, name: &str) -> bool {
        let is_wanted = is_usual(name) || self.env.contains(name);
        is_wanted && !is_reserved(name) && !self.withholds(name)
    }

    /// Tells whether no child may ever get a variable, because it gives access to the registry, a channel or secrets.
    #[must_use]
    pub fn withholds(&self, name: &str) -> bool {
        self.withheld.contains(name) || is_key_source(name)
    }

    /// Tells whether `[registry]` or `[[notify]]` names a variable.
    #[must_use]
    pub fn is_named_by_settings(&self, name: &str) -> bool {
        self.withheld.contains(name)
    }
}

fn is_usual(name: &str) -> bool {
    let is_proxy = PROXIES.contains(&name) || PROXIES.iter().any(|proxy| proxy.to_lowercase() == name);
    USUAL.contains(&name) || is_proxy || FAMILIES.iter().any(|family| name.starts_with(family))
}

fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name) || RESERVED_FAMILIES.iter().any(|family| name.starts_with(family))
}

fn is_key_source(name: &str) -> bool {
    KEY_SOURCES.iter().any(|family| name.starts_with(family))
}

/// Tells whether a string is a valid variable name in a shell.
fn is_name(text: &str) -> bool {
    let letters = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    letters && text.starts_with(|c: char| !c.is_ascii_digit())
}

/// Reads `[run]` from the file's top table, and the variables that its other tables name.
pub(super) fn read(top: &Table<'_>, problems: &mut Problems) -> RunEnvironment {
    let opening = named::in_settings(top);
    let mut env = BTreeSet::new();
    if let Some(table) = top.table("run", problems) {
        let names = table.texts("env", problems).map(|names| names.value).unwrap_or_default();
        table.finish(problems);
        for name in names {
            match mistake(&name, &opening) {
                Some(mistake) => problems.push(&name.place.source, mistake),
                None => drop(env.insert(name.value)),
            }
        }
    }
    RunEnvironment { env, withheld: opening.into_iter().map(|named| named.variable).collect() }
}

/// Returns why a variable cannot be passed on; `None` if it can.
fn mistake(name: &Placed<String>, opening: &[NamedVariable]) -> Option<RunMistake> {
    let (variable, span) = (name.value.clone(), name.place.span.clone().into());
    if !is_name(&variable) {
        return Some(RunMistake::VariableName { name: variable, span });
    }
    if let Some(named) = opening.iter().find(|named| named.variable == variable) {
        let named_at = named.span.clone().into();
        return Some(RunMistake::Withheld { name: variable, table: named.table, span, named_at });
    }
    if is_key_source(&variable) {
        return Some(RunMistake::KeySource { name: variable, span });
    }
    is_reserved(&variable).then_some(RunMistake::Reserved { name: variable, span })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    const HEAD: &str = "[project]\nname = 'acme'\n";

    fn read(text: &str) -> (Option<RunEnvironment>, Vec<String>) {
        let mut problems = Problems::default();
        let settings = crate::settings::read(&Source::new("spile.toml", format!("{HEAD}{text}")), &mut problems);
        let report = problems.into_report();
        (settings.map(|settings| settings.run), report.problems().iter().map(|one| format!("{one:?}")).collect())
    }

    #[test]
    fn usual_variables_are_passed_on_and_unnamed_ones_are_not() {
        let run = RunEnvironment::default();
        for name in
            ["PATH", "HOME", "LC_ALL", "TZ", "https_proxy", "NO_PROXY", "SSL_CERT_FILE", "PYTHONUTF8", "UV_CACHE_DIR"]
        {
            assert!(run.passes(name), "{name}");
        }
        for name in ["MELTANO_DATABASE_URI", "MELTANO_STATE_BACKEND_URI", "XDG_CACHE_HOME", "PIP_INDEX_URL"] {
            assert!(run.passes(name), "{name}");
        }
        for name in ["AWS_PROFILE", "SUPABASE_SECRET_KEY", "SHELL", "Https_Proxy", "PATHEXT", "HOMEDRIVE", "path", ""] {
            assert!(!run.passes(name), "{name}");
        }
        for name in ["PYTHONPATH", "VIRTUAL_ENV", "MELTANO_RUN_FULL_REFRESH", "MELTANO_CLI_LOG_FORMAT", "SOPS_AGE_KEY"]
        {
            assert!(!run.passes(name), "{name}");
        }
    }

    #[test]
    fn a_project_passes_on_what_it_names() {
        let (run, problems) = read("[run]\nenv = ['AWS_PROFILE', '_x1']\n");
        assert_eq!(problems, [""; 0]);
        let run = run.unwrap();
        assert!(run.passes("AWS_PROFILE") && run.passes("_x1") && !run.passes("AWS_REGION"));
    }

    #[test]
    fn secrets_of_the_registry_and_channels_are_withheld_wherever_they_are_named() {
        let text = "[registry]\nkind = 'supabase'\nurl = '${MELTANO_HOST}'\nkey = '${PIP_KEY}'\n\
                    [environments.prod.registry]\nkey = '${PROD_KEY}'\n[environments.dev]\nregistry.key = '${DEV_KEY}'\n\
                    [[notify]]\nname = 'a'\nkind = 'slack'\nurl = '${UV_HOOK}'\n\
                    [[notify]]\nname = 'b'\nkind = 'email'\nserver = '${SMTP_HOST}'\n\
                    password = '${SMTP_PASSWORD}'\nfrom = 'a@example.com'\nto = ['b@example.com']\n";
        let (run, problems) = read(text);
        assert_eq!(problems, [""; 0]);
        let run = run.unwrap();
        for name in ["MELTANO_HOST", "PIP_KEY", "PROD_KEY", "DEV_KEY", "UV_HOOK", "SMTP_HOST", "SMTP_PASSWORD"] {
            assert!(run.withholds(name) && run.is_named_by_settings(name) && !run.passes(name), "{name}");
        }
    }

    #[test]
    fn a_key_of_a_local_registry_is_withheld_too() {
        let (run, _) = read("[registry]\nkind = 'local'\nkey = '${MELTANO_KEY}'\n");
        assert!(!run.unwrap().passes("MELTANO_KEY"));
    }

    #[test]
    fn every_name_that_cannot_be_passed_on_is_a_problem_at_its_place() {
        let text = "[run]\nenv = ['${AWS_PROFILE}', 'A B', '', '1A', 'A=B', 'KEY', 'SOPS_AGE_KEY', 'SPILE_TOKEN', \
                    'PYTHONPATH', 'MELTANO_RUN_TIMEOUT', 'GOOD']\n[registry]\nkind = 'supabase'\nurl = '${URL}'\nkey = '${KEY}'\n";
        let (run, problems) = read(text);
        assert!(run.unwrap().passes("GOOD"));
        assert_eq!(
            problems,
            [
                "spile.toml:4: `${AWS_PROFILE}` is not a variable name [spile::run::variable_name]",
                "spile.toml:4: `A B` is not a variable name [spile::run::variable_name]",
                "spile.toml:4: `` is not a variable name [spile::run::variable_name]",
                "spile.toml:4: `1A` is not a variable name [spile::run::variable_name]",
                "spile.toml:4: `A=B` is not a variable name [spile::run::variable_name]",
                "spile.toml:4: `KEY` cannot be passed on to plugins: `[registry]` uses it [spile::run::withheld_variable]",
                "spile.toml:4: `SOPS_AGE_KEY` cannot be passed on to plugins: it may lead to the keys of secrets [spile::run::key_variable]",
                "spile.toml:4: `SPILE_TOKEN` cannot be passed on to plugins: it may lead to the keys of secrets [spile::run::key_variable]",
                "spile.toml:4: `PYTHONPATH` cannot be passed on to plugins: it would change how runs behave [spile::run::reserved_variable]",
                "spile.toml:4: `MELTANO_RUN_TIMEOUT` cannot be passed on to plugins: it would change how runs behave [spile::run::reserved_variable]",
            ]
        );
        assert_eq!(
            read("[run]\nenv = 'A'\nenvs = []\n").1.len(),
            2,
            "a text is no list, and a key that nobody knows is reported"
        );
    }
}
