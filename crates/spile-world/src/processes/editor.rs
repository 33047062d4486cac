//! Opens the user's editor on a private file. This is the only place where secrets are in plaintext on disk, and only
//! while the editor runs.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use zeroize::Zeroizing;

use crate::files::own_folder::Own;
use crate::processes::child_environment::inheriting;
use spile_core::secret::Secret;

/// The editor to run, and where its file may be.
#[derive(Debug, Clone)]
pub struct Editor {
    /// The command with its arguments, from `SOPS_EDITOR`, `VISUAL` or `EDITOR`; `None` for the first default editor
    /// that exists.
    pub command: Option<String>,
    /// `PATH`.
    pub path: std::ffi::OsString,
    /// A folder in memory instead of on disk, if there is one: `XDG_RUNTIME_DIR`.
    pub memory: Option<PathBuf>,
}

/// Why an editor could not be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum EditorError {
    /// No editor was found.
    #[error("no editor was found")]
    #[diagnostic(code(spile::editor::missing), help("set `EDITOR`, for example `EDITOR=nano`; nothing was written"))]
    Missing,
    /// The command cannot be split into words.
    #[error("the editor's command has an unclosed quote")]
    #[diagnostic(code(spile::editor::command), help("fix `EDITOR`; nothing was written"))]
    Command,
    /// The editor failed.
    #[error("the editor `{program}` ended with {status}")]
    #[diagnostic(code(spile::editor::failed), help("nothing was written; try again"))]
    Failed {
        /// The program.
        program: String,
        /// Its exit status.
        status: std::process::ExitStatus,
    },
    /// The file or the program cannot be used.
    #[error("the editor cannot be used on a private file in `{}`", path.display())]
    #[diagnostic(code(spile::editor::io), help("{}", crate::files::io_error::io_help(source)))]
    Io {
        /// The folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

/// The editors to try if none is set, the same ones as sops.
const USUAL: [&str; 3] = ["vim", "nano", "vi"];

/// The parent of private folders, in spile's own folder, if the user has none in memory.
const FOLDER: &str = "edit";

/// The prefix of private folders.
const PREFIX: &str = "spile-edit-";

impl Editor {
    /// Lets the user edit a text, and returns the result. The file is in a folder that only the user can enter. It is
    /// overwritten and removed when the editor ends. If the program is killed, the next call removes the leftovers.
    ///
    /// # Errors
    /// When no editor is found, it fails, or the file cannot be created.
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
        // In any case, overwrites the text before the file is removed.
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

/// Removes leftovers that are more than an hour old, so that running editors are not disturbed.
fn sweep(above: &Path) {
    let Ok(items) = fs::read_dir(above) else { return };
    let is_old = |path: &Path| {
        let modified = path.metadata().and_then(|metadata| metadata.modified()).ok();
        // If the clock was set back, the file's time is in the future: the difference counts as its age.
        let age = modified.map(|time| time.elapsed().unwrap_or_else(|ahead| ahead.duration()));
        age.is_some_and(|age| age.as_secs() > 3600)
    };
    for path in items.flatten().map(|item| item.path()) {
        let is_ours = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        if is_ours && is_old(&path) {
            // Its editor may have removed it in the meantime.
            let _ = fs::remove_dir_all(&path);
        }
    }
}
