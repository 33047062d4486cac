//! What can be wrong with one integration beyond the form of its file.

use miette::{Diagnostic, SourceSpan};

use crate::connector::Role;

/// What can be wrong with one integration beyond the form of its file.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum IntegrationMistake {
    /// `type` names no connector.
    #[error("there is no {role} `{name}`")]
    #[diagnostic(code(spile::integration::unknown_type))]
    UnknownType {
        /// The role asked for.
        role: Role,
        /// What was written.
        name: String,
        /// Where.
        #[label("not in the catalog")]
        span: SourceSpan,
        /// The nearest connector, or where to look.
        #[help]
        help: String,
    },
    /// A name that no plugin should have.
    #[error("`{name}` cannot be the name of a plugin")]
    #[diagnostic(
        code(spile::integration::plugin),
        help("write it as `meltano.yml` does, without `/`, `:`, blanks and a dot in front, or remove the line")
    )]
    Plugin {
        /// The name.
        name: String,
        /// Where it stands.
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
        /// Where the setting stands.
        #[label("not a setting of `{connector}`")]
        span: SourceSpan,
        /// The nearest setting, or all.
        #[help]
        help: String,
    },
    /// A value that the setting does not take.
    #[error("`{name}` is {found}, not {wanted}")]
    #[diagnostic(code(spile::settings::wrong_kind))]
    WrongKind {
        /// The setting.
        name: String,
        /// What the value is.
        found: String,
        /// What the setting takes.
        wanted: &'static str,
        /// The value.
        #[label("{wanted} is wanted")]
        span: SourceSpan,
        /// The options, or a value that would do.
        #[help]
        help: String,
    },
    /// A text that looks as if Meltano replaced a variable in it.
    #[error("`{name}` holds `${variable}`, which stays as it is written: a text is literal")]
    #[diagnostic(
        code(spile::settings::literal_variable),
        severity(Warning),
        help(
            "to have the variable put in, write `{{ env = \"...\" }}` around the whole text; to say that the text is meant, write a backslash before the dollar: `'\\${variable}'`"
        )
    )]
    LiteralVariable {
        /// The setting.
        name: String,
        /// The variable.
        variable: String,
        /// The value.
        #[label("a literal text")]
        span: SourceSpan,
    },
    /// A secret in plain text.
    #[error("`{name}` is a secret and stands in plain text")]
    #[diagnostic(
        code(spile::secrets::plaintext),
        help(
            "run `spile secrets encrypt {slug}`: it moves the value to `[secrets]`; and change it at its source if this file was ever committed or shared"
        )
    )]
    PlainSecret {
        /// The setting.
        name: String,
        /// The integration, with the flag for its environment.
        slug: String,
        /// Where its key stands.
        #[label("a secret")]
        span: SourceSpan,
    },
    /// A value that surely is a secret, in a setting that is none.
    #[error("`{name}` holds {what}, in plain text")]
    #[diagnostic(
        code(spile::secrets::plain_value),
        help(
            "run `spile secrets encrypt {slug}`, or remove the line and run `spile secrets set {slug} {name}`; and change it at its source if this file was ever committed or shared. Write `secret = true` for `{name}` in the connector's definition so that forms hide it, `secret = false` where it is no secret"
        )
    )]
    SecretValue {
        /// The setting.
        name: String,
        /// The integration, with the flag for its environment.
        slug: String,
        /// What it is, with its article.
        what: &'static str,
        /// Where its key stands.
        #[label("a secret")]
        span: SourceSpan,
    },
    /// A list in which a value has the name of a secret.
    #[error("a list in `{name}` seems to hold a secret, in plain text")]
    #[diagnostic(
        code(spile::secrets::likely),
        severity(Warning),
        help(
            "run `spile secrets set {slug} {name}` with the whole value as JSON and remove it here; or write `secret = false` for `{name}` in the connector's definition"
        )
    )]
    LikelySecret {
        /// The setting.
        name: String,
        /// The integration, with the flag for its environment.
        slug: String,
        /// Where its key stands.
        #[label("a name of secrets in it")]
        span: SourceSpan,
    },
    /// A setting that is always needed.
    #[error("the setting `{name}` is missing")]
    #[diagnostic(code(spile::settings::missing), help("{help}"))]
    MissingSetting {
        /// The setting.
        name: String,
        /// Where the type is named.
        #[label("needs `{name}`")]
        span: SourceSpan,
        /// The next step.
        help: String,
    },
    /// A setting in two places.
    #[error("`{name}` stands under `[config]` and among the secrets")]
    #[diagnostic(code(spile::secrets::set_twice), help("take it out of `[config]`, or run `spile secrets unset`"))]
    SetTwice {
        /// The setting.
        name: String,
        /// Where the secret stands.
        #[label("also here")]
        span: SourceSpan,
    },
    /// None of the alternatives is set in full.
    #[error("no group of settings of `{connector}` is set in full")]
    #[diagnostic(code(spile::settings::group), help("{help}"))]
    Group {
        /// The connector.
        connector: String,
        /// What each of the alternatives lacks.
        help: String,
        /// Where the type is named.
        #[label("needs one of its groups")]
        span: SourceSpan,
    },
    /// Two alternatives that exclude each other.
    #[error("{groups} of `{connector}` exclude each other")]
    #[diagnostic(code(spile::settings::one_group), help("keep the settings of one of them"))]
    OneGroup {
        /// The connector.
        connector: String,
        /// The alternatives that are set.
        groups: String,
        /// Where the type is named.
        #[label("takes one of them")]
        span: SourceSpan,
    },
    /// A key that integrations of that role do not have.
    #[error("`{key}` has no meaning for a loader")]
    #[diagnostic(
        code(spile::integration::loader_key),
        help("remove it; extractors name it, with `loader = \"{slug}\"`")
    )]
    LoaderKey {
        /// The key.
        key: &'static str,
        /// The loader.
        slug: String,
        /// Where the value stands.
        #[label("only for extractors")]
        span: SourceSpan,
    },
    /// A watch over a source that cannot be asked.
    #[error("the tap of `{connector}` cannot be asked for its streams, so nobody would know of a change")]
    #[diagnostic(
        code(spile::schema::no_discovery),
        help("remove the line; if the tap can be asked, add `discover` to the capabilities of the connector")
    )]
    NoDiscovery {
        /// The connector.
        connector: String,
        /// Where the word stands.
        #[label("has no effect")]
        span: SourceSpan,
    },
    /// Something to be left out of a run whose tap reads what it will.
    #[error("the tap of `{connector}` cannot be told what to leave out")]
    #[diagnostic(
        code(spile::schema::nothing_left_out),
        help("write `fail`; if the tap takes a catalog, add `catalog` to the capabilities of the connector")
    )]
    NothingLeftOut {
        /// The connector.
        connector: String,
        /// Where the word stands.
        #[label("leaves a change out of the run until it is accepted")]
        span: SourceSpan,
    },
    /// A schedule that is none.
    #[error("{message}")]
    #[diagnostic(code(spile::integration::schedule))]
    Schedule {
        /// Why it is none.
        message: String,
        /// Where it stands.
        #[label("not a schedule")]
        span: SourceSpan,
        /// The nearest preset, or the form.
        #[help]
        help: String,
    },
    /// A schedule without a loader would never run.
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
    /// How a schedule is kept, in words that mean nothing.
    #[error("{message}")]
    #[diagnostic(code(spile::integration::timing))]
    Timing {
        /// What is wrong with it.
        message: String,
        /// Where it stands.
        #[label("{label}")]
        span: SourceSpan,
        /// What is not there.
        label: &'static str,
        /// What may be written.
        #[help]
        help: String,
    },
    /// How a schedule is kept that is not there.
    #[error("`{key}` says how a schedule is kept, and there is none")]
    #[diagnostic(code(spile::integration::timing_without_schedule), help("add `schedule`, or remove `{key}`"))]
    TimingWithoutSchedule {
        /// The key.
        key: &'static str,
        /// Where it stands.
        #[label("of no schedule")]
        span: SourceSpan,
    },
    /// A pattern that never matches.
    #[error("`{pattern}` selects nothing: {fault}")]
    #[diagnostic(
        code(spile::integration::select),
        help("write `stream.field`, such as `Account.*` or `!Contact.Phone`")
    )]
    Select {
        /// The pattern.
        pattern: String,
        /// Why.
        fault: &'static str,
        /// Where it stands.
        #[label("here")]
        span: SourceSpan,
    },
    /// A setting whose value a run takes from elsewhere.
    #[error("`{setting}` has no effect: `.env` sets `{variable}`, and Meltano takes that")]
    #[diagnostic(
        code(spile::settings::overridden),
        severity(Warning),
        help("remove the variable (`.env:{line}`), or the setting here: of both, Meltano takes the variable")
    )]
    Overridden {
        /// The setting.
        setting: String,
        /// The variable.
        variable: String,
        /// The line of `.env`.
        line: usize,
        /// Where the setting stands.
        #[label("not what a run gets")]
        span: SourceSpan,
    },
    /// A pattern of which another one leaves nothing.
    #[error("`{pattern}` selects nothing: `{by}` leaves all of it out again")]
    #[diagnostic(
        code(spile::integration::canceled_select),
        severity(Warning),
        help("remove one of them: patterns that begin with `!` apply after all others, wherever they stand")
    )]
    CanceledSelect {
        /// The pattern.
        pattern: String,
        /// The one with the `!`.
        by: String,
        /// Where the pattern stands.
        #[label("selects nothing")]
        span: SourceSpan,
        /// Where the other one stands.
        #[label("leaves it out")]
        by_span: SourceSpan,
    },
    /// A selection of no stream.
    #[error("`select` is empty: no stream would be read")]
    #[diagnostic(
        code(spile::integration::empty_selection),
        help("name the streams, such as `select = [\"orders.*\"]`, or remove `select` to read all of them")
    )]
    EmptySelection {
        /// Where it stands.
        #[label("takes no stream")]
        span: SourceSpan,
    },
    /// A selection that the tap never hears of.
    #[error("`{connector}` cannot select: Meltano has no way to tell its tap what `{key}` says")]
    #[diagnostic(
        code(spile::integration::no_selection),
        help(
            "remove `{key}`: the tap reads all it finds; if it takes a catalog, add `catalog` to the capabilities of the connector"
        )
    )]
    NoSelection {
        /// `select` or `metadata`.
        key: &'static str,
        /// The connector.
        connector: String,
        /// Where it stands.
        #[label("has no effect")]
        span: SourceSpan,
    },
    /// An overlay says what only the base may say.
    #[error("`{key}` cannot differ between environments")]
    #[diagnostic(code(spile::integration::overlay_key), help("write it in `{base}`, or make another integration"))]
    OverlayKey {
        /// The key.
        key: &'static str,
        /// The base file.
        base: String,
        /// Where it stands.
        #[label("not in an overlay")]
        span: SourceSpan,
    },
}
