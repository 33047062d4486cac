//! The Bulk API: jobs, batches with a query, and their results as CSV.

use serde_json::{Value, json};

use super::message::{Request, Response};
use super::org::Org;
use super::soql::Query;

/// A job with its batch.
pub struct Job {
    object: String,
    /// The result of the batch: CSV, or why it failed.
    batch: Option<Result<String, String>>,
}

impl Org {
    pub(super) fn bulk(&mut self, request: &Request) -> Response {
        let session = request.headers.get("x-sfdc-session");
        if !session.is_some_and(|session| self.grant.sessions.contains(session)) {
            return error("InvalidSessionId", "Invalid session id");
        }
        let path = request.path.strip_prefix("/services/async/61.0/").unwrap_or_default();
        let path: Vec<&str> = path.split('/').collect();
        match (request.method.as_str(), &path[..]) {
            ("POST", ["job"]) => self.create(&request.body),
            ("POST", ["job", job, "batch"]) => self.batch(job, &request.body),
            ("POST" | "GET", ["job", job]) => self.job(job),
            ("GET", ["job", job, "batch", _]) => self.state(job),
            ("GET", ["job", _, "batch", _, "result"]) => Response::xml(
                200,
                "<result-list xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\"><result>752TEST</result></result-list>",
            ),
            ("GET", ["job", job, "batch", _, "result", "752TEST"]) => {
                let rows = self.jobs[*job].batch.as_ref().and_then(|batch| batch.as_ref().ok());
                Response::csv(rows.unwrap().clone())
            }
            _ => error("InvalidUrl", "Destination URL not reset"),
        }
    }

    fn create(&mut self, body: &str) -> Response {
        let sent: Value = serde_json::from_str(body).unwrap();
        assert_eq!((&sent["operation"], &sent["contentType"]), (&json!("queryAll"), &json!("CSV")));
        let id = format!("750TEST{:08}", self.jobs.len());
        self.jobs.insert(id.clone(), Job { object: sent["object"].as_str().unwrap().to_owned(), batch: None });
        self.job(&id).created()
    }

    fn job(&self, id: &str) -> Response {
        let Some(job) = self.jobs.get(id) else { return error("InvalidJob", "Unable to find job") };
        let state = if job.batch.is_some() { "Closed" } else { "Open" };
        let job = json!({
            "id": id, "object": job.object, "operation": "queryAll", "state": state, "contentType": "CSV",
            "concurrencyMode": "Parallel", "apiVersion": 61.0,
        });
        Response::json(200, &job)
    }

    fn batch(&mut self, id: &str, query: &str) -> Response {
        if self.batches.used >= self.batches.allowed {
            return error("ExceededQuota", "ApiBatchItems Limit exceeded.");
        }
        self.batches.used += 1;
        self.queries.push(query.to_owned());
        let result = csv(query, self);
        self.jobs.get_mut(id).unwrap().batch = Some(result);
        info(id, "Queued", "").created()
    }

    fn state(&self, id: &str) -> Response {
        match &self.jobs[id].batch {
            Some(Ok(_)) => info(id, "Completed", ""),
            Some(Err(why)) => info(id, "Failed", &format!("<stateMessage>{why}</stateMessage>")),
            None => error("InvalidBatch", "Unable to find batch"),
        }
    }
}

fn info(job: &str, state: &str, more: &str) -> Response {
    let id = job.replace("750", "751");
    let info = format!(
        "<batchInfo xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\"><id>{id}</id><jobId>{job}</jobId>\
         <state>{state}</state>{more}<numberRecordsProcessed>0</numberRecordsProcessed></batchInfo>"
    );
    Response::xml(200, &info)
}

fn error(code: &str, message: &str) -> Response {
    Response::json(400, &json!({ "exceptionCode": code, "exceptionMessage": message }))
}

/// Returns the rows of a query, with every value in quotes and nulls as empty texts.
fn csv(query: &str, org: &Org) -> Result<String, String> {
    let query = Query::parse(query, org).map_err(|(code, message)| format!("InvalidBatch : {code}: {message}"))?;
    if let Some(compound) = query.fields.iter().find(|field| matches!(query.kind(field), "address" | "location")) {
        return Err(format!("FeatureNotEnabled : Cannot serialize value for '{compound}' in CSV format"));
    }
    let records = query.records();
    if records.is_empty() {
        return Ok("Records not found for this query".to_owned());
    }
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let line = |values: Vec<String>| format!("{}\n", values.join(","));
    let mut text = line(query.fields.iter().map(|field| quoted(field)).collect());
    for record in records {
        let value = |field: &&str| match record.get(*field) {
            None | Some(Value::Null) => quoted(""),
            Some(Value::String(text)) => quoted(text),
            Some(value) => quoted(&value.to_string()),
        };
        text.push_str(&line(query.fields.iter().map(value).collect()));
    }
    Ok(text)
}
