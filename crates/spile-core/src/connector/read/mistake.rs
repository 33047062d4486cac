//! Mistakes in a connector's definition.

use miette::{Diagnostic, SourceSpan};

use crate::connector::Role;

/// A mistake in a definition beyond its structure.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ConnectorMistake {
    /// Two files define the same connector.
    #[error("the {role} `{name}` is defined twice")]
    #[diagnostic(code(spile::connector::twice), help("keep one of them; the other is `{first}`"))]
    Twice {
        /// Its role.
        role: Role,
        /// Its name.
        name: String,
        /// The file that was read first.
        first: String,
        /// The start of the later file.
        #[label("defined again here")]
        span: SourceSpan,
    },
    /// A file that is not named after its connector.
    #[error("the {role} `{name}` is defined in a file with a different name")]
    #[diagnostic(
        code(spile::connector::stem),
        help("rename the file to `{name}.toml` or `{name}-{role}.toml`: connectors are found by file name")
    )]
    Stem {
        /// Its role.
        role: Role,
        /// Its name.
        name: String,
        /// The start of the file.
        #[label("this file")]
        span: SourceSpan,
    },
    /// A name that is not safe in paths.
    #[error("`{name}` is not a valid {what} name")]
    #[diagnostic(
        code(spile::connector::name),
        help(
            "use letters, digits, `-` and `_`; setting names can contain anything except spaces, quotes, and a leading or trailing dot"
        )
    )]
    Name {
        /// What the name is for.
        what: &'static str,
        /// The name.
        name: String,
        /// Where it is.
        #[label("here")]
        span: SourceSpan,
    },
    /// Two settings with the same name.
    #[error("the setting `{name}` is defined twice")]
    #[diagnostic(code(spile::connector::setting_twice), help("remove one of them"))]
    SettingTwice {
        /// The setting.
        name: String,
        /// The later of the two.
        #[label("the second")]
        span: SourceSpan,
    },
    /// `options` and `kind` contradict each other.
    #[error("the setting `{name}` has {}", if *.listed { "`options` but another kind" } else { "kind `options` but no `options`" })]
    #[diagnostic(code(spile::connector::options), help("set both `kind = \"options\"` and `options = [\"A\", \"B\"]`"))]
    Options {
        /// The setting.
        name: String,
        /// Whether it has `options`.
        listed: bool,
        /// The setting's name in the file.
        #[label("this setting")]
        span: SourceSpan,
    },
    /// A default of the wrong kind.
    #[error("the default of `{name}` is {found}, not {wanted}")]
    #[diagnostic(code(spile::connector::default), help("use a default that the setting accepts, or remove it"))]
    Default {
        /// The setting.
        name: String,
        /// What the default is, in words.
        found: String,
        /// What the setting accepts, in words.
        wanted: &'static str,
        /// The default.
        #[label("here")]
        span: SourceSpan,
    },
    /// A package that is known to lose rows.
    #[error("`{pip_url}` loses rows: it {what}")]
    #[diagnostic(
        code(spile::connector::loses_rows),
        severity(Warning),
        help(
            "run `spile connectors upgrade {name}`: the built-in loader reads the same settings and opens the same files"
        )
    )]
    LosesRows {
        /// The connector.
        name: String,
        /// The package that pip installs.
        pip_url: String,
        /// What the package does wrong.
        what: &'static str,
        /// Where the package is named.
        #[label("installed from here")]
        span: SourceSpan,
    },
    /// A group that refers to a setting that is not defined.
    #[error("the group `{label}` refers to unknown setting `{name}`")]
    #[diagnostic(code(spile::connector::group), help("use settings from this definition"))]
    Group {
        /// The group.
        label: String,
        /// The unknown setting.
        name: String,
        /// Where it is named.
        #[label("not a setting")]
        span: SourceSpan,
    },
}
