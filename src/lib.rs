//! spile: data integrations as code. TOML files in git are planned and applied to Meltano and a registry.
//!
//! # The house
//! Dependencies point down only; `tests/it/floors.rs` holds that.
//!
//! | floor | rooms | what they are |
//! |---|---|---|
//! | 5 faces | [`cli`], [`http`], [`view`], [`pages`] | words and requests to calls of `ops`; values to words and to HTML |
//! | 4 operations | [`ops`] | one function for each thing people do: read, decide, write |
//! | 3 world | [`world`] | effects, one file for each outside system: files, SQLite, Meltano |
//! | 2 change | [`record`], [`plan`], [`render`], [`run`], [`alert`], [`import`], [`definition`], [`discovered`], [`form`], [`assist`], [`schema`], [`format`](mod@format), [`lint`] | what is kept, what would change, what is written, how runs went, what people are told, what is taken over, what others define, what a source offers, what a connector asks, what editors offer and are told of files, what form files have, what may become a mistake; pure |
//! | 1 declared | [`connector`], [`integration`], [`settings`], [`sops`] | text in, checked values out; pure |
//! | 0 words | [`name`], [`secret`], [`secrecy`], [`source`], [`problem`], [`table`], [`toml_text`], [`yaml`], [`value`], [`digest`], [`visible`] | names, secrets and what looks like one, places, mistakes, TOML read and written, YAML with its places, values, digests, characters that nobody sees |
//!
//! # The way of a file
//! ```text
//! integrations/shop.toml
//!   -> world::Project      reads it as a Source
//!   -> integration::draft  Source -> Draft: what it says, each value with its place
//!   -> integration::check  Draft + Connector -> Integration, or Problems
//!   -> plan::desired       Integration -> Row (registry) and Entry (meltano.yml)
//!   -> render              entries -> the text of meltano.yml, read back and compared
//!   -> plan::Plan          two Snapshots + what is wanted -> two Steps
//!   -> ops::apply          Steps -> Target::write, then both are read again: all of it has to be there
//! ```
//! Problems are collected on the way, each with its place; [`view`] shows them, plans and runs.
//! `ops::test` and `ops::sync` give [`world::Meltano`] a small `meltano.yml` of only what one run needs.

pub mod alert;
pub mod assist;
pub mod cli;
pub mod connector;
pub mod definition;
pub mod digest;
pub mod discovered;
pub mod form;
pub mod format;
pub mod http;
pub mod import;
pub mod integration;
pub mod lint;
pub mod name;
pub mod ops;
pub mod pages;
pub mod plan;
pub mod problem;
pub mod record;
pub mod render;
pub mod run;
pub mod schema;
pub mod secrecy;
pub mod secret;
pub mod settings;
pub mod sops;
pub mod source;
pub mod table;
pub mod toml_text;
pub mod value;
pub mod view;
pub mod visible;
pub mod world;
pub mod yaml;
