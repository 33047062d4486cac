//! The user's environment: variables, keys and programs. No other module reads it.

use std::ffi::OsString;
use std::path::PathBuf;

use super::Output;
use spile_core::secret::Secret;
use spile_world::keys::Places;
use spile_world::processes::editor::Editor;
use spile_world::processes::meltano::{Host, Warm};
use spile_world::{ChildEnvironment, Keys, Program};

/// Returns the places where keys can be. Reads nothing before a secret must be decrypted.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub(super) fn places() -> Places {
    Places::from_environment(|name| std::env::var_os(name))
}

/// Returns the keys of the person who runs the program.
pub(super) fn keys(output: &Output) -> Keys {
    let mut places = places();
    places.ask = output.asks().then_some(ask_passphrase as fn(&str) -> Option<Secret>);
    Keys::new(places)
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub(super) fn variable_os(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

fn ask_passphrase(what: &str) -> Option<Secret> {
    rpassword::prompt_password(format!("{what}: ")).ok().map(Secret::new)
}

/// Returns the official sops, which is looked up in `PATH` when it is needed.
pub(super) fn program() -> Program {
    Program::new(host().path)
}

/// Returns the user's editor.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub(super) fn editor() -> Editor {
    let command = ["SOPS_EDITOR", "VISUAL", "EDITOR"].into_iter().find_map(|name| std::env::var(name).ok());
    let memory = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    Editor { command: command.filter(|command| !command.trim().is_empty()), path: host().path, memory }
}

/// Reads the part of the environment that children get and installers need.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub(super) fn host() -> Host {
    Host {
        path: std::env::var_os("PATH").unwrap_or_default(),
        python: std::env::var_os("SPILE_PYTHON"),
        program: std::env::current_exe().ok(),
        environment: ChildEnvironment::of(std::env::vars_os()),
        warm: Warm::default(),
    }
}

/// Returns who runs the program, as it is remembered.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub(super) fn actor() -> String {
    let actor = ["SPILE_ACTOR", "GITHUB_ACTOR", "GITLAB_USER_LOGIN", "USER"];
    actor.into_iter().find_map(|name| std::env::var(name).ok()).unwrap_or_else(|| "unknown".to_owned())
}
