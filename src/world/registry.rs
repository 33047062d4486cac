//! Registries: targets for rows, with what only they have.

use async_trait::async_trait;
use uuid::Uuid;

use super::{Target, TargetError};
use crate::plan::State;
use crate::plan::history::{Applied, Left};
use crate::record::Row;

/// A place that keeps rows, and remembers what was done to them.
#[async_trait]
pub trait Registry: Target<Record = Row> {
    /// Reads the rows of nobody's that a project may adopt: those whose id is a UUID.
    async fn unmanaged(&self) -> Result<State<Row>, TargetError>;

    /// Returns the newest applies, newest first.
    async fn applies(&self, most: usize) -> Result<Vec<Applied>, TargetError>;

    /// Returns what an apply left; `None` where there was no such apply.
    async fn left_by(&self, apply: Uuid) -> Result<Option<Left>, TargetError>;
}
