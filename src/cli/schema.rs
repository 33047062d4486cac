//! `spile schema`

use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::json;

use super::untrusted::UntrustedRefusal;
use super::{Global, Output};
use spile_core::schema::Subject;
use spile_ops::{self as ops, Error};

/// Print the JSON Schema of a kind of file, or write all schemas for editors
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Kind of file
    #[arg(value_enum, default_value_t = FileKind::Integration, conflicts_with = "write")]
    subject: FileKind,
    /// Write the schema to this file instead of printing it
    #[arg(long, value_name = "FILE", conflicts_with = "write")]
    out: Option<PathBuf>,
    /// Write all schemas into a folder of the project (`.spile/schemas` if you name none), and a `.taplo.toml` if there is
    /// none
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = ops::schema::FOLDER)]
    write: Option<PathBuf>,
}

/// The kinds of files, as arguments.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum FileKind {
    /// `integrations/<slug>.toml`
    Integration,
    /// `integrations/<slug>.<env>.toml`
    Overlay,
    /// `spile.toml`
    Project,
    /// `connectors/*.toml`
    Connector,
}

impl From<FileKind> for Subject {
    fn from(word: FileKind) -> Self {
        match word {
            FileKind::Integration => Self::Integration,
            FileKind::Overlay => Self::Overlay,
            FileKind::Project => Self::Project,
            FileKind::Connector => Self::Connector,
        }
    }
}

impl Args {
    /// Returns why the command is refused for an untrusted project.
    pub(super) fn refusal(&self) -> Option<UntrustedRefusal> {
        (self.out.is_some() || self.write.is_some()).then_some(UntrustedRefusal::Writes)
    }
}

pub(super) fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    if let Some(folder) = &args.write {
        let written = ops::schema::write(&global.project()?, folder)?;
        let paths: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
        output.result(|| format!("Written:\n  {}\n", paths.join("\n  ")), &json!({ "written": paths }));
        return Ok(0);
    }
    // The built-in connectors are the same everywhere, so no project is required.
    let project = match global.project() {
        Ok(project) => Some(project),
        Err(Error::NoProject(_)) => None,
        Err(error) => return Err(error),
    };
    let schema = ops::schema::schema(project.as_ref(), args.subject.into())?;
    let text = format!("{schema:#}\n");
    match &args.out {
        Some(path) => {
            ops::schema::put(path, &text)?;
            let path = path.display().to_string();
            output.result(|| format!("{path}\n"), &json!({ "written": [path] }));
        }
        None => output.text(&text),
    }
    Ok(0)
}
