//! The pages of codes that need more than a sentence.

/// Makes the table of pages of codes and their files.
macro_rules! pages {
    ($($code:literal => $file:literal),+ $(,)?) => {
        &[$(($code, include_str!(concat!("../../docs/codes/", $file, ".md")))),+]
    };
}

/// The pages by code.
pub(super) const PAGES: &[(&str, &str)] = pages![
    "spile::integration::id_twice" => "integration-id_twice",
    "spile::integration::loader_key" => "integration-loader_key",
    "spile::integration::overlay_key" => "integration-overlay_key",
    "spile::integration::overlay_without_base" => "integration-overlay_without_base",
    "spile::integration::plugin" => "integration-plugin",
    "spile::integration::plugin_twice" => "integration-plugin_twice",
    "spile::integration::schedule" => "integration-schedule",
    "spile::integration::schedule_without_loader" => "integration-schedule_without_loader",
    "spile::integration::select" => "integration-select",
    "spile::integration::slug_twice" => "integration-slug_twice",
    "spile::integration::undeclared_environment" => "integration-undeclared_environment",
    "spile::integration::unknown" => "integration-unknown",
    "spile::integration::unknown_loader" => "integration-unknown_loader",
    "spile::integration::unknown_type" => "integration-unknown_type",
    "spile::integration::variables_shared" => "integration-variables_shared",
    "spile::plan::guard" => "plan-guard",
    "spile::plan::stale" => "plan-stale",
    "spile::secrets::damaged" => "secrets-damaged",
    "spile::secrets::no_key" => "secrets-no_key",
    "spile::secrets::no_metadata" => "secrets-no_metadata",
    "spile::secrets::not_encrypted" => "secrets-not_encrypted",
    "spile::secrets::plaintext" => "secrets-plaintext",
    "spile::secrets::set_twice" => "secrets-set_twice",
    "spile::settings::group" => "settings-group",
    "spile::settings::missing" => "settings-missing",
    "spile::settings::one_group" => "settings-one_group",
    "spile::settings::unknown" => "settings-unknown",
    "spile::settings::wrong_kind" => "settings-wrong_kind",
];
