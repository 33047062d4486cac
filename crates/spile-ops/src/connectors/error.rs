//! Errors of operations on connectors.

use std::path::PathBuf;

use miette::Diagnostic;

use spile_core::connector::Role;

/// Errors of operations on connectors.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Error {
    /// The project already has this connector.
    #[error("the {role} `{name}` is already defined in `{}`", path.display())]
    #[diagnostic(
        code(spile::connector::exists),
        help("choose another name with `--name`, or replace the file with `--force`; nothing was written")
    )]
    Exists {
        /// Its role.
        role: Role,
        /// Its name.
        name: String,
        /// The file.
        path: PathBuf,
    },
    /// A file that defines something else is already at the path.
    #[error("`{}` already exists and defines something else", path.display())]
    #[diagnostic(
        code(spile::connector::in_the_way),
        help("choose another name for the connector with `--name`; nothing was written")
    )]
    InTheWay {
        /// The file.
        path: PathBuf,
    },
    /// The definition is not text.
    #[error("`{from}` is not UTF-8, so it cannot be a definition")]
    #[diagnostic(code(spile::definition::not_utf8), help("use a plugin definition in YAML or JSON"))]
    NotUtf8 {
        /// The path or source that was read.
        from: String,
    },
    /// The connector is built in.
    #[error("the {role} `{name}` is built in: upgrading spile upgrades it")]
    #[diagnostic(
        code(spile::connector::built_in),
        help("to use another version, import its definition: `spile connectors import hub:PLUGIN --name {name}`")
    )]
    BuiltIn {
        /// Its role.
        role: Role,
        /// Its name.
        name: String,
    },
    /// Both an extractor and a loader have the name.
    #[error("`{name}` is the name of both an extractor and a loader")]
    #[diagnostic(code(spile::connector::both), help("choose with `--kind extractor` or `--kind loader`"))]
    Both {
        /// The name.
        name: String,
    },
    /// There is no local copy of the hub, or the plugin is not in it.
    #[error("`{name}` is not in the local copy of Meltano Hub")]
    #[diagnostic(code(spile::hub::unknown), help("{help}"))]
    NotInHub {
        /// The requested name.
        name: String,
        /// The next step.
        help: String,
    },
    /// The newer definition is for a different plugin.
    #[error("the definition is for the {found}, but `{name}` uses the {wanted}")]
    #[diagnostic(
        code(spile::connector::other_plugin),
        help("use a definition of the same plugin, or import this one under its own name")
    )]
    OtherPlugin {
        /// The connector.
        name: String,
        /// The plugin of the connector.
        wanted: String,
        /// The plugin of the definition.
        found: String,
    },
    /// No connector has the name.
    #[error("no connector is named `{name}`")]
    #[diagnostic(code(spile::connector::unknown), help("{help}"))]
    Unknown {
        /// The requested name.
        name: String,
        /// The nearest name, or where to look.
        help: String,
    },
}
