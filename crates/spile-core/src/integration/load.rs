//! `[load]`: which schema the records of an integration go to, and whether they may share tables with others.

use miette::{Diagnostic, SourceSpan};
use serde_json::Value;

use super::{Declaration, Draft, Integration, Integrations};
use crate::connector::naming::NamingSettings;
use crate::connector::{Connector, Role};
use crate::name::EnvironmentName;
use crate::problem::Problems;
use crate::source::{Place, Placed};
use crate::table::Table;

/// The value with which a loader's setting follows the schema of each extractor: Meltano sets the variable to
/// `load_schema`.
pub const SCHEMA_REFERENCE: &str = "$MELTANO_EXTRACT__LOAD_SCHEMA";

/// The name of the variable, for other notations of a reference to it.
const VARIABLE: &str = "MELTANO_EXTRACT__LOAD_SCHEMA";

/// Mistakes in `[load]`.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum LoadMistake {
    /// A schema for a loader that does not support one.
    #[error("the loader `{loader}` does not support a schema")]
    #[diagnostic(
        code(spile::load::no_schema),
        help(
            "remove it, or choose another loader; if `{connector}` has a setting for the schema, add it to its definition: `schema_setting = \"…\"` under `[naming]`"
        )
    )]
    NoSchema {
        /// The loader.
        loader: String,
        /// Its connector.
        connector: String,
        /// The schema.
        #[label("has no effect")]
        span: SourceSpan,
    },
    /// A schema without a name.
    #[error("`schema` is empty")]
    #[diagnostic(code(spile::load::empty), help("set the schema, or remove the line"))]
    Empty {
        /// The schema.
        #[label("sets no schema")]
        span: SourceSpan,
    },
}

/// Finds schemas that have no effect. Skips imported projects, which determine themselves what their loaders do with a
/// schema.
pub(super) fn check(drafts: &[Draft], all: &Integrations, problems: &mut Problems) {
    for draft in drafts {
        let Some(schema) = draft.load.as_ref().and_then(|load| load.schema.as_ref()) else { continue };
        let span = schema.place.span.clone().into();
        if schema.trim().is_empty() {
            problems.push(&schema.place.source, LoadMistake::Empty { span });
            continue;
        }
        let Some(integration) = all.find(draft.slug.as_str()).filter(|one| one.plugin.is_none()) else { continue };
        let declared = integration.declared(draft.environment.as_ref());
        let loader = declared.loader.as_ref().and_then(|loader| all.find(loader.as_str()));
        if let Some(loader) = loader.filter(|loader| schema_setting(&loader.connector).is_none()) {
            let (loader, connector) = (loader.slug.to_string(), loader.connector.head.name.clone());
            problems.push(&schema.place.source, LoadMistake::NoSchema { loader, connector, span });
        }
    }
}

/// `[load]` of a file.
#[derive(Debug, Clone)]
pub struct LoadDraft {
    /// Its place.
    pub place: Place,
    /// `schema`
    pub schema: Option<Placed<String>>,
    /// `shared_tables`
    pub shared_tables: Option<Placed<bool>>,
}

/// Which schema the records of an integration go to, and whether they may share tables with others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Load {
    /// The schema, Meltano's `load_schema`; `None` lets the loader choose.
    pub schema: Option<String>,
    /// Whether its tables may hold rows of other streams too.
    pub shared_tables: bool,
}

impl LoadDraft {
    /// Reads `[load]` of a file.
    pub(super) fn read(file: &Table<'_>, problems: &mut Problems) -> Option<Self> {
        let table = file.table("load", problems)?;
        let load = Self {
            place: table.place(),
            schema: table.text("schema", problems),
            shared_tables: table.flag("shared_tables", problems),
        };
        table.finish(problems);
        Some(load)
    }

    /// Returns it with the table of an overlay applied, key by key.
    #[must_use]
    pub fn overlaid(self, over: Self) -> Self {
        Self {
            place: over.place,
            schema: over.schema.or(self.schema),
            shared_tables: over.shared_tables.or(self.shared_tables),
        }
    }

    /// Returns its values without their places.
    #[must_use]
    pub fn load(&self) -> Load {
        let schema = self.schema.as_ref().map(|schema| schema.value.trim().to_owned());
        Load {
            schema: schema.filter(|schema| !schema.is_empty()),
            shared_tables: self.shared_tables.as_ref().is_some_and(|shared| shared.value),
        }
    }
}

/// The settings of a loader for a naming rule: the values in its file, or else the defaults.
#[derive(Debug, Clone, Copy)]
pub struct LoaderSettings<'a> {
    /// The connector.
    pub connector: &'a Connector,
    /// The values in its file.
    pub declaration: &'a Declaration,
}

impl<'a> LoaderSettings<'a> {
    /// Returns the settings of a loader in an environment.
    #[must_use]
    pub fn of(loader: &'a Integration, environment: &EnvironmentName) -> Self {
        Self { connector: &loader.connector, declaration: loader.at(environment) }
    }
}

impl NamingSettings for LoaderSettings<'_> {
    fn value(&self, setting: &str) -> Option<&Value> {
        let default = || self.connector.setting(setting)?.default.as_ref();
        self.declaration.config.get(setting).or_else(default)
    }
}

/// Returns the loader's setting for the schema: the one in its naming rule, or else one whose default follows the
/// extractor.
#[must_use]
pub fn schema_setting(connector: &Connector) -> Option<&str> {
    let ruled = connector.naming.as_ref().and_then(|naming| naming.schema_setting.as_deref());
    let follows = || {
        let by_default = |setting: &&crate::connector::Setting| setting.default.as_ref().is_some_and(is_reference);
        connector.settings.iter().find(by_default).map(|setting| setting.name.as_str())
    };
    ruled.or_else(follows)
}

/// Tells whether a loader's setting follows the schema of each extractor.
#[must_use]
pub fn is_reference(value: &Value) -> bool {
    let name = value.as_str().and_then(|text| text.trim().strip_prefix('$'));
    name.is_some_and(|name| {
        name == VARIABLE || name.strip_prefix('{').and_then(|name| name.strip_suffix('}')) == Some(VARIABLE)
    })
}

impl Integration {
    /// Tells whether its `[load] schema` makes its loader follow the schema of each extractor. Imported projects
    /// determine that themselves.
    #[must_use]
    pub fn divides(&self, declaration: &Declaration) -> bool {
        self.role() == Role::Extractor && self.plugin.is_none() && declaration.load.schema.is_some()
    }

    /// Returns the schema that the integration gives its loader in an environment; `None` lets the loader choose.
    #[must_use]
    pub fn own_schema(&self, loader: LoaderSettings<'_>, environment: &EnvironmentName) -> Option<String> {
        let declaration = self.at(environment);
        let follows =
            schema_setting(loader.connector).and_then(|setting| loader.value(setting)).is_some_and(is_reference);
        let own = declaration.load.schema.clone().filter(|_| follows || self.divides(declaration));
        // Meltano's default for `load_schema`.
        own.or_else(|| follows.then(|| self.connector.plugin.namespace.clone()))
    }
}
