//! The user's own files outside of every repository. Files from a clone are never mistaken for them.

use std::ffi::OsString;
use std::fs::Metadata;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use miette::Diagnostic;

use crate::Project;
use crate::files::path_walk::way;
use spile_core::problem::Problems;
use spile_core::settings::Allowed;
use spile_core::source::Source;

/// The most bytes of such a file.
const MOST: u64 = 1024 * 1024;

/// Why one of the user's files is not trusted.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("`{path}` is not trusted: {why}")]
#[diagnostic(code(spile::user::file), help("{help}"))]
pub struct NotBelieved {
    path: String,
    why: String,
    help: String,
}

/// The folders of files that belong to the user rather than to a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFolders {
    /// `$XDG_CONFIG_HOME/spile`, or `~/.config/spile`.
    pub config: Option<PathBuf>,
    /// `$XDG_STATE_HOME/spile`, or `~/.local/state/spile`.
    pub state: Option<PathBuf>,
    /// The project's folder and the repositories that contain it. A file that is linked into one of these is not the
    /// user's own.
    pub repositories: Vec<PathBuf>,
}

impl UserFolders {
    /// Determines the folders, except those inside the project's repository, which a branch could bring. Relative paths
    /// are ignored, as the XDG specification requires: they could lead into a clone.
    #[must_use]
    pub fn beside(project: &Project, read: impl Fn(&str) -> Option<OsString>) -> Self {
        let absolute = |name: &str| read(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = absolute("HOME");
        let repositories = repositories(project.root(), home.as_deref());
        let folder = |name: &str, below: &str| {
            let base = absolute(name).or_else(|| Some(home.as_ref()?.join(below)))?;
            Some(base.join("spile")).filter(|folder| !repositories.iter().any(|root| real(folder).starts_with(root)))
        };
        let (config, state) = (folder("XDG_CONFIG_HOME", ".config"), folder("XDG_STATE_HOME", ".local/state"));
        Self { config, state, repositories }
    }

    /// Returns the variables that `spile.toml` may refer to, according to the user's `config.toml` and a variable.
    pub fn allowed(&self, variable: Option<&str>, problems: &mut Problems) -> Allowed {
        let mut allowed = Allowed::default();
        allowed.read_variable(variable.unwrap_or_default(), problems);
        let Some(path) = self.config.as_ref().map(|folder| folder.join("config.toml")) else { return allowed };
        match read_own(&path, &self.repositories) {
            Ok(Some(text)) => allowed.read_file(&Source::new(path, text), problems),
            Ok(None) => {}
            Err(error) => problems.push(&Source::new(path, ""), error),
        }
        allowed
    }
}

/// Returns the project's folder and the repositories that contain it. A home folder that is kept in git is the user's
/// own repository, unless it is also the project's.
#[must_use]
pub fn repositories(root: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    let (root, home) = (real(root), home.map(real));
    let mut found: Vec<PathBuf> =
        root.ancestors().filter(|folder| folder.join(".git").exists()).map(Path::to_owned).collect();
    let nearest = found.first().cloned();
    found.retain(|folder| Some(folder) == nearest.as_ref() || Some(folder) != home.as_ref());
    found.push(root);
    found
}

/// Resolves the links in a path, as far as it exists.
fn real(path: &Path) -> PathBuf {
    let there = path.ancestors().find_map(|start| Some((start, start.canonicalize().ok()?)));
    there.map_or_else(|| path.to_owned(), |(start, real)| real.join(path.strip_prefix(start).unwrap_or(Path::new(""))))
}

/// Reads one of the user's own files; `None` if it does not exist.
///
/// # Errors
/// When another user could have written it, it is inside one of the repositories, or it cannot be read.
pub(crate) fn read_own(path: &Path, repositories: &[PathBuf]) -> Result<Option<String>, NotBelieved> {
    let refused = |why: &str, help: &str| {
        Err(NotBelieved { path: path.display().to_string(), why: why.to_owned(), help: help.to_owned() })
    };
    let unread = |error: std::io::Error| refused(&error.to_string(), "make it readable for you");
    let metadata = match path.metadata() {
        Ok(metadata) => metadata,
        // A home folder that this user may not enter, as after `sudo`, contains none of this user's files.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => return Ok(None),
        Err(error) => return unread(error),
    };
    if !metadata.is_file() || metadata.len() > MOST {
        return refused("it is not a file, or it is too large", "replace it with a file of at most 1 MiB");
    }
    let place = real(path);
    if repositories.iter().any(|root| place.starts_with(root)) {
        return refused("it is in the project's repository", "replace it with your own file, not a link");
    }
    if ![0, this_user()].contains(&metadata.uid()) {
        return refused("it belongs to another user", "change its owner to you");
    }
    if metadata.mode() & 0o022 != 0 {
        return refused("other users can write to it", "run `chmod 600` on it");
    }
    match way(path) {
        Ok(way) => {
            if let Some(folder) = way.folders.iter().find(|folder| is_open(folder)) {
                let folder = folder.display();
                let help = format!("run `chmod go-w {folder}`; it must belong to you or to root");
                return refused(&format!("other users can write to `{folder}`"), &help);
            }
        }
        Err(error) => return unread(error),
    }
    let mut text = String::new();
    match std::fs::File::open(path).and_then(|file| file.take(MOST).read_to_string(&mut text)) {
        Ok(_) => Ok(Some(text)),
        Err(error) => unread(error),
    }
}

/// Tells whether other users can replace files in a folder. In a sticky folder like `/tmp` they cannot.
fn is_open(folder: &Path) -> bool {
    const STICKY: u32 = 0o1000;
    let others_write = |found: &Metadata| found.mode() & 0o022 != 0 && found.mode() & STICKY == 0;
    folder.metadata().is_ok_and(|found| ![0, this_user()].contains(&found.uid()) || others_write(&found))
}

/// Returns the user id that this process runs as.
fn this_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn beside(root: &Path, variables: &[(&str, &Path)]) -> UserFolders {
        let read = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, path)| path.into());
        UserFolders::beside(&Project::at(root), read)
    }

    #[test]
    fn folders_follow_xdg_or_default_to_the_home_folder() {
        let folder = tempfile::tempdir().unwrap();
        let [home, project, config] = ["home", "project", "config"].map(|name| folder.path().join(name));
        let found = beside(&project, &[("HOME", &home)]);
        assert_eq!(found.config.unwrap(), home.join(".config/spile"));
        assert_eq!(found.state.unwrap(), home.join(".local/state/spile"));
        let found = beside(&project, &[("HOME", &home), ("XDG_CONFIG_HOME", &config)]);
        assert_eq!(found.config.unwrap(), config.join("spile"));
        let relative = beside(&project, &[("XDG_CONFIG_HOME", Path::new("config"))]);
        assert_eq!((relative.config, relative.state), (None, None));
    }

    #[test]
    fn files_in_the_repository_are_not_the_users_own() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("clone/data");
        std::fs::create_dir_all(&project).unwrap();
        std::fs::create_dir(folder.path().join("clone/.git")).unwrap();
        std::os::unix::fs::symlink(&project, folder.path().join("link")).unwrap();
        for home in ["clone/data", "clone/data/x", "clone", "link"] {
            let found = beside(&project, &[("HOME", &folder.path().join(home))]);
            assert_eq!((found.config, found.state), (None, None), "{home}");
        }
    }

    #[test]
    fn a_file_that_is_linked_into_the_repository_is_not_the_users_own() {
        let folder = tempfile::tempdir().unwrap();
        let brought = folder.path().join("clone/c.toml");
        std::fs::create_dir(folder.path().join("clone")).unwrap();
        crate::files::door::replace(&brought, b"x").unwrap();
        let link = folder.path().join("config.toml");
        std::os::unix::fs::symlink(&brought, &link).unwrap();
        let repository = real(&folder.path().join("clone"));
        assert!(read_own(&link, &[]).is_ok());
        assert!(read_own(&link, &[repository]).unwrap_err().to_string().contains("is in the project's repository"));
    }

    #[test]
    fn a_home_in_git_is_the_users_own_if_the_project_is_another_repository() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("src/acme");
        std::fs::create_dir_all(project.join(".git")).unwrap();
        std::fs::create_dir(folder.path().join(".git")).unwrap();
        let home = folder.path();
        assert_eq!(beside(&project, &[("HOME", home)]).config.unwrap(), home.join(".config/spile"));
    }

    #[test]
    fn a_file_that_others_can_write_is_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        assert!(read_own(&path, &[]).unwrap().is_none());
        crate::files::door::replace(&path, b"x").unwrap();
        for (mode, is_believed) in [(0o600, true), (0o644, true), (0o664, false), (0o666, false)] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            assert_eq!(read_own(&path, &[]).is_ok(), is_believed, "{mode:o}");
        }
        assert!(read_own(folder.path(), &[]).is_err());
    }

    #[test]
    fn a_file_below_a_folder_that_others_can_write_to_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let above = folder.path().join("above");
        let path = above.join("home/.config/spile/config.toml");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        crate::files::door::replace(&path, b"x").unwrap();
        let linked = folder.path().join("linked.toml");
        std::os::unix::fs::symlink(&path, &linked).unwrap();
        for (mode, is_believed) in [(0o755, true), (0o775, false), (0o777, false), (0o1777, true)] {
            std::fs::set_permissions(&above, PermissionsExt::from_mode(mode)).unwrap();
            for path in [&path, &linked] {
                assert_eq!(read_own(path, &[]).is_ok(), is_believed, "{mode:o} {}", path.display());
            }
        }
    }
}
