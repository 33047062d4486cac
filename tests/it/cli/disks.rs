//! Disks that refuse writes: nothing is half-written, and the error names the next step.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::program::{Came, run};
use crate::folder::Folder;

/// A user without rights, because root may write everywhere.
const NOBODY: u32 = 65534;

/// Runs a command as a user who may not write to the folder.
fn as_a_stranger(folder: &Folder, line: &str) -> Came {
    let mut command = folder.command(line);
    let runs_as_root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    if runs_as_root {
        command.uid(NOBODY).gid(NOBODY);
    }
    run(&mut command)
}

#[test]
fn a_read_only_folder_is_a_clear_error() {
    let folder = Folder::project();
    let mode = |mode| fs::set_permissions(folder.path(), PermissionsExt::from_mode(mode)).unwrap();
    mode(0o555);
    let before = folder.files();
    let planned = as_a_stranger(&folder, "plan");
    let applied = as_a_stranger(&folder, "apply --yes");
    mode(0o755);
    planned.exits(0);
    let applied = applied.exits(1);
    assert!(applied.notes.contains("check the owner and the permissions"), "{}", applied.notes);
    assert_eq!(folder.files(), before);
}

#[test]
fn an_unwritable_meltano_yml_is_left_to_the_next_apply() {
    let folder = Folder::project();
    folder.spile("apply --yes").exits(0);
    folder.integration("fruit", "elsewhere");
    let runs_as_root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    // Spile does not trust another user's files, so the user who runs it owns all of them.
    let give_to = |user: u32| {
        for item in
            walkdir::WalkDir::new(folder.join(".spile")).into_iter().map(Result::unwrap).filter(|_| runs_as_root)
        {
            std::os::unix::fs::chown(item.path(), Some(user), Some(user)).unwrap();
        }
    };
    give_to(NOBODY);
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o555)).unwrap();
    let before = folder.read("meltano.yml");
    let applied = as_a_stranger(&folder, "apply --yes");
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    give_to(0);
    assert!(applied.exits(1).notes.contains("cannot write `meltano.yml`"));
    assert_eq!(folder.read("meltano.yml"), before);
    let left = folder.spile("plan --format json").exits(0).json();
    let targets: Vec<_> = left["changes"].as_array().unwrap().iter().map(|change| change["target"].clone()).collect();
    assert_eq!(targets, ["meltano"]);
    folder.spile("apply --yes").exits(0);
    folder.spile("plan --exit-code").exits(0);
}

#[test]
fn an_apply_without_changes_succeeds_without_a_writable_store() {
    let folder = Folder::project();
    folder.spile("apply --yes").exits(0);
    fs::remove_dir_all(folder.join(".spile/applied")).unwrap();
    folder.write(".spile/applied", "in the way");
    let applied = folder.spile("apply --yes").exits(0);
    assert!(applied.notes.contains("cannot record what was applied"), "{}", applied.notes);
    folder.remove(".spile/applied");
    assert!(!folder.spile("apply --yes").exits(0).notes.contains("Warning"));
    assert_eq!(folder.read(".spile/applied/meltano.yml"), folder.read("meltano.yml"));
}

/// A file system of a few pages; unmounted on drop.
struct Tiny<'a>(&'a Path);

impl<'a> Tiny<'a> {
    fn mount(at: &'a Path, kilobytes: u32) -> Option<Self> {
        let size = format!("size={kilobytes}k");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|mounted| mounted.status.success()).then_some(Self(at))
    }
}

impl Drop for Tiny<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).output();
    }
}

fn skipped(reason: &str) {
    assert!(std::env::var_os("CI").is_none(), "nothing is skipped in CI: {reason}");
    eprintln!("SKIPPED: {reason}");
}

#[test]
fn a_full_disk_is_a_clear_error_and_leaves_nothing_half_written() {
    let project = Folder::project();
    let folder = Folder::new();
    let Some(_tiny) = Tiny::mount(folder.path(), 640) else {
        return skipped("no tiny file system can be mounted here");
    };
    folder.lay(project.path());
    folder.spile("apply --yes").exits(0);
    let rendered = folder.read("meltano.yml");
    for number in 0..60 {
        folder.integration(&format!("more-{number}"), "data");
        if fs::write(folder.join("ballast"), vec![b'x'; 1 << 20]).is_err() {
            break;
        }
    }
    let before = folder.files();
    let failed = folder.spile("apply --yes").exits(1);
    assert!(failed.notes.contains("free some disk space"), "{}", failed.notes);
    assert_eq!(folder.read("meltano.yml"), rendered);
    let names = |files: std::collections::BTreeMap<std::path::PathBuf, Vec<u8>>| files.into_keys().collect::<Vec<_>>();
    assert_eq!(names(folder.files()), names(before), "something was left behind");
    folder.remove("ballast");
    folder.spile("apply --yes").exits(0);
    folder.spile("plan --exit-code").exits(0);
}
