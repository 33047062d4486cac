//! Pages for people: the same operations, shown by templates. They work without scripts, and are faster with them.

mod activity;
mod answers;
mod bookmarks;
mod bulk_schedule;
mod catalog;
mod changes;
mod connector;
mod connector_card;
mod design;
mod draft_file;
mod edited;
mod events;
mod failure;
mod form;
mod general;
mod integration;
mod integrations;
mod login;
mod notifications;
mod overview;
mod provider;
mod provider_login;
mod query;
mod review;
mod runs;
mod search;
mod section;
mod server_settings;
mod settings;
mod shell;
mod source_changes;
mod source_sign_in;
mod state;
mod streams;
mod unfinished;
mod wizard;
mod wizard_test;

use axum::Router;
use axum::response::Redirect;
use axum::routing::{get, post};

use super::app::App;

pub use shell::told_as_page;

/// Returns the routes of the pages.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/", get(|| async { Redirect::to("/overview") }))
        .route("/overview", get(overview::show))
        .route("/login", get(login::show).post(login::enter))
        .route("/login/provider", get(provider_login::begin))
        .route("/login/callback", get(provider_login::callback))
        .route("/logout", post(login::leave))
        .route("/integrations", get(integrations::list))
        .route("/integrations/bulk", post(integrations::bulk))
        .route("/integrations/{slug}", get(integration::status))
        .route("/integrations/{slug}/streams", get(streams::show))
        .route("/integrations/{slug}/settings", get(settings::show).post(settings::save))
        .route("/integrations/{slug}/history", get(integration::history))
        .route("/integrations/{slug}/delete", get(integration::ask_delete))
        .route("/integrations/{slug}/contract", post(streams::accept))
        .route("/integrations/{slug}/sign-in", post(source_sign_in::begin))
        .route("/sign-in/callback", get(source_sign_in::callback))
        .route("/sign-in/end", get(source_sign_in::end))
        .route("/integrations/{slug}/bookmarks", get(bookmarks::ask).post(bookmarks::clear))
        .route("/integrations/{slug}/{action}", post(integration::act))
        .route("/marketplace", get(catalog::marketplace))
        .route("/marketplace/{kind}/{name}", get(connector::show))
        .route("/marketplace/hub/{kind}/{name}", get(connector::show_on_hub).post(connector::add))
        .route("/check/{kind}/{type}", post(catalog::check))
        .route("/new/{kind}/{type}", get(wizard::ask).post(wizard::begin))
        .route("/drafts/{id}/discard", post(unfinished::discard))
        .route("/drafts/{id}/{step}", get(wizard::show).post(wizard::answer))
        .route("/events", get(events::stream))
        .route("/search", get(search::show))
        .route("/runs", get(runs::list))
        .route("/runs/{id}", get(runs::show))
        .route("/runs/{id}/live", get(runs::live))
        .route("/runs/{id}/log", get(runs::download))
        .route("/changes", get(changes::show))
        .route("/changes/apply", get(changes::confirm).post(changes::apply))
        .route("/changes/drift", get(changes::drift))
        .route("/changes/drift/{slug}/take", post(changes::take))
        .route("/changes/history", get(changes::history))
        .route("/changes/history/{id}/rollback", get(changes::confirm_rollback).post(changes::roll_back))
        .route("/changes/branches", get(changes::branches))
        .route("/plan", get(|| async { Redirect::to("/changes") }))
        .route("/activity", get(activity::show))
        .route("/settings", get(server_settings::about))
        .route("/settings/access", get(server_settings::access))
        .route("/settings/tokens", post(server_settings::make_token))
        .route("/settings/tokens/revoke", post(server_settings::revoke_token))
        .route("/settings/invitations/withdraw", post(server_settings::withdraw_invite))
        .route("/settings/sessions/end", post(server_settings::end_session))
        .route("/settings/notifications", get(server_settings::channels))
        .route("/settings/notifications/test", post(server_settings::test_channel))
        .route("/settings/keys", get(server_settings::keys))
        .route("/design", get(design::show))
        .route("/notifications", get(notifications::list).post(notifications::mark))
        .route("/notifications/toasts", get(notifications::toasts))
}
