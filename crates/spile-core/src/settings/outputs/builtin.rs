//! The built-in templates of outputs, and the values that each accepts.

use serde_json::{Map, Value};

use super::unit::{UnitPath, UserName};
use super::workflow::{PlainName, SecretNames};
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
    /// A workflow of GitHub Actions.
    Github,
    /// `CronJob`s of Kubernetes.
    Kubernetes,
    /// Services and timers of systemd.
    Systemd,
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
    pub const ALL: [Self; 6] = [Self::Airflow, Self::Dagster, Self::Dbt, Self::Github, Self::Kubernetes, Self::Systemd];

    /// Returns its name in `spile.toml`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Airflow => "airflow",
            Self::Dagster => "dagster",
            Self::Dbt => "dbt",
            Self::Github => "github",
            Self::Kubernetes => "kubernetes",
            Self::Systemd => "systemd",
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

    /// Tells whether it keeps the jitter of integrations and their rule for missed runs.
    #[must_use]
    pub fn keeps_timing(self) -> bool {
        self == Self::Systemd
    }

    /// Tells whether it repeats failed syncs itself.
    fn retries(self) -> bool {
        !matches!(self, Self::Dbt | Self::Github | Self::Systemd)
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
            Self::Github => {
                let secrets = table.texts("secrets", problems).map(|names| SecretNames::read(names, &table, problems));
                put("secrets", secrets.map(Value::from));
                put("environment", table.parsed::<PlainName>("environment", problems).map(|name| name.value.into()));
                put("version", table.parsed::<PlainName>("version", problems).map(|name| name.value.into()));
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
            Self::Systemd => {
                put("user", table.parsed::<UserName>("user", problems).map(|name| name.value.into()));
                put(
                    "environment_file",
                    table.parsed::<UnitPath>("environment_file", problems).map(|path| path.value.into()),
                );
            }
        }
        if self.retries() {
            let retries = table.whole::<u8>("retries", 0..=100, "a whole number from 0 to 100", problems);
            put("retries", retries.map(Value::from));
        }
        table.finish(problems);
        BuiltinValues { all: values, loader }
    }
}
