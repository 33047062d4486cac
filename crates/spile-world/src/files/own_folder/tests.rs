//! Tests which folders and files are trusted.

use std::fs::{File, Permissions, set_permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

fn own() -> (tempfile::TempDir, Own) {
    let folder = tempfile::tempdir().unwrap();
    let own = Own::at(&folder.path().join(".spile"));
    (folder, own)
}

fn code(not_own: &NotOwn) -> String {
    not_own.code().unwrap().to_string()
}

fn refused(own: &Own) -> String {
    let not_own = own.open().unwrap_err();
    let made = own.make().unwrap_err();
    assert!(crate::files::refusal::FileRefusal::behind(&made).is_some(), "{made}");
    code(&not_own)
}

#[test]
fn a_new_folder_is_private_and_ignored_by_git() {
    let (folder, own) = own();
    assert_eq!(own.open(), Ok(None));
    own.make().unwrap().replace("a/b", b"x").unwrap();
    let mode = |path: &str| folder.path().join(path).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(".spile"), mode(".spile/a"), mode(".spile/a/b")), (0o700, 0o700, 0o600));
    assert_eq!(std::fs::read(folder.path().join(".spile/.gitignore")).unwrap(), b"*\n");
    assert_eq!(own.open().unwrap().unwrap().read("a/b").unwrap().unwrap(), b"x");
}

#[test]
fn a_folder_of_an_older_spile_is_trusted() {
    let (folder, own) = own();
    std::fs::create_dir(folder.path().join(".spile")).unwrap();
    set_permissions(own.path(), Permissions::from_mode(0o700)).unwrap();
    File::create(own.path().join("registry.db")).unwrap().write_all(b"x").unwrap();
    set_permissions(own.path().join("registry.db"), Permissions::from_mode(0o644)).unwrap();
    let opened = own.open().unwrap().unwrap();
    assert_eq!(opened.read("registry.db").unwrap().unwrap(), b"x");
    assert!(opened.read_private("registry.db", 9).is_err(), "others can read it");
    assert!(opened.found("registry.db").unwrap().is_some());
}

#[test]
fn folders_that_others_can_access_are_not_trusted() {
    let (_folder, own) = own();
    own.make().unwrap();
    for mode in [0o755, 0o750, 0o701, 0o770] {
        set_permissions(own.path(), Permissions::from_mode(mode)).unwrap();
        assert_eq!(refused(&own), "spile::own::open_to_others", "{mode:o}");
    }
    set_permissions(own.path(), Permissions::from_mode(0o700)).unwrap();
    own.open().unwrap().unwrap();
}

#[test]
fn meltanos_folder_may_be_readable_for_others_but_not_writable() {
    let folder = tempfile::tempdir().unwrap();
    let own = Own::of_meltano(folder.path());
    own.make().unwrap();
    set_permissions(own.path(), Permissions::from_mode(0o755)).unwrap();
    assert!(own.open().unwrap().is_some());
    set_permissions(own.path(), Permissions::from_mode(0o775)).unwrap();
    assert_eq!(refused(&own), "spile::own::open_to_others");
}

#[test]
fn links_files_and_repositories_are_not_trusted_as_own_folders() {
    let (folder, own) = own();
    let other = Own::at(&folder.path().join("other"));
    other.make().unwrap();
    symlink("other", own.path()).unwrap();
    assert_eq!(refused(&own), "spile::own::link");
    std::fs::remove_file(own.path()).unwrap();
    File::create(own.path()).unwrap();
    assert_eq!(refused(&own), "spile::own::not_a_folder");
    File::create(other.path().join(".git")).unwrap();
    assert_eq!(refused(&other), "spile::own::repository");
}

#[test]
fn links_in_the_folder_are_neither_read_nor_written_through() {
    let (folder, own) = own();
    let own = own.make().unwrap();
    let victim = folder.path().join("victim");
    File::create(&victim).unwrap().write_all(b"dear").unwrap();
    symlink(&victim, own.path().join("file")).unwrap();
    symlink(folder.path(), own.path().join("folder")).unwrap();
    for path in ["file", "folder/victim", "../victim", "folder/../../victim"] {
        own.read(path).unwrap_err();
        own.read_private(path, 9).unwrap_err();
        own.found(path).unwrap_err();
        own.append(path).unwrap_err();
        own.write(path, b"evil").unwrap_err();
        own.replace(path, b"evil").unwrap_err();
        own.place(path).unwrap_err();
        assert_eq!(own.text(path), None);
    }
    own.list("folder").unwrap_err();
    own.folder("folder/new").unwrap_err();
    own.remove("folder/victim").unwrap_err();
    assert_eq!(std::fs::read(&victim).unwrap(), b"dear");
}

#[test]
fn pipes_and_oversized_files_are_not_read() {
    let (_folder, own) = own();
    let own = own.make().unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, own.path().join("pipe"), rustix::fs::Mode::RUSR).unwrap();
    own.read("pipe").unwrap_err();
    own.append("pipe").unwrap_err();
    own.write("large", &[0; 10]).unwrap();
    own.read_up_to("large", 9).unwrap_err();
    assert_eq!(own.read_up_to("large", 10).unwrap().unwrap().len(), 10);
}

#[test]
fn a_folder_that_git_tracks_is_not_created_either() {
    let folder = tempfile::tempdir().unwrap();
    crate::files::door::replace(&folder.path().join(".git"), b"gitdir: gone\n").unwrap();
    let own = Own::at(&folder.path().join(".spile"));
    own.make().unwrap_err();
    assert!(!own.path().exists());
}
