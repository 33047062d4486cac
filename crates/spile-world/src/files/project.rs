//! The project's folder: finds it, reads its files, and changes several of them together.

mod files;
mod journal;
mod lines;
mod mistake;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};

use miette::Diagnostic;

use crate::files::door::{Door, Shut};
use crate::files::own_folder::Own;
use crate::files::state_folder;
pub use crate::files::trust::Trust;
use spile_core::integration::FileName;
use spile_core::locks;
use spile_core::problem::Problems;
use spile_core::render;
use spile_core::source::Source;

pub use journal::{BadJournal, FileEdit, Turn, is_interrupted, recover};
pub use lines::{add_lines, check_lines, with_lines};
pub use mistake::{FileError, ProjectFileMistake};

/// The file that makes a folder a project.
pub const SETTINGS: &str = "spile.toml";

/// The folder of everything that spile creates for itself.
pub const OWN_FOLDER: &str = ".spile";

/// Returns the folder of everything that spile creates for itself in a project.
#[must_use]
pub fn own_folder_of(root: &Path) -> PathBuf {
    state_folder::of(root).join(OWN_FOLDER)
}

/// The creation rules of sops, which list the recipients of new secrets.
pub const SOPS_RULES: &str = ".sops.yaml";

/// How many bytes are read for the head of a connector.
const HEAD: usize = 4096;

/// The end of a sidecar's file stem.
const SIDECAR: &str = ".secrets";

/// Returns the integration's name if a file is a sidecar with secrets.
fn sidecar_stem(path: &Path) -> Option<&str> {
    let extension = path.extension().and_then(OsStr::to_str)?;
    let stem = path.file_stem().and_then(OsStr::to_str)?.strip_suffix(SIDECAR)?;
    matches!(extension, "yaml" | "json").then_some(stem)
}

/// Tells whether a file has almost the name of an integration file or a secrets file: `SHOP.TOML`, or
/// `shop.secrets.yml`, whose secrets would be ignored.
fn is_almost_one(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let ends = |end: &&str| name.ends_with(*end);
    [".toml", ".secrets.yml", ".secrets.yaml", ".secrets.json"].iter().any(ends)
}

/// The error that there is no project here.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("there is no `spile.toml` in `{}` or its parent folders", start.display())]
#[diagnostic(
    code(spile::project::not_found),
    help("run `spile init` to create a project here, or use `-C DIR` for another folder")
)]
pub struct NoProject {
    start: PathBuf,
}

/// The files of integrations, as read.
#[derive(Debug, Default)]
pub struct IntegrationFiles {
    /// `<slug>.toml` and overlays.
    pub declared: Vec<(FileName, Source)>,
    /// The sops documents next to them: `<slug>.secrets.yaml` and the like.
    pub sidecars: Vec<(FileName, Source)>,
}

/// A project's folder.
#[derive(Debug, Clone)]
pub struct Project {
    root: PathBuf,
    trust: Trust,
    /// Unwritten texts that replace the content of files, so that changes can be checked before they are written.
    /// `None` means that the file will be deleted.
    unwritten: BTreeMap<PathBuf, Option<String>>,
}

