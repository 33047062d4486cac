//! The jobs of a `meltano.yml` as `meltano run` runs them: which of them consist of an extractor, its mappers and a
//! loader, and which do more than spile runs. Pure.

use serde_json::Value;

use crate::connector::Role;

/// A job, or a schedule that names an extractor and a loader directly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// The command that runs the whole job.
    pub command: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Extractor(String),
    Mapper(String),
    Loader(String),
    /// dbt and other utilities, and words that Meltano does not know.
    Other(String),
}

/// Where an extractor's records go in a job, and through which mappers, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The loader.
    pub loader: String,
    /// The mappings, by their names in tasks.
    pub mappers: Vec<String>,
}

/// How the jobs of a file run an extractor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Run {
    /// No job runs it.
    Never,
    /// A job runs exactly one pair.
    As(Pair),
    /// The jobs do more than one run of spile does.
    Otherwise(More),
}

/// Why one run of spile would do less than a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct More {
    /// The job.
    pub job: String,
    /// The reason, as a phrase about the extractor.
    pub why: String,
    /// The command that runs the whole job.
    pub command: String,
}

/// Returns the jobs of a document.
#[must_use]
pub fn jobs(document: &Value) -> Vec<Job> {
    let words = Words::of(document);
    let list = |key: &str| document[key].as_array().map(Vec::as_slice).unwrap_or_default();
    let job = |job: &Value| {
        let name = job["name"].as_str()?.to_owned();
        let mut steps = Vec::new();
        words.add(&job["tasks"], &mut steps);
        Some(Job { command: format!("meltano run {name}"), name, steps })
    };
    let schedule = |schedule: &Value| {
        let (name, extractor, loader) =
            (schedule["name"].as_str()?, schedule["extractor"].as_str()?, schedule["loader"].as_str()?);
        let transform = schedule["transform"].as_str().filter(|transform| *transform != "skip");
        let mut steps = vec![Step::Extractor(extractor.to_owned()), Step::Loader(loader.to_owned())];
        steps.extend(transform.map(|transform| Step::Other(format!("transform: {transform}"))));
        Some(Job { command: format!("meltano schedule run {name}"), name: name.to_owned(), steps })
    };
    list("jobs").iter().filter_map(job).chain(list("schedules").iter().filter_map(schedule)).collect()
}

/// The names in a document that tasks may contain.
struct Words<'a> {
    extractors: Vec<&'a str>,
    loaders: Vec<&'a str>,
    mappings: Vec<&'a str>,
}

impl<'a> Words<'a> {
    fn of(document: &'a Value) -> Self {
        let list = |key: &str| document["plugins"][key].as_array().map(Vec::as_slice).unwrap_or_default();
        let names = |list: &'a [Value]| list.iter().filter_map(|one| one["name"].as_str());
        let mappings = |mapper: &'a Value| mapper["mappings"].as_array().map(Vec::as_slice).unwrap_or_default();
        Self {
            extractors: names(list(Role::Extractor.plural())).collect(),
            loaders: names(list(Role::Loader.plural())).collect(),
            mappings: list("mappers").iter().flat_map(|mapper| names(mappings(mapper))).collect(),
        }
    }

    /// Adds the steps of a task, which may be a list of tasks.
    fn add(&self, task: &Value, steps: &mut Vec<Step>) {
        match task {
            Value::Array(tasks) => tasks.iter().for_each(|task| self.add(task, steps)),
            task => steps.extend(task.as_str().unwrap_or_default().split_whitespace().map(|word| self.step(word))),
        }
    }

    fn step(&self, word: &str) -> Step {
        let own = word.to_owned();
        if self.extractors.contains(&word) {
            Step::Extractor(own)
        } else if self.loaders.contains(&word) {
            Step::Loader(own)
        } else if self.mappings.contains(&word) {
            Step::Mapper(own)
        } else {
            Step::Other(own)
        }
    }
}

impl Job {
    /// Returns the pairs that start with an extractor.
    fn pairs<'a>(&'a self, extractor: &'a str) -> impl Iterator<Item = Pair> + 'a {
        let is_it = move |step: &Step| matches!(step, Step::Extractor(name) if name == extractor);
        let starts = self.steps.iter().enumerate().filter(move |(_, step)| is_it(step)).map(|(at, _)| at + 1);
        starts.filter_map(|start| {
            let mut mappers = Vec::new();
            for step in &self.steps[start..] {
                match step {
                    Step::Mapper(name) => mappers.push(name.clone()),
                    Step::Loader(loader) => return Some(Pair { loader: loader.clone(), mappers }),
                    Step::Extractor(_) | Step::Other(_) => return None,
                }
            }
            None
        })
    }

    /// Returns the extractor and the pair of a job that consists of exactly one pair.
    #[must_use]
    pub fn only_pair(&self) -> Option<(&str, Pair)> {
        let Some(Step::Extractor(extractor)) = self.steps.first() else { return None };
        let pair = self.pairs(extractor).next()?;
        self.beyond(Some(&pair)).is_none().then_some((extractor, pair))
    }

    fn has(&self, extractor: &str) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Extractor(name) if name == extractor))
    }

    /// Returns the first step that does not belong to a pair of this extractor.
    fn beyond(&self, pair: Option<&Pair>) -> Option<&str> {
        let length = pair.map_or(1, |pair| pair.mappers.len() + 2);
        let is_own = |(at, step): &(usize, &Step)| match step {
            Step::Extractor(_) => *at == 0,
            Step::Mapper(_) | Step::Loader(_) => *at > 0 && *at < length,
            Step::Other(_) => false,
        };
        let first = self.steps.iter().enumerate().find(|step| !is_own(step))?;
        let (Step::Extractor(name) | Step::Mapper(name) | Step::Loader(name) | Step::Other(name)) = first.1;
        Some(name)
    }
}

