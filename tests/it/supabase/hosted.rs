//! The registry of a project in its own database, for the contract and beyond it.

use std::sync::Arc;

use miette::Diagnostic;
use spile_core::plan::Foreign;
use spile_core::record::Row;
use spile_world::stores::supabase::Address;
use spile_world::{Supabase, Target, TargetError};

use super::parts::{self, address};
use crate::contract::harness::{Subject, others};
use crate::folder::{Folder, origin};

/// The registry of a project in its own database.
pub struct HostedRows {
    pub database: parts::Supabase,
    pub folder: Folder,
}

impl HostedRows {
    /// Returns `None` if its parts are unavailable, and reports it loudly.
    pub fn start() -> Option<Self> {
        let database = parts::Supabase::migrated()?;
        Some(Self { database, folder: Folder::new() })
    }

    /// Returns its address with a key.
    pub fn address(&self, key: &str) -> Address {
        address(&self.database.url, "", key)
    }

    /// Returns the registry of `acme` in `dev` at an address.
    pub fn at(&self, address: Address) -> Supabase {
        Supabase::new(address, "acme", &"dev".parse().unwrap(), self.folder.path()).unwrap()
    }

    /// Returns the registry of `acme` in `dev` behind another address, for example a proxy's.
    pub fn behind(&self, url: &str) -> Supabase {
        self.at(address(url, "", &self.database.key("service_role")))
    }

    pub fn with_role(&self, role: &str) -> Supabase {
        self.at(self.address(&self.database.key(role)))
    }

    pub fn of(&self, project: &str, environment: &str) -> Supabase {
        let address = self.address(&self.database.key("service_role"));
        Supabase::new(address, project, &environment.parse().unwrap(), self.folder.path()).unwrap()
    }

    /// Replaces all records.
    pub async fn holds(&self, numbers: &[u8]) {
        let target = self.target();
        target.write(&self.step(&target.read().await.unwrap(), numbers), &origin("p")).await.unwrap();
    }

    /// Returns everything that an apply may change, as one text.
    pub fn everything(&self) -> String {
        self.database.sql(
            "select coalesce(string_agg(t, '' order by t), '') from (select i::text as t from public.integrations i \
             union all select c::text from public.integration_changes c) all_of_it",
        )
    }
}

impl Subject for HostedRows {
    type Record = Row;

    fn target(&self) -> Arc<dyn Target<Record = Row>> {
        Arc::new(self.of("acme", "dev"))
    }

    fn add_foreign(&self) -> Vec<Foreign> {
        self.database.sql(
            "insert into public.integrations (id, type, name, slug, environment, managed_by) values \
             ('by-hand', 'y', 'By hand', null, null, null), ('elsewhere', 'y', 'Elsewhere', 'x', 'dev', 'other')",
        );
        others()
    }
}

/// Returns an error's code, message and next step.
pub fn said(error: &TargetError) -> String {
    let code = error.code().map(|code| code.to_string()).unwrap_or_default();
    format!("{code}: {error}: {}", error.help().map(|help| help.to_string()).unwrap_or_default())
}
