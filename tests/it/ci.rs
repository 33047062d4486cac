//! The GitHub Action, the GitLab component and the recipes in `docs/ci/`: their scripts run as a CI runs them, against
//! a fake server of GitHub or GitLab.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_json::Value;

use self::forge::{BOT, Comment, Comments, server};
use crate::cli::program::{Came, run};
use crate::folder::Folder;

mod action;
mod forge;
mod pins;

const TOP: &str = env!("CARGO_MANIFEST_DIR");

fn recipe(path: &str) -> PathBuf {
    Path::new(TOP).join("docs/ci").join(path)
}

fn action(path: &str) -> PathBuf {
    Path::new(TOP).join("action").join(path)
}

fn yaml(path: &Path) -> Value {
    yaml_serde::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A command with the built program on its path, and none of the machine's own CI variables.
fn command(folder: &Folder, program: &Path) -> Command {
    let built = Path::new(env!("CARGO_BIN_EXE_spile")).parent().unwrap();
    let path = format!("{}:{}", built.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(program);
    command.env_clear().env("PATH", path).env("HOME", folder.path()).current_dir(folder.path());
    command.envs(crate::tools::profile());
    command
}

fn script(folder: &Folder, word: &str, environment: &[(&str, &str)]) -> Came {
    let mut command = command(folder, &action("spile.sh"));
    run(command.arg(word).envs(environment.iter().copied()))
}

#[test]
fn a_review_needs_no_key_and_no_registry() {
    let folder = Folder::project();
    let hosted = "\n[registry]\nkind = \"supabase\"\nurl = \"${SUPABASE_URL}\"\nkey = \"${SUPABASE_SECRET_KEY}\"\n";
    folder.write("spile.toml", &(folder.read("spile.toml") + hosted));
    let summary = folder.join("summary.md");
    let github = [("SPILE_CHECK", "github"), ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap())];
    script(&folder, "review", &github).exits(0);
    assert!(folder.read("plan.md").starts_with("<!-- spile plan acme/dev -->"));
    assert_eq!(folder.read("summary.md"), folder.read("plan.md"));
    let plan: Value = serde_json::from_str(&folder.read("plan.json")).unwrap();
    assert_eq!(plan["compared"], "file_only");
    folder.write("integrations/fruit.toml", "typ = 'x'\n");
    let refused = script(&folder, "review", &github).exits(1);
    assert!(refused.out.contains("::error file=integrations/fruit.toml,line=1"), "{}", refused.out);
    script(&folder, "review", &[("SPILE_CHECK", "junit")]).exits(1);
    assert!(folder.read("spile-check.xml").contains("failures=\"1\""));
    script(&folder, "review", &[("SPILE_CHECK", "sarif")]).exits(1);
    assert!(folder.read("spile-check.sarif").contains("\"version\": \"2.1.0\""));
}

/// `SPILE_PLAN` decides whether a review reads the registry; it never does for a fork.
#[test]
fn a_review_of_a_fork_only_reads_files() {
    let folder = Folder::project();
    let hosted = "\n[registry]\nkind = \"supabase\"\nurl = \"${NOT_SET}\"\nkey = \"${NOT_SET_EITHER}\"\n";
    folder.write("spile.toml", &(folder.read("spile.toml") + hosted));
    script(&folder, "review", &[("SPILE_PLAN", "")]).exits(1);
    for fork in [
        &[("SPILE_PLAN", ""), ("SPILE_UNTRUSTED", "true")][..],
        &[("SPILE_PLAN", ""), ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "5"), ("CI_MERGE_REQUEST_PROJECT_ID", "3")],
    ] {
        script(&folder, "review", fork).exits(0);
        let plan: Value = serde_json::from_str(&folder.read("plan.json")).unwrap();
        assert_eq!(plan["compared"], "file_only");
    }
}

/// A branch can contain a link with the name of each file that a review writes.
#[test]
fn a_review_writes_through_no_link_of_the_branch() {
    let (folder, elsewhere) = (Folder::project(), Folder::new());
    elsewhere.write("profile", "theirs");
    for name in ["plan.md", "plan.json", "spile-check.xml"] {
        std::os::unix::fs::symlink(elsewhere.join("profile"), folder.join(name)).unwrap();
    }
    script(&folder, "review", &[("SPILE_CHECK", "junit")]).exits(0);
    assert_eq!(elsewhere.read("profile"), "theirs");
    assert!(folder.read("plan.md").starts_with("<!-- spile plan acme/dev -->"));
}

