//! The six descriptions.

use serde_json::{Value, json};

use contactd::dialect::{self, ApiOperation};

use crate::api::{Api, Learns, Paging};

const PARTICIPANT: &str = "a24e391a-c27f-4b6e-9805-1ee7e03f3c58";
const UNKNOWN_UUID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// Every dialect, in the order of the service's own table.
pub static ALL: [&Api; 6] = [&NATIVE, &MATTR, &ORACLE, &EMNIFY, &THENA, &KARE];

/// The description of a dialect.
pub fn by_name(name: &str) -> &'static Api {
    let found = ALL.into_iter().find(|api| api.name == name);
    found.expect("a description")
}

#[test]
fn every_dialect_is_described() {
    let served: Vec<_> = dialect::ALL.iter().map(|d| d.rules.name).collect();
    let described: Vec<_> = ALL.iter().map(|api| api.name).collect();
    assert_eq!(described, served);
}

/// A text that is larger than any record.
fn huge() -> String {
    "x".repeat(60_000)
}

static NATIVE: Api = Api {
    name: "native",
    tenants: ["north", "south"],
    contacts: "/contacts",
    query: "?tenant={tenant}",
    tenant_header: None,
    list: "/contacts",
    items: "/data",
    paging: Paging::Cursor,
    reads_one: true,
    learns: Learns::Body,
    create: |p| {
        json!({"name": {"full": p.name}, "kind": "individual", "example.com:keep": [1, null],
               "emails": {"a": {"address": p.email}}})
    },
    shown: |p| json!({"tenant": "north", "dialect": "native", "card": (NATIVE.create)(p)}),
    update_method: "PATCH",
    rename: |p| json!({"name": {"full": p.name}}),
    write_back: |listed| listed["card"].clone(),
    name_at: "/card/name/full",
    volatile: &["version", "lastModifiedAt", "lastModifiedBy"],
    deletes: true,
    statuses: [201, 200, 204],
    invalid: 400,
    missing: r#"{"emails":{"a":{}}}"#,
    wrong_type: r#"{"name":{"full":7}}"#,
    too_long: || json!({"name": {"full": huge()}}),
    too_long_is_a_command: false,
    unknown_id: UNKNOWN_UUID,
    is_error: |answer| {
        let body = answer.json();
        let violations = body.get("violations").and_then(Value::as_array);
        answer.header("content-type") == Some("application/problem+json")
            && body["status"] == answer.status
            && all_text(&body, &["title", "detail", "type"])
            && violations.is_none_or(|all| {
                all.iter()
                    .all(|v| all_text(v, &["field", "code", "message"]))
            })
    },
    not_yours: 403,
    body_of: |operation, p, id, _| match operation {
        ApiOperation::Create | ApiOperation::Upsert => Some((NATIVE.create)(p)),
        ApiOperation::Bulk => Some(json!({"operations": [
            {"op": "create", "card": {"name": {"full": "another"}}},
            {"op": "update", "id": id, "patch": {"name": {"full": "taken"}}},
            {"op": "delete", "id": id}]})),
        ApiOperation::Update => Some(json!({"name": {"full": "taken"}})),
        ApiOperation::Erase => Some(json!({"reason": "request"})),
        _ => None,
    },
    owner_params: &[],
};

static MATTR: Api = Api {
    name: "mattr",
    tenants: [
        "87880d7e-a4d0-462e-8383-3f1e5e16865d",
        "5d0a5c3e-3f2c-4a52-9f3b-1d6c4f6f0a11",
    ],
    contacts: "/v1/ecosystems/{tenant}/participants/a24e391a-c27f-4b6e-9805-1ee7e03f3c58/contacts",
    query: "",
    tenant_header: None,
    list: "/v1/ecosystems/{tenant}/participants/a24e391a-c27f-4b6e-9805-1ee7e03f3c58/contacts",
    items: "/data",
    paging: Paging::Cursor,
    reads_one: true,
    learns: Learns::Body,
    create: |p| {
        json!({"fullName": p.name, "active": true, "emailAddress": p.email,
               "primaryPhoneNumber": "+64 21 123 4567", "secondaryPhoneNumber": "0987"})
    },
    shown: |p| (MATTR.create)(p),
    update_method: "PUT",
    rename: |p| (MATTR.create)(p),
    write_back: |listed| listed,
    name_at: "/fullName",
    volatile: &["lastModifiedAt", "lastModifiedBy"],
    deletes: true,
    statuses: [201, 200, 204],
    invalid: 400,
    missing: r#"{"active":true}"#,
    wrong_type: r#"{"fullName":7,"active":"yes"}"#,
    too_long: || json!({"fullName": huge(), "active": true}),
    too_long_is_a_command: false,
    unknown_id: UNKNOWN_UUID,
    is_error: |answer| match (answer.status, answer.header("content-type")) {
        (401, Some(kind)) if kind.starts_with("text/plain") => answer.body == b"Unauthorized",
        (403 | 413 | 415, Some(kind)) if kind.starts_with("text/plain") => answer.body.is_empty(),
        _ => {
            let body = answer.json();
            let details = body.get("details").and_then(Value::as_array);
            all_text(&body, &["code", "message"])
                && details.is_none_or(|all| {
                    all.iter()
                        .all(|d| all_text(d, &["msg", "param", "location"]))
                })
        }
    },
    not_yours: 403,
    body_of: |operation, p, _, _| match operation {
        ApiOperation::Create | ApiOperation::Update => Some((MATTR.create)(p)),
        _ => None,
    },
    owner_params: &[("ecosystemId", "{tenant}"), ("participantId", PARTICIPANT)],
};

