//! A repository whose configuration and attributes name programs wherever git would start one. None of them starts.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use spile_world::files::project::FileEdit;
use spile_world::processes::git::{self, Author, Commit};

use crate::cli::program::Came;
use crate::executable::write_script;
use crate::folder::Folder;

/// The hooks that git may run.
const HOOKS: [&str; 9] = [
    "post-checkout",
    "post-commit",
    "post-index-change",
    "pre-auto-gc",
    "pre-commit",
    "pre-push",
    "prepare-commit-msg",
    "query-watchman",
    "reference-transaction",
];

/// The configuration keys whose value is a program.
const PROGRAMS: [&str; 27] = [
    "alias.diff",
    "alias.ls-tree",
    "core.alternateRefsCommand",
    "core.askPass",
    "core.editor",
    "core.fsmonitor",
    "core.gitProxy",
    "core.pager",
    "core.sshCommand",
    "credential.helper",
    "diff.external",
    "diff.evil.command",
    "diff.evil.textconv",
    "filter.evil.clean",
    "filter.evil.process",
    "filter.evil.smudge",
    "gpg.program",
    "gpg.ssh.defaultKeyCommand",
    "gpg.ssh.program",
    "gpg.x509.program",
    "interactive.diffFilter",
    "merge.evil.driver",
    "pager.diff",
    "pager.log",
    "remote.origin.receivepack",
    "remote.origin.uploadpack",
    "sequence.editor",
];

/// Keys that make git start programs that it would not start otherwise.
const SWITCHES: [(&str, &str); 9] = [
    ("commit.gpgSign", "true"),
    ("core.fsmonitorHookVersion", "2"),
    ("filter.evil.required", "true"),
    ("log.showSignature", "true"),
    ("merge.default", "evil"),
    ("protocol.allow", "always"),
    ("protocol.ext.allow", "always"),
    ("submodule.recurse", "true"),
    ("user.signingKey", "me"),
];

/// A repository, and a folder in which every started program leaves a file.
struct Rigged {
    folder: Folder,
    canaries: tempfile::TempDir,
}

impl Rigged {
    fn new() -> Self {
        let rigged = Self { folder: Folder::project(), canaries: tempfile::tempdir().unwrap() };
        rigged.folder.write(".gitignore", ".spile/\n");
        rigged.git(&["init", "--quiet", "--initial-branch", "main"]);
        rigged.git(&["add", "."]);
        rigged.git(&["commit", "--quiet", "-m", "begin"]);
        rigged.folder.integration("fruit", "moved");
        rigged.rig();
        rigged
    }

    fn rig(&self) {
        for key in PROGRAMS {
            self.git(&["config", key, &self.canary(key)]);
        }
        for (key, value) in SWITCHES {
            self.git(&["config", key, value]);
        }
        let hooks = self.folder.join("hooks");
        std::fs::create_dir(&hooks).unwrap();
        for name in HOOKS {
            write_script(&hooks.join(name), &format!("#!/bin/sh\n{}\n", self.canary(name)));
        }
        self.git(&["config", "core.hooksPath", hooks.to_str().unwrap()]);
        self.folder.write(".gitattributes", "* filter=evil diff=evil merge=evil\n");
    }

    /// Returns a command that leaves a file.
    fn canary(&self, name: &str) -> String {
        format!("touch '{}'; false", self.canaries.path().join(name).display())
    }