#[test]
fn a_merge_applies_and_a_guard_stops_it() {
    let folder = Folder::project();
    script(&folder, "apply", &[]).exits(0);
    folder.spile("plan --exit-code").exits(0);
    folder.remove("integrations/fruit.toml");
    script(&folder, "review", &[("SPILE_PLAN", "")]).exits(0);
    script(&folder, "apply", &[]).exits(4);
    script(&folder, "apply", &[("SPILE_APPLY", "--allow delete=1")]).exits(0);
    script(&folder, "apply", &[("SPILE_ENV", "prod")]).exits(0);
    folder.spile("plan --env prod --exit-code").exits(0);
    script(&folder, "deploy", &[]).exits(64);
}

#[test]
fn the_comment_is_created_once_and_then_updated() {
    let folder = Folder::project();
    let comments: Comments = Arc::default();
    let others = [
        Comment::by(BOT, "nice"),
        Comment::by(BOT, "<!-- spile plan other/dev -->"),
        // Someone else's comment that starts with the mark, and our own comment that quotes it.
        Comment::by("mallory", "<!-- spile plan acme/dev -->\nmine"),
        Comment::by(BOT, "see `<!-- spile plan acme/dev -->`\n<!-- spile plan acme/dev -->"),
    ];
    let before: Vec<String> = others.iter().map(|comment| comment.body.clone()).collect();
    comments.lock().unwrap().extend((1..).zip(others));
    let address = server(&comments);
    let gitlab = format!("{address}/api/v4");
    let places: [Vec<(&str, &str)>; 2] = [
        vec![
            ("GITHUB_REPOSITORY", "a/b"),
            ("PULL_REQUEST", "7"),
            ("GITHUB_TOKEN", "gh-token"),
            ("GITHUB_API_URL", &address),
        ],
        vec![
            ("CI_PROJECT_ID", "3"),
            ("CI_MERGE_REQUEST_IID", "7"),
            ("GITLAB_TOKEN", "gl-token"),
            ("CI_API_V4_URL", &gitlab),
        ],
    ];
    for (round, place) in places.iter().enumerate() {
        let word = if round == 0 { "written\n" } else { "written again\n" };
        folder.spile("plan --out-markdown plan.md").exits(0);
        let mut first = command(&folder, &action("report.py"));
        assert!(run(first.args(["comment", "plan.md"]).envs(place.iter().copied())).exits(0).out.ends_with(word));
        assert_eq!(comments.lock().unwrap()[&5].body, folder.read("plan.md"));
        folder.integration(&format!("more-{round}"), "data");
        folder.spile("plan --out-markdown plan.md").exits(0);
        let mut again = command(&folder, &action("report.py"));
        assert!(
            run(again.args(["comment", "plan.md"]).envs(place.iter().copied()))
                .exits(0)
                .out
                .ends_with("written again\n")
        );
        assert_eq!(comments.lock().unwrap()[&5].body, folder.read("plan.md"));
        assert_eq!(comments.lock().unwrap().len(), 5, "no second comment");
        let now: Vec<String> = comments.lock().unwrap().values().take(4).map(|one| one.body.clone()).collect();
        assert_eq!(now, before, "others' comments and quotes of the mark stay");
    }
    let mut fork = command(&folder, &action("report.py"));
    let place =
        [("GITHUB_REPOSITORY", "a/b"), ("PULL_REQUEST", "7"), ("GITHUB_TOKEN", "x"), ("GITHUB_API_URL", &address)];
    assert!(run(fork.args(["comment", "plan.md"]).envs(place)).exits(0).notes.contains("was not written: 403"));
    folder.write("other.md", "no mark\n");
    let mut unmarked = command(&folder, &action("report.py"));
    assert!(run(unmarked.args(["comment", "other.md"]).envs(place)).exits(1).notes.contains("no mark"));
    run(command(&folder, &action("report.py")).arg("publish").envs(place)).exits(64);
}