impl Project {
    /// Uses a folder as the project's, without checking it.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), trust: Trust::Own, unwritten: BTreeMap::new() }
    }

    /// Marks the project as untrusted: its files are read, but nothing that spile stores in it.
    #[must_use]
    pub fn untrusted(self) -> Self {
        Self { trust: Trust::Untrusted, ..self }
    }

    /// Returns the project as it would be if a file had this text.
    #[must_use]
    pub fn with(&self, path: &Path, text: String) -> Self {
        let mut changed = self.clone();
        changed.unwritten.insert(path.to_owned(), Some(text));
        changed
    }

    /// Returns the project as it would be without a file.
    #[must_use]
    pub fn without(&self, path: &Path) -> Self {
        let mut changed = self.clone();
        changed.unwritten.insert(path.to_owned(), None);
        changed
    }

    /// Finds the project that contains a folder, by looking for `spile.toml` in it and its parents.
    ///
    /// # Errors
    /// When there is no project.
    pub fn find(start: &Path) -> Result<Self, NoProject> {
        // Anything of that name counts. Reading it later reports what is wrong with it.
        let found = start.ancestors().find(|folder| folder.join(SETTINGS).symlink_metadata().is_ok());
        found.map(Self::at).ok_or_else(|| NoProject { start: start.to_owned() })
    }

    /// Returns whether the project is trusted.
    #[must_use]
    pub fn trust(&self) -> Trust {
        self.trust
    }

    /// Returns the folder of everything that spile creates for itself; `None` if the project is untrusted.
    #[must_use]
    pub fn believed_folder(&self) -> Option<PathBuf> {
        match self.trust {
            Trust::Own => Some(self.own_folder()),
            Trust::Untrusted => None,
        }
    }

    /// Returns the project's folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the folder of everything that spile creates for itself.
    #[must_use]
    pub fn own_folder(&self) -> PathBuf {
        own_folder_of(&self.root)
    }

    /// Names that folder. Only its check can open the files in it.
    #[must_use]
    pub fn own(&self) -> Own {
        match self.trust {
            Trust::Own => Own::at(&self.own_folder()),
            Trust::Untrusted => Own::at(&self.own_folder()).unseen(),
        }
    }

    /// Returns the path of the local registry.
    #[must_use]
    pub fn registry_path(&self) -> PathBuf {
        self.own_folder().join("registry.db")
    }

    /// Returns the way to the project from the root of the repository that it is in.
    #[must_use]
    pub fn in_repository(&self) -> PathBuf {
        let root = self.root.canonicalize().unwrap_or_else(|_| self.root.clone());
        let repository = root.ancestors().find(|folder| folder.join(".git").exists());
        repository.and_then(|repository| root.strip_prefix(repository).ok()).map(Path::to_owned).unwrap_or_default()
    }

    /// Reads `spile.toml`.
    pub fn settings(&self, problems: &mut Problems) -> Option<Source> {
        self.source(Path::new(SETTINGS), problems)
    }

    /// Reads the project's own connectors.
    pub fn connectors(&self, problems: &mut Problems) -> Vec<Source> {
        let paths = self.connector_paths(problems);
        self.sources(paths, |_, _, _| Some(()), problems).into_iter().map(|((), source)| source).collect()
    }

    /// Lists the files of the project's own connectors.
    pub fn connector_paths(&self, problems: &mut Problems) -> Vec<PathBuf> {
        let mut paths = self.files("connectors", problems);
        paths.retain(|path| path.extension() == Some(OsStr::new("toml")));
        paths
    }

    /// Reads the lock files of plugins.
    pub fn locks(&self, problems: &mut Problems) -> Vec<Source> {
        let mut paths = self.files(locks::FOLDER, problems);
        paths.retain(|path| path.extension() == Some(OsStr::new("txt")));
        self.sources(paths, |_, _, _| Some(()), problems).into_iter().map(|((), source)| source).collect()
    }

    /// Reads one of the project's own connectors.
    pub fn connector(&self, path: &Path, problems: &mut Problems) -> Option<Source> {
        self.source(path, problems)
    }

    /// Reads the lines of a connector before its first table, or the whole file if they do not fit.
    pub fn connector_head(&self, path: &Path, problems: &mut Problems) -> Option<Source> {
        if self.unwritten.contains_key(path) {
            return self.source(path, problems);
        }
        let mut buffer = [0; HEAD];
        // One read for each of a thousand files. If the head does not fit, the whole file is read.
        let read = self.door().and_then(|door| door.open(path)).map(|mut file| file.read(&mut buffer));
        let bytes = &buffer[..read.ok().and_then(Result::ok).unwrap_or(0)];
        let end = bytes.windows(2).position(|pair| pair == b"\n[").map(|at| at + 1);
        let lines = end.and_then(|end| std::str::from_utf8(&bytes[..end]).ok());
        lines.map(|lines| Source::new(path, lines)).or_else(|| self.source(path, problems))
    }

    /// Reads the files of integrations and their overlays, sorted by path.
    pub fn integrations(&self, problems: &mut Problems) -> IntegrationFiles {
        let (declared, others): (Vec<_>, Vec<_>) = self
            .files("integrations", problems)
            .into_iter()
            .partition(|path| path.extension() == Some("toml".as_ref()));
        let (sidecars, others): (Vec<_>, Vec<_>) = others.into_iter().partition(|path| sidecar_stem(path).is_some());
        for path in others.iter().filter(|path| is_almost_one(path)) {
            problems.push(&Source::new(path, ""), bad_name(path));
        }
        let declared_name = |path: &Path, source: &Source, problems: &mut Problems| {
            let name = path.file_stem().and_then(OsStr::to_str).and_then(FileName::of_stem);
            name.or_else(|| {
                problems.push(source, bad_name(path));
                None
            })
        };
        let sidecar_name = |path: &Path, source: &Source, problems: &mut Problems| {
            sidecar_stem(path).and_then(FileName::of_stem).or_else(|| {
                problems.hide(&source.place(0..source.text().len()));
                problems.push(source, bad_name(path));
                None
            })
        };
        let declared = self.sources(declared, declared_name, problems);
        IntegrationFiles { declared, sidecars: self.sources(sidecars, sidecar_name, problems) }
    }

    /// Finds the `.sops.yaml` that applies to a file. Searches from the file's folder up to the root of the project's
    /// repository, or of the project if there is none.
    ///
    /// # Errors
    /// When it exists but cannot be read.
    pub fn sops_rules(&self, path: &Path) -> Result<Option<(PathBuf, String)>, FileError> {
        let root = self.root.canonicalize().unwrap_or_else(|_| self.root.clone());
        let repository = root.ancestors().find(|folder| folder.join(".git").exists());
        let top = repository.unwrap_or(&root);
        let door = Door::to_project(top).map_err(|why| FileError::new(SOPS_RULES, why))?;
        let start = root.join(path);
        for folder in start.ancestors().skip(1) {
            let config = folder.join(SOPS_RULES);
            if let Some(Some(text)) = self.unwritten.get(Path::new(SOPS_RULES)).filter(|_| folder == root) {
                return Ok(Some((config, text.clone())));
            }
            match door.text(config.strip_prefix(top).unwrap_or(&config)) {
                Ok(text) => return Ok(Some((config, text))),
                Err(Shut::Missing) => {}
                Err(why) => return Err(FileError::new(config, why)),
            }
            if folder == top {
                break;
            }
        }
        Ok(None)
    }

    /// Reads the template of `meltano.yml`: the project's own, or the built-in one.
    pub fn template(&self, problems: &mut Problems) -> Option<Source> {
        self.source_or(Path::new(render::TEMPLATE_FILE), render::TEMPLATE, problems)
    }

    /// Reads a template for notifications.
    pub fn notify_template(&self, path: &Path, problems: &mut Problems) -> Option<Source> {
        self.source(path, problems)
    }

    /// Reads the project's own output templates: all templates in `templates/` except that of `meltano.yml`.
    pub fn output_templates(&self, problems: &mut Problems) -> Vec<Source> {
        let mut paths = self.files("templates", problems);
        let own = Path::new(render::TEMPLATE_FILE);
        paths.retain(|path| path.extension() == Some(OsStr::new("j2")) && *path != own);
        self.sources(paths, |_, _, _| Some(()), problems).into_iter().map(|((), source)| source).collect()
    }
}

