//! The recipes in `docs/ci/`: runs their scripts as a CI does, against a fake server of GitHub or GitLab.

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

/// A comment and its author.
struct Comment {
    author: &'static str,
    body: String,
}

impl Comment {
    fn by(author: &'static str, body: &str) -> Self {
        Self { author, body: body.to_owned() }
    }

    /// Shows the comment as both servers do.
    fn shown(&self, id: u64) -> Value {
        json!({"id": id, "body": self.body, "user": {"login": self.author}, "author": {"id": number(self.author)}})
    }
}

/// The user of the token: on GitHub the workflow's own token, which has no user.
const BOT: &str = "github-actions[bot]";

fn number(author: &str) -> usize {
    author.len()
}

/// The server's comments, by number.
type Comments = Arc<Mutex<BTreeMap<u64, Comment>>>;

/// Serves comments as GitHub and GitLab do: lists of two per page, creating and updating.
fn server(comments: &Comments) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (comments, base) = (comments.clone(), address.clone());
    // The thread ends with the test program.
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
        (true, "GET") if path == "/user" => {
            ("403 Forbidden", String::new(), json!({"message": "Resource not accessible by integration"}))
        }
        (true, "GET") if path == "/api/v4/user" => ("200 OK", String::new(), json!({"id": number(BOT)})),
        (true, "GET") => {
            let page: usize = path.split("page=").last().and_then(|n| n.parse().ok()).filter(|n| *n < 50).unwrap_or(1);
            let shown = comments.iter().skip((page - 1) * 2).take(2);
            let shown: Vec<Value> = shown.map(|(id, comment)| comment.shown(*id)).collect();
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
            comments.insert(id, Comment::by(BOT, body["body"].as_str().unwrap()));
            ("201 Created", String::new(), json!({"id": id}))
        }
        (true, _) => {
            body["body"].as_str().unwrap().clone_into(&mut comments.get_mut(&last.parse().unwrap()).unwrap().body);
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
        let mut first = command(&folder, &recipe("comment.py"));
        assert!(run(first.arg("plan.md").envs(place.iter().copied())).exits(0).out.ends_with(word));
        assert_eq!(comments.lock().unwrap()[&5].body, folder.read("plan.md"));
        folder.integration(&format!("more-{round}"), "data");
        folder.spile("plan --out-markdown plan.md").exits(0);
        let mut again = command(&folder, &recipe("comment.py"));
        assert!(run(again.arg("plan.md").envs(place.iter().copied())).exits(0).out.ends_with("written again\n"));
        assert_eq!(comments.lock().unwrap()[&5].body, folder.read("plan.md"));
        assert_eq!(comments.lock().unwrap().len(), 5, "no second comment");
        let now: Vec<String> = comments.lock().unwrap().values().take(4).map(|one| one.body.clone()).collect();
        assert_eq!(now, before, "others' comments and quotes of the mark stay");
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

/// Runs the steps of the composite action as the runner does: `run` with bash, and `env` with the inputs filled in.
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
    assert_eq!(comments.lock().unwrap()[&1].body, folder.read("plan.md"));
    assert_eq!(folder.read("output"), "exit-code=2\n");
}

/// All workflows of this repository and of the recipes, as text and as data.
fn workflows() -> Vec<(PathBuf, String, Value)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = std::fs::read_dir(root.join(".github/workflows")).unwrap().map(|file| file.unwrap().path());
    let all = own.chain([recipe("github/workflow.yml"), recipe("github/action.yml")]);
    all.map(|path| (path.clone(), std::fs::read_to_string(&path).unwrap(), yaml(&path))).collect()
}

/// Returns the problem in a line that uses an action: third-party actions must be pinned to a commit, with the version
/// in a comment.
fn unpinned(line: &str) -> Option<&str> {
    let used = line.trim().trim_start_matches("- ").strip_prefix("uses:")?.trim();
    let (action, version) = used.split_once(" # ").unwrap_or((used, ""));
    let commit = action.split_once('@').map_or("", |(_, commit)| commit);
    let is_commit = commit.len() == 40 && commit.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_named = version.strip_prefix('v').is_some_and(|version| version.split('.').count() == 3);
    let is_own = action.starts_with("./");
    (!is_own && (!is_commit || !is_named)).then_some(used)
}

#[test]
fn every_action_stands_by_its_commit() {
    assert_eq!(unpinned("  - uses: actions/checkout@v5"), Some("actions/checkout@v5"));
    assert_eq!(unpinned("uses: a/b@main # v1.0.0"), Some("a/b@main # v1.0.0"));
    let mut pinned = 0;
    for (path, text, _) in workflows() {
        pinned += text.lines().filter(|line| line.contains("uses: actions/")).count();
        let found: Vec<&str> = text.lines().filter_map(unpinned).collect();
        assert!(found.is_empty(), "{}: {found:?}", path.display());
    }
    assert!(pinned > 10, "it looks at nothing: {pinned}");
    for page in ["docs/ci.md", "docs/outputs.md", "docs/release.md", "README.md"] {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
        assert_eq!(text.lines().filter_map(unpinned).collect::<Vec<_>>(), Vec::<&str>::new(), "{page}");
    }
}

#[test]
fn no_checkout_persists_its_token_and_each_job_declares_its_permissions() {
    for (path, _, workflow) in workflows() {
        let Some(jobs) = workflow["jobs"].as_object() else { continue };
        assert_eq!(workflow["permissions"], json!({"contents": "read"}), "{}", path.display());
        for (name, job) in jobs {
            for step in job["steps"].as_array().into_iter().flatten() {
                let is_checkout = step["uses"].as_str().is_some_and(|uses| uses.starts_with("actions/checkout@"));
                let keeps = &step["with"]["persist-credentials"];
                assert!(!is_checkout || *keeps == json!(false), "{}: {name}", path.display());
            }
        }
    }
    let recipe = yaml(&recipe("github/workflow.yml"));
    assert_eq!(recipe["jobs"]["apply"]["permissions"], json!({"contents": "read"}));
    assert_eq!(recipe["jobs"]["review"]["permissions"], json!({"contents": "read", "pull-requests": "write"}));
}

#[test]
fn the_other_recipes_name_existing_commands_and_files() {
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
