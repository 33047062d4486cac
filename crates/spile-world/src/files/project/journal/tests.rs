//! Tests which journals are trusted.

use super::*;
use crate::files::door::{create, replace};
use crate::files::refusal::FileRefusal;

fn edit(path: &str, before: Option<&str>, after: Option<&str>) -> FileEdit {
    FileEdit { path: path.into(), before: before.map(str::to_owned), after: after.map(str::to_owned) }
}

/// A folder in which a process was killed while it changed these files, after the first of them.
fn killed(files: &[FileEdit]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let turn = Turn::of(folder.path()).unwrap();
    for file in files.iter().filter(|file| file.before.is_some()) {
        put(folder.path(), &FileEdit { before: None, after: file.before.clone(), ..file.clone() }).unwrap();
    }
    turn.note(files).unwrap();
    put(folder.path(), &files[0]).unwrap();
    folder
}

fn text(folder: &tempfile::TempDir, path: &str) -> Option<String> {
    read(folder.path(), Path::new(path)).unwrap()
}

#[test]
fn the_next_process_restores_an_interrupted_change() {
    let files = [edit("a", Some("1"), Some("2")), edit("b", None, Some("3")), edit("c", Some("4"), None)];
    let folder = killed(&files);
    assert_eq!(text(&folder, "a").as_deref(), Some("2"));
    recover(folder.path()).unwrap();
    assert_eq!(text(&folder, "a").as_deref(), Some("1"));
    assert_eq!((text(&folder, "b"), text(&folder, "c").as_deref()), (None, Some("4")));
    assert!(!folder.path().join(".spile/edits.json").exists());
    Turn::of(folder.path()).unwrap().change(&files).unwrap();
    assert_eq!((text(&folder, "b").as_deref(), text(&folder, "c")), (Some("3"), None));
    recover(folder.path()).unwrap();
    assert_eq!(text(&folder, "a").as_deref(), Some("2"), "the completed change stays");
}

#[test]
fn files_changed_since_are_left_alone() {
    let folder = killed(&[edit("a", Some("1"), Some("2")), edit("b", None, Some("3"))]);
    replace(&folder.path().join("a"), b"by hand").unwrap();
    create(&folder.path().join("b"), b"by hand").unwrap();
    recover(folder.path()).unwrap();
    assert_eq!((text(&folder, "a").as_deref(), text(&folder, "b").as_deref()), (Some("by hand"), Some("by hand")));
}

#[test]
fn restoring_waits_for_a_process_that_is_writing() {
    let folder = killed(&[edit("a", Some("1"), Some("2")), edit("b", None, Some("3"))]);
    assert!(is_interrupted(folder.path()));
    let at_work = RunLock::hold(&own(folder.path()), Lock::Project).unwrap();
    assert!(!is_interrupted(folder.path()), "a process that holds the lock is still working");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| recover(folder.path()));
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert!(!waiting.is_finished());
        assert_eq!(text(&folder, "a").as_deref(), Some("2"));
        drop(at_work);
        waiting.join().unwrap().unwrap();
    });
    assert_eq!(text(&folder, "a").as_deref(), Some("1"));
    assert!(!is_interrupted(folder.path()));
}

/// A project with a journal of these bytes, stored the way spile stores its own.
fn with_journal(bytes: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    own(folder.path()).make().unwrap().replace(NAME, bytes).unwrap();
    folder
}

fn journal(paths: &[&str]) -> Vec<u8> {
    let files = paths.iter().map(|path| edit(path, Some("evil"), None)).collect();
    serde_json::to_vec(&JournalEntry { version: VERSION, files }).unwrap()
}

fn refusal(folder: &tempfile::TempDir) -> String {
    let error = recover(folder.path()).unwrap_err();
    let code = FileRefusal::behind(&error).and_then(Diagnostic::code).map(|code| code.to_string());
    code.unwrap_or_else(|| panic!("{error}"))
}

#[test]
fn a_journal_of_another_version_is_left_alone() {
    let folder = with_journal(b"{\"version\": 2, \"steps\": []}");
    recover(folder.path()).unwrap();
    assert!(folder.path().join(OWN_FOLDER).join(NAME).exists());
}

#[test]
fn one_path_outside_the_project_prevents_undoing_anything() {
    let paths = [
        "../outside",
        "a/../../outside",
        "/etc/outside",
        "",
        ".",
        ".git/config",
        "sub/.GIT/config",
        ".spile/tokens.json",
        ".Spile/x",
        ".meltano/run/x",
    ];
    for path in paths {
        let folder = with_journal(&journal(&["fine", path]));
        assert_eq!(refusal(&folder), "spile::journal::refused", "{path}");
        assert!(!folder.path().join("fine").exists(), "{path}");
        assert!(folder.path().join(OWN_FOLDER).join(NAME).exists(), "it stays for inspection");
    }
}

#[test]
fn a_path_through_a_link_undoes_nothing() {
    let elsewhere = tempfile::tempdir().unwrap();
    for path in ["link/x", "link"] {
        let folder = with_journal(&journal(&["fine", path]));
        std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("link")).unwrap();
        assert_eq!(refusal(&folder), "spile::journal::refused", "{path}");
        assert!(!folder.path().join("fine").exists());
    }
    assert_eq!(elsewhere.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_damaged_or_extended_journal_undoes_nothing() {
    let whole = journal(&["fine"]);
    let more = b"{\"version\": 1, \"files\": [], \"run\": \"id\"}";
    for bytes in [&whole[..whole.len() - 1], b"", b"[]", &more[..]] {
        assert_eq!(refusal(&with_journal(bytes)), "spile::journal::refused");
    }
    let many: Vec<String> = (0..=MOST_FILES).map(|number| number.to_string()).collect();
    let many = journal(&many.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(refusal(&with_journal(&many)), "spile::journal::refused");
}

#[test]
fn a_journal_that_others_could_have_written_undoes_nothing() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = with_journal(&journal(&["fine"]));
    let path = folder.path().join(OWN_FOLDER).join(NAME);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(refusal(&folder), "spile::own::file");
    fs::rename(&path, folder.path().join("journal")).unwrap();
    symlink(folder.path().join("journal"), &path).unwrap();
    assert_eq!(refusal(&folder), "spile::own::file");
    fs::remove_file(&path).unwrap();
    fs::set_permissions(folder.path().join(OWN_FOLDER), fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(folder.path().join("journal"), &path).unwrap();
    assert_eq!(refusal(&folder), "spile::own::open_to_others");
    assert!(!folder.path().join("fine").exists());
}

#[test]
fn files_written_through_links_inside_are_restored_too() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("real")).unwrap();
    std::os::unix::fs::symlink("real", folder.path().join("link")).unwrap();
    replace(&folder.path().join("real/a"), b"1").unwrap();
    let files = [edit("link/a", Some("1"), Some("2")), edit("link/new/b", None, Some("3"))];
    let turn = Turn::of(folder.path()).unwrap();
    turn.note(&files).unwrap();
    put(folder.path(), &files[0]).unwrap();
    drop(turn);
    recover(folder.path()).unwrap();
    assert_eq!(text(&folder, "real/a").as_deref(), Some("1"));
}

#[test]
fn paths_that_lead_out_of_the_project_are_not_journaled() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("link")).unwrap();
    let files = [edit("a", None, Some("1")), edit("link/b", None, Some("2"))];
    Turn::of(folder.path()).unwrap().change(&files).unwrap_err();
    assert_eq!((text(&folder, "a"), elsewhere.path().read_dir().unwrap().count()), (None, 0));
}
