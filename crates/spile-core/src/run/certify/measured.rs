//! What the reads of a tap delivered, as the program reports it that reads them.

use serde::Deserialize;
use serde_json::Value;

/// What the reads of a tap delivered.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Measured {
    /// The streams of the uninterrupted read.
    pub streams: Vec<MeasuredStream>,
    /// How many different states that read wrote. None if the connector's tap takes no state.
    pub states: u64,
    /// The restarts.
    pub restarts: Vec<Restart>,
    /// What a read in batches delivered, if the definition of the tap says that it writes them.
    pub batch: Option<Batched>,
}

/// A read in batches.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Batched {
    /// Why it failed, as a clause.
    pub failed: Option<String>,
    /// How many batches the tap wrote.
    pub batches: u64,
    /// The streams.
    pub streams: Vec<BatchedStream>,
}

/// A stream that was read in batches.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct BatchedStream {
    /// Its name.
    pub stream: String,
    /// Records that only arrived without batches.
    pub lost: Sample,
    /// Fields in batches that are not selected.
    pub unselected: Vec<String>,
}

/// A stream of the uninterrupted read.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct MeasuredStream {
    /// Its name.
    pub stream: String,
    /// How many records it has.
    pub records: u64,
    /// The fields that identify its records.
    pub key: Vec<String>,
    /// The field by which it is read incrementally.
    pub replication_key: Option<String>,
    /// Records that lack a value of the key.
    pub null_keys: Sample,
    /// Records whose key an earlier record has.
    pub repeated_keys: Sample,
    /// Values of a type that the schema does not declare.
    pub wrong_types: Vec<WrongType>,
    /// Fields that the schema does not declare.
    pub undeclared: Vec<String>,
    /// How many records come after one with a greater value of the replication key.
    pub out_of_order: u64,
    /// How many records come before their schema.
    pub without_schema: u64,
}

/// Some records.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Sample {
    /// How many there are.
    pub count: u64,
    /// The values of the keys of a few.
    pub examples: Vec<Vec<Value>>,
}

/// Values of a type that the schema does not declare.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct WrongType {
    /// The path of the field.
    pub field: String,
    /// The types that the schema declares.
    pub declared: Vec<String>,
    /// The type of the values.
    pub found: String,
    /// How many records have one.
    pub count: u64,
}

/// A tap that was killed after one of its states and started again from there.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Restart {
    /// The state's number, in the order in which the tap writes them.
    pub state: u64,
    /// Why the restarted tap failed, as a clause.
    pub failed: Option<String>,
    /// Whether the tap ended before it came to that state.
    pub missed: bool,
    /// The streams that were interrupted or read twice.
    pub streams: Vec<Continued>,
}

/// A stream of a restarted tap.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Continued {
    /// Its name.
    pub stream: String,
    /// Records that arrived neither before the state nor after the restart.
    pub lost: Sample,
    /// How many records with the bookmark's own value arrived again.
    pub last: u64,
    /// How many other records arrived again.
    pub earlier: u64,
}
