//! `[registry]`: where rows are stored, as written. Variables are expanded when the registry is opened, so that `check`
//! needs none.

mod mistake;
mod table_name;

use super::agreement::{Agreement, Sent};
use super::allowed::Allowed;
use super::host::{NotAWebAddress, WebAddress};
use super::variable_name::VariableName;
use super::variables::{NoValue, TextOrVariable, Variables};
use crate::problem::Problems;
use crate::secret::Secret;
use crate::source::{Place, Placed};
use crate::table::{Table, TomlMistake};

pub use mistake::RegistryMistake;
pub use table_name::{NotATableName, TableName};

/// Where rows are stored.
#[derive(Debug, Clone)]
pub enum Registry {
    /// An embedded SQLite file, `.spile/registry.db`.
    Local,
    /// A Supabase project.
    Supabase(Box<Supabase>),
}

/// A Supabase project, as written.
#[derive(Debug, Clone)]
pub struct Supabase {
    /// `https://<project>.supabase.co`, or a variable.
    pub url: Placed<TextOrVariable>,
    /// The variable that contains the key.
    pub key: Placed<VariableName>,
    /// The path of the REST API below the address.
    pub rest_path: String,
    /// Where its tables are.
    pub home: Home,
}

/// The place of a registry's tables in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// Their schema.
    pub schema: String,
    /// The table of integrations. The names of all other tables derive from its name.
    pub table: TableName,
}

impl Default for Home {
    fn default() -> Self {
        Self { schema: "public".to_owned(), table: TableName::default() }
    }
}

/// An address and its key, with variables expanded. Whether the key may be sent to the address is a separate question:
/// [`Supabase::agreement`].
#[derive(Debug)]
pub struct Resolved {
    /// The address.
    pub address: WebAddress,
    /// The key.
    pub key: Secret,
}

impl Supabase {
    /// Returns the address and the key, with variables expanded.
    pub fn resolved(&self, variables: &Variables, problems: &mut Problems) -> Option<Resolved> {
        let address = self.address(variables, problems);
        let key = value(&self.key, variables, problems).map(Secret::new);
        let key = key.filter(|key| is_key(key, &self.key.place, problems));
        Some(Resolved { address: address?, key: key? })
    }

    /// Returns the agreement that is needed before the key is sent. An address from a variable needs none, because the
    /// variable is set by the user, like the key.
    #[must_use]
    pub fn agreement(&self) -> Option<Agreement> {
        let TextOrVariable::Literal(text) = &self.url.value else { return None };
        let address: WebAddress = text.parse().ok()?;
        Some(Agreement { host: address.host(), variable: self.key.value.clone(), what: Sent::Key })
    }

    fn address(&self, variables: &Variables, problems: &mut Problems) -> Option<WebAddress> {
        let text = match &self.url.value {
            TextOrVariable::Literal(text) => text.clone(),
            TextOrVariable::Variable(name) => {
                value(&Placed { value: name.clone(), place: self.url.place.clone() }, variables, problems)?
            }
        };
        address(&text, &self.url.place, problems)
    }
}

/// Parses an address, and reports one that no key may be sent to.
fn address(text: &str, place: &Place, problems: &mut Problems) -> Option<WebAddress> {
    let span = place.span.clone().into();
    match text.parse() {
        Ok(address) => return Some(address),
        Err(NotAWebAddress::Form) => problems.push(&place.source, RegistryMistake::Url { span }),
        Err(NotAWebAddress::Insecure) => problems.push(&place.source, RegistryMistake::Insecure { span }),
    }
    None
}

/// Tells whether a key allows writing, and reports it if not.
fn is_key(key: &Secret, place: &Place, problems: &mut Problems) -> bool {
    let span = place.span.clone().into();
    if key.expose().starts_with("sb_publishable_") {
        problems.push(&place.source, RegistryMistake::PublishableKey { span });
        return false;
    }
    let is_key = ["sb_secret_", "eyJ"].iter().any(|start| key.expose().starts_with(start));
    if !is_key {
        problems.push(&place.source, RegistryMistake::Key { span });
    }
    is_key
}

/// Returns the value of a variable, and reports one that is not allowed or not set.
fn value(name: &Placed<VariableName>, variables: &Variables, problems: &mut Problems) -> Option<String> {
    let span = name.place.span.clone().into();
    let finding = match variables.value(&name.value) {
        Ok(value) => return Some(value),
        Err(NoValue::Unset) => RegistryMistake::Unset { name: name.value.clone(), span },
        Err(NoValue::NotAllowed) => not_allowed(name),
    };
    problems.push(&name.place.source, finding);
    None
}

fn not_allowed(name: &Placed<VariableName>) -> RegistryMistake {
    let span = name.place.span.clone().into();
    RegistryMistake::NotAllowed { help: Allowed::help(name), name: name.value.clone(), span }
}

/// Reports a variable that can never be allowed. That does not depend on what this machine allows.
fn check_name(name: &Placed<VariableName>, problems: &mut Problems) -> Result<(), Reported> {
    if !Allowed::never_admits(name) {
        return Ok(());
    }
    problems.push(&name.place.source, not_allowed(name));
    Err(Reported)
}

/// The kinds of registries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RegistryKind {
    Local,
    Supabase,
}

/// Marks a value as invalid and already reported.
#[derive(Debug, Clone, Copy)]
struct Reported;

/// A `[registry]` table as written. An environment's table is applied over the project's, key by key.
#[derive(Debug, Clone, Default)]
pub(super) struct RegistryTable {
    kind: Option<Placed<RegistryKind>>,
    url: Option<Result<Placed<TextOrVariable>, Reported>>,
    key: Option<Result<Placed<VariableName>, Reported>>,
    rest_path: Option<Placed<String>>,
    schema: Option<Placed<String>>,
    table: Option<Result<Placed<TableName>, Reported>>,
}