/// The variables of a job for a merged commit, on GitHub and on GitLab.
fn merges(address: &str, commit: &str) -> [Vec<(&'static str, String)>; 2] {
    let of = |name, value: &str| (name, value.to_owned());
    [
        vec![
            of("GITHUB_REPOSITORY", "a/b"),
            of("GITHUB_TOKEN", "gh-token"),
            of("GITHUB_API_URL", address),
            of("GITHUB_SHA", commit),
        ],
        vec![
            of("CI_PROJECT_ID", "3"),
            of("GITLAB_TOKEN", "gl-token"),
            of("CI_API_V4_URL", &format!("{address}/api/v4")),
            of("CI_COMMIT_SHA", commit),
        ],
    ]
}

/// A merge applies the plan whose id the comment shows, and no other.
#[test]
fn a_merge_applies_only_the_reviewed_plan() {
    let folder = Folder::project();
    let comments: Comments = Arc::default();
    let address = server(&comments);
    let apply = |place: &[(&str, String)]| {
        let mut command = command(&folder, &action("spile.sh"));
        run(command.arg("apply").env("SPILE_REVIEWED", "true").envs(place.iter().cloned()))
    };
    for place in merges(&address, "0ddba11") {
        assert!(apply(&place).exits(1).notes.contains("comes from no merged pull request"));
    }
    for (round, place) in merges(&address, "c0ffee").into_iter().enumerate() {
        comments.lock().unwrap().clear();
        folder.integration(&format!("new-{round}"), "data");
        assert!(apply(&place).exits(1).notes.contains("has no comment with a plan"));
        folder.spile("plan --out-markdown plan.md").exits(0);
        let forged = Comment::by("mallory", &folder.read("plan.md").replace("--plan-id ", "--plan-id 0"));
        comments.lock().unwrap().extend([(1, forged), (2, Comment::by(BOT, &folder.read("plan.md")))]);
        folder.integration(&format!("later-{round}"), "data");
        apply(&place).exits(5);
        folder.remove(&format!("integrations/later-{round}.toml"));
        apply(&place).exits(0);
        folder.spile("plan --exit-code").exits(0);
    }
    let other = folder.read("plan.md").replace("acme/dev", "acme/prod");
    comments.lock().unwrap().insert(3, Comment::by(BOT, &other));
    let [mut github, _] = merges(&address, "c0ffee");
    assert!(apply(&github).exits(1).notes.contains("set SPILE_MARK"));
    github.push(("SPILE_MARK", "acme/dev".to_owned()));
    apply(&github).exits(5);
}

/// Returns the two documents of the component: its inputs and its jobs.
fn component() -> [Value; 2] {
    let text = std::fs::read_to_string(Path::new(TOP).join("gitlab-component/templates/spile.yml")).unwrap();
    let (head, jobs) = text.split_once("\n---\n").unwrap();
    [head, jobs].map(|part| yaml_serde::from_str(part).unwrap())
}

#[test]
fn the_component_runs_only_scripts_with_its_checksums() {
    let [head, jobs] = component();
    let script = jobs[".spile"]["before_script"][0].as_str().unwrap();
    for name in ["install.sh", "report.py", "spile.sh"] {
        let sum = spile_core::digest::hash(&std::fs::read(action(name)).unwrap());
        assert!(script.contains(&format!("{sum}  {name}\n")), "{name} has changed: its checksum is {sum}");
    }
    let inputs = head["spec"]["inputs"].as_object().unwrap();
    for value in jobs[".spile"].as_object().unwrap()["variables"].as_object().unwrap().values() {
        let name = value.as_str().unwrap().strip_prefix("$[[ inputs.").unwrap().strip_suffix(" ]]").unwrap();
        assert!(inputs.contains_key(name), "{name}");
    }
    let folder = Folder::new();
    folder.lay_at("scripts", &action(""));
    folder.write("scripts/install.sh", "touch here\n");
    let mut bash = command(&folder, Path::new("bash"));
    bash.args(["-eo", "pipefail", "-c", script]);
    let said = run(bash.env("SPILE_SCRIPTS", format!("file://{}", folder.join("scripts").display()))).exits(1);
    assert!(said.notes.contains("did NOT match") && !folder.join("here").exists(), "{}", said.notes);
}

#[test]
fn the_other_recipes_name_existing_commands_and_files() {
    let workflow = std::fs::read_to_string(recipe("github.yml")).unwrap();
    let steps = yaml(&recipe("github.yml"));
    assert!(workflow.contains("uses: ./.github/actions/spile\n"));
    assert_eq!(steps["jobs"]["apply"]["steps"][1]["with"]["do"], "apply");
    let [head, jobs] = component();
    for (job, word) in [("spile review", "review"), ("spile apply", "apply")] {
        assert_eq!(jobs[job]["script"][0], format!("bash \"$SPILE_CI/spile.sh\" {word}"));
    }
    let given = yaml(&recipe("gitlab.yml"))["include"][0]["inputs"].clone();
    assert!(given.as_object().unwrap().keys().all(|name| head["spec"]["inputs"].get(name).is_some()), "{given}");
    let hooks = yaml(&Path::new(TOP).join(".pre-commit-hooks.yaml"));
    let words: Vec<&str> = hooks[0]["entry"].as_str().unwrap().split(' ').collect();
    assert_eq!(words[0], "spile");
    Folder::project().spile(&words[1..].join(" ")).exits(0);
}
