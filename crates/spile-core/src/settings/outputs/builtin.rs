//! The built-in templates of outputs, and the values that each accepts.

use serde_json::{Map, Value};

use crate::problem::Problems;
use crate::table::Table;

/// The built-in templates of outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builtin {
    /// DAGs of Apache Airflow.
    Airflow,
    /// `CronJob`s of Kubernetes.
    Kubernetes,
}

impl Builtin {
    /// All built-in templates.
    pub const ALL: [Self; 2] = [Self::Airflow, Self::Kubernetes];

    /// Returns its name in `spile.toml`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Airflow => "airflow",
            Self::Kubernetes => "kubernetes",
        }
    }

    /// Returns the template with that name.
    #[must_use]
    pub fn find(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.word() == word)
    }

    /// Reads its inputs in addition to the integrations.
    pub(super) fn values(self, table: Table<'_>, problems: &mut Problems) -> Map<String, Value> {
        let mut values = Map::new();
        let mut put = |key: &str, value: Option<Value>| values.extend(value.map(|value| (key.to_owned(), value)));
        let text = |key, problems: &mut Problems| table.text(key, problems).map(|text| Value::String(text.value));
        match self {
            Self::Airflow => {
                put("pools", table.flag("pools", problems).map(|flag| Value::Bool(flag.value)));
            }
            Self::Kubernetes => {
                let image = table.required_text("image", "\"ghcr.io/acme/spile:1\"", problems);
                put("image", image.map(|image| Value::String(image.value)));
                for key in ["namespace", "secret", "service_account", "cpu", "memory", "volume", "host"] {
                    put(key, text(key, problems));
                }
                for key in ["own_secrets", "scheduler", "pages"] {
                    put(key, table.flag(key, problems).map(|flag| Value::Bool(flag.value)));
                }
            }
        }
        let retries = table.whole::<u8>("retries", 0..=100, "a whole number from 0 to 100", problems);
        put("retries", retries.map(Value::from));
        table.finish(problems);
        values
    }
}
