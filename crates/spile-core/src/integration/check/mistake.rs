//! Mistakes in one integration whose file is well formed.
//!
//! Long because it is one enum, whose sentences should read alike.

use miette::{Diagnostic, SourceSpan};

use crate::connector::Role;

/// Mistakes in one integration whose file is well formed.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum IntegrationMistake {
    /// A `type` that names no connector.
    #[error("there is no {role} `{name}`")]
    #[diagnostic(code(spile::integration::unknown_type))]
    UnknownType {
        /// The requested role.
        role: Role,
        /// The requested name.
        name: String,
        /// Where it is.
        #[label("not in the catalog")]
        span: SourceSpan,
        /// The nearest connector, or where to look.
        #[help]
        help: String,
    },
    /// A name that a plugin cannot have.
    #[error("`{name}` is not a valid plugin name")]
    #[diagnostic(
        code(spile::integration::plugin),
        help("use the name from `meltano.yml`, without `/`, `:`, spaces, or a leading dot, or remove the line")
    )]
    Plugin {
        /// The name.
        name: String,
        /// Where it is.
        #[label("here")]
        span: SourceSpan,
    },
    /// A setting that the connector does not have.
    #[error("unknown setting `{name}` for `{connector}`")]
    #[diagnostic(code(spile::settings::unknown))]
    UnknownSetting {
        /// The setting.
        name: String,
        /// The connector.
        connector: String,
        /// Where the setting is.
        #[label("not a setting of `{connector}`")]
        span: SourceSpan,
        /// The nearest setting, or all of them.
        #[help]
        help: String,
    },
    /// A value that the setting does not accept.
    #[error("`{name}` is {found}, not {wanted}")]
    #[diagnostic(code(spile::settings::wrong_kind))]
    WrongKind {
        /// The setting.
        name: String,
        /// What the value is, in words.
        found: String,
        /// What the setting accepts, in words.
        wanted: String,
        /// The value.
        #[label("expected {wanted}")]
        span: SourceSpan,
        /// The options, or a valid value.
        #[help]
        help: String,
    },
    /// A value of an overlay that Meltano cannot merge with the value of the base file.
    #[error("`{name}` is {found}, but {before} in `{base}`")]
    #[diagnostic(
        code(spile::settings::overlay_kind),
        help(
            "use {before} here too, or remove `{name}` from `{base}` and set it in an overlay for each environment: Meltano merges tables key by key, and cannot replace {before} with {found}"
        )
    )]
    OverlayKind {
        /// The path of the value.
        name: String,
        /// What the overlay has, in words.
        found: &'static str,
        /// What the base file has, in words.
        before: &'static str,
        /// The base file.
        base: String,
        /// Where its key is.
        #[label("expected {before}")]
        span: SourceSpan,
    },
    /// A value in the place of a table that contains a setting with a default.
    #[error("`{name}` is {found}, but contains the setting `{inner}`")]
    #[diagnostic(
        code(spile::settings::around_setting),
        help(
            "use a table here, or remove the default of `{inner}` from the connector's definition: Meltano adds the default to `{name}`, which has to be a table"
        )
    )]
    AroundSetting {
        /// The path of the value.
        name: String,
        /// What the value is, in words.
        found: &'static str,
        /// The setting in it.
        inner: String,
        /// Where its key is.
        #[label("expected a table")]
        span: SourceSpan,
    },
    /// A string with a variable that looks as if Meltano expanded it.
    #[error("`{name}` contains `${variable}`, which is not expanded: strings are literal")]
    #[diagnostic(
        code(spile::settings::literal_variable),
        severity(Warning),
        help(
            "to expand the variable, write `{{ env = \"...\" }}` around the whole string; to keep the text, add a backslash before the dollar sign: `'\\${variable}'`"
        )
    )]
    LiteralVariable {
        /// The setting.
        name: String,
        /// The variable.
        variable: String,
        /// The value.
        #[label("a literal string")]
        span: SourceSpan,
    },
    /// A secret in plain text.
    #[error("`{name}` is a secret in plain text")]
    #[diagnostic(
        code(spile::secrets::plaintext),
        help(
            "run `spile secrets encrypt {slug}` to move the value to `[secrets]`; if this file was ever committed or shared, change the secret at its source"
        )
    )]
    PlainSecret {
        /// The setting.
        name: String,
        /// The integration, with the flag for its environment.
        slug: String,
        /// Where its key is.
        #[label("a secret")]
        span: SourceSpan,
    },
    /// A value that is certainly a secret, in a setting that is not secret.
    #[error("`{name}` contains {what} in plain text")]
    #[diagnostic(
        code(spile::secrets::plain_value),
        help(
            "run `spile secrets encrypt {slug}`, or remove the line and run `spile secrets set {slug} {name}`; if this file was ever committed or shared, change the secret at its source. In the connector's definition, set `secret = true` for `{name}` so that forms hide it, or `secret = false` if it is not a secret"
        )
    )]
    SecretValue {
        /// The setting.
        name: String,
        /// The integration, with the flag for its environment.
        slug: String,
        /// The kind of secret, with an article.
        what: &'static str,
        /// Where its key is.
        #[label("a secret")]
        span: SourceSpan,
    },
    /// A list that contains a key named like a secret.
    #[error("a list in `{name}` seems to contain a secret in plain text")]
    #[diagnostic(
        code(spile::secrets::likely),
        severity(Warning),
        help(
            "run `spile secrets set {slug} {name}` with the whole value as JSON and remove it here; or set `secret = false` for `{name}` in the connector's definition"
        )
    )]
    LikelySecret {
        /// The setting.
        name: String,
        /// The integration, with the flag for its environment.
        slug: String,
        /// Where its key is.
        #[label("a key in it is named like a secret")]
        span: SourceSpan,
    },
    /// A required setting that is missing.
    #[error("the setting `{name}` is missing")]
    #[diagnostic(code(spile::settings::missing), help("{help}"))]
    MissingSetting {
        /// The setting.
        name: String,
        /// Where the type is set.
        #[label("needs `{name}`")]
        span: SourceSpan,
        /// The next step.
        help: String,
    },
    /// A setting that is set both in `[config]` and among the secrets.
    #[error("`{name}` is under `[config]` and in the secrets")]
    #[diagnostic(code(spile::secrets::set_twice), help("remove it from `[config]`, or run `spile secrets unset`"))]
    SetTwice {
        /// The setting.
        name: String,
        /// Where the secret is.
        #[label("also here")]
        span: SourceSpan,
    },
    /// Groups of which none is set in full.
    #[error("no group of settings of `{connector}` is complete")]
    #[diagnostic(code(spile::settings::group), help("{help}"))]
    Group {
        /// The connector.
        connector: String,
        /// What each group lacks.
        help: String,
        /// Where the type is set.
        #[label("needs one of its groups")]
        span: SourceSpan,
    },
    /// Two groups that exclude each other.
    #[error("{groups} of `{connector}` exclude each other")]
    #[diagnostic(code(spile::settings::one_group), help("keep the settings of one of them"))]
    OneGroup {
        /// The connector.
        connector: String,
        /// The groups that are set.
        groups: String,
        /// Where the type is set.
        #[label("accepts only one of them")]
        span: SourceSpan,
    },
    /// A key that loaders do not have.
    #[error("`{key}` has no effect in a loader")]
    #[diagnostic(
        code(spile::integration::loader_key),
        help("remove it; extractors choose this loader with `loader = \"{slug}\"`")
    )]
    LoaderKey {
        /// The key.
        key: &'static str,
        /// The loader.
        slug: String,
        /// Where the value is.
        #[label("only for extractors")]
        span: SourceSpan,
    },
    /// A reaction to changes in a source that cannot be discovered.
    #[error("the tap of `{connector}` does not support discovery, so changes cannot be detected")]
    #[diagnostic(
        code(spile::schema::no_discovery),
        help("remove the line; if the tap supports discovery, add `discover` to the connector's capabilities")
    )]
    NoDiscovery {
        /// The connector.
        connector: String,
        /// Where the reaction is.
        #[label("has no effect")]
        span: SourceSpan,
    },
    /// An exclusion for a tap that does not accept a selection.
    #[error("the tap of `{connector}` cannot exclude anything")]
    #[diagnostic(
        code(spile::schema::nothing_left_out),
        help("use `fail`; if the tap accepts a catalog, add `catalog` to the connector's capabilities")
    )]
    NothingLeftOut {
        /// The connector.
        connector: String,
        /// Where the reaction is.
        #[label("excludes a change from runs until it is accepted")]
        span: SourceSpan,
    },
    /// An invalid schedule.
    #[error("{message}")]
    #[diagnostic(code(spile::integration::schedule))]
    Schedule {
        /// Why it is invalid.
        message: String,
        /// Where it is.
        #[label("not a schedule")]
        span: SourceSpan,
        /// The nearest preset, or the expected form.
        #[help]
        help: String,
    },
    /// A schedule without a loader, which would never run.
    #[error("a schedule needs a loader")]
    #[diagnostic(
        code(spile::integration::schedule_without_loader),
        help("add `loader = \"SLUG\"`, or remove `schedule`")
    )]
    ScheduleWithoutLoader {
        /// The schedule.
        #[label("nothing to run")]
        span: SourceSpan,
    },
    /// A timing key with an invalid value.
    #[error("{message}")]
    #[diagnostic(code(spile::integration::timing))]
    Timing {
        /// What is wrong with it.
        message: String,
        /// Where it is.
        #[label("{label}")]
        span: SourceSpan,
        /// The label.
        label: &'static str,
        /// The valid values.
        #[help]
        help: String,
    },
    /// A timing key without a schedule.
    #[error("`{key}` has no effect without `schedule`")]
    #[diagnostic(code(spile::integration::timing_without_schedule), help("add `schedule`, or remove `{key}`"))]
    TimingWithoutSchedule {
        /// The key.
        key: &'static str,
        /// Where it is.
        #[label("no `schedule` here")]
        span: SourceSpan,
    },
    /// A pattern that never matches.
    #[error("`{pattern}` selects nothing: {fault}")]
    #[diagnostic(
        code(spile::integration::select),
        help("use `stream.field`, for example `Account.*` or `!Contact.Phone`")
    )]
    Select {
        /// The pattern.
        pattern: String,
        /// The reason.
        fault: &'static str,
        /// Where it is.
        #[label("here")]
        span: SourceSpan,
    },
    /// A setting whose value is overridden by `.env`.
    #[error("`{setting}` has no effect, because `.env` sets `{variable}`")]
    #[diagnostic(
        code(spile::settings::overridden),
        severity(Warning),
        help("remove the variable (`.env:{line}`) or the setting here; Meltano prefers the variable")
    )]
    Overridden {
        /// The setting.
        setting: String,
        /// The variable.
        variable: String,
        /// The line of `.env`.
        line: usize,
        /// Where the setting is.
        #[label("not the value that a run gets")]
        span: SourceSpan,
    },
    /// A pattern whose whole selection is excluded by another one.
    #[error("`{pattern}` selects nothing, because `{by}` excludes all of it")]
    #[diagnostic(
        code(spile::integration::canceled_select),
        severity(Warning),
        help("remove one of them; patterns that start with `!` apply after all others, in any order")
    )]
    CanceledSelect {
        /// The pattern.
        pattern: String,
        /// The excluding pattern, with its `!`.
        by: String,
        /// Where the pattern is.
        #[label("selects nothing")]
        span: SourceSpan,
        /// Where the excluding pattern is.
        #[label("leaves it out")]
        by_span: SourceSpan,
    },
    /// A selection that selects nothing.
    #[error("`select` is empty: no stream would be read")]
    #[diagnostic(
        code(spile::integration::empty_selection),
        help("list the streams, for example `select = [\"orders.*\"]`, or remove `select` to read all of them")
    )]
    EmptySelection {
        /// Where it is.
        #[label("selects no stream")]
        span: SourceSpan,
    },
    /// A selection that Meltano cannot pass to the tap.
    #[error("`{connector}` does not support selection: Meltano cannot pass `{key}` to its tap")]
    #[diagnostic(
        code(spile::integration::no_selection),
        help(
            "remove `{key}`: the tap reads everything it finds; if it accepts a catalog, add `catalog` to the connector's capabilities"
        )
    )]
    NoSelection {
        /// `select` or `metadata`.
        key: &'static str,
        /// The connector.
        connector: String,
        /// Where it is.
        #[label("has no effect")]
        span: SourceSpan,
    },
    /// A key in an overlay that only the base may set.
    #[error("`{key}` cannot differ between environments")]
    #[diagnostic(code(spile::integration::overlay_key), help("set it in `{base}`, or create another integration"))]
    OverlayKey {
        /// The key.
        key: &'static str,
        /// The base file.
        base: String,
        /// Where it is.
        #[label("not allowed in an overlay")]
        span: SourceSpan,
    },
}
