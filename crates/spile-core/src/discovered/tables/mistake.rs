//! Mistakes about the tables that streams end up in.

use miette::{Diagnostic, SourceSpan};

/// Mistakes about the tables that streams end up in.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum TableMistake {
    /// A table that would mix rows of several streams.
    #[error("{who}{within} would write {what}: their rows would be mixed")]
    #[diagnostic(code(spile::tables::shared))]
    Shared {
        /// One integration, or two.
        who: String,
        /// What would be written to which table, in words.
        what: String,
        /// The environment, in words, if it is not the default one.
        within: String,
        /// Where the loader is chosen.
        #[label("into this loader")]
        span: SourceSpan,
        /// How to resolve it.
        #[help]
        help: String,
    },
    /// The same in an imported project, which already mixed them.
    #[error("{who}{within} write {what}: their rows are mixed")]
    #[diagnostic(code(spile::tables::imported_shared), severity(Warning))]
    ImportedShared {
        /// One integration, or two.
        who: String,
        /// What is written to which table, in words.
        what: String,
        /// The environment, in words, if it is not the default one.
        within: String,
        /// Where the loader is chosen.
        #[label("into this loader")]
        span: SourceSpan,
        /// How to resolve it.
        #[help]
        help: String,
    },
    /// Integrations of one connector with the same destination, some of whose streams are not known.
    #[error("{who}{within} read `{connector}` into the same place and may share tables")]
    #[diagnostic(code(spile::tables::maybe_shared), severity(Warning))]
    MaybeShared {
        /// The integrations.
        who: String,
        /// Their connector.
        connector: String,
        /// The environment, in words, if it is not the default one.
        within: String,
        /// Where the loader is chosen.
        #[label("into this loader")]
        span: SourceSpan,
        /// How to resolve it.
        #[help]
        help: String,
    },
    /// A table whose name differs from its stream.
    #[error("`{loader}` renames tables of `{slug}`{within}: {what}")]
    #[diagnostic(
        code(spile::tables::renamed),
        severity(Warning),
        help("query the tables by these names, or rename the streams with the extractor's `stream_maps`")
    )]
    Renamed {
        /// The integration.
        slug: String,
        /// The loader.
        loader: String,
        /// Which streams, and what their tables are called.
        what: String,
        /// The environment, in words, if it is not the default one.
        within: String,
        /// Where the loader is chosen.
        #[label("into this loader")]
        span: SourceSpan,
    },
    /// A table whose name the loader rejects.
    #[error("`{loader}` rejects table names of `{slug}`{within} that are longer than {longest} characters: {what}")]
    #[diagnostic(
        code(spile::tables::too_long),
        severity(Warning),
        help(
            "exclude the streams with `select`, or rename them with the extractor's `stream_maps`: otherwise runs fail"
        )
    )]
    TooLong {
        /// The integration.
        slug: String,
        /// The loader.
        loader: String,
        /// How many characters it accepts.
        longest: usize,
        /// Which streams.
        what: String,
        /// The environment, in words, if it is not the default one.
        within: String,
        /// Where the loader is chosen.
        #[label("into this loader")]
        span: SourceSpan,
    },
    /// A schema that neither the loader nor the integration sets.
    #[error("`{loader}` uses a schema for `{slug}`{within} that is not configured: {what}")]
    #[diagnostic(
        code(spile::tables::other_schema),
        severity(Warning),
        help("set the schema: `schema = \"…\"` under `[load]` in the integration, or with the loader's own setting")
    )]
    OtherSchema {
        /// The integration.
        slug: String,
        /// The loader.
        loader: String,
        /// Which streams, and where they go.
        what: String,
        /// The environment, in words, if it is not the default one.
        within: String,
        /// Where the loader is chosen.
        #[label("into this loader")]
        span: SourceSpan,
    },
}
