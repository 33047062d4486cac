//! The input of one invocation of Meltano, for an integration with or without its loader.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

use crate::secrets::LiveSecrets;
use crate::{Error, Event, Loaded, Tell, secrets};
use spile_core::connector::Plugin;
use spile_core::integration::check::environment_variable;
use spile_core::integration::rotated::RotatedSecret;
use spile_core::integration::{Integration, Integrations};
use spile_core::name::EnvironmentName;
use spile_core::plan;
use spile_core::render::Purpose;
use spile_core::run::StreamFilter;
use spile_core::settings::Verify;
use spile_core::value::expansion;
use spile_world::files::io_error::IoError;
use spile_world::files::project::OWN_FOLDER;
use spile_world::files::state_folder;
use spile_world::processes::meltano::{Catalog, Hold, Host, Mapper, Request, Span, Surroundings, Transport};
use spile_world::{Rotations, World};

/// Installs the pinned Meltano if it is missing, and cleans up after killed runs.
pub(crate) async fn install(
    world: &World,
    host: &Host,
    interrupt: &watch::Receiver<bool>,
    tell: Tell<'_>,
) -> Result<(), Error> {
    world.meltano.sweep()?;
    if !world.meltano.is_installed() {
        // Checks first that the folder is writable, so that a failed installation is not announced.
        world.project.own().make().map_err(IoError::of("use", OWN_FOLDER))?;
        if !world.meltano.is_baked() {
            tell(Event::InstallingMeltano { version: world.meltano.version().to_owned() });
        }
        world.meltano.install(host, &mut interrupt.clone()).await?;
    }
    Ok(())
}

/// The inputs of one invocation of Meltano that do not come from the project.
#[derive(Debug, Clone)]
pub(crate) struct Invocation {
    /// The run's id.
    pub run: Uuid,
    /// The environment.
    pub environment: EnvironmentName,
    /// The path of the log, relative to the project.
    pub log: PathBuf,
    /// The time limit.
    pub timeout: Option<Duration>,
    /// The parts of the machine's environment that children get.
    pub host: Host,
    /// The hold that prevents other runs of the integration.
    pub hold: Option<Arc<Hold>>,
}

/// Returns the input that Meltano needs to run an integration, with its loader if given: their secrets, which are decrypted
/// now, and a project file with only these two.
///
/// # Errors
/// When no key decrypts their secrets, or the template fails.
pub(crate) async fn request(
    world: &World,
    loaded: &Loaded,
    integration: &Arc<Integration>,
    to: Option<&Arc<Integration>>,
    invocation: Invocation,
) -> Result<Request, Error> {
    let LiveSecrets { mut variables, rotating } = secrets::live(world, integration, &invocation.environment).await?;
    if let Some(loader) = to {
        // A source rotates only secrets of its tap.
        variables.extend(secrets::variables(&world.keys, loader, &invocation.environment).await?);
    }
    Ok(Request { variables, rotating, ..without_secrets(world, loaded, integration, to, invocation)? })
}

/// Gives a request the current secrets again, if an invocation since it was made has changed some.
///
/// # Errors
/// When no key decrypts them, or the registry cannot be asked.
pub(crate) async fn refresh_secrets(
    world: &World,
    integration: &Integration,
    request: &mut Request,
) -> Result<(), Error> {
    let Some(rotating) = &request.rotating else { return Ok(()) };
    let of = secrets::rotated::of(integration, &rotating.environment);
    let known = |(name, secret): (&String, &RotatedSecret)| rotating.previous.get(name) == Some(secret);
    // In the registry too: what the invocation has rotated may have been sent already.
    if Rotations::of(world).current(&of).await?.iter().all(known) {
        return Ok(());
    }
    let LiveSecrets { variables, rotating } = secrets::live(world, integration, &of.environment).await?;
    request.variables.extend(variables);
    request.rotating = rotating;
    Ok(())
}

/// Returns the same without secrets, for what needs none: no key is asked for.
///
/// # Errors
/// When the template fails.
pub(crate) fn without_secrets(
    world: &World,
    loaded: &Loaded,
    integration: &Arc<Integration>,
    to: Option<&Arc<Integration>>,
    invocation: Invocation,
) -> Result<Request, Error> {
    let is_one = |id| id == integration.id || to.is_some_and(|loader| id == loader.id);
    let those: Integrations = loaded.integrations.filtered(|integration| is_one(integration.id));
    let environment = &invocation.environment;
    let project_file = project_file(world.project.root(), loaded, &those)?;
    let is_imported = those.iter().any(|one| one.plugin.is_some());
    Ok(Request {
        run_id: invocation.run,
        environment: environment.to_string(),
        extractor: integration.plugin_name(),
        loader: to.map(|loader| loader.plugin_name()),
        mappers: to.map(|_| mappers(integration, environment, &project_file)).unwrap_or_default(),
        variables: BTreeMap::new(),
        rotating: None,
        masked: Vec::new(),
        settings: BTreeMap::new(),
        hidden: those.iter().flat_map(|one| base_variables(one, &loaded.integrations)).collect(),
        plugins: those.iter().map(|one| (one.role(), installed(one, &project_file))).collect(),
        project_file,
        span: Span::New,
        part: None,
        state_suffix: None,
        filter: StreamFilter::default(),
        reset: None,
        transport: Transport::Messages,
        verify: Verify::Off,
        catalog: Catalog::Kept,
        surroundings: if is_imported { Surroundings::Project } else { Surroundings::Nothing },
        bookmarks: None,
        log: state_folder::of(world.project.root()).join(&invocation.log),
        timeout: invocation.timeout,
        host: invocation.host,
        hold: invocation.hold,
    })
}

