//! Images: what is installed into them, and how their containers run.

mod container;
mod kubelet;
mod recipe;

use std::path::{Path, PathBuf};

use crate::cli::schemas::holds;
use crate::project::{FAULT, LOADER, Project};
use container::Container;

/// A project with baked plugins, and the folders that its containers can write to.
struct Image {
    project: Project,
    writable: tempfile::TempDir,
}

impl Image {
    fn baked() -> Self {
        let (project, writable) = (Project::new(), tempfile::tempdir().unwrap());
        project.add_fault("well");
        let output = format!("'{}'", writable.path().join("output").display());
        project.write("integrations/files.toml", &LOADER.replace("'output'", &output));
        project.spile(&["apply", "--yes"]).succeeds();
        project.spile(&["bake"]).succeeds();
        Self { project, writable }
    }

    fn state(&self) -> PathBuf {
        self.writable.path().join("state")
    }

    /// A container with the project read-only.
    fn container(&self) -> Container {
        let folder = self.project.path();
        Container { read_only: vec![folder.to_owned()], ..Container::in_folder(folder) }
    }
}

#[test]
fn a_bake_needs_no_registry_and_no_key_and_happens_once() {
    let project = Project::new();
    project.add_fault("well");
    project.spile(&["secrets", "init"]).succeeds();
    project.spile_with(&["secrets", "set", "things", "token", "--stdin"], "hunter2").succeeds();
    let hosted = "[registry]\nkind = 'supabase'\nurl = '${SUPABASE_URL}'\nkey = '${SUPABASE_SECRET_KEY}'\n";
    project.write("spile.toml", &format!("{FAULT}{hosted}"));
    let home = tempfile::tempdir().unwrap();
    let bake = |words: &[&str]| {
        let mut command = project.command(&[&["bake", "--format", "json"], words].concat());
        command.env("HOME", home.path()).env("XDG_CONFIG_HOME", home.path());
        crate::project::Ran(command.output().unwrap())
    };
    let baked = |words: &[&str]| {
        let found = serde_json::from_str(&bake(words).succeeds().stdout()).unwrap();
        holds("bake", &found);
        let names = found["installed"].as_array().unwrap().iter();
        names.map(|one| format!("{} {}", one["name"].as_str().unwrap(), one["state"].as_str().unwrap())).collect()
    };
    let all: Vec<String> = baked(&[]);
    assert_eq!(all, ["meltano unchanged", "tap-fault unchanged", "target-jsonl unchanged"]);
    let modified = |path: &str| project.path().join(path).metadata().unwrap().modified().unwrap();
    let database = modified(".meltano/meltano.db");
    assert_eq!(baked(&["things"]), all);
    assert_eq!(baked(&["files"]), ["meltano unchanged", "target-jsonl unchanged"]);
    assert_eq!(modified(".meltano/meltano.db"), database, "nothing was left to do");
    let unknown = bake(&["thing"]).fails();
    assert!(unknown.stdout().contains("things"), "{}", unknown.stdout());
}

#[test]
fn a_container_syncs_with_a_read_only_project_and_without_a_network() {
    if !Container::is_possible() {
        return;
    }
    let image = Image::baked();
    let refused = image.container().spile(&["sync"]).fails();
    assert!(refused.stderr().contains("set `SPILE_STATE_DIR` to a writable folder"), "{}", refused.stderr());
    let state = image.state();
    let container = image.container().env("SPILE_STATE_DIR", state.to_str().unwrap());
    for records in [3, 6] {
        let ran = container.spile(&["sync"]).succeeds();
        assert!(!ran.stderr().contains("Installing"), "{}", ran.stderr());
        let output = std::fs::read_to_string(image.writable.path().join("output/things.jsonl")).unwrap();
        assert_eq!(output.lines().count(), records, "the second sync resumes from the state");
    }
    let log = container.spile(&["logs", "things"]).succeeds().stdout();
    assert!(log.contains("Run completed"), "{log}");
    assert!(container.spile(&["runs"]).succeeds().stdout().contains("things"));
    assert!(is_link(&state.join(".spile/meltano")) && is_link(&state.join(".meltano/loaders/target-jsonl/venv")));
    container.spile(&["doctor"]);
}

fn is_link(path: &Path) -> bool {
    path.symlink_metadata().unwrap().is_symlink()
}
