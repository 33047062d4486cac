//! Rows: integrations in the registry. They contain only the columns that files declare; `status` belongs to runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{CONFIG, Field, Fields, Record, Target, spread};
use crate::integration::secrets::setting_of;
use crate::integration::{Integration, Secrets};
use crate::name::{EnvironmentName, FieldPath, Slug};
use crate::sops::Document;
use crate::value::{self, Settings};

/// An integration in the registry, as files declare it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// `slug`
    pub slug: Slug,
    /// `type`: the connector.
    #[serde(rename = "type")]
    pub connector: String,
    /// `name`
    pub name: String,
    /// `enabled`
    pub enabled: bool,
    /// `config`. Registries do not keep its order, so rows are compared without it.
    #[serde(serialize_with = "value::serialize_in_one_order")]
    pub config: Settings,
    /// `secrets`; omitted if there are none, so that older rows keep their hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<Sealed>,
}

/// The secrets of an integration in the registry: a sops document as text, because a database may reorder the keys of
/// an object, and the MAC depends on their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The settings.
    pub names: Vec<String>,
    /// The document as JSON, which the official sops program can decrypt.
    pub document: String,
}

impl Sealed {
    fn of(secrets: &Secrets) -> Self {
        Self { names: secrets.names.clone(), document: secrets.document.to_json() }
    }

    /// Returns the document; `None` if something else was stored.
    #[must_use]
    pub fn open(&self) -> Option<Document> {
        Document::from_json(&self.document).ok()
    }

    /// Adds the ciphertexts by setting, the recipients, and a digest of everything else: the MAC and the wrapped keys
    /// can change although no value does.
    fn add_to(&self, fields: &mut Fields) {
        let document = self.open();
        let ciphertexts = document.iter().flat_map(Document::ciphertexts);
        let named: BTreeMap<String, String> = ciphertexts.map(|(path, text)| (setting_of(&path), text)).collect();
        for name in &self.names {
            let ciphertext = named.get(name).cloned().unwrap_or_default();
            fields.insert(SECRETS.join(name), Field::Secret(ciphertext));
        }
        let recipients = document.as_ref().map(|document| document.metadata.recipients()).unwrap_or_default();
        fields.insert(RECIPIENTS, Field::Plain(json!(recipients)));
        fields.insert(WRAPPING, Field::Secret(self.document.clone()));
    }
}

/// The path of the field for the recipients of the secrets.
pub const RECIPIENTS: FieldPath = FieldPath::of("sops.recipients");

/// The path of the field for a document's MAC and wrapped keys. It counts only if nothing else differs.
pub const WRAPPING: FieldPath = FieldPath::of("sops");

/// The table of ciphertexts.
const SECRETS: FieldPath = FieldPath::of("secrets");

impl Row {
    /// Returns the desired row of an integration in an environment.
    #[must_use]
    pub fn of(integration: &Integration, environment: &EnvironmentName) -> Self {
        let declaration = integration.at(environment);
        Self {
            slug: integration.slug.clone(),
            connector: integration.connector.head.name.clone(),
            name: declaration.name.clone(),
            enabled: declaration.enabled,
            config: declaration.config.clone(),
            secrets: declaration.secrets.as_deref().map(Sealed::of),
        }
    }
}

impl Record for Row {
    const TARGET: Target = Target::Registry;
    type Document = ();

    fn slug(&self) -> &Slug {
        &self.slug
    }

    fn kind(&self) -> &str {
        &self.connector
    }

    fn title(&self) -> &str {
        &self.name
    }

    fn fields(&self) -> Fields {
        let columns = [
            ("slug", json!(self.slug)),
            ("type", json!(self.connector)),
            ("name", json!(self.name)),
            ("enabled", json!(self.enabled)),
        ];
        let mut fields: Fields =
            columns.into_iter().map(|(column, value)| (FieldPath::of(column), Field::Plain(value))).collect();
        spread(&mut fields, &CONFIG, &self.config);
        if let Some(secrets) = &self.secrets {
            secrets.add_to(&mut fields);
        }
        fields
    }
}