/// Refuses a request in which Meltano would not find variables that settings name.
///
/// # Errors
/// When one is missing, or the project's `.env` cannot be read.
pub(crate) fn require(
    world: &World,
    request: &Request,
    of: &Integration,
    names: BTreeSet<String>,
) -> Result<(), Error> {
    let names = world.meltano.missing(request, names)?;
    if names.is_empty() { Ok(()) } else { Err(Error::VariableMissing { slug: of.slug.clone(), names }) }
}

/// The setting of every extractor that narrows its selection: an extra of Meltano's.
const SELECT_FILTER: &str = "_select_filter";

/// Narrows a request to some of the streams that are selected.
pub(crate) fn narrow(request: &mut Request, filter: &StreamFilter) {
    if !filter.only.is_empty() {
        let variable = environment_variable(&request.extractor, SELECT_FILTER);
        request.settings.insert(variable, serde_json::json!(filter.select_filter()).to_string());
    }
    request.filter = filter.clone();
}

/// Returns a `meltano.yml` of only what the run needs, so that Meltano starts as fast in a large project as in
/// a small one. Imported plugins are all there, for one may inherit from another. `MELTANO_PROJECT_ROOT` in values
/// means the user's project there too.
pub(crate) fn project_file(root: &Path, loaded: &Loaded, those: &Integrations) -> Result<String, Error> {
    let text = rendered(loaded, those)?;
    let root = serde_json::json!(root.to_string_lossy()).to_string();
    let root = root.trim_matches('"');
    Ok(text.replace("${MELTANO_PROJECT_ROOT}", root).replace("$MELTANO_PROJECT_ROOT", root))
}

/// Returns the same with `MELTANO_PROJECT_ROOT` in values.
pub(crate) fn rendered(loaded: &Loaded, those: &Integrations) -> Result<String, Error> {
    let is_there = |one: &Integration| one.plugin.is_some() || those.get(&one.id).is_some();
    let there = loaded.integrations.filtered(is_there);
    loaded.rendered_for(Purpose::Run, &plan::entries(&there, &loaded.settings))
}

/// Returns the variables of the base plugin, which Meltano would pass to every plugin that inherits from it. Variables of
/// an imported plugin's own are not among them.
pub(crate) fn base_variables(integration: &Integration, all: &Integrations) -> Vec<String> {
    let plugin = &integration.connector.plugin.name;
    let is_own = all.iter().any(|one| one.plugin.as_ref().is_some_and(|name| name == plugin));
    if integration.plugin.is_some() || is_own {
        return Vec::new();
    }
    integration.connector.settings.iter().map(|setting| environment_variable(plugin, &setting.name)).collect()
}

/// Returns the variables that the settings of integrations name.
pub(crate) fn variables<'a>(
    of: impl IntoIterator<Item = Option<&'a Arc<Integration>>>,
    environment: &EnvironmentName,
) -> BTreeSet<String> {
    of.into_iter().flatten().flat_map(|one| named_variables(one, environment)).collect()
}

/// Returns the variables that the settings of an integration name.
pub(crate) fn named_variables(integration: &Integration, environment: &EnvironmentName) -> BTreeSet<String> {
    let declared = integration.at(environment);
    let select = declared.select.iter().filter_map(|pattern| expansion::reference(pattern));
    let mut found: BTreeSet<String> = select.map(str::to_owned).collect();
    let rules = declared.metadata.values();
    declared.config.values().chain(rules).for_each(|value| expansion::named(value, &mut found));
    found
}

/// Returns the mappers that an integration's records pass through. Meltano itself refuses a mapping that the project does
/// not have.
fn mappers(integration: &Integration, environment: &EnvironmentName, text: &str) -> Vec<Mapper> {
    let mapper = |mapping: &String| {
        let (plugin, pip_url) = spile_core::render::read::mapper(text, mapping).ok().flatten().unwrap_or_default();
        // Without a `pip_url`, Meltano takes it from the hub or its lock file.
        Mapper { mapping: mapping.clone(), pip_url: pip_url.unwrap_or_else(|| plugin.clone()), plugin }
    };
    integration.at(environment).mappers.iter().map(mapper).collect()
}

/// Returns the plugin to install for an integration, as its connector defines it, or as the template does from which the
/// text was rendered.
pub(crate) fn installed(integration: &Integration, text: &str) -> Plugin {
    let Some(name) = &integration.plugin else { return integration.connector.plugin.clone() };
    // A text that cannot be read was refused earlier. Without a `pip_url`, Meltano takes it from the hub or its lock file.
    let found = spile_core::render::read::installed(text, integration.role(), name).ok().flatten();
    let (name, pip_url) = found.unwrap_or_else(|| (name.clone(), None));
    Plugin { pip_url: pip_url.unwrap_or_else(|| name.clone()), name, ..integration.connector.plugin.clone() }
}
