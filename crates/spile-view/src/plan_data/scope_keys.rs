//! The two keys of a plan's scope in JSON: `scope`, and `only`, which programs have read since before there was `scope`.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use spile_core::name::Slug;
use spile_core::plan::Scope;

#[derive(Serialize)]
struct Written<'a> {
    /// The names; null for all integrations.
    scope: Option<&'a BTreeSet<Slug>>,
    /// The names; empty for all integrations.
    only: Vec<&'a Slug>,
}

#[derive(Deserialize)]
struct Read {
    #[serde(default)]
    scope: Option<BTreeSet<Slug>>,
}

pub(super) fn serialize<S: Serializer>(scope: &Scope, serializer: S) -> Result<S::Ok, S::Error> {
    let scope = scope.names();
    Written { scope, only: scope.into_iter().flatten().collect() }.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Scope, D::Error> {
    Read::deserialize(deserializer).map(|read| read.scope.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Plan {
        before: u8,
        #[serde(flatten, with = "super")]
        scope: Scope,
        after: u8,
    }

    #[test]
    fn programs_read_a_scope_by_both_of_its_keys() {
        let shop = || Scope::Only(["shop".parse().unwrap()].into());
        for (scope, keys) in [
            (Scope::Everything, r#"{"before":1,"scope":null,"only":[],"after":2}"#),
            (Scope::Only(BTreeSet::new()), r#"{"before":1,"scope":[],"only":[],"after":2}"#),
            (shop(), r#"{"before":1,"scope":["shop"],"only":["shop"],"after":2}"#),
        ] {
            let plan = Plan { before: 1, scope, after: 2 };
            assert_eq!(serde_json::to_string(&plan).unwrap(), keys);
            assert_eq!(serde_json::from_str::<Plan>(keys).unwrap(), plan);
        }
        let read: Plan = serde_json::from_value(json!({ "before": 1, "after": 2 })).unwrap();
        assert_eq!(read.scope, Scope::Everything);
    }
}
