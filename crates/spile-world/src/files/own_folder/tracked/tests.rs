//! Compares the results with git's own for every form of its index.

use super::*;

struct Repo(tempfile::TempDir);

impl Repo {
    fn new(words: &[&str]) -> Self {
        let repo = Self(tempfile::tempdir().unwrap());
        repo.git(&[&["init", "--quiet", "--initial-branch", "main"], words].concat());
        repo
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn git(&self, words: &[&str]) -> String {
        git(self.path(), words)
    }

    fn write(&self, path: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::File::create(path).unwrap();
    }

    fn add(&self, path: &str) {
        self.write(path);
        self.git(&["add", "--force", path]);
    }

    fn tracked(&self) -> Tracked {
        tracked(self.path(), ".spile")
    }

    fn paths(&self, hash: usize) -> Vec<String> {
        let bytes = std::fs::read(self.path().join(".git/index")).unwrap();
        let mut paths = Vec::new();
        index::walk(&bytes, hash, |_, path| paths.push(String::from_utf8(path.to_vec()).unwrap())).unwrap();
        paths
    }
}

#[expect(clippy::disallowed_methods, reason = "a test makes its own repository")]
fn git(at: &Path, words: &[&str]) -> String {
    let mut git = std::process::Command::new("git");
    git.current_dir(at).args([
        "-c",
        "user.name=x",
        "-c",
        "user.email=x@example.com",
        "-c",
        "protocol.file.allow=always",
    ]);
    let output = git.args(words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn yes(path: &str) -> Tracked {
    Tracked::Yes(PathBuf::from(path))
}

#[test]
fn every_version_and_both_hashes_are_read_as_git_reads_them() {
    for (words, hash) in [(&[][..], 20), (&["--object-format=sha256"][..], 32)] {
        for version in ["2", "3", "4"] {
            let repo = Repo::new(words);
            for name in ["a", "a/b", "x", "zz/long/path/to/a/file", &"n".repeat(200)] {
                repo.add(&format!("files-{name}/{name}.txt"));
            }
            // Git writes version 3 if an entry has extended flags.
            repo.write("intended");
            repo.git(&["add", "--intent-to-add", "intended"]);
            repo.git(&["update-index", "--index-version", version]);
            assert_eq!(repo.paths(hash).join("\n"), repo.git(&["ls-files"]).trim(), "version {version}, {words:?}");
            assert_eq!(repo.tracked(), Tracked::No);
            repo.add(".spile/edits.json");
            assert_eq!(repo.tracked(), yes(".spile/edits.json"), "version {version}, {words:?}");
            repo.git(&["rm", "--quiet", "-r", "--cached", ".spile"]);
            assert_eq!(repo.tracked(), Tracked::No);
        }
    }
}

#[test]
fn a_split_index_is_read_without_entries_deleted_from_its_shared_part() {
    for words in [&[][..], &["--object-format=sha256"]] {
        let repo = Repo::new(words);
        for number in 0..200 {
            repo.write(&format!("files/{number}"));
        }
        repo.git(&["add", "files"]);
        repo.add(".spile/x");
        repo.git(&["update-index", "--split-index"]);
        repo.add("later");
        assert_eq!(repo.tracked(), yes(".spile/x"));
        repo.git(&["-c", "splitIndex.maxPercentChange=100", "rm", "--quiet", "-r", "--cached", ".spile"]);
        let index = std::fs::read(repo.path().join(".git/index")).unwrap();
        assert!(index.windows(4).any(|bytes| bytes == b"link"), "it is still split");
        assert_eq!(repo.tracked(), Tracked::No);
    }
}

#[test]
fn a_missing_part_of_an_index_is_not_mistaken_for_an_empty_one() {
    let repo = Repo::new(&[]);
    repo.add("a");
    repo.git(&["update-index", "--split-index"]);
    for item in std::fs::read_dir(repo.path().join(".git")).unwrap().map(|item| item.unwrap().path()) {
        if item.to_string_lossy().contains("sharedindex") {
            std::fs::remove_file(item).unwrap();
        }
    }
    assert!(matches!(repo.tracked(), Tracked::Unknown { .. }));
}

#[test]
fn links_submodules_and_other_spellings_are_tracked_too() {
    let link = Repo::new(&[]);
    std::os::unix::fs::symlink("elsewhere", link.path().join(".spile")).unwrap();
    link.git(&["add", "--force", ".spile"]);
    assert_eq!(link.tracked(), yes(".spile"));

    let inner = Repo::new(&[]);
    inner.git(&["commit", "--quiet", "--allow-empty", "-m", "x"]);
    let outer = Repo::new(&[]);
    outer.git(&["submodule", "--quiet", "add", "--force", &inner.path().display().to_string(), ".spile"]);
    assert_eq!(outer.tracked(), yes(".spile"));

    let letters = Repo::new(&[]);
    letters.add(".Spile/tokens.json");
    assert_eq!(letters.tracked(), yes(".Spile/tokens.json"));
    let near = Repo::new(&[]);
    near.add(".spile.toml");
    near.add("a/.spile/x");
    assert_eq!(near.tracked(), Tracked::No);
}

#[test]
fn outer_repositories_worktrees_and_submodules_are_checked() {
    let repo = Repo::new(&[]);
    repo.add("teams/Ädata/.spile/x");
    repo.git(&["commit", "--quiet", "-m", "x"]);
    let project = repo.path().join("teams/Ädata");
    assert_eq!(tracked(&project, ".spile"), yes("teams/Ädata/.spile/x"));
    // A repository that was created inside later does not hide it.
    git(&project, &["init", "--quiet"]);
    assert_eq!(tracked(&project, ".spile"), yes("teams/Ädata/.spile/x"));

    let worktree = tempfile::tempdir().unwrap();
    let side = worktree.path().join("side");
    repo.git(&["worktree", "add", "--quiet", "-b", "side", &side.display().to_string()]);
    assert_eq!(tracked(&side.join("teams/Ädata"), ".spile"), yes("teams/Ädata/.spile/x"));
    assert_eq!(tracked(&side, ".spile"), Tracked::No);

    let outer = Repo::new(&[]);
    outer.git(&["submodule", "--quiet", "add", &repo.path().display().to_string(), "inner"]);
    assert_eq!(tracked(&outer.path().join("inner/teams/Ädata"), ".spile"), yes("teams/Ädata/.spile/x"));
}

#[test]
fn damaged_or_dangling_repositories_are_unknown() {
    let repo = Repo::new(&[]);
    assert_eq!(repo.tracked(), Tracked::No, "there is no index yet");
    repo.add("a");
    let index = repo.path().join(".git/index");
    let whole = std::fs::read(&index).unwrap();
    for end in [0, 3, 11, 40, whole.len() / 2] {
        std::fs::File::create(&index).unwrap();
        crate::files::door::replace(&index, &whole[..end]).unwrap();
        assert!(matches!(repo.tracked(), Tracked::Unknown { .. }), "{end} bytes");
    }
    let folder = tempfile::tempdir().unwrap();
    crate::files::door::replace(&folder.path().join(".git"), b"gitdir: nowhere\n").unwrap();
    assert!(matches!(tracked(folder.path(), ".spile"), Tracked::Unknown { .. }));
}

#[test]
fn an_index_is_read_once_and_again_after_it_changes() {
    let repo = Repo::new(&[]);
    repo.add("a");
    assert_eq!(repo.tracked(), Tracked::No);
    let index = repo.path().join(".git/index");
    let written = index.metadata().unwrap().modified().unwrap();
    repo.add(".spile/x");
    assert_ne!(index.metadata().unwrap().modified().unwrap(), written);
    assert_eq!(repo.tracked(), yes(".spile/x"));
}

#[test]
fn a_sparse_index_that_hides_the_folder_is_not_mistaken_for_an_empty_one() {
    let is = |path: &[u8], wanted: &str| concern(path, Path::new(wanted));
    assert!(matches!(is(b"a/", "a/.spile"), Some(Concern::Hidden)));
    assert!(matches!(is(b"a/.spile/", "a/.spile"), Some(Concern::Tracked(_))));
    assert!(is(b"b/", "a/.spile").is_none() && is(b"a", "a/.spile").is_none());
}

#[test]
fn the_object_format_is_read_as_git_writes_it() {
    let sha256 = ["[extensions]\n\tobjectformat = sha256\n", "[Extensions] objectFormat=\"sha256\" # x\n"];
    assert!(sha256.into_iter().all(is_sha256));
    let sha1 =
        ["", "[core]\n\tobjectformat = sha256\n", "[extensions]\n\tobjectformat = sha1\n[core]\n\tbare = false\n"];
    assert!(!sha1.into_iter().any(is_sha256));
}
