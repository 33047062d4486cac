//! The files of an own folder: they are read, written and listed without following links, and only if they belong to
//! this user.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::OFlags;

use super::{NotOwn, OwnFolder, this_user};
use crate::files::door::replace_private;
use crate::files::door::{Door, Shut};

/// The most bytes of a file that is read as a whole: the catalog of a source with thousands of streams.
pub const MOST_BYTES: u64 = 512 << 20;

/// The most bytes of the marker file of a Python environment.
const MOST_OF_A_MARK: u64 = 64 << 10;

impl OwnFolder {
    /// Returns the folder's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a file for reading; `None` if it does not exist.
    ///
    /// # Errors
    /// When it is a link, is not a regular file, or belongs to another user.
    pub fn open(&self, file: impl AsRef<Path>) -> io::Result<Option<File>> {
        let file = file.as_ref();
        let opened = match Door::without_links(&self.path).and_then(|door| door.open(file)) {
            Ok(opened) => opened,
            Err(Shut::Missing) => return Ok(None),
            Err(Shut::Io(error)) => return Err(error),
            Err(shut) => return Err(self.not_used(file, &shut).into()),
        };
        self.check_file(file, &opened.metadata()?)?;
        Ok(Some(opened))
    }

    /// Reads a file; `None` if it does not exist.
    ///
    /// # Errors
    /// As for [`Self::open`], and when it has more than [`MOST_BYTES`].
    pub fn read(&self, file: impl AsRef<Path>) -> io::Result<Option<Vec<u8>>> {
        self.read_up_to(file, MOST_BYTES)
    }

    /// Reads a file of at most `most` bytes; `None` if it does not exist.
    ///
    /// # Errors
    /// As for [`Self::read`].
    pub fn read_up_to(&self, file: impl AsRef<Path>, most: u64) -> io::Result<Option<Vec<u8>>> {
        let file = file.as_ref();
        self.open(file)?.map(|opened| self.bytes(file, opened, most)).transpose()
    }

    /// Reads a text file. Returns `None` if it does not exist or cannot be trusted as one that spile wrote.
    #[must_use]
    pub fn text(&self, file: impl AsRef<Path>) -> Option<String> {
        self.read(file).ok().flatten().and_then(|bytes| String::from_utf8(bytes).ok())
    }

    /// Reads a small text file of a Python environment, which the user may have linked to another place. Returns `None`
    /// if it does not exist.
    #[must_use]
    pub fn linked_text(&self, file: impl AsRef<Path>) -> Option<String> {
        self.linked_text_up_to(file, MOST_OF_A_MARK)
    }

    /// Reads a longer one, up to that many bytes.
    #[must_use]
    pub fn linked_text_up_to(&self, file: impl AsRef<Path>, most: u64) -> Option<String> {
        let mut text = String::new();
        // Does not wait for the writer of a pipe.
        let unblocked = OFlags::NONBLOCK.bits().cast_signed();
        let opened = File::options().read(true).custom_flags(unblocked).open(self.path.join(file)).ok()?;
        opened.take(most).read_to_string(&mut text).ok()?;
        Some(text)
    }

    /// Reads a file that grants rights or determines actions, so nobody but this user may be able to read or write it.
    ///
    /// # Errors
    /// As for [`Self::read_up_to`], and when other users may read or write it.
    pub fn read_private(&self, file: impl AsRef<Path>, most: u64) -> io::Result<Option<Vec<u8>>> {
        let file = file.as_ref();
        let Some(opened) = self.open(file)? else { return Ok(None) };
        let mode = opened.metadata()?.mode() & 0o7777;
        if mode & 0o077 != 0 {
            let why = format!("it is open to other users (mode {mode:o})");
            let help = "otherwise run `chmod 600` on it";
            return Err(NotOwn::File { path: self.named(file), why, help }.into());
        }
        self.bytes(file, opened, most).map(Some)
    }

    fn bytes(&self, file: &Path, opened: File, most: u64) -> io::Result<Vec<u8>> {
        let length = opened.metadata()?.len();
        let mut bytes = Vec::with_capacity(usize::try_from(length.min(most)).unwrap_or_default());
        opened.take(most + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > most {
            return Err(self.not_used(file, &Shut::TooLarge { most }).into());
        }
        Ok(bytes)
    }

    /// Creates a folder inside this one, together with its parents, and returns its path.
    ///
    /// # Errors
    /// When a link or another user's folder is in the way, or it cannot be created.
    pub fn folder(&self, folder: impl AsRef<Path>) -> io::Result<PathBuf> {
        let mut path = self.path.clone();
        for part in folder.as_ref().components() {
            path.push(self.inside(folder.as_ref(), part)?);
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                Ok(()) | Err(_) => self.check_folder(folder.as_ref(), &path)?,
            }
        }
        Ok(path)
    }

    fn check_folder(&self, named: &Path, path: &Path) -> io::Result<()> {
        let found = path.symlink_metadata()?;
        if found.is_symlink() {
            return Err(self.not_used(named, &Shut::Outside).into());
        }
        if !found.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        self.check_owner(named, &found).map_err(io::Error::from)
    }