static ORACLE: Api = Api {
    name: "oracle",
    tenants: ["north", "south"],
    contacts: "/ec-site-svc/rest/v1.0/contacts",
    query: "",
    tenant_header: None,
    list: "/ec-site-svc/rest/v2.0/contacts",
    items: "/result/data",
    paging: Paging::Offset,
    reads_one: true,
    learns: Learns::Body,
    create: |p| {
        json!({"contact": (ORACLE.shown)(p), "modes": ["test", {"mode": ORACLE.unknown_id}],
               "contactAddressesDetails": [{"addressPostalcode": "80202", "addressCity": p.email},
                                           {"id": ORACLE.unknown_id}],
               "properties": [{"propertyName": "LabId", "propertyValue": "7"}]})
    },
    shown: |p| json!({"firstName": p.name, "lastName": "Doe", "degree": "MD", "taxId": p.email}),
    update_method: "PUT",
    rename: |p| (ORACLE.create)(p),
    write_back: |listed| listed,
    name_at: "/firstName",
    volatile: &["versionStart"],
    deletes: false,
    statuses: [200, 200, 0],
    invalid: 400,
    missing: r#"{"contact":{"firstName":"a"},"contactAddressesDetails":[]}"#,
    wrong_type: r#"{"contact":{"firstName":7,"lastName":"a"},"contactAddressesDetails":[]}"#,
    too_long: || {
        let contact = json!({"firstName": "x".repeat(101), "lastName": "a"});
        json!({"contact": contact, "contactAddressesDetails": []})
    },
    too_long_is_a_command: true,
    unknown_id: "C36A3197FDEE433FB5547EE83DE99E4B",
    is_error: |answer| {
        let body = answer.json();
        let data = &body["errorData"];
        body["status"] == "error"
            && all_text(data, &["errorCode", "errorMessage"])
            && data.get("details").is_none_or(Value::is_object)
    },
    not_yours: 403,
    body_of: |operation, p, _, _| match operation {
        ApiOperation::Create | ApiOperation::Update => Some((ORACLE.create)(p)),
        _ => None,
    },
    owner_params: &[],
};

static EMNIFY: Api = Api {
    name: "emnify",
    tenants: ["11", "12"],
    contacts: "/api/v1/organisation/{tenant}/contact",
    query: "",
    tenant_header: None,
    list: "/api/v1/organisation/{tenant}/contact",
    items: "",
    paging: Paging::Link,
    reads_one: true,
    learns: Learns::Location,
    create: |p| {
        json!({"type": {"id": 6}, "name": p.name, "title": "Dr", "zipcode": "01067",
               "city": "Dresden", "country": {"id": 74}, "email": p.email,
               "phone": "+49 351 1", "purchase_order_number": "PO-1"})
    },
    shown: |p| (EMNIFY.create)(p),
    update_method: "PATCH",
    rename: |p| json!({"name": p.name}),
    write_back: |listed| listed,
    name_at: "/name",
    volatile: &[],
    deletes: true,
    statuses: [201, 204, 204],
    invalid: 422,
    missing: r#"{"name":"a"}"#,
    wrong_type: r#"{"type":{"id":1},"name":7}"#,
    too_long: || json!({"type": {"id": 1}, "name": huge()}),
    too_long_is_a_command: false,
    unknown_id: "999999999",
    is_error: |answer| {
        let one = |error: &Value| {
            error["error_code"].is_i64() && all_text(error, &["error_token", "message"])
        };
        let body = answer.json();
        let errors = body.get("errors").and_then(Value::as_array);
        one(&body) && errors.is_none_or(|all| all.iter().all(one))
    },
    not_yours: 404,
    body_of: |operation, p, _, token| match operation {
        ApiOperation::Create => Some((EMNIFY.create)(p)),
        ApiOperation::Update => Some(json!({"name": "taken"})),
        ApiOperation::Authenticate => Some(json!({"application_token": token})),
        _ => None,
    },
    owner_params: &[("org_id", "{tenant}")],
};

