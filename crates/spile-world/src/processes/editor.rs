//! The user's editor on a private file: the one place where secrets are in plain text on a disk, and only while it runs.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use zeroize::Zeroizing;

use crate::files::own_folder::Own;
use crate::processes::child_environment::inheriting;
use spile_core::secret::Secret;

/// Which editor, and where its file may be.
#[derive(Debug, Clone)]
pub struct Editor {
    /// The command with its arguments, as `SOPS_EDITOR`, `VISUAL` or `EDITOR` have it; none: the first usual one.
    pub command: Option<String>,
    /// `PATH`
    pub path: std::ffi::OsString,
    /// A folder that is not a disk, where there is one: `XDG_RUNTIME_DIR`.
    pub memory: Option<PathBuf>,
}

/// Why an editor was of no use.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum EditorError {
    /// There is none.
    #[error("no editor was found")]
    #[diagnostic(code(spile::editor::missing), help("set `EDITOR`, for example `EDITOR=nano`; nothing was written"))]
    Missing,
    /// The command cannot be taken apart.
    #[error("the editor's command has an unclosed quote")]
    #[diagnostic(code(spile::editor::command), help("fix `EDITOR`; nothing was written"))]
    Command,
    /// It ended badly.
    #[error("the editor `{program}` ended with {status}")]
    #[diagnostic(code(spile::editor::failed), help("nothing was written; try again"))]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// The file or the program cannot be used.
    #[error("the editor cannot be used on a private file in `{}`", path.display())]
    #[diagnostic(code(spile::editor::io), help("{}", crate::stores::target::io_help(source)))]
    Io {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// The editors that are tried where nobody names one, as sops does.
const USUAL: [&str; 3] = ["vim", "nano", "vi"];

/// Where they are in spile's own folder, where the user has none in memory.
const FOLDER: &str = "edit";

/// How the names of private folders begin.
const PREFIX: &str = "spile-edit-";

impl Editor {
    /// Lets the user edit a text and returns what came of it. The file is in a folder that only the user can enter, and
    /// is overwritten and removed when the editor has ended; what an editor that was killed left is removed by the next.
    ///
    /// # Errors
    /// When no editor was found, it fails, or the file cannot be made.
    pub fn edit(&self, text: &Secret, own: &Own) -> Result<Secret, EditorError> {
        let above = match self.memory.as_deref().filter(|folder| folder.is_dir()) {
            Some(memory) => memory.to_owned(),
            None => own.make().and_then(|own| own.folder(FOLDER)).map_err(|source| {
                let path = own.path().join(FOLDER);
                EditorError::Io { path, source }
            })?,
        };
        let io = |source| EditorError::Io { path: above.clone(), source };
        sweep(&above);
        let private = fs::Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().prefix(PREFIX).permissions(private).tempdir_in(&above).map_err(io)?;
        let path = folder.path().join("secrets.toml");
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&path).map_err(io)?;
        file.write_all(text.expose().as_bytes()).map_err(io)?;
        drop(file);
        let edited = self.run(&path).and_then(|()| {
            let bytes = Zeroizing::new(fs::read(&path).map_err(io)?);
            Ok(Secret::new(String::from_utf8_lossy(&bytes)))
        });
        // Whatever happened: the text goes before its name does.
        if let Ok(file) = File::options().write(true).open(&path) {
            let length = file.metadata().map(|metadata| metadata.len()).unwrap_or_default();
            let blank = vec![b' '; usize::try_from(length).unwrap_or_default()];
            let _ = (&file).write_all(&blank).and_then(|()| file.sync_all());
        }
        edited
    }

    fn run(&self, path: &Path) -> Result<(), EditorError> {
        let words = match &self.command {
            Some(command) => shlex::split(command).ok_or(EditorError::Command)?,
            None => vec![self.usual().ok_or(EditorError::Missing)?],
        };
        let (program, arguments) = words.split_first().ok_or(EditorError::Missing)?;
        let status = inheriting(program).args(arguments).arg(path).status();
        let status = status.map_err(|source| EditorError::Io { path: program.into(), source })?;
        if status.success() { Ok(()) } else { Err(EditorError::Failed { program: program.clone(), status }) }
    }

    fn usual(&self) -> Option<String> {
        let is_there = |name: &&str| std::env::split_paths(&self.path).any(|folder| folder.join(name).is_file());
        USUAL.into_iter().find(|name| is_there(name)).map(str::to_owned)
    }
}

/// Removes what editors left behind that were killed an hour ago or more: a living one is not disturbed.
fn sweep(above: &Path) {
    let Ok(items) = fs::read_dir(above) else { return };
    let is_old = |path: &Path| {
        let modified = path.metadata().and_then(|metadata| metadata.modified()).ok();
        // A time to come is that of a clock which was set back: by as much it is old.
        let age = modified.map(|time| time.elapsed().unwrap_or_else(|ahead| ahead.duration()));
        age.is_some_and(|age| age.as_secs() > 3600)
    };
    for path in items.flatten().map(|item| item.path()) {
        let is_ours = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        if is_ours && is_old(&path) {
            // It may have ended in the meantime.
            let _ = fs::remove_dir_all(&path);
        }
    }
}
