//! spile: data integrations as code. TOML files in git are planned and applied to Meltano and a registry.
//!
//! This crate is the program: the command line, with the language server. Everything else is in crates of their own,
//! each of which uses only those below it.
//!
//! ```text
//! spile          arguments of the command line -> calls of operations; the language server
//! spile-server   requests -> calls of operations -> JSON and pages
//! spile-view     results -> text, JSON, Markdown, SARIF, JUnit                            pure
//! spile-ops      one function for each thing people do: read, decide, write
//! spile-world    every effect: files, registries, Meltano, sops, git, the network
//! spile-core     text in; checked values, plans and text out                              pure
//! ```
//!
//! # The path of a change
//! ```text
//! integrations/shop.toml
//!   -> spile_world::Project             reads it as a Source
//!   -> spile_core::integration::draft   Source -> Draft: what it says, each value with its place
//!   -> spile_core::integration::merge   Draft + Connector -> Integration, or Problems; calls `check`
//!   -> spile_core::plan::desired        Integration -> Row (registry) and Entry (meltano.yml)
//!   -> spile_core::render               entries -> the text of meltano.yml, read back and compared
//!   -> spile_core::plan::Plan           two Snapshots + the desired records -> two Steps
//!   -> spile_ops::apply                 Steps -> Target::write, then both are read again and compared
//! ```
//! Problems are collected along the path, each with its place, and shown by `spile_view`. `spile_ops::run` gives
//! `spile_world::Meltano` a small `meltano.yml` with only what one run needs.
//!
//! # Example
//! ```
//! use std::process::ExitCode;
//!
//! let code = spile::cli::run(["spile", "explain", "spile::settings::missing"].map(Into::into));
//! assert_eq!(code, ExitCode::SUCCESS);
//! ```

pub mod cli;
