//! The workflows of this repository and of the recipes: which actions and rights they use.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{TOP, action, recipe, yaml};

/// All workflows of this repository and of the recipes, as text and as data.
fn workflows() -> Vec<(PathBuf, String, Value)> {
    let root = Path::new(TOP);
    let own = std::fs::read_dir(root.join(".github/workflows")).unwrap().map(|file| file.unwrap().path());
    let all = own.chain([recipe("github.yml"), action("action.yml")]);
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
    for page in ["docs/ci.md", "gitlab-component/README.md", "docs/outputs.md", "docs/release.md", "README.md"] {
        let text = std::fs::read_to_string(Path::new(TOP).join(page)).unwrap();
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
    let recipe = yaml(&recipe("github.yml"));
    assert_eq!(recipe["jobs"]["apply"]["permissions"], json!({"contents": "read", "pull-requests": "read"}));
    let review = json!({"contents": "read", "pull-requests": "write", "security-events": "write"});
    assert_eq!(recipe["jobs"]["review"]["permissions"], review);
}
