//! What can be wrong with a definition that is to be imported.

use miette::{Diagnostic, SourceSpan};

/// What can be wrong with a definition that is to be imported.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
pub enum DefinitionMistake {
    /// There is nothing.
    #[error("the definition is empty")]
    #[diagnostic(code(spile::definition::empty), help("give a plugin's definition, as the hub publishes them"))]
    Empty {
        /// Its start.
        #[label("nothing here")]
        span: SourceSpan,
    },
    /// More than is read.
    #[error("the definition is larger than {mebibytes} MiB")]
    #[diagnostic(
        code(spile::definition::too_large),
        help("take out what is no definition: the largest of the hub have some hundred KiB")
    )]
    TooLarge {
        /// The most that is read.
        mebibytes: usize,
        /// Its start.
        #[label("this file")]
        span: SourceSpan,
    },
    /// A page for people.
    #[error("this is a web page, not a definition")]
    #[diagnostic(
        code(spile::definition::web_page),
        help("give the definition itself: the hub's API has it as JSON, its repository as YAML")
    )]
    WebPage {
        /// Its start.
        #[label("HTML begins here")]
        span: SourceSpan,
    },
    /// It begins as JSON and is none.
    #[error("the definition is no JSON: {message}")]
    #[diagnostic(code(spile::definition::json), help("get it again, and check that all of it arrived"))]
    Json {
        /// The parser's own sentence.
        message: String,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// It is not what the hub's API gives as its index.
    #[error("this is not the index of a hub: it holds {found}")]
    #[diagnostic(
        code(spile::definition::no_index),
        help("look at the address of the hub: `MELTANO_HUB_URL`, or `--hub URL`; what is kept of it stays as it was")
    )]
    NoIndex {
        /// What it holds that no index has.
        found: String,
        /// Its start.
        #[label("this answer")]
        span: SourceSpan,
    },
    /// A value that neither JSON nor TOML have a form for.
    #[error("the definition holds {what}")]
    #[diagnostic(code(spile::definition::odd), help("write it as text, or take it out"))]
    Odd {
        /// What it is.
        what: &'static str,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// It says nothing that a plugin says.
    #[error("this is no definition of a plugin: {found}")]
    #[diagnostic(
        code(spile::definition::unknown_form),
        help(
            "give a plugin's definition of the hub, a lock file of Meltano, a `meltano.yml`, or what a tap prints with `--about --format=json`"
        )
    )]
    UnknownForm {
        /// What was found.
        found: String,
        /// Its start.
        #[label("this file")]
        span: SourceSpan,
    },
    /// A list of plugins.
    #[error("this is the hub's list of plugins, not the definition of one")]
    #[diagnostic(code(spile::definition::index), help("get the definition at the `ref` of a variant in it"))]
    Index {
        /// Its start.
        #[label("this file")]
        span: SourceSpan,
    },
    /// More than one plugin, or variant.
    #[error("there is more than one {what} in it: {names}")]
    #[diagnostic(code(spile::definition::several), help("{help}"))]
    Several {
        /// `plugin` or `variant`.
        what: &'static str,
        /// Which.
        names: String,
        /// The next step.
        help: &'static str,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// Not the plugin that was asked for.
    #[error("there is no plugin `{name}` in it")]
    #[diagnostic(code(spile::definition::no_plugin), help("{help}"))]
    NoPlugin {
        /// What was asked for.
        name: String,
        /// The nearest one, or all.
        help: String,
        /// Its start.
        #[label("this file")]
        span: SourceSpan,
    },
    /// Neither a tap nor a target.
    #[error("`{name}` is one of Meltano's {found}, and connectors are extractors and loaders")]
    #[diagnostic(
        code(spile::definition::other_type),
        help("leave it in the template of `meltano.yml`: docs/templates.md")
    )]
    OtherType {
        /// The plugin.
        name: String,
        /// What it is.
        found: String,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// Nothing tells a tap from a target.
    #[error("nothing says whether `{name}` is an extractor or a loader")]
    #[diagnostic(code(spile::definition::role), help("say it with `--kind extractor` or `--kind loader`"))]
    Role {
        /// The plugin.
        name: String,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// It says one thing and the user another.
    #[error("`{name}` is one of Meltano's {found}, and `--kind` says otherwise")]
    #[diagnostic(code(spile::definition::other_role), help("leave `--kind` away"))]
    OtherRole {
        /// The plugin.
        name: String,
        /// What it is.
        found: String,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// What it inherits from is not there.
    #[error("`{name}` inherits from `{parent}`, which is not defined in it")]
    #[diagnostic(code(spile::definition::parent), help("import the definition of `{parent}` instead"))]
    NoParent {
        /// The plugin.
        name: String,
        /// What it inherits from.
        parent: String,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// It inherits from itself.
    #[error("`{name}` inherits from itself in the end")]
    #[diagnostic(code(spile::definition::cycle), help("take one `inherit_from` of the circle out"))]
    Cycle {
        /// The plugin.
        name: String,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// Another form than Meltano takes.
    #[error("{what} is {found}, not {wanted}")]
    #[diagnostic(code(spile::definition::form), help("mend the definition; Meltano does not take it either"))]
    Form {
        /// What has the form.
        what: String,
        /// What was found.
        found: &'static str,
        /// What Meltano takes.
        wanted: &'static str,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// A name that a connector cannot have.
    #[error("`{name}` cannot be the name of a {what}")]
    #[diagnostic(code(spile::definition::name), help("{help}"))]
    Name {
        /// `connector`, `plugin` or `setting`.
        what: &'static str,
        /// The name.
        name: String,
        /// The next step.
        help: &'static str,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// A kind that Meltano does not know.
    #[error("the setting `{name}` has the kind `{kind}`, which Meltano does not know")]
    #[diagnostic(code(spile::definition::kind), help("{help}"))]
    Kind {
        /// The setting.
        name: String,
        /// The kind.
        kind: String,
        /// The nearest kind, or all.
        help: String,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// Two settings of one name that are not the same.
    #[error("the setting `{name}` is defined twice, each time otherwise")]
    #[diagnostic(code(spile::definition::setting_twice), help("leave one of the two; Meltano takes the first"))]
    SettingTwice {
        /// The setting.
        name: String,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
    /// A secret whose variable is another setting's too.
    #[error("the settings `{first}` and `{second}` have one variable, `{variable}`, and one of them is a secret")]
    #[diagnostic(
        code(spile::definition::variable_twice),
        help("leave one of the two: Meltano would give the secret to both")
    )]
    VariableTwice {
        /// The first of them.
        first: String,
        /// The other.
        second: String,
        /// The end of their variable's name.
        variable: String,
        /// Where.
        #[label("here")]
        span: SourceSpan,
    },
}