impl Run {
    /// Returns how jobs run an extractor.
    #[must_use]
    pub fn of(jobs: &[Job], extractor: &str) -> Self {
        let own: Vec<&Job> = jobs.iter().filter(|job| job.has(extractor)).collect();
        let pairs: Vec<Pair> = own.iter().flat_map(|job| job.pairs(extractor)).collect();
        let more =
            |job: &Job, why: String| Self::Otherwise(More { job: job.name.clone(), why, command: job.command.clone() });
        let Some(first) = own.first() else { return Self::Never };
        let Some(pair) = pairs.first() else {
            return more(first, format!("goes to no loader in the job `{}`", first.name));
        };
        if pairs.iter().any(|other| other != pair) {
            return more(first, "goes to several loaders, or through different mappers, in several jobs".to_owned());
        }
        if own.iter().any(|job| job.beyond(Some(pair)).is_none()) {
            return Self::As(pair.clone());
        }
        let beyond = first.beyond(Some(pair)).unwrap_or_default();
        more(first, format!("is part of the job `{}`, which also runs `{beyond}`", first.name))
    }

    /// Returns the mappers that a run without mappers would skip: those in any job that sends the extractor's records
    /// to a loader.
    #[must_use]
    pub fn mappers(jobs: &[Job], extractor: &str) -> Vec<(String, More)> {
        let mut found: Vec<(String, More)> = Vec::new();
        for job in jobs {
            for mapper in job.pairs(extractor).flat_map(|pair| pair.mappers) {
                let why = format!("goes through the mapper `{mapper}` in the job `{}`", job.name);
                found.push((mapper, More { job: job.name.clone(), why, command: job.command.clone() }));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(jobs: &Value, schedules: &Value) -> Vec<Job> {
        super::jobs(&json!({
            "plugins": {
                "extractors": [{"name": "tap-a"}, {"name": "tap-c"}],
                "loaders": [{"name": "target-b"}, {"name": "target-d"}],
                "mappers": [{"name": "mapper", "mappings": [{"name": "hide"}, {"name": "trim"}]}],
                "utilities": [{"name": "dbt"}],
            },
            "jobs": jobs, "schedules": schedules,
        }))
    }

    fn job(name: &str, tasks: &Value) -> Value {
        json!({ "name": name, "tasks": tasks })
    }

    fn run(jobs: &Value) -> Run {
        Run::of(&document(jobs, &json!([])), "tap-a")
    }

    fn to(loader: &str, mappers: &[&str]) -> Run {
        let mappers = mappers.iter().map(|name| (*name).to_owned()).collect();
        Run::As(Pair { loader: loader.to_owned(), mappers })
    }

    fn why(run: Run) -> String {
        match run {
            Run::Otherwise(more) => format!("{} ({})", more.why, more.command),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_job_of_one_extractor_its_mappers_and_one_loader_is_a_pair() {
        assert_eq!(run(&json!([])), Run::Never);
        assert_eq!(run(&json!([job("j", &json!(["tap-c target-b"]))])), Run::Never);
        assert_eq!(run(&json!([job("j", &json!(["tap-a target-b"]))])), to("target-b", &[]));
        assert_eq!(run(&json!([job("j", &json!(["tap-a hide trim target-b"]))])), to("target-b", &["hide", "trim"]));
        assert_eq!(run(&json!([job("j", &json!([["tap-a hide"], ["target-b"]]))])), to("target-b", &["hide"]));
        // A job with only the pair exists too.
        let both = json!([job("k", &json!(["tap-a target-b", "dbt:run"])), job("j", &json!(["tap-a target-b"]))]);
        assert_eq!(run(&both), to("target-b", &[]));
    }

    #[test]
    fn whatever_does_more_is_named_with_its_command() {
        for (tasks, expected) in [
            (json!(["tap-a target-b", "dbt:run"]), "is part of the job `j`, which also runs `dbt:run` (meltano run j)"),
            (json!(["dbt:run tap-a target-b"]), "is part of the job `j`, which also runs `dbt:run` (meltano run j)"),
            (
                json!(["tap-a target-b", "tap-c target-b"]),
                "is part of the job `j`, which also runs `tap-c` (meltano run j)",
            ),
            (json!(["tap-a unknown target-b"]), "goes to no loader in the job `j` (meltano run j)"),
            (
                json!(["tap-a hide target-b", "tap-a target-b"]),
                "goes to several loaders, or through different mappers, in several jobs (meltano run j)",
            ),
        ] {
            assert_eq!(why(run(&json!([job("j", &tasks)]))), expected);
        }
    }

    #[test]
    fn a_schedule_with_a_transform_is_more_than_a_pair() {
        let run = |schedule: Value| Run::of(&document(&json!([]), &json!([schedule])), "tap-a");
        let schedule = json!({"name": "s", "extractor": "tap-a", "loader": "target-b", "transform": "skip"});
        assert_eq!(run(schedule), to("target-b", &[]));
        let schedule = json!({"name": "s", "extractor": "tap-a", "loader": "target-b", "transform": "run"});
        assert!(why(run(schedule)).ends_with("(meltano schedule run s)"));
    }
}
