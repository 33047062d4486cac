use serde_json::json;

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

#[test]
fn a_port_is_a_number_that_a_server_can_have() {
    for (name, kind) in [("port", Kind::Integer), ("ssh_tunnel.port", Kind::Integer), ("db_port", Kind::String)] {
        let port = setting(name, kind);
        for value in [json!(0), json!(-1), json!(99_999)] {
            assert_eq!(port.check(&value), Err(format!("`{value}`")), "{name}");
        }
        assert_eq!((port.check(&json!(5432)), port.wanted().0), (Ok(()), PORT.to_owned()));
    }
    let text = setting("port", Kind::String);
    assert_eq!(text.check(&json!("99999")), Err("`99999`".to_owned()));
    // A variable of an imported project, or whatever a plugin understands.
    assert_eq!(text.check(&json!("${PORT}")), Ok(()));
    assert_eq!(setting("report", Kind::Integer).check(&json!(99_999)), Ok(()));
}
