//! The recipes of `docs/ci/`: their scripts are run as a CI runs them, against a server that speaks as GitHub or GitLab.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::cli::program::{Came, run};
use crate::folder::Folder;

fn recipe(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ci").join(path)
}

fn yaml(path: &Path) -> Value {
    yaml_serde::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A command that finds the built program on its path, and nothing of the machine's own CI.
fn command(folder: &Folder, program: &Path) -> Command {
    let built = Path::new(env!("CARGO_BIN_EXE_spile")).parent().unwrap();
    let path = format!("{}:{}", built.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(program);
    command.env_clear().env("PATH", path).env("HOME", folder.path()).current_dir(folder.path());
    command.envs(crate::tools::profile());
    command
}

fn script(folder: &Folder, word: &str, environment: &[(&str, &str)]) -> Came {
    let mut command = command(folder, &recipe("spile.sh"));
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

/// Comments by number, as the server keeps them.
type Comments = Arc<Mutex<BTreeMap<u64, String>>>;

/// Answers as GitHub and GitLab do for comments: lists of two on a page, writing and writing again.
fn server(comments: &Comments) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (comments, base) = (comments.clone(), address.clone());
    // It ends with the test program.
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            answer(connection.unwrap(), &comments, &base);
        }
    });
    address
}

fn answer(mut connection: TcpStream, comments: &Comments, base: &str) {
    let (head, body) = request(&mut connection);
    let mut words = head.lines().next().unwrap().split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let is_signed = head.contains("Bearer gh-token") || head.to_lowercase().contains("private-token: gl-token");
    let mut comments = comments.lock().unwrap();
    let last = path.split('?').next().unwrap().rsplit('/').next().unwrap();
    let (status, link, result) = match (is_signed, method) {
        (false, _) => ("403 Forbidden", String::new(), json!({"message": "no"})),
        (true, "GET") => {
            let page: usize = path.split("page=").last().and_then(|n| n.parse().ok()).filter(|n| *n < 50).unwrap_or(1);
            let shown = comments.iter().skip((page - 1) * 2).take(2);
            let shown: Vec<Value> = shown.map(|(id, body)| json!({"id": id, "body": body})).collect();
            let address = format!("{base}{}?per_page=100&page={}", path.split('?').next().unwrap(), page + 1);
            let more = comments.len() > page * 2;
            (
                ("200 OK"),
                if more { format!("Link: <{address}>; rel=\"next\"\r\n") } else { String::new() },
                json!(shown),
            )
        }
        (true, "POST") => {
            let id = comments.len() as u64 + 1;
            comments.insert(id, body["body"].as_str().unwrap().to_owned());
            ("201 Created", String::new(), json!({"id": id}))
        }
        (true, _) => {
            body["body"].as_str().unwrap().clone_into(comments.get_mut(&last.parse().unwrap()).unwrap());
            ("200 OK", String::new(), json!({}))
        }
    };
    let text = result.to_string();
    let answer =
        format!("HTTP/1.1 {status}\r\n{link}Content-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len());
    connection.write_all(answer.as_bytes()).unwrap();
}

fn request(connection: &mut TcpStream) -> (String, Value) {
    let mut read = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return (head.to_owned(), serde_json::from_str(body).unwrap_or_default());
            }
        }
        let count = connection.read(&mut chunk).unwrap();
        read.extend_from_slice(&chunk[..count]);
    }
}

#[test]
fn the_comment_is_written_once_and_then_written_again() {
    let folder = Folder::project();
    let comments: Comments = Arc::default();
    comments.lock().unwrap().extend([(1, "nice".to_owned()), (2, "<!-- spile plan other/dev -->".to_owned())]);
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
        let mut first = command(&folder, &recipe("comment.py"));
        assert!(run(first.arg("plan.md").envs(place.iter().copied())).exits(0).out.ends_with(word));
        assert_eq!(comments.lock().unwrap()[&3], folder.read("plan.md"));
        folder.integration(&format!("more-{round}"), "data");
        folder.spile("plan --out-markdown plan.md").exits(0);
        let mut again = command(&folder, &recipe("comment.py"));
        assert!(run(again.arg("plan.md").envs(place.iter().copied())).exits(0).out.ends_with("written again\n"));
        assert_eq!(comments.lock().unwrap()[&3], folder.read("plan.md"));
        assert_eq!(comments.lock().unwrap().len(), 3, "never another one");
    }
    let mut fork = command(&folder, &recipe("comment.py"));
    let place =
        [("GITHUB_REPOSITORY", "a/b"), ("PULL_REQUEST", "7"), ("GITHUB_TOKEN", "x"), ("GITHUB_API_URL", &address)];
    assert!(run(fork.arg("plan.md").envs(place)).exits(0).notes.contains("was not written: 403"));
    folder.write("other.md", "no mark\n");
    assert!(
        run(command(&folder, &recipe("comment.py")).arg("other.md").envs(place)).exits(1).notes.contains("no mark")
    );
}

/// Runs the steps of the composite action as the runner does: `run` by bash, with `env` and the inputs put in.
#[test]
fn the_composite_action_reviews_and_comments() {
    let folder = Folder::project();
    let comments: Comments = Arc::default();
    let address = server(&comments);
    let action = yaml(&recipe("github/action.yml"));
    let inputs: BTreeMap<&str, String> = action["inputs"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, input)| (name.as_str(), input["default"].as_str().unwrap_or("review").to_owned()))
        .collect();
    for step in action["runs"]["steps"].as_array().unwrap() {
        let mut bash = command(&folder, Path::new("bash"));
        bash.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"].as_str().unwrap()]);
        for (name, value) in step["env"].as_object().unwrap() {
            let value = value.as_str().unwrap();
            let value = match value.strip_prefix("${{ ").and_then(|rest| rest.strip_suffix(" }}")) {
                Some("github.event.pull_request.number") => "7".to_owned(),
                Some("inputs.token") => "gh-token".to_owned(),
                Some(input) => inputs[input.strip_prefix("inputs.").unwrap()].clone(),
                None => value.to_owned(),
            };
            bash.env(name, value);
        }
        bash.env("GITHUB_ACTION_PATH", recipe("github")).env("GITHUB_OUTPUT", folder.join("output"));
        bash.env("GITHUB_REPOSITORY", "a/b").env("GITHUB_API_URL", &address);
        run(&mut bash).exits(0);
    }
    assert_eq!(comments.lock().unwrap()[&1], folder.read("plan.md"));
    assert_eq!(folder.read("output"), "exit-code=2\n");
}

#[test]
fn the_other_recipes_name_what_is_there() {
    let workflow = std::fs::read_to_string(recipe("github/workflow.yml")).unwrap();
    let steps = yaml(&recipe("github/workflow.yml"));
    assert!(workflow.contains("uses: ./.github/actions/spile/github"));
    assert_eq!(steps["jobs"]["apply"]["steps"][1]["with"]["do"], "apply");
    let gitlab = yaml(&recipe("gitlab.yml"));
    for (job, word) in [("spile review", "review"), ("spile apply", "apply")] {
        assert_eq!(gitlab[job]["script"][0], format!("ci/spile.sh {word}"));
    }
    let hooks = yaml(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".pre-commit-hooks.yaml"));
    let words: Vec<&str> = hooks[0]["entry"].as_str().unwrap().split(' ').collect();
    assert_eq!(words[0], "spile");
    Folder::project().spile(&words[1..].join(" ")).exits(0);
}