static THENA: Api = Api {
    name: "thena",
    tenants: ["north", "south"],
    contacts: "/v1/accounts/contacts",
    query: "",
    tenant_header: Some("x-org-id"),
    list: "/v1/accounts/contacts",
    items: "",
    paging: Paging::Page("limit"),
    reads_one: false,
    learns: Learns::Body,
    create: |p| {
        json!({"firstName": p.name, "lastName": "Lee", "email": p.email, "phoneNumber": "+1",
               "accountIds": ["A1", "A2"], "metadata": {"k": [1]},
               "customFieldValues": [{"customFieldId": "C1", "data": [1.5, null]}, {}]})
    },
    shown: |p| {
        json!({"firstName": p.name, "lastName": "Lee", "email": p.email, "phoneNumber": "+1",
               "accounts": ["A1", "A2"], "metadata": {"k": [1]}})
    },
    update_method: "PUT",
    rename: |p| json!({"firstName": p.name}),
    write_back: |listed| listed,
    name_at: "/firstName",
    volatile: &["updatedAt"],
    deletes: true,
    statuses: [201, 200, 204],
    invalid: 400,
    missing: r#"{"firstName":"a"}"#,
    wrong_type: r#"{"firstName":7,"email":"a@example.com"}"#,
    too_long: || json!({"firstName": huge(), "email": "a@example.com"}),
    too_long_is_a_command: false,
    unknown_id: "01H5XAVB4PEVEBSKNK0849N05Q",
    is_error: |answer| {
        let body = answer.json();
        let message = &body["message"];
        let lines = message.as_array();
        body["statusCode"] == answer.status
            && body.get("error").is_none_or(Value::is_string)
            && (message.is_string() || lines.is_some_and(|l| l.iter().all(Value::is_string)))
    },
    not_yours: 403,
    body_of: |operation, p, id, _| match operation {
        ApiOperation::Create => Some((THENA.create)(p)),
        ApiOperation::Update => Some(json!({"firstName": "taken"})),
        ApiOperation::Filter => Some(json!({"ids": [id]})),
        ApiOperation::Bulk => Some(json!({"contacts": [(THENA.create)(p)]})),
        ApiOperation::Ingest => Some(json!({"users": [(THENA.create)(p)], "sinkSource": "MANUAL"})),
        _ => None,
    },
    owner_params: &[],
};

static KARE: Api = Api {
    name: "kare",
    tenants: ["21", "22"],
    contacts: "/companies/v2/rs/{tenant}/contacts",
    query: "",
    tenant_header: None,
    list: "/companies/v2/rs/{tenant}/contacts",
    items: "/data",
    paging: Paging::Page("pageSize"),
    reads_one: false,
    learns: Learns::List,
    create: |p| {
        json!([{"name": p.name, "notify": true, "email": p.email, "phones": ["+33 1", "2"],
                "comment": "c"}])
    },
    shown: |p| json!({"name": p.name, "email": p.email, "phones": ["+33 1", "2"], "comment": "c"}),
    update_method: "PATCH",
    rename: |p| json!({"name": p.name, "notify": true}),
    write_back: |listed| listed,
    name_at: "/name",
    volatile: &["updatedAt", "notifyAt"],
    deletes: true,
    statuses: [201, 200, 204],
    invalid: 400,
    missing: r#"[{"name":"a"}]"#,
    wrong_type: r#"[{"name":7,"notify":"yes"}]"#,
    too_long: || json!([{"name": "x".repeat(251), "notify": true}]),
    too_long_is_a_command: true,
    unknown_id: "999999999",
    is_error: |answer| {
        let body = answer.json();
        let issues = body.get("issues").and_then(Value::as_array);
        all_text(&body, &["message"])
            && issues.is_none_or(|all| {
                all.iter()
                    .all(|i| i["path"].is_array() && all_text(i, &["message"]))
            })
    },
    not_yours: 404,
    body_of: |operation, p, _, _| match operation {
        ApiOperation::Create => Some((KARE.create)(p)),
        ApiOperation::Update => Some(json!({"name": "taken", "notify": true})),
        _ => None,
    },
    owner_params: &[("companyId", "{tenant}")],
};

/// Whether all these members are texts.
fn all_text(value: &Value, names: &[&str]) -> bool {
    names.iter().all(|name| value[*name].is_string())
}
