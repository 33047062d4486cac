use super::*;

/// A setting with only a name and a kind.
pub fn setting(name: &str, kind: Kind) -> Setting {
    Setting {
        name: name.to_owned(),
        kind,
        label: None,
        description: None,
        default: None,
        required: false,
        secret: false,
        is_open: false,
        resync: false,
        advanced: false,
        is_own: false,
        hosts: Vec::new(),
        passed: serde_json::Map::new(),
    }
}
