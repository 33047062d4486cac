//! How an operation on connectors ends when it does not end well.

use std::path::PathBuf;

use miette::Diagnostic;

use spile_core::connector::Role;

/// How an operation on connectors ends when it does not end well.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Error {
    /// The project has it already.
    #[error("the {role} `{name}` is defined already, in `{}`", path.display())]
    #[diagnostic(
        code(spile::connector::exists),
        help("give it another name with `--name`, or replace the file with `--force`; nothing was written")
    )]
    Exists {
        /// Its role.
        role: Role,
        /// Its name.
        name: String,
        /// The file.
        path: PathBuf,
    },
    /// Something else stands where the file would be.
    #[error("`{}` is there already and defines something else", path.display())]
    #[diagnostic(
        code(spile::connector::in_the_way),
        help("give the connector another name with `--name`; nothing was written")
    )]
    InTheWay {
        /// The file.
        path: PathBuf,
    },
    /// It is no text.
    #[error("`{from}` is not UTF-8: it is no definition")]
    #[diagnostic(code(spile::definition::not_utf8), help("give a plugin's definition: YAML or JSON"))]
    NotUtf8 {
        /// What was read.
        from: String,
    },
    /// It is part of the program.
    #[error("the {role} `{name}` is part of spile: it is upgraded with spile itself")]
    #[diagnostic(
        code(spile::connector::built_in),
        help("to have another version, import a definition of it: `spile connectors import hub:PLUGIN --name {name}`")
    )]
    BuiltIn {
        /// Its role.
        role: Role,
        /// Its name.
        name: String,
    },
    /// An extractor and a loader have the name.
    #[error("there are an extractor and a loader `{name}`")]
    #[diagnostic(code(spile::connector::both), help("say which with `--kind extractor` or `--kind loader`"))]
    Both {
        /// The name.
        name: String,
    },
    /// Nothing is kept of the hub, or not this.
    #[error("`{name}` is not among what is kept of the hub")]
    #[diagnostic(code(spile::hub::unknown), help("{help}"))]
    NotInHub {
        /// What was asked for.
        name: String,
        /// The next step.
        help: String,
    },
    /// The newer definition is of something else.
    #[error("the definition is of the {found}, and `{name}` is made of the {wanted}")]
    #[diagnostic(
        code(spile::connector::other_plugin),
        help("give a definition of the same plugin, or import this one under a name of its own")
    )]
    OtherPlugin {
        /// The connector.
        name: String,
        /// What it is made of.
        wanted: String,
        /// What the definition is of.
        found: String,
    },
    /// There is no such connector.
    #[error("there is no connector `{name}`")]
    #[diagnostic(code(spile::connector::unknown), help("{help}"))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The nearest one, or where to look.
        help: String,
    },
}