    /// Runs git to lay out the repository, with its hooks and monitors off; spile never runs git like this.
    fn git(&self, words: &[&str]) {
        let mut git = Command::new("git");
        git.args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"]);
        git.args(["-c", "user.name=t", "-c", "user.email=t@example.com"]).args(words).current_dir(self.folder.path());
        let output = git.output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    #[track_caller]
    fn nothing_was_started(&self) {
        let found: Vec<_> = self.canaries.path().read_dir().unwrap().map(|item| item.unwrap().file_name()).collect();
        assert!(found.is_empty(), "these were started: {found:?}");
    }

    fn spile(&self, line: &str) -> Came {
        let mut command = self.folder.command(line);
        for name in
            ["GIT_EXTERNAL_DIFF", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_EDITOR", "GIT_PAGER", "GIT_PROXY_COMMAND"]
        {
            command.env(name, self.canary(name));
        }
        command.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", "core.fsmonitor");
        command.env("GIT_CONFIG_VALUE_0", self.canary("GIT_CONFIG_COUNT"));
        command.env("GIT_DIR", "/nowhere").env("GIT_WORK_TREE", "/nowhere").env("GIT_INDEX_FILE", "/nowhere");
        Came::of(&command.output().unwrap())
    }
}

fn changed(came: &Came) -> Vec<String> {
    let plan = came.json();
    let mut slugs: Vec<String> =
        plan["changes"].as_array().unwrap().iter().map(|one| one["slug"].as_str().unwrap().to_owned()).collect();
    slugs.dedup();
    slugs
}

/// Shows that the trap works: otherwise, programs that cannot start would pass these tests too.
#[test]
fn a_careless_git_starts_what_the_repository_names() {
    let rigged = Rigged::new();
    let mut git = Command::new("git");
    git.args(["status", "--short"]).current_dir(rigged.folder.path()).output().unwrap();
    for name in ["core.fsmonitor", "filter.evil.process"] {
        assert!(rigged.canaries.path().join(name).exists(), "`{name}` is no trap");
    }
}

#[test]
fn what_changed_is_found_and_nothing_of_the_repository_is_started() {
    let rigged = Rigged::new();
    rigged.folder.integration("new", "data");
    let came = rigged.spile("plan --offline --format json --changed-since HEAD").exits(0);
    assert_eq!(changed(&came), ["fruit", "new"]);
    rigged.nothing_was_started();
    for line in ["check", "fmt --check", "plan", "schema", "doctor", "status", "apply --yes --changed-since main"] {
        rigged.spile(line);
        rigged.nothing_was_started();
    }
}

#[tokio::test]
async fn commits_logs_and_merges_start_no_program_of_the_repository() {
    let rigged = Rigged::new();
    let root = rigged.folder.path();
    let author = Author { name: "Ada".to_owned(), email: "ada@example.com".to_owned() };
    let path = PathBuf::from("integrations/lake.toml");
    let before = rigged.folder.read("integrations/lake.toml");
    let edit = FileEdit { path: path.clone(), before: Some(before), after: Some("type = \"csv\"\n".to_owned()) };
    let wanted = Commit { files: vec![&edit], author: &author, message: "Change it", onto: None };
    let made = git::commit(root, &wanted).await.unwrap();
    rigged.nothing_was_started();
    assert_eq!(git::log(root, &path, 5).await.unwrap().len(), 1);
    rigged.nothing_was_started();
    let found = git::proposal(root, |changed| changed == path).await.unwrap();
    assert_eq!(found.map(|found| found.branch).as_ref(), Some(&made.branch));
    rigged.nothing_was_started();
    git::put_back(root, &made).await.unwrap();
    git::configure(root, "diff.sops.textconv", "spile secrets textconv").await.unwrap();
    let texts = ["a\n", "b\n", "a\n"].map(str::to_owned);
    assert_eq!(git::merge_texts(&texts).await.unwrap(), ("b\n".to_owned(), false));
    rigged.nothing_was_started();
}

/// A push is the user's own action, with the user's own keys; everything that it does not need stays off.
#[tokio::test]
async fn a_push_runs_no_hook_and_no_unusual_protocol() {
    let rigged = Rigged::new();
    let there = tempfile::tempdir().unwrap();
    rigged.git(&["init", "--quiet", "--bare", there.path().to_str().unwrap()]);
    rigged.git(&["config", "--unset", "remote.origin.receivepack"]);
    rigged.git(&["remote", "add", "there", there.path().to_str().unwrap()]);
    rigged.git(&["remote", "add", "odd", &format!("ext::{}", rigged.canary("ext"))]);
    git::push(rigged.folder.path(), "there", "main").await.unwrap();
    git::push(rigged.folder.path(), "odd", "main").await.unwrap_err();
    git::push(rigged.folder.path(), "--receive-pack=touch x", "main").await.unwrap_err();
    rigged.nothing_was_started();
}

#[test]
fn a_missing_object_is_not_fetched() {
    let rigged = Rigged::new();
    let commit = "0123456789012345678901234567890123456789";
    for (key, value) in [
        ("remote.origin.url", format!("ext::{}", rigged.canary("ext"))),
        ("remote.origin.promisor", "true".to_owned()),
        ("remote.origin.partialCloneFilter", "blob:none".to_owned()),
        ("extensions.partialClone", "origin".to_owned()),
        ("core.repositoryFormatVersion", "1".to_owned()),
    ] {
        rigged.git(&["config", key, &value]);
    }
    rigged.folder.write(".git/refs/heads/gone", &format!("{commit}\n"));
    rigged.spile("plan --offline --changed-since gone").exits(1);
    rigged.nothing_was_started();
}

#[test]
fn an_invalid_commit_name_is_never_an_option() {
    let rigged = Rigged::new();
    let outside = rigged.canaries.path().join("written");
    let words = ["-x", "--all", "--git-dir", "--output=PATH", "HEAD --output=PATH", ":/", "HEAD:integrations", ""];
    for word in words {
        let word = word.replace("PATH", outside.to_str().unwrap());
        let mut command = rigged.folder.command("plan --offline");
        let refused = Came::of(&command.arg(format!("--changed-since={word}")).output().unwrap()).exits(1);
        assert!(refused.notes.contains("git does not know the commit"), "{word}: {}", refused.notes);
    }
    rigged.nothing_was_started();
}

/// git's own plumbing would wait for someone to write into the pipe.
#[test]
fn a_repository_made_of_pipes_is_given_up() {
    for path in [".git/HEAD", ".git/config", ".git/refs/heads/main"] {
        let rigged = Rigged::new();
        let path = rigged.folder.join(path);
        std::fs::remove_file(&path).unwrap();
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR).unwrap();
        let begun = Instant::now();
        let refused = rigged.spile("plan --offline --changed-since main").exits(1);
        assert!(begun.elapsed() < Duration::from_secs(20), "{}: it took {:?}", path.display(), begun.elapsed());
        assert!(refused.notes.contains("spile::git::"), "{}", refused.notes);
        rigged.nothing_was_started();
    }
}

#[test]
fn line_endings_are_not_a_change() {
    let rigged = Rigged::new();
    rigged.folder.integration("fruit", "data");
    let windows = rigged.folder.read("integrations/fruit.toml").replace('\n', "\r\n");
    rigged.folder.write("integrations/fruit.toml", &windows);
    let came = rigged.spile("plan --offline --format json --changed-since HEAD").exits(0);
    assert_eq!(changed(&came), [""; 0], "only the ends of lines differ");
}

/// A folder's contents can make it a bare repository, which has a configuration of its own.
#[test]
fn a_bare_repository_among_the_files_is_ignored() {
    let folder = Folder::project();
    let canaries = tempfile::tempdir().unwrap();
    let mut git = Command::new("git");
    assert!(git.args(["init", "--quiet", "--bare", "."]).current_dir(folder.path()).status().unwrap().success());
    let canary = canaries.path().join("started");
    let config = folder.read("config");
    folder.write("config", &format!("{config}\tfsmonitor = \"touch {}\"\n\tworktree = .\n", canary.display()));
    folder.spile("plan --offline --changed-since HEAD").exits(1);
    assert!(!canary.exists());
}

#[test]
fn a_work_tree_elsewhere_is_not_trusted() {
    let rigged = Rigged::new();
    let elsewhere = Folder::new();
    rigged.git(&["config", "core.worktree", elsewhere.path().to_str().unwrap()]);
    let came = rigged.spile("plan --offline --format json --changed-since HEAD").exits(0);
    assert_eq!(changed(&came), ["fruit"]);
}
