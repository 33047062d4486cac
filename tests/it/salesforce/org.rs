//! An organization: its objects and records, who may sign in, and what it allows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::HOST;
use super::bulk::Job;
use super::message::{Request, Response};

/// A field of an object.
#[derive(Debug, Clone)]
pub struct Field {
    pub name: &'static str,
    /// Its type, in the words of a describe.
    pub kind: &'static str,
}

/// A kind of records.
pub struct Object {
    pub name: &'static str,
    pub fields: Vec<Field>,
    /// The records. Times end in `Z` here; each API has its own form.
    pub records: Vec<Map<String, Value>>,
}

/// Who may sign in.
pub struct Grant {
    pub client_id: &'static str,
    pub client_secret: &'static str,
    /// The valid refresh token; `None` once it is revoked or has expired, which Salesforce does not tell apart.
    pub refresh_token: Option<String>,
    /// Whether each sign-in replaces the refresh token.
    pub rotates: bool,
    /// How many refresh tokens there were.
    pub issued: u32,
    /// The access tokens that are valid.
    pub sessions: BTreeSet<String>,
    /// The callback addresses of the app.
    pub callbacks: Vec<String>,
    /// The codes that nobody has exchanged yet.
    pub codes: BTreeMap<String, Code>,
}

/// What a code was given for.
pub struct Code {
    pub callback: String,
    /// The challenge of PKCE.
    pub challenge: String,
}

/// Calls that are used and allowed in a day.
pub struct Limit {
    pub used: u32,
    pub allowed: u32,
}

/// An organization.
pub struct Org {
    pub objects: Vec<Object>,
    pub grant: Grant,
    pub calls: Limit,
    pub batches: Limit,
    /// How many rows a response has. Salesforce returns 2,000, and at least 200 if a client asks for fewer.
    pub page: usize,
    /// The rest of queries, by locator.
    pub cursors: BTreeMap<String, Vec<Value>>,
    pub jobs: BTreeMap<String, Job>,
    /// The requests so far, without what changes from run to run.
    pub asked: Vec<String>,
    /// The queries so far.
    pub queries: Vec<String>,
    /// A part of paths, and what requests to them get.
    fault: Option<(&'static str, Response)>,
}

impl Org {
    /// Answers requests to these paths with an error.
    pub fn fails(&mut self, path: &'static str, status: u16, code: &str, message: &str) {
        self.fault = Some((path, Response::error(status, code, message)));
    }

    /// Ends the error.
    pub fn recovers(&mut self) {
        self.fault = None;
    }

    pub fn object(&self, name: &str) -> Option<&Object> {
        self.objects.iter().find(|object| object.name == name)
    }

    pub fn object_mut(&mut self, name: &str) -> &mut Object {
        self.objects.iter_mut().find(|object| object.name == name).unwrap()
    }

    pub fn answer(&mut self, request: &Request) -> Response {
        self.asked.push(format!("{} {}", request.method, request.path));
        if request.host != HOST {
            return self.sign_in(request);
        }
        if let Some((_, response)) = self.fault.as_ref().filter(|(path, _)| request.path.contains(path)) {
            return response.clone();
        }
        if request.path.starts_with("/services/async/") { self.bulk(request) } else { self.rest(request) }
    }

    /// An organization with three standard objects, one of its own, one that keeps no `SystemModstamp`, and one without
    /// any time.
    pub fn acme() -> Self {
        let objects = vec![
            object("Account", ACCOUNT, 450, &account),
            object("Contact", CONTACT, 5, &contact),
            object("Opportunity", OPPORTUNITY, 3, &opportunity),
            object("Invoice__c", INVOICE, 4, &|_| json!({ "Total__c": 12.5, "Paid__c": true, "Lines__c": 3 })),
            object(
                "AccountHistory",
                ACCOUNT_HISTORY,
                3,
                &|number| json!({ "CreatedDate": day(number), "Field": "Name", "OldValue": "Old", "NewValue": "New" }),
            ),
            object("DashboardComponent", DASHBOARD_COMPONENT, 2, &|_| json!({ "Name": "Chart" })),
        ];
        let grant = Grant {
            client_id: "key-of-the-app",
            client_secret: "hunter2-app",
            refresh_token: Some("hunter2-token-1".to_owned()),
            rotates: false,
            issued: 1,
            sessions: BTreeSet::new(),
            callbacks: Vec::new(),
            codes: BTreeMap::new(),
        };
        Self {
            objects,
            grant,
            calls: Limit { used: 100, allowed: 15_000 },
            batches: Limit { used: 0, allowed: 15_000 },
            page: 200,
            cursors: BTreeMap::new(),
            jobs: BTreeMap::new(),
            asked: Vec::new(),
            queries: Vec::new(),
            fault: None,
        }
    }