impl RegistryTable {
    pub(super) fn read(table: Table<'_>, problems: &mut Problems) -> Self {
        let read = Self {
            kind: table.choice(
                "kind",
                &[("local", RegistryKind::Local), ("supabase", RegistryKind::Supabase)],
                problems,
            ),
            url: table.text("url", problems).map(|url| read_url(url, problems)),
            key: table.secret_text("key", problems).map(|key| read_key(key, problems)),
            rest_path: table.text("rest_path", problems),
            schema: table.text("schema", problems),
            table: table.text("table", problems).map(|table| read_table(table, problems)),
        };
        check_literal("rest_path", "\"/rest/v1\"", read.rest_path.as_ref(), problems);
        check_literal("schema", "\"public\"", read.schema.as_ref(), problems);
        let is_foreign = |schema: &&Placed<String>| !schema.contains("${") && !is_schema(schema);
        if let Some(schema) = read.schema.as_ref().filter(is_foreign) {
            problems.push(&schema.place.source, RegistryMistake::Schema { span: schema.place.span.clone().into() });
        }
        table.finish(problems);
        read
    }

    pub(super) fn over(self, base: &Self) -> Self {
        Self {
            kind: self.kind.or_else(|| base.kind.clone()),
            url: self.url.or_else(|| base.url.clone()),
            key: self.key.or_else(|| base.key.clone()),
            rest_path: self.rest_path.or_else(|| base.rest_path.clone()),
            schema: self.schema.or_else(|| base.schema.clone()),
            table: self.table.or_else(|| base.table.clone()),
        }
    }

    pub(super) fn checked(self, problems: &mut Problems) -> Registry {
        let Some(kind) = self.kind.filter(|kind| kind.value == RegistryKind::Supabase) else { return Registry::Local };
        let mut missing = |key: &str, example| {
            let span = kind.place.span.clone().into();
            problems.push(&kind.place.source, TomlMistake::MissingKey { key: key.to_owned(), example, span });
        };
        if self.url.is_none() {
            missing("url", "\"${SUPABASE_URL}\"");
        }
        if self.key.is_none() {
            missing("key", "\"${SUPABASE_SECRET_KEY}\"");
        }
        let (Some(Ok(url)), Some(Ok(key))) = (self.url, self.key) else { return Registry::Local };
        let Ok(table) = self.table.transpose() else { return Registry::Local };
        let text =
            |written: Option<Placed<String>>, default: &str| written.map_or(default.to_owned(), |text| text.value);
        let rest_path = text(self.rest_path, "/rest/v1");
        let home = Home {
            schema: text(self.schema, "public"),
            table: table.map_or_else(TableName::default, |table| table.value),
        };
        Registry::Supabase(Box::new(Supabase { url, key, rest_path, home }))
    }
}

/// Reads an address that is a literal or a reference to a variable. Keeps values that may contain a password out of
/// excerpts.
fn read_url(url: Placed<String>, problems: &mut Problems) -> Result<Placed<TextOrVariable>, Reported> {
    let place = url.place;
    match url.value.parse::<TextOrVariable>() {
        Err(_) => {
            if url.value.contains('@') {
                problems.hide(&place);
            }
            let (example, or) = ("\"${SUPABASE_URL}\"", ", or only an address");
            let span = place.span.clone().into();
            problems.push(&place.source, RegistryMistake::Mixed { key: "url", example, or, span });
            Err(Reported)
        }
        Ok(TextOrVariable::Literal(text)) => {
            if let Err(NotAWebAddress::Form) = text.parse::<WebAddress>() {
                problems.hide(&place);
            }
            address(&text, &place, problems).ok_or(Reported)?;
            Ok(Placed { value: TextOrVariable::Literal(text), place })
        }
        Ok(TextOrVariable::Variable(name)) => {
            let name = Placed { value: name, place };
            check_name(&name, problems)?;
            Ok(name.map(TextOrVariable::Variable))
        }
    }
}

/// Reads the variable that contains a key. Any other text is taken for the key itself.
fn read_key(key: Placed<String>, problems: &mut Problems) -> Result<Placed<VariableName>, Reported> {
    if let Ok(TextOrVariable::Variable(name)) = key.value.parse() {
        let name = Placed { value: name, place: key.place };
        check_name(&name, problems)?;
        return Ok(name);
    }
    problems.hide(&key.place);
    let span = key.place.span.clone().into();
    problems.push(&key.place.source, RegistryMistake::LiteralKey { span });
    Err(Reported)
}

/// Reads the name of the table.
fn read_table(table: Placed<String>, problems: &mut Problems) -> Result<Placed<TableName>, Reported> {
    if table.contains("${") {
        check_literal("table", "\"spile_integrations\"", Some(&table), problems);
        return Err(Reported);
    }
    let place = table.place;
    let Ok(value) = table.value.parse() else {
        problems.push(&place.source, RegistryMistake::Table { span: place.span.clone().into() });
        return Err(Reported);
    };
    Ok(Placed { value, place })
}

/// Reports a variable in a string that is put into addresses and SQL unchanged.
fn check_literal(key: &'static str, example: &'static str, text: Option<&Placed<String>>, problems: &mut Problems) {
    if let Some(text) = text.filter(|text| text.contains("${")) {
        let span = text.place.span.clone().into();
        problems.push(&text.place.source, RegistryMistake::NoVariable { key, example, span });
    }
}

/// Tells whether a string is a schema name that can be put into the migration and headers unchanged.
fn is_schema(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests;
