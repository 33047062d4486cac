//! The built-in templates of outputs, and the values that each accepts.

use serde_json::{Map, Value};

use crate::problem::Problems;
use crate::source::Placed;
use crate::table::Table;

/// The built-in templates of outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builtin {
    /// DAGs of Apache Airflow.
    Airflow,
    /// Assets and schedules of Dagster.
    Dagster,
    /// Sources of dbt.
    Dbt,
    /// `CronJob`s of Kubernetes.
    Kubernetes,
}

/// The inputs of a built-in template in addition to the integrations.
#[derive(Debug, Default)]
pub(super) struct BuiltinValues {
    /// All of them, for the template.
    pub(super) all: Map<String, Value>,
    /// The only loader whose integrations it contains.
    pub(super) loader: Option<Placed<String>>,
}

impl Builtin {
    /// All built-in templates.
    pub const ALL: [Self; 4] = [Self::Airflow, Self::Dagster, Self::Dbt, Self::Kubernetes];

    /// Returns its name in `spile.toml`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Airflow => "airflow",
            Self::Dagster => "dagster",
            Self::Dbt => "dbt",
            Self::Kubernetes => "kubernetes",
        }
    }

    /// Returns the template with that name.
    #[must_use]
    pub fn find(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.word() == word)
    }

    /// Tells whether it lists the streams of integrations.
    #[must_use]
    pub fn lists_streams(self) -> bool {
        matches!(self, Self::Dagster | Self::Dbt)
    }

    /// Tells whether it runs syncs.
    #[must_use]
    pub fn runs(self) -> bool {
        self != Self::Dbt
    }

    /// Reads its inputs in addition to the integrations.
    pub(super) fn values(self, table: Table<'_>, problems: &mut Problems) -> BuiltinValues {
        let (mut values, mut loader) = (Map::new(), None);
        let mut put = |key: &str, value: Option<Value>| values.extend(value.map(|value| (key.to_owned(), value)));
        let text = |key, problems: &mut Problems| table.text(key, problems).map(|text| Value::String(text.value));
        match self {
            Self::Airflow => {
                put("pools", table.flag("pools", problems).map(|flag| Value::Bool(flag.value)));
            }
            Self::Dagster => {
                put("start", table.flag("start", problems).map(|flag| Value::Bool(flag.value)));
            }
            Self::Dbt => {
                loader = table.text("loader", problems);
                for key in ["database", "schema"] {
                    put(key, text(key, problems));
                }
                for key in ["warn_after", "error_after"] {
                    put(
                        key,
                        table
                            .whole::<u8>(key, 1..=100, "a number of intervals from 1 to 100", problems)
                            .map(Value::from),
                    );
                }
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
        if self.runs() {
            let retries = table.whole::<u8>("retries", 0..=100, "a whole number from 0 to 100", problems);
            put("retries", retries.map(Value::from));
        }
        table.finish(problems);
        BuiltinValues { all: values, loader }
    }
}
