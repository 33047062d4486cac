//! Files that a clone plants below `.spile` and `.meltano`: each file in each way, and spile trusts none of them.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use spile_core::connector::Role;
use spile_world::stores::tokens::Role as Right;
use spile_world::{Audit, Local, Registry, Rendered, Runs, SeenAlerts, Target, Tokens};

use crate::folder::Folder;
use crate::tools;

/// How the files were planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Planted {
    /// Committed, and as private as spile's own: a clone with a strict umask.
    Tracked,
    /// Left over or unpacked, with the usual modes.
    Open,
    /// As a link to a folder in the repository.
    Link,
    /// As a repository of its own.
    Repository,
}

impl Planted {
    const ALL: [(Self, &str); 4] = [
        (Self::Tracked, "spile::own::tracked"),
        (Self::Open, "spile::own::open_to_others"),
        (Self::Link, "spile::own::link"),
        (Self::Repository, "spile::own::repository"),
    ];

    /// Plants the contents of `.spile` or `.meltano`.
    fn plant(self, folder: &Folder, own: &str) {
        let path = folder.join(own);
        if !folder.join(".git").exists() {
            git(folder.path(), &["init", "--quiet"]);
        }
        let _ = fs::remove_file(path.join(".gitignore"));
        match self {
            Self::Tracked => git(folder.path(), &["add", "--force", own]),
            Self::Open => fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap(),
            Self::Link => {
                let brought = folder.join(&format!("brought-{}", &own[1..]));
                fs::rename(&path, &brought).unwrap();
                symlink(&brought, &path).unwrap();
            }
            Self::Repository => fs::write(path.join(".git"), "gitdir: ../.git/modules/x\n").unwrap(),
        }
    }
}

fn git(at: &Path, words: &[&str]) {
    let said = tools::said(Command::new("git").current_dir(at).args(words), "");
    assert_eq!(said.code, Some(0), "{words:?}: {}", said.stderr);
}

/// An applied project with a file of every kind in `.spile`, and a journal that would write into `.git`.
fn with_everything() -> Folder {
    let folder = Folder::project();
    folder.spile("apply --yes").exits(0);
    let own = folder.join(".spile");
    Tokens::of(&own).make("evil", Right::Admin, jiff::Timestamp::UNIX_EPOCH).unwrap();
    folder.write(".spile/audit.jsonl", &(serde_json::to_string(&deed()).unwrap() + "\n"));
    folder.write(".spile/logs/fruit/x.log", "evil\n");
    folder
}

fn deed() -> spile_world::Deed {
    spile_world::Deed {
        at: jiff::Timestamp::UNIX_EPOCH,
        actor: "evil".to_owned(),
        subject: None,
        role: "admin".to_owned(),
        action: "apply".to_owned(),
        integrations: Vec::new(),
        result: None,
    }
}