    /// Returns the path of a file for programs that open it by path. Creates its folder. The file is a regular file of
    /// this user or does not exist.
    ///
    /// # Errors
    /// When the file or its folder is anything else.
    pub fn place(&self, file: impl AsRef<Path>) -> io::Result<PathBuf> {
        let file = file.as_ref();
        let folder = self.folder(file.parent().unwrap_or(Path::new("")))?;
        let path = folder.join(file.file_name().unwrap_or_default());
        match path.symlink_metadata() {
            Ok(found) => self.check_file(file, &found)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(path)
    }

    /// Returns the path of an existing file for programs that open it by path; `None` if it does not exist. The file is
    /// not opened, because closing a database here would release the locks that `SQLite` holds on it in this process.
    ///
    /// # Errors
    /// As for [`Self::place`]. Nothing is created.
    pub fn found(&self, file: impl AsRef<Path>) -> io::Result<Option<PathBuf>> {
        let file = file.as_ref();
        let Some(folder) = self.there(file.parent().unwrap_or(Path::new("")))? else { return Ok(None) };
        let path = folder.join(file.file_name().unwrap_or_default());
        match path.symlink_metadata() {
            Ok(found) => self.check_file(file, &found)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
        Ok(Some(path))
    }

    /// Replaces a file as a whole. Only this user can read it.
    ///
    /// # Errors
    /// When it cannot be written, or its folder is behind a link.
    pub fn replace(&self, file: impl AsRef<Path>, bytes: &[u8]) -> io::Result<()> {
        replace_private(&self.place(file)?, bytes)
    }

    /// Writes a file that a crash may leave half-written. Its readers must be able to detect that.
    ///
    /// # Errors
    /// As for [`Self::replace`].
    pub fn write(&self, file: impl AsRef<Path>, bytes: &[u8]) -> io::Result<()> {
        let mut options = File::options();
        self.with(file, options.write(true).create(true).truncate(true))?.write_all(bytes)
    }

    /// Opens a file for reading and for appending.
    ///
    /// # Errors
    /// When it is a link, is not a regular file, belongs to another user, or cannot be created.
    pub fn append(&self, file: impl AsRef<Path>) -> io::Result<File> {
        self.with(file, File::options().read(true).append(true).create(true))
    }

    /// Opens a file for locking, and creates it if it does not exist.
    ///
    /// # Errors
    /// As for [`Self::append`].
    pub fn lock_file(&self, file: impl AsRef<Path>) -> io::Result<File> {
        self.with(file, File::options().read(true).write(true).create(true).truncate(false))
    }

    /// Creates an empty file that must not exist yet.
    ///
    /// # Errors
    /// When it exists, or cannot be created.
    pub fn create_new(&self, file: impl AsRef<Path>) -> io::Result<File> {
        self.with(file, File::options().write(true).create_new(true))
    }

    fn with(&self, file: impl AsRef<Path>, options: &mut fs::OpenOptions) -> io::Result<File> {
        let path = self.place(&file)?;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let opened = options.mode(0o600).custom_flags(flags.bits().cast_signed()).open(path)?;
        self.check_file(file.as_ref(), &opened.metadata()?)?;
        Ok(opened)
    }

    /// Lists the names in a folder. The list is empty if the folder does not exist.
    ///
    /// # Errors
    /// When it is behind a link, or cannot be read.
    pub fn list(&self, folder: impl AsRef<Path>) -> io::Result<Vec<OsString>> {
        let Some(path) = self.there(folder.as_ref())? else { return Ok(Vec::new()) };
        fs::read_dir(path)?.map(|item| Ok(item?.file_name())).collect()
    }

    /// Removes a file. It is not an error if it does not exist.
    ///
    /// # Errors
    /// When its folder is behind a link, or it cannot be removed.
    pub fn remove(&self, file: impl AsRef<Path>) -> io::Result<()> {
        let file = file.as_ref();
        let Some(folder) = self.there(file.parent().unwrap_or(Path::new("")))? else { return Ok(()) };
        match fs::remove_file(folder.join(file.file_name().unwrap_or_default())) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Returns the path of an existing folder that is not behind a link; `None` if it does not exist.
    fn there(&self, folder: &Path) -> io::Result<Option<PathBuf>> {
        let mut path = self.path.clone();
        for part in folder.components() {
            path.push(self.inside(folder, part)?);
            match self.check_folder(folder, &path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                checked => checked?,
            }
        }
        Ok(Some(path))
    }

    /// Returns the name of a path's part, which must not lead out of the folder.
    fn inside<'a>(&self, named: &Path, part: Component<'a>) -> Result<&'a OsStr, NotOwn> {
        match part {
            Component::Normal(name) => Ok(name),
            Component::CurDir => Ok(OsStr::new("")),
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                Err(self.not_used(named, &Shut::Outside))
            }
        }
    }

    fn check_file(&self, file: &Path, found: &Metadata) -> Result<(), NotOwn> {
        if found.is_symlink() {
            return Err(self.not_used(file, &Shut::Outside));
        }
        if !found.is_file() {
            return Err(self.not_used(file, &Shut::NotRegular));
        }
        self.check_owner(file, found)
    }

    fn check_owner(&self, file: &Path, found: &Metadata) -> Result<(), NotOwn> {
        if found.uid() == this_user() {
            return Ok(());
        }
        let why = format!("it belongs to another user (id {})", found.uid());
        Err(NotOwn::File { path: self.named(file), why, help: "spile recreates it" })
    }

    fn not_used(&self, file: &Path, shut: &Shut) -> NotOwn {
        let why = match shut {
            Shut::Outside => "a link is in the way".to_owned(),
            Shut::Missing
            | Shut::NotRegular
            | Shut::NotAFolder
            | Shut::Circle
            | Shut::TooDeep { .. }
            | Shut::TooMany { .. }
            | Shut::NotUtf8
            | Shut::TooLarge { .. }
            | Shut::Io(_) => shut.to_string(),
        };
        NotOwn::File { path: self.named(file), why, help: "spile recreates it" }
    }

    fn named(&self, file: &Path) -> PathBuf {
        Path::new(self.path.file_name().unwrap_or_default()).join(file)
    }
}
