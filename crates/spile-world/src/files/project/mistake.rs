//! What can be wrong with a file of a project as a whole.

use std::path::PathBuf;

use miette::{Diagnostic, SourceSpan};

use crate::files::door::Shut;
use spile_core::problem::{Problems, Report};
use spile_core::source::Source;

/// What can be wrong with a file as a whole.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ProjectFileMistake {
    /// Its name contains neither a slug nor an environment.
    #[error("`{name}` is not a valid name for an integration file")]
    #[diagnostic(
        code(spile::files::name),
        help(
            "rename it to `<slug>.toml` or `<slug>.<environment>.toml`, in lower-case letters, digits and dashes; \
             rename a secrets file to `<slug>.secrets.yaml` or `<slug>.secrets.json`"
        )
    )]
    Name {
        /// The file's name.
        name: String,
        /// The start of the file.
        #[label("this file")]
        span: SourceSpan,
    },
    /// The content is not text.
    #[error("the file is not UTF-8")]
    #[diagnostic(code(spile::files::not_utf8), help("save it as UTF-8, or move it out of the folder"))]
    NotUtf8 {
        /// The start of the file.
        #[label("this file")]
        span: SourceSpan,
    },
    /// It cannot be read.
    #[error("the file cannot be read: {message}")]
    #[diagnostic(code(spile::files::unreadable), help("check that it exists and that you can read it"))]
    Unreadable {
        /// The system's message.
        message: String,
        /// The start of the file.
        #[label("this file")]
        span: SourceSpan,
    },
    /// It is too large.
    #[error("the file is larger than {mebibytes} MiB")]
    #[diagnostic(
        code(spile::files::too_large),
        help("move it out of the folder if it is not configuration; spile does not read files this large")
    )]
    TooLarge {
        /// The maximum size in MiB.
        mebibytes: u64,
        /// The start of the file.
        #[label("this file")]
        span: SourceSpan,
    },
    /// A link leads back to a folder that contains it.
    #[error("the link is circular, so it is skipped")]
    #[diagnostic(code(spile::files::link_loop), severity(Warning), help("remove the link"))]
    LinkLoop {
        /// The start of the file.
        #[label("this link")]
        span: SourceSpan,
    },
    /// A link or a path leads out of the project or into a private folder.
    #[error("the path leads outside the project, into a private folder, or nowhere")]
    #[diagnostic(
        code(spile::files::outside),
        help(
            "replace the link with the file itself; a path or link can lead to any file of the project outside `.git`, `.spile` and `.meltano`"
        )
    )]
    Outside {
        /// The start of the file.
        #[label("this path")]
        span: SourceSpan,
    },
    /// It is a folder, a pipe, a device or a socket.
    #[error("this is not a regular file")]
    #[diagnostic(
        code(spile::files::not_regular),
        help("replace it with a file: folders, pipes, devices and sockets are not read")
    )]
    NotRegular {
        /// The start of the file.
        #[label("this path")]
        span: SourceSpan,
    },
    /// A file is in place of a folder.
    #[error("this is not a folder")]
    #[diagnostic(code(spile::files::not_a_folder), help("move it away, or create a folder with that name"))]
    NotAFolder {
        /// The start of the file.
        #[label("this path")]
        span: SourceSpan,
    },
    /// The folders are nested too deeply.
    #[error("folders are nested more than {most} levels deep here")]
    #[diagnostic(code(spile::files::too_deep), help("move the files up, or out of the folder"))]
    TooDeep {
        /// The maximum depth.
        most: usize,
        /// The start of the file.
        #[label("this folder")]
        span: SourceSpan,
    },
    /// There are too many files.
    #[error("this folder has more than {most} files")]
    #[diagnostic(
        code(spile::files::too_many),
        help("split the project, move other files away, or remove links that lead to the same folders repeatedly")
    )]
    TooMany {
        /// The maximum number.
        most: usize,
        /// The start of the file.
        #[label("this folder")]
        span: SourceSpan,
    },
}

impl From<Shut> for ProjectFileMistake {
    fn from(shut: Shut) -> Self {
        let span = (0..0).into();
        match shut {
            Shut::Missing => Self::Unreadable { message: "the file does not exist".to_owned(), span },
            Shut::Io(error) => Self::Unreadable { message: error.to_string(), span },
            Shut::Outside => Self::Outside { span },
            Shut::NotRegular => Self::NotRegular { span },
            Shut::NotAFolder => Self::NotAFolder { span },
            Shut::Circle => Self::LinkLoop { span },
            Shut::NotUtf8 => Self::NotUtf8 { span },
            Shut::TooLarge { most } => Self::TooLarge { mebibytes: most >> 20, span },
            Shut::TooDeep { most } => Self::TooDeep { most, span },
            Shut::TooMany { most } => Self::TooMany { most, span },
        }
    }
}

/// A file of the project that cannot be used as a whole. The error names the file and has the code and the help of the
/// mistake.
#[derive(Debug, thiserror::Error)]
#[error("`{}`: {mistake}", path.display())]
pub struct FileError {
    /// The file, relative to the project.
    pub path: PathBuf,
    /// What is wrong with it.
    pub mistake: ProjectFileMistake,
}

impl FileError {
    /// Explains why a file cannot be read or written.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, why: Shut) -> Self {
        Self { path: path.into(), mistake: why.into() }
    }
}

impl Diagnostic for FileError {
    fn code<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.mistake.code()
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.mistake.help()
    }
}

impl From<FileError> for Report {
    fn from(FileError { path, mistake }: FileError) -> Self {
        let mut problems = Problems::default();
        problems.push(&Source::new(path, ""), mistake);
        problems.into_report()
    }
}
