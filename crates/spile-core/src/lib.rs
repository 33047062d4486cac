//! The pure half of spile: text in, checked values, plans and text out.
//!
//! Nothing here reads a file, opens a connection, or looks at a clock or the environment. The crate depends on nothing
//! that could, so `Cargo.toml` enforces the rule.
//!
//! | floor | modules | contents |
//! |---|---|---|
//! | 2 change | [`record`], [`plan`], [`render`] | what a target keeps, what would change, the text of `meltano.yml` and outputs |
//! | | [`run`], [`state`], [`alert`], [`discovered`] | how runs went, their bookmarks, what people are notified about, what a source offers |
//! | | [`import`], [`definition`] | an existing Meltano project and other people's plugin definitions, brought into our form |
//! | | [`form`], [`assist`], [`schema`], [`format`](mod@format), [`lint`] | questions, editors, JSON Schemas, `fmt`, warnings that can become errors |
//! | 1 declared | [`connector`], [`integration`], [`locks`], [`settings`], [`sops`] | one module for each kind of file: text in, checked values out |
//! | 0 words | [`name`], [`source`], [`problem`], [`phrase`](mod@phrase) | names, places in files, mistakes and "did you mean", sentences |
//! | | [`secret`], [`secrecy`], [`visible`] | secrets, recognizing them and striking them from messages that quote a file, invisible characters |
//! | | [`table`], [`toml_text`], [`yaml`], [`value`], [`digest`] | reading and writing TOML, YAML with places, values, digests |
//!
//! Of time: [`integration::schedule`] is the rule, [`integration::timing`] how it is kept, [`integration::timetable`] its
//! moments, and [`run::due`] the one that is due now.
//!
//! Of selecting: [`integration::select`] says whether a pattern can match, `discovered::select_rules` which streams and fields
//! patterns select, and [`plan::selection`] which integrations a command is for.
//!
//! Modules only use floors below their own; `tests/it/floors.rs` enforces that.
//!
//! # The path of a file
//!
//! ```
//! use spile_core::connector::Catalog;
//! use spile_core::integration::{FileName, draft, merge};
//! use spile_core::problem::Problems;
//! use spile_core::settings;
//! use spile_core::source::Source;
//!
//! let mut problems = Problems::default();
//! let project = Source::new("spile.toml", "[project]\nname = 'acme'\n[environments.dev]\n");
//! let project = settings::read(&project, &mut problems).ok_or("spile.toml has mistakes")?;
//! let catalog = Catalog::new(&[], &mut problems); // only the built-in connectors
//!
//! // Text -> Draft: the content of the file, each value with its place.
//! let text = "type = 'postgres'\n[config]\nhost = 'db1.internal'\nprot = 5432\n";
//! let file = Source::new("integrations/shop.toml", text);
//! let name = FileName::of_stem("shop").ok_or("not a file name")?;
//! let drafts = Vec::from_iter(draft::read(&file, name, &mut problems));
//!
//! // Draft + Connector -> Integration. All mistakes in all files are collected, with their places.
//! let _integrations = merge::integrations(&drafts, &project, &catalog, &mut problems);
//! let report = problems.into_report();
//! let codes: Vec<String> = report.problems().iter().map(|problem| problem.code()).collect();
//! assert!(codes.contains(&"spile::settings::unknown".to_owned()), "{codes:?}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod alert;
pub mod assist;
pub mod connector;
pub mod definition;
pub mod digest;
pub mod discovered;
pub mod form;
pub mod format;
pub mod import;
pub mod integration;
pub mod lint;
pub mod locks;
pub mod name;
pub mod phrase;
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
pub mod state;
pub mod table;
pub mod toml_text;
pub mod value;
pub mod visible;
pub mod yaml;
