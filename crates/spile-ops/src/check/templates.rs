//! Renders message templates as a trial, before a message needs one.

use std::path::Path;

use jiff::Timestamp;
use uuid::Uuid;

use spile_core::alert::Message;
use spile_core::alert::message::Frame;
use spile_core::alert::render::{MessageFormat, render};
use spile_core::problem::Problems;
use spile_core::settings;
use spile_core::source::Source;
use spile_world::Project;

/// Renders a test message with the template of each channel that has its own.
pub(super) fn check(project: &Project, source: &Source, problems: &mut Problems) {
    // Other problems of the settings are reported where the settings are read.
    let mut known = Problems::default();
    let Some(settings) = settings::read(source, &mut known) else { return };
    let (environment, pages) = (&settings.default_environment, settings.url.as_deref());
    for channel in &settings.notify {
        // If the path is actually a secret, no file is opened with it, and no message mentions a file of that name.
        let Some(path) = channel.template.as_ref().filter(|path| !known.is_hidden(&path.place)) else { continue };
        let Some(template) = project.notify_template(Path::new(&path.value), problems) else { continue };
        let frame = Frame { project: &settings.name, environment, pages, channel: &channel.name };
        let message = Message::test(frame, Timestamp::UNIX_EPOCH, Uuid::nil());
        if let Err(mistake) = render(&message, MessageFormat::of(&channel.sender), &template) {
            problems.push(&template, mistake);
        }
    }
}
