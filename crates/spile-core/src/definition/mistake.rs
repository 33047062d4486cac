//! What can be wrong with a definition to import.

use miette::{Diagnostic, SourceSpan};

/// What can be wrong with a definition to import.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
pub enum DefinitionMistake {
    /// The definition is empty.
    #[error("the definition is empty")]
    #[diagnostic(code(spile::definition::empty), help("use a plugin definition, as the hub publishes them"))]
    Empty {
        /// The start of the file.
        #[label("empty")]
        span: SourceSpan,
    },
    /// It is larger than the limit.
    #[error("the definition is larger than {mebibytes} MiB")]
    #[diagnostic(
        code(spile::definition::too_large),
        help("remove everything that is not part of the definition: the hub's largest have a few hundred KiB")
    )]
    TooLarge {
        /// The limit.
        mebibytes: usize,
        /// The start of the file.
        #[label("this file")]
        span: SourceSpan,
    },
    /// It is a web page.
    #[error("this is a web page, not a definition")]
    #[diagnostic(
        code(spile::definition::web_page),
        help("use the definition itself: the hub's API serves it as JSON, its repository as YAML")
    )]
    WebPage {
        /// The start of the file.
        #[label("HTML starts here")]
        span: SourceSpan,
    },
    /// It starts like JSON but is not valid.
    #[error("the definition is not valid JSON: {message}")]
    #[diagnostic(code(spile::definition::json), help("download it again, and check that the download is complete"))]
    Json {
        /// The parser's message.
        message: String,
        /// The position.
        #[label("here")]
        span: SourceSpan,
    },
    /// It is not the index that the hub's API returns.
    #[error("this is not a hub index: it contains {found}")]
    #[diagnostic(
        code(spile::definition::no_index),
        help("check the hub's address: `MELTANO_HUB_URL`, or `--hub URL`; the cached definitions are unchanged")
    )]
    NoIndex {
        /// What it contains that an index does not.
        found: String,
        /// The start of the response.
        #[label("this response")]
        span: SourceSpan,
    },
    /// A value that JSON or TOML cannot represent.
    #[error("the definition contains {what}")]
    #[diagnostic(code(spile::definition::odd), help("write it as a string, or remove it"))]
    Odd {
        /// What it is.
        what: &'static str,
        /// The position.
        #[label("here")]
        span: SourceSpan,
    },
    /// It has none of a plugin's keys.
    #[error("this is not a plugin definition: {found}")]
    #[diagnostic(
        code(spile::definition::unknown_form),
        help(
            "use a plugin definition from the hub, a Meltano lock file, a `meltano.yml`, or what a tap prints with `--about --format=json`"
        )
    )]
    UnknownForm {
        /// What was found.
        found: String,
        /// The start of the file.
        #[label("this file")]
        span: SourceSpan,
    },
    /// It is a list of plugins.
    #[error("this is the hub's list of plugins, not a plugin definition")]
    #[diagnostic(code(spile::definition::index), help("download the definition at the `ref` of one of its variants"))]
    Index {
        /// The start of the file.
        #[label("this file")]
        span: SourceSpan,
    },
    /// It contains more than one plugin or variant.
    #[error("it contains more than one {what}: {names}")]
    #[diagnostic(code(spile::definition::several), help("{help}"))]
    Several {
        /// `plugin` or `variant`.
        what: &'static str,
        /// Their names.
        names: String,
        /// The next step.
        help: &'static str,
        /// The position.
        #[label("here")]
        span: SourceSpan,
    },
    /// The requested plugin is not in it.
    #[error("it contains no plugin `{name}`")]
    #[diagnostic(code(spile::definition::no_plugin), help("{help}"))]
    NoPlugin {
        /// The requested name.
        name: String,
        /// The nearest match, or all.
        help: String,
        /// The start of the file.
        #[label("this file")]
        span: SourceSpan,
    },
    /// The plugin is neither a tap nor a target.
    #[error("`{name}` is one of Meltano's {found}; only extractors and loaders can be connectors")]
    #[diagnostic(
        code(spile::definition::other_type),
        help("keep it in the template of `meltano.yml`: see docs/templates.md")
    )]
    OtherType {
        /// The plugin.
        name: String,
        /// Its type.
        found: String,
        /// The position.
        #[label("here")]
        span: SourceSpan,
    },
    /// The plugin is both a tap and a target.
    #[error("`{name}` can be an extractor and a loader")]
    #[diagnostic(code(spile::definition::both), help("choose one with `--kind extractor` or `--kind loader`"))]
    Both {
        /// The plugin.
        name: String,
        /// The position.
        #[label("here")]
        span: SourceSpan,
    },
    /// Nothing shows whether it is a tap or a target.
    #[error("cannot tell whether `{name}` is an extractor or a loader")]
    #[diagnostic(code(spile::definition::role), help("add `--kind extractor` or `--kind loader`"))]
    Role {
        /// The plugin.
        name: String,
        /// The position.
        #[label("here")]
        span: SourceSpan,
    },
    /// Its type contradicts the user's choice.
    #[error("`{name}` is one of Meltano's {found}, which contradicts `--kind`")]
    #[diagnostic(code(spile::definition::other_role), help("remove `--kind`"))]
    OtherRole {
        /// The plugin.
        name: String,
        /// Its type.
        found: String,
        /// The position.
        #[label("here")]
        span: SourceSpan,
    },
    /// The plugin that it inherits from does not exist.
    #[error("`{name}` inherits from `{parent}`, which it does not define")]
    #[diagnostic(code(spile::definition::parent), help("import the definition of `{parent}` instead"))]
    NoParent {
        /// The plugin.
        name: String,
        /// The plugin that it inherits from.
        parent: String,
        /// The position.
        #[label("here")]
        span: SourceSpan,
    },
    /// The plugin inherits from itself.
    #[error("`{name}` inherits from itself")]
    #[diagnostic(code(spile::definition::cycle), help("remove one `inherit_from` from the cycle"))]
    Cycle {
        /// The plugin.
        name: String,
        /// The position.
        #[label("here")]
        span: SourceSpan,
    },
    /// A part has a structure that Meltano does not accept.
    #[error("{what} is {found}, not {wanted}")]
    #[diagnostic(code(spile::definition::form), help("fix the definition; Meltano rejects it too"))]
    Form {
        /// The part.
        what: String,
        /// What was found.
        found: &'static str,
        /// What Meltano accepts.
        wanted: &'static str,
        /// The position.
        #[label("here")]
        span: SourceSpan,
    },
    /// A name is not valid for a connector.
    #[error("`{name}` is not a valid {what} name")]
    #[diagnostic(code(spile::definition::name), help("{help}"))]
    Name {
        /// `connector`, `plugin` or `setting`.
        what: &'static str,
        /// The name.
        name: String,
        /// The next step.
        help: &'static str,
        /// The position.
        #[label("here")]
        span: SourceSpan,
    },
    /// Meltano does not know a kind.
    #[error("the setting `{name}` has the kind `{kind}`, which Meltano does not know")]
    #[diagnostic(code(spile::definition::kind), help("{help}"))]
    Kind {
        /// The setting.
        name: String,
        /// The kind.
        kind: String,
        /// The nearest kind, or all.
        help: String,
        /// The position.
        #[label("here")]
        span: SourceSpan,
    },
    /// Two different settings have the same name.
    #[error("the setting `{name}` is defined twice, in different ways")]
    #[diagnostic(code(spile::definition::setting_twice), help("keep one of them; Meltano uses the first"))]
    SettingTwice {
        /// The setting.
        name: String,
        /// The position.
        #[label("here")]
        span: SourceSpan,
    },
    /// A secret shares its variable with another setting.
    #[error("the settings `{first}` and `{second}` share the variable `{variable}`, and one of them is a secret")]
    #[diagnostic(
        code(spile::definition::variable_twice),
        help("keep one of them: Meltano would pass the secret to both")
    )]
    VariableTwice {
        /// The first setting.
        first: String,
        /// The second setting.
        second: String,
        /// The end of the variable's name.
        variable: String,
        /// The position.
        #[label("here")]
        span: SourceSpan,
    },
}
