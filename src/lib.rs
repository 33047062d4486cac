//! spile: data integrations as code. The map of the house.

pub mod cli;
pub mod connector;
pub mod integration;
pub mod name;
pub mod ops;
pub mod plan;
pub mod problem;
pub mod record;
pub mod render;
pub mod run;
pub mod settings;
pub mod source;
pub mod table;
pub mod value;
pub mod view;
pub mod world;
