//! The list of v2.0: its filters, its pages, its envelope.

use serde_json::{Value, json};

use super::{CONTACTS, HEX, LIST, NO_UUID, body, in_memory, with};
use crate::dialect::in_memory::{InMemoryService, NOW};

const OTHER: &str = "B1B8327AFAA6412287106192AB5984EF";

/// Ann, Bob and Cy, who differ in everything that a list is filtered by.
fn with_three() -> InMemoryService {
    let mut service = in_memory();
    service.send_json(
        "POST",
        CONTACTS,
        &json!({
            "contact": {"id": HEX, "firstName": "Ann", "middleName": "Bea", "lastName": "Cole",
                "contactType": OTHER, "primarySpecialityId": HEX, "statusCodeValue": "Retired"},
            "contactAddressesDetails": [{"addressPostalcode": "1", "country": HEX,
                "addressStateOrProvOrCounty": OTHER}],
        }),
    );
    service.send_json(
        "POST",
        CONTACTS,
        &json!({
            "contact": {"firstName": "Bob", "lastName": "Doe", "status": HEX},
            "contactAddressesDetails": [],
            "modes": [{"mode": HEX}],
            "properties": [{"propertyName": "LabId", "propertyValue": "1", "entityId": OTHER}],
        }),
    );
    service.send_json(
        "POST",
        CONTACTS,
        &json!({
            "contact": {"firstName": "Cy", "lastName": "D"},
            "contactAddressesDetails": [{"addressPostalcode": "2", "addressProperties":
                [{"propertyName": "p", "propertyValue": "v", "entityId": HEX}]}],
        }),
    );
    service
}

#[test]
fn a_list_is_filtered_by_each_parameter() {
    let mut service = with_three();
    let mut check = |query: &str, want: &[&str]| {
        let query = query.replace("HEX", HEX).replace("OTHER", OTHER);
        let seen = service.send("GET", &format!("{LIST}?{query}"), "");
        let body = seen.json();
        let data = body["result"]["data"].as_array().expect(&query);
        let names: Vec<&Value> = data.iter().map(|contact| &contact["firstName"]).collect();
        assert_eq!(names, want, "{query}");
    };
    check("", &["Ann", "Bob", "Cy"]);
    check("unknown=1", &["Ann", "Bob", "Cy"]);
    check("contactType=CONTACT", &["Bob", "Cy"]);
    check("contactType=OTHER", &["Ann"]);
    check("contactType=INVESTIGATOR", &[]);
    check("name=d", &["Bob", "Cy"]);
    check("name=ann+cole", &["Ann"]);
    check("name=Bea%20C", &["Ann"]);
    check("status=ACTIVE", &["Cy"]);
    check("status=retired", &["Ann"]);
    check("status=HEX", &["Bob"]);
    check("specialityId=HEX", &["Ann"]);
    check("countryId=HEX", &["Ann"]);
    check("stateId=OTHER", &["Ann"]);
    check("stateId=HEX", &[]);
    check("investigatorId=HEX", &["Ann"]);
    check("modeId=HEX", &["Bob"]);
    check("entityId=OTHER", &["Ann", "Bob", "Cy"]);
    check("entitiesOption=all&entityId=OTHER", &["Ann", "Bob", "Cy"]);
    check("entitiesOption=associated&entityId=OTHER", &["Bob"]);
    check("entitiesOption=associated&entityId=HEX", &["Cy"]);
    check("entitiesOption=associated", &["Bob", "Cy"]);
    check(
        "entitiesOption=notAssociated&entityId=OTHER",
        &["Ann", "Cy"],
    );
    check("entitiesOption=notAssociated", &["Ann"]);
    check("order=DESC&limit=2", &["Cy", "Bob"]);
    check("order=asc&offset=1&limit=1", &["Bob"]);
    check("limit=0", &[]);
    check("offset=9", &[]);
    check("name=o&contactType=OTHER", &["Ann"]);
}

#[test]
fn a_list_has_the_envelope_and_what_stands_beside_a_contact() {
    let mut service = in_memory();
    let mut sent = with("/contact/id", HEX.into());
    sent["modes"] = json!(["test"]);
    sent["properties"] = json!([{"propertyName": "LabId", "propertyValue": "7"}]);
    service.send_json("POST", CONTACTS, &sent);
    service.send_json("POST", CONTACTS, &body());
    let seen = service.send("GET", &format!("{LIST}?limit=1"), "");
    let mut contact = service.send("GET", &format!("{CONTACTS}/{HEX}"), "").json();
    let since = NOW;
    contact["contactAddressesDetails"] = json!([{"addressPostalcode": "80202",
        "entityId": HEX, "versionStart": since, "studyUsage": []}]);
    contact["modes"] = json!([{"modeCodeValue": "test", "entityId": HEX, "versionStart": since}]);
    contact["properties"] =
        json!([{"propertyName": "LabId", "propertyValue": "7", "studyUsage": []}]);
    let result = json!({"hasMore": "true", "totalResults": 2, "count": 1, "data": [contact]});
    assert_eq!(seen.json(), json!({"status": "success", "result": result}));
}

#[test]
fn a_parameter_that_is_not_of_its_form_is_refused() {
    for (query, field, reason) in [
        ("limit=1001", "limit", "is not an allowed value"),
        ("limit=-1", "limit", "is not an allowed value"),
        ("limit=%2B1", "limit", "is not an allowed value"),
        ("limit=", "limit", "is not an allowed value"),
        ("offset=2147483648", "offset", "is not an allowed value"),
        ("order=Asc", "order", "is not an allowed value"),
        (
            "entitiesOption=ALL",
            "entitiesOption",
            "is not an allowed value",
        ),
        ("limit=1.5", "limit", "is not an allowed value"),
        ("name=%20", "name", "must not be empty"),
        ("countryId=USA", "countryId", NO_UUID),
        ("entityId=1", "entityId", NO_UUID),
    ] {
        let seen = in_memory().send("GET", &format!("{LIST}?{query}"), "");
        assert_eq!(seen.reply.status, 400, "{query}");
        let want = json!({"field": field, "reason": reason});
        assert_eq!(seen.json()["errorData"]["details"], want, "{query}");
    }
    for fine in [
        "contactType=&name=&status=&countryId=&entitiesOption=&order=",
        "limit=10.0&offset=0.0",
    ] {
        let seen = in_memory().send("GET", &format!("{LIST}?{fine}"), "");
        assert_eq!(seen.reply.status, 200, "{fine}");
    }
    let long = format!("{LIST}?name={}", "n".repeat(256));
    let seen = in_memory().send("GET", &long, "");
    assert_eq!(seen.reply.status, 400);
}