fn bad_name(path: &Path) -> ProjectFileMistake {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    ProjectFileMistake::Name { name, span: (0..0).into() }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn unusual_files_are_reported_without_failing() {
        let folder = tempfile::tempdir().unwrap();
        let integrations = folder.path().join("integrations");
        std::fs::create_dir_all(integrations.join(".hidden")).unwrap();
        std::fs::File::create(integrations.join(".hidden/x.toml")).unwrap();
        std::os::unix::fs::symlink("..", integrations.join("loop")).unwrap();
        std::fs::File::create(integrations.join("latin.toml")).unwrap().write_all(b"name = '\xe9'").unwrap();
        std::fs::File::create(integrations.join("Bad Name.toml")).unwrap();
        std::fs::File::create(integrations.join("good.toml")).unwrap();
        std::fs::File::create(integrations.join("huge.toml")).unwrap().set_len(100_000_000_000).unwrap();
        let mut problems = Problems::default();
        let found = Project::at(folder.path()).integrations(&mut problems);
        let paths: Vec<_> = found.declared.iter().map(|(_, source)| source.path().to_owned()).collect();
        assert_eq!(paths, [Path::new("integrations/good.toml")]);
        let codes: Vec<_> = problems.into_report().problems().iter().map(spile_core::problem::Problem::code).collect();
        assert_eq!(
            codes,
            ["spile::files::name", "spile::files::too_large", "spile::files::not_utf8", "spile::files::link_loop"]
        );
    }
}