#[test]
fn of_what_is_planted_in_spiles_folder_nothing_is_believed() {
    for (planted, code) in Planted::ALL {
        let folder = with_everything();
        let (own, project) = (folder.join(".spile"), spile_world::Project::at(folder.path()));
        let local = || Local::new(own.join("registry.db"), "acme", &"dev".parse().unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let rows = || runtime.block_on(local().read()).unwrap().state.len();
        assert!(Rendered::of(&project).is_some() && rows() == 1, "it is believed before");
        planted.plant(&folder, ".spile");
        assert_eq!(Rendered::of(&project), None, "{planted:?}");
        assert_eq!(rows(), 0, "{planted:?}");
        assert!(runtime.block_on(local().applies(9)).unwrap().is_empty(), "{planted:?}");
        assert!(runtime.block_on(local().newest(None, 9)).unwrap().is_empty(), "{planted:?}");
        Tokens::of(&own).all().unwrap_err();
        Tokens::of(&own).make("x", Right::Viewer, jiff::Timestamp::UNIX_EPOCH).unwrap_err();
        Audit::of(&own).newest(None, 9).unwrap_err();
        Audit::of(&own).add(&deed()).unwrap_err();
        let seen = spile_core::alert::Seen { alerts: Vec::new(), well: Vec::new(), whole: [].into() };
        assert!(SeenAlerts::of(&own).look(&seen, "x").is_empty());

        // Readers continue and warn once; writers are refused.
        for line in ["check", "plan", "history", "status", "runs", "fmt --check", "schema", "drift"] {
            let came = folder.spile(line);
            assert_eq!(came.notes.matches(code).count(), 1, "{planted:?}, {line}: {}", came.notes);
        }
        assert!(folder.spile("plan").out.contains("fruit"), "as if nothing had been applied");
        for line in
            ["apply --yes", "tokens new x", "login-code x", "disable fruit", "serve --bind 127.0.0.1:0", "test fruit"]
        {
            let came = folder.spile(line).exits(1);
            assert!(came.notes.contains(code), "{planted:?}, {line}: {}", came.notes);
        }
        let told = folder.spile("doctor").exits(1).out;
        assert!(told.contains(".spile"), "{told}");
    }
}

/// The smallest clone that ran code: a journal put a command into git's configuration.
#[test]
fn a_committed_journal_is_not_trusted() {
    for (planted, code) in Planted::ALL {
        let folder = Folder::project();
        let victim = Folder::new();
        victim.write("config", "[core]\n");
        let out = format!("{}/config", pathdiff(victim.path(), folder.path()));
        let evil = "[core]\n\tfsmonitor = \"id > pwned; false\"\n";
        let journal = serde_json::json!({ "version": 1, "files": [
            { "path": out, "before": evil, "after": "[core]\n" },
            { "path": ".git/config", "before": evil, "after": null },
            { "path": "planted", "before": evil, "after": null },
        ]});
        folder.write(".spile/edits.json", &journal.to_string());
        fs::set_permissions(folder.join(".spile/edits.json"), Permissions::from_mode(0o600)).unwrap();
        planted.plant(&folder, ".spile");
        let config = fs::read(folder.join(".git/config")).unwrap();
        for line in
            ["check", "fmt --check", "schema", "plan --offline", "plan --offline --changed-since HEAD", "doctor"]
        {
            folder.spile(line);
        }
        let refused = folder.spile("fmt").exits(1).notes;
        assert!(refused.contains(code), "{refused}");
        assert_eq!(victim.read("config"), "[core]\n", "{planted:?}");
        assert_eq!(fs::read(folder.join(".git/config")).unwrap(), config, "{planted:?}");
        assert!(!folder.join("planted").exists() && !folder.join("pwned").exists(), "{planted:?}");
    }
}

fn pathdiff(to: &Path, from: &Path) -> String {
    let up = "../".repeat(from.canonicalize().unwrap().components().count() - 1);
    format!("{up}{}", to.canonicalize().unwrap().display().to_string().trim_start_matches('/'))
}

/// Even in a trusted folder, a journal only restores the project's own files.
#[test]
fn a_journal_with_outside_paths_restores_nothing_and_is_reported_by_writers() {
    let folder = Folder::project();
    let journal = serde_json::json!({ "version": 1, "files": [
        { "path": "planted", "before": "x", "after": null },
        { "path": "../outside", "before": "x", "after": null },
    ]});
    folder.write(".spile/edits.json", &journal.to_string());
    fs::set_permissions(folder.join(".spile/edits.json"), Permissions::from_mode(0o600)).unwrap();
    let read = folder.spile("check").exits(0).notes;
    assert!(read.contains("was interrupted"), "{read}");
    for line in ["fmt", "apply --yes", "disable fruit"] {
        let refused = folder.spile(line).exits(1).notes;
        assert!(refused.contains("spile::journal::refused") && refused.contains("../outside"), "{line}: {refused}");
    }
    assert!(!folder.join("planted").exists());
    fs::remove_file(folder.join(".spile/edits.json")).unwrap();
    folder.spile("apply --yes").exits(0);
}

#[test]
fn readers_leave_an_interrupted_change_and_writers_undo_it() {
    let folder = Folder::project();
    let (path, before) = ("integrations/fruit.toml", folder.read("integrations/fruit.toml"));
    let after = before.replace("data", "other");
    let journal = serde_json::json!({ "version": 1, "files": [{ "path": path, "before": before, "after": after }] });
    folder.write(path, &after);
    folder.write(".spile/edits.json", &journal.to_string());
    fs::set_permissions(folder.join(".spile/edits.json"), Permissions::from_mode(0o600)).unwrap();
    for line in ["check", "plan", "fmt --check", "schema", "connectors list", "status"] {
        let notes = folder.spile(line).notes;
        assert_eq!(notes.matches("was interrupted").count(), 1, "{line}: {notes}");
        assert_eq!(folder.read(path), after, "{line}");
    }
    let notes = folder.spile("apply --yes").exits(0).notes;
    assert!(!notes.contains("was interrupted"), "{notes}");
    assert_eq!(folder.read(path), before);
    assert!(!folder.join(".spile/edits.json").exists());
}

/// A Python that the next sync would start.
#[test]
fn a_python_environment_in_a_clone_is_not_used() {
    for (planted, code) in Planted::ALL {
        let folder = Folder::project();
        let settings = spile_ops::check::settings(&spile_world::Project::at(folder.path())).unwrap();
        let meltano = spile_world::Meltano::new(folder.path(), &settings);
        let marker = format!("{}\n", meltano.version());
        folder.write(".spile/meltano/.spile-installed", &marker);
        folder.write(".spile/meltano/bin/python", "#!/bin/sh\ntouch pwned\n");
        assert!(meltano.is_installed(), "it is believed before");
        planted.plant(&folder, ".spile");
        assert!(!meltano.is_installed(), "{planted:?}");
        let refused = folder.spile("test fruit").exits(1).notes;
        assert!(refused.contains(code), "{refused}");
        assert!(!folder.join("pwned").exists());

        let folder = Folder::project();
        let plugin = spile_core::connector::Plugin { pip_url: "tap-x".to_owned(), ..plugin(&folder) };
        let at = format!(".meltano/extractors/{}", plugin.name);
        folder.write(&format!("{at}/venv/lib/python3/site-packages/evil-1.dist-info/METADATA"), "");
        let meltano = spile_world::Meltano::new(folder.path(), &settings);
        assert_eq!(meltano.installed(Role::Extractor, &plugin).unwrap(), ["evil-1"], "it is believed before");
        planted.plant(&folder, ".meltano");
        assert!(meltano.installed(Role::Extractor, &plugin).unwrap().is_empty(), "{planted:?}");
        let told = folder.spile("doctor").exits(1).out;
        assert!(told.contains(".meltano"), "{told}");
    }
}

fn plugin(folder: &Folder) -> spile_core::connector::Plugin {
    let loaded = spile_ops::check(&spile_world::Project::at(folder.path())).unwrap();
    loaded.integrations.find("fruit").unwrap().connector.plugin.clone()
}

/// Untracked links in a trusted folder, which another program put there.
#[test]
fn nothing_is_read_or_written_through_links_inside_the_folder() {
    let victims = Folder::new();
    for (path, line) in [
        ("registry.db", "apply --yes"),
        ("registry.db-journal", "apply --yes"),
        ("registry.db-wal", "apply --yes"),
        ("applied", "apply --yes"),
        ("locks", "apply --yes"),
        ("locks/project.lock", "apply --yes"),
        ("tokens.json", "tokens new x"),
        ("invites.json", "login-code x"),
    ] {
        let folder = Folder::project();
        folder.write(".spile/x", "");
        let victim = victims.join(&path.replace('/', "-"));
        if ["applied", "locks"].contains(&path) {
            fs::create_dir(&victim).unwrap();
        } else {
            fs::write(&victim, "dear").unwrap();
        }
        let link = folder.join(".spile").join(path);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(&victim, &link).unwrap();
        let refused = folder.spile(line).exits(1).notes;
        assert!(refused.contains("spile::own::file"), "{path}: {refused}");
        if victim.is_dir() {
            assert_eq!(victim.read_dir().unwrap().count(), 0, "{path}");
        } else {
            assert_eq!(fs::read_to_string(&victim).unwrap(), "dear", "{path}");
        }
    }
}

/// Any user who can read the project's folder could hold a lock on it.
#[test]
fn a_lock_on_the_projects_folder_keeps_nobody_waiting() {
    let folder = Folder::project();
    folder.spile("apply --yes").exits(0);
    let held = [folder.path().to_owned(), folder.join(".spile"), folder.join("integrations")].map(|path| {
        let held = fs::File::open(path).unwrap();
        held.lock().unwrap();
        held
    });
    let begun = std::time::Instant::now();
    folder.spile("disable fruit").exits(0);
    folder.spile("apply --yes").exits(0);
    folder.spile("tokens new x").exits(0);
    assert!(begun.elapsed() < std::time::Duration::from_secs(20));
    drop(held);
}

#[test]
fn a_waiting_command_names_the_lock_holder_and_gives_up_eventually() {
    let folder = Folder::project();
    let own = spile_world::files::own_folder::Own::at(&folder.join(".spile"));
    let held =
        spile_world::files::process_lock::RunLock::hold(&own, spile_world::files::process_lock::Lock::Project).unwrap();
    let mut command = folder.command("disable fruit");
    let came = crate::cli::program::run(command.env("SPILE_LOCK_TIMEOUT", "2")).exits(1);
    let pid = format!("process {}", std::process::id());
    assert_eq!(came.notes.matches(&pid).count(), 2, "once while it waits and once at the end: {}", came.notes);
    assert!(came.notes.contains("Waiting") && came.notes.contains("spile::lock::busy"), "{}", came.notes);
    drop(held);
    folder.spile("disable fruit").exits(0);
    let text = folder.read(".spile/locks/project.lock");
    assert_eq!(text, "", "a finished process is not named");
}

#[test]
fn both_folders_are_mentioned_if_neither_is_trusted() {
    let folder = Folder::project();
    for (own, mode) in [(".spile", 0o755), (".meltano", 0o777)] {
        fs::create_dir(folder.join(own)).unwrap();
        fs::set_permissions(folder.join(own), Permissions::from_mode(mode)).unwrap();
    }
    let notes = folder.spile("check").exits(0).notes;
    assert!(notes.contains("`.spile` is open") && notes.contains("`.meltano` is open"), "{notes}");
    let refused = folder.spile("discover fruit").exits(1).notes;
    assert!(refused.contains("spile::own::open_to_others") && !refused.contains("Installing"), "{refused}");
}

#[test]
fn the_local_registry_is_its_owners_alone() {
    let folder = Folder::project();
    folder.spile("apply --yes").exits(0);
    let registry = folder.join(".spile/registry.db");
    let mode = || registry.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    // Earlier versions left it with these permissions.
    fs::set_permissions(&registry, Permissions::from_mode(0o644)).unwrap();
    folder.integration("more", "data");
    folder.spile("apply --yes").exits(0);
    assert_eq!(mode(), 0o600);
}