    /// Adds a record that was changed last, with a number that no other record of the object has.
    pub fn add(&mut self, object: &str, number: usize, more: Value) {
        let object = self.object_mut(object);
        let record = record(object.name, number, more);
        object.records.push(record);
    }
}

/// Returns the time at which a record with that number was last changed: a minute after the one before.
pub fn day(number: usize) -> String {
    let first: jiff::Timestamp = "2024-03-01T00:00:00Z".parse().unwrap();
    let minutes = i64::try_from(number).unwrap();
    format!("{:.3}", first + jiff::SignedDuration::from_mins(minutes))
}

fn record(object: &str, number: usize, more: Value) -> Map<String, Value> {
    let Value::Object(more) = more else { panic!("{more}") };
    let mut record = Map::from_iter([("Id".to_owned(), json!(format!("{}{number:012}AAA", prefix(object))))]);
    if !["AccountHistory", "DashboardComponent"].contains(&object) {
        record.insert("SystemModstamp".to_owned(), json!(day(number)));
        record.insert("IsDeleted".to_owned(), json!(false));
    }
    record.extend(more);
    record
}

/// The first letters of ids, which name the object.
fn prefix(object: &str) -> &'static str {
    match object {
        "Account" => "001",
        "Contact" => "003",
        "Opportunity" => "006",
        "Invoice__c" => "a00",
        "AccountHistory" => "017",
        _ => "01a",
    }
}

fn object(
    name: &'static str,
    fields: &[(&'static str, &'static str)],
    count: usize,
    more: &dyn Fn(usize) -> Value,
) -> Object {
    Object {
        name,
        fields: fields.iter().map(|(name, kind)| Field { name, kind }).collect(),
        records: (1..=count).map(|number| record(name, number, more(number))).collect(),
    }
}

const ACCOUNT: &[(&str, &str)] = &[
    ("Id", "id"),
    ("IsDeleted", "boolean"),
    ("Name", "string"),
    ("BillingStreet", "textarea"),
    ("BillingCity", "string"),
    ("BillingAddress", "address"),
    ("NumberOfEmployees", "int"),
    ("AnnualRevenue", "currency"),
    ("OwnerId", "reference"),
    ("CreatedDate", "datetime"),
    ("SystemModstamp", "datetime"),
    ("Tier__c", "picklist"),
    ("Seats__c", "double"),
    ("Renewal__c", "date"),
    ("Office__Latitude__s", "double"),
    ("Office__c", "location"),
];

const CONTACT: &[(&str, &str)] = &[
    ("Id", "id"),
    ("IsDeleted", "boolean"),
    ("LastName", "string"),
    ("Email", "email"),
    ("Phone", "phone"),
    ("Birthdate", "date"),
    ("SystemModstamp", "datetime"),
];

const OPPORTUNITY: &[(&str, &str)] = &[
    ("Id", "id"),
    ("IsDeleted", "boolean"),
    ("Name", "string"),
    ("Amount", "currency"),
    ("Probability", "percent"),
    ("CloseDate", "date"),
    ("IsWon", "boolean"),
    ("SystemModstamp", "datetime"),
];

const INVOICE: &[(&str, &str)] = &[
    ("Id", "id"),
    ("IsDeleted", "boolean"),
    ("Total__c", "currency"),
    ("Paid__c", "boolean"),
    ("Lines__c", "double"),
    ("Scan__c", "base64"),
    ("SystemModstamp", "datetime"),
];

const ACCOUNT_HISTORY: &[(&str, &str)] = &[
    ("Id", "id"),
    ("Field", "picklist"),
    ("OldValue", "anyType"),
    ("NewValue", "anyType"),
    ("CreatedDate", "datetime"),
];

const DASHBOARD_COMPONENT: &[(&str, &str)] = &[("Id", "id"), ("Name", "string")];

fn account(number: usize) -> Value {
    json!({
        "Name": format!("Account \"{number}\", Inc."),
        "BillingStreet": "1 Main Street\nFloor 2",
        "BillingCity": "Zürich",
        "BillingAddress": {
            "city": "Zürich", "country": "CH", "geocodeAccuracy": null, "latitude": 47.37, "longitude": 8.54,
            "postalCode": "8001", "state": null, "street": "1 Main Street\nFloor 2",
        },
        "NumberOfEmployees": number,
        "AnnualRevenue": 1_000_000.25,
        "OwnerId": "005000000000001AAA",
        "CreatedDate": "2024-01-01T00:00:00.000Z",
        "Tier__c": if number.is_multiple_of(2) { json!("Gold") } else { Value::Null },
        "Seats__c": 10.0,
        "Renewal__c": "2025-01-31",
        "Office__Latitude__s": 47.37,
        "Office__c": { "latitude": 47.37, "longitude": 8.54 },
    })
}

fn contact(number: usize) -> Value {
    json!({ "LastName": format!("Name {number}"), "Email": "a@example.com", "Phone": null, "Birthdate": "1990-05-06" })
}

fn opportunity(number: usize) -> Value {
    json!({
        "Name": format!("Deal {number}"), "Amount": 99.5, "Probability": 50.0, "CloseDate": "2024-06-30", "IsWon": false,
    })
}
