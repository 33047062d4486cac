//! The GitHub Action: its steps are run as the runner does, and actionlint reads it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::Value;

use super::forge::{BOT, Comment, Comments, server};
use super::{action, command, recipe, yaml};
use crate::cli::program::run;
use crate::folder::Folder;

/// The inputs and the context of one run of the composite action.
struct Job {
    folder: Folder,
    address: String,
    inputs: BTreeMap<String, String>,
}

impl Job {
    fn new(comments: &Comments, given: &[(&str, &str)]) -> Self {
        let declared = yaml(&action("action.yml"))["inputs"].clone();
        let default =
            |input: &Value| input["default"].as_str().unwrap_or_default().replace("${{ github.token }}", "gh-token");
        let mut inputs: BTreeMap<String, String> =
            declared.as_object().unwrap().iter().map(|(name, input)| (name.clone(), default(input))).collect();
        for (name, value) in given {
            assert!(inputs.insert((*name).to_owned(), (*value).to_owned()).is_some(), "no input {name}");
        }
        Self { folder: Folder::project(), address: server(comments), inputs }
    }

    /// Fills in an expression of the action; the test lists the few that are not an input alone.
    fn value(&self, text: &str) -> String {
        let input = |name: &str| self.inputs[name].as_str();
        let Some(expression) = text.strip_prefix("${{ ").and_then(|rest| rest.strip_suffix(" }}")) else {
            return text.to_owned();
        };
        if let Some(name) = expression.strip_prefix("inputs.").filter(|name| !name.contains(' ')) {
            return input(name).to_owned();
        }
        if expression == "github.event.pull_request.number" {
            return "7".to_owned();
        }
        let value = match expression.split(' ').next().unwrap() {
            "inputs.install" => "spile",
            "inputs.sarif" if input("sarif") == "true" => "spile-check.sarif",
            "inputs.do" if input("do") == "apply" && input("reviewed") == "true" => input("token"),
            "inputs.sarif" | "inputs.do" => "",
            _ => panic!("an expression that the test does not know: {expression}"),
        };
        value.to_owned()
    }

    /// Tells whether a step runs: every term is a comparison with an input, or true for a pull request.
    fn runs(&self, condition: Option<&str>) -> bool {
        let Some(expression) = condition else { return true };
        let inner = expression.strip_prefix("${{ ").and_then(|rest| rest.strip_suffix(" }}")).unwrap();
        inner.split(" && ").all(|term| match term.strip_prefix("inputs.").map(|term| term.split_once(" == ")) {
            Some(Some((name, value))) => self.inputs[name] == value.trim_matches('\''),
            Some(None) => !self.inputs[&term["inputs.".len()..]].is_empty(),
            None => {
                assert!(
                    ["!cancelled()", "steps.run.outcome != 'skipped'", "github.event.pull_request"].contains(&term)
                );
                true
            }
        })
    }

    /// Runs every step as the runner does: `run` with bash, and `env` with the inputs filled in.
    fn run(&self) {
        for step in yaml(&action("action.yml"))["runs"]["steps"].as_array().unwrap() {
            let (is_script, condition) = (step["uses"].is_null(), step["if"].as_str());
            if is_script && self.runs(condition) {
                self.step(step);
            }
        }
    }

    fn step(&self, step: &Value) {
        let mut bash = command(&self.folder, Path::new("bash"));
        bash.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"].as_str().unwrap()]);
        for (name, value) in step["env"].as_object().unwrap() {
            bash.env(name, self.value(value.as_str().unwrap()));
        }
        let runner = self.folder.join("runner");
        std::fs::create_dir_all(&runner).unwrap();
        bash.env("GITHUB_ACTION_PATH", action("")).env("GITHUB_OUTPUT", self.folder.join("output"));
        bash.env("RUNNER_TEMP", &runner).env("GITHUB_PATH", self.folder.join("path"));
        bash.env("GITHUB_REPOSITORY", "a/b").env("GITHUB_API_URL", &self.address);
        bash.env("GITHUB_SHA", "c0ffee").env("GITHUB_REF", "refs/pull/7/merge");
        run(&mut bash).exits(0);
    }
}

#[test]
fn the_composite_action_reviews_comments_and_uploads_problems() {
    let comments: Comments = Arc::default();
    let job = Job::new(&comments, &[("do", "review"), ("install", "none"), ("sarif", "true")]);
    job.run();
    assert_eq!(comments.lock().unwrap()[&900].body.matches("c0ffee").count(), 1, "the problems of this commit");
    let mut without = comments.lock().unwrap();
    without.remove(&900);
    assert!(without.values().any(|comment| comment.body == job.folder.read("plan.md")));
    drop(without);
    assert_eq!(job.folder.read("output"), "exit-code=2\n");
}

#[test]
fn the_composite_action_applies_the_reviewed_plan() {
    let comments: Comments = Arc::default();
    let job = Job::new(&comments, &[("do", "apply"), ("install", "none"), ("reviewed", "true")]);
    job.folder.spile("plan --out-markdown plan.md").exits(0);
    comments.lock().unwrap().insert(1, Comment::by(BOT, &job.folder.read("plan.md")));
    job.run();
    job.folder.spile("plan --exit-code").exits(0);
}

/// The folder can be copied into a repository of its own: it contains every file that its steps name.
#[test]
fn the_action_is_whole() {
    let steps = yaml(&action("action.yml"))["runs"]["steps"].clone();
    let named: Vec<String> = steps
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|step| step["run"].as_str())
        .flat_map(|script| script.split("$GITHUB_ACTION_PATH/").skip(1))
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    assert_eq!(named, ["install.sh", "spile.sh", "report.py", "report.py"]);
    for name in named {
        assert!(action(&name).is_file(), "{name}");
    }
    let readme = std::fs::read_to_string(action("README.md")).unwrap();
    for input in yaml(&action("action.yml"))["inputs"].as_object().unwrap().keys() {
        assert!(readme.contains(&format!("| `{input}` |")), "the README does not describe `{input}`");
    }
}

#[test]
fn actionlint_accepts_the_workflow_and_the_action() {
    let Some(actionlint) = crate::tools::actionlint() else { return };
    let folder = Folder::new();
    folder.lay_at(".github/actions/spile", &action(""));
    std::fs::create_dir_all(folder.join(".github/workflows")).unwrap();
    std::fs::copy(recipe("github.yml"), folder.join(".github/workflows/spile.yml")).unwrap();
    std::fs::create_dir(folder.join(".git")).unwrap();
    let lints = || crate::tools::said(Command::new(&actionlint).current_dir(folder.path()), "");
    let said = lints();
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    let text = folder.read(".github/workflows/spile.yml");
    folder.write(".github/workflows/spile.yml", &text.replace("do: review", "job: review"));
    assert_eq!(lints().code, Some(1), "it does not read the action's inputs");
}
