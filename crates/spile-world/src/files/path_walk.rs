//! Follows the path to a file: every folder that it passes through and every link. Anyone who can write to one of these
//! folders decides where the path ends.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

/// How many links a path may contain, the same limit as the kernel's.
const MOST_LINKS: usize = 40;

/// The places that a path passes through, each by its real path.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// The folders in which a name was looked up, starting at the root.
    pub folders: Vec<PathBuf>,
    /// The links that were followed.
    pub links: Vec<PathBuf>,
}

/// Follows a path as far as it exists. The last part is looked up too, and followed if it is a link.
///
/// # Errors
/// When a folder cannot be accessed, or the links are circular.
pub fn way(path: &Path) -> io::Result<Way> {
    let path = std::path::absolute(path)?;
    let mut left: VecDeque<OsString> = parts(&path).collect();
    let (mut at, mut way) = (PathBuf::from("/"), Way::default());
    while let Some(part) = left.pop_front() {
        if part == ".." {
            at.pop();
            continue;
        }
        way.pass(&at);
        let next = at.join(&part);
        match next.symlink_metadata() {
            Ok(found) if found.is_symlink() => {
                if way.links.len() == MOST_LINKS {
                    return Err(io::ErrorKind::InvalidInput.into());
                }
                let target = next.read_link()?;
                if target.is_absolute() {
                    at = PathBuf::from("/");
                }
                way.links.push(next);
                for part in parts(&target).collect::<Vec<_>>().into_iter().rev() {
                    left.push_front(part);
                }
            }
            Ok(_) => at = next,
            // Nothing exists below a missing path.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(way)
}

impl Way {
    fn pass(&mut self, folder: &Path) {
        if !self.folders.iter().any(|known| known == folder) {
            self.folders.push(folder.to_owned());
        }
    }
}

fn parts(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().filter_map(|part| match part {
        Component::Normal(_) | Component::ParentDir => Some(part.as_os_str().to_owned()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_folder_and_link_of_a_path_is_returned() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        std::fs::create_dir_all(root.join("c/d")).unwrap();
        symlink("../../c", root.join("a/b/up")).unwrap();
        symlink(root.join("a/b"), root.join("c/d/back")).unwrap();
        let found = way(&root.join("a/b/up/d/back/../x.toml")).unwrap();
        assert_eq!(found.links, [root.join("a/b/up"), root.join("c/d/back")]);
        for passed in ["", "a", "a/b", "c", "c/d"] {
            assert!(found.folders.contains(&root.join(passed)), "{passed}: {found:?}");
        }
        assert!(found.folders.contains(&PathBuf::from("/")));
        assert_eq!(way(&root.join("not/there")).unwrap().folders.last(), Some(&root));
    }

    #[test]
    fn circular_links_come_to_an_end() {
        let folder = tempfile::tempdir().unwrap();
        symlink("around", folder.path().join("around")).unwrap();
        assert!(way(&folder.path().join("around/x")).is_err());
    }
}
