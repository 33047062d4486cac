//! Connectors as data.

use serde_json::{Value, json};

use super::certificate;
use spile_core::connector::{Kind, Setting};
use spile_ops::connectors::{Origin, ShelfEntry, ShownConnector};

/// Returns connectors as data.
#[must_use]
pub fn list(standing: &[&ShelfEntry]) -> Value {
    let one = |one: &&ShelfEntry| {
        let head = &one.head;
        json!({
            "name": head.name,
            "kind": head.role,
            "label": head.label,
            "description": head.description,
            "category": head.category,
            "keywords": head.keywords,
            "file": file(&one.origin),
        })
    };
    json!({ "connectors": standing.iter().map(one).collect::<Vec<_>>() })
}

/// Returns connectors with all their settings, as data.
#[must_use]
pub fn show(shown: &[ShownConnector]) -> Value {
    let one = |ShownConnector { connector, origin, certificate }: &ShownConnector| {
        let plugin = &connector.plugin;
        json!({
            "name": connector.head.name,
            "kind": connector.head.role,
            "label": connector.head.label,
            "description": connector.head.description,
            "category": connector.head.category,
            "keywords": connector.head.keywords,
            "docs": connector.head.docs,
            "logo": connector.head.logo,
            "file": file(origin),
            "plugin": {
                "name": plugin.name,
                "variant": plugin.variant,
                "namespace": plugin.namespace,
                "pip_url": plugin.pip_url,
                "executable": plugin.executable,
                "capabilities": plugin.capabilities,
            },
            "select": connector.select,
            "settings": connector.settings.iter().map(setting_data).collect::<Vec<_>>(),
            "groups": connector.groups.iter().map(|group| json!({"label": group.label, "settings": group.settings})).collect::<Vec<_>>(),
            "one_group": connector.one_group,
            "losses": connector.losses,
            "naming": connector.naming,
            "quota": connector.quota,
            "range": connector.range,
            "reset": connector.reset,
            "oauth": connector.oauth,
            "own_streams": connector.own_streams,
            "parallel": connector.parallel,
            "certified": certificate.as_ref().map(certificate::for_catalog),
        })
    };
    json!({ "connectors": shown.iter().map(one).collect::<Vec<_>>() })
}

fn setting_data(setting: &Setting) -> Value {
    let options = match &setting.kind {
        Kind::Options(choices) => {
            choices.iter().map(|choice| json!({"value": choice.value, "label": choice.label})).collect()
        }
        _ => Vec::new(),
    };
    json!({
        "name": setting.name,
        "kind": setting.kind.word(),
        "label": setting.label,
        "description": setting.description,
        "default": setting.default,
        "options": options,
        "required": setting.required,
        "secret": setting.secret,
        "resync": setting.resync,
        "advanced": setting.advanced,
        "plugin": !setting.is_own,
        "hosts": setting.hosts,
    })
}

fn file(origin: &Origin) -> Option<String> {
    match origin {
        Origin::BuiltIn | Origin::Hub(_) | Origin::OnHub(_) => None,
        Origin::File(path) => Some(path.display().to_string()),
    }
}
