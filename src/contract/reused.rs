//! The headers, parameters and security schemes that OpenAPI's operations refer to.

use serde_json::{Value, json};

use crate::dialect;
use crate::dialect::describe::set;

/// The response headers that operations have in common.
pub fn headers() -> Value {
    let header = |about: &str, schema: Value| json!({"description": about, "required": true, "schema": schema});
    let text = json!({"type": "string"});
    json!({
        "Correlation": header("What ties together all that came of the request.", text),
        "Position": header(
            "Of a write its outcome's position in the log, of a read the position its view had reached.",
            json!({"type": "integer", "format": "int64", "minimum": 0}),
        ),
        "Log": header("The id of the log that the position is of.", json!({"type": "string", "format": "uuid"})),
        "Stale": {
            "description": "Where a node of a cluster has not heard of the one that leads for longer than a moment: for how many seconds; where it has not since it started, the age of its last event. What was written since may be missing.",
            "required": false,
            "schema": {"type": "integer", "minimum": 0},
        },
        "Replayed": {
            "description": "`true` where the request was made before under its `Idempotency-Key`, and this is its answer.",
            "required": false,
            "schema": {"type": "boolean"},
        },
        "Version": header("The contact's version.", json!({"type": "string", "pattern": "^\"[0-9]+\"$"})),
        "Location": header("Where the new contact is.", json!({"type": "string", "format": "uri-reference"})),
    })
}

/// The headers of requests that operations have in common.
pub fn parameters() -> Value {
    let header = |name: &str, about: &str, schema: Value| {
        json!({
            "name": name, "in": "header", "required": false, "description": about, "schema": schema,
        })
    };
    json!({
        "IdempotencyKey": header(
            "Idempotency-Key",
            "The same key with the same request gives the same answer, and happens once.",
            json!({"type": "string", "pattern": "^[!-~]{1,128}$"}),
        ),
        "IfMatch": header(
            "If-Match",
            "The `ETag` of the version that the request is about, or `*` for any.",
            json!({"type": "string", "pattern": "^(\\*|\"[0-9]+\"(, ?\"[0-9]+\")*)$"}),
        ),
        "IfNoneMatch": header(
            "If-None-Match",
            "The `ETag`s of versions that the caller has or does not want changed, or `*` for any.",
            json!({"type": "string", "pattern": "^(\\*|(W/)?\"[0-9]+\"(, ?(W/)?\"[0-9]+\")*)$"}),
        ),
        "MinPosition": header(
            "Contact-Min-Position",
            "A position that the answer's view must have reached.",
            json!({"type": "integer", "format": "int64", "minimum": 0}),
        ),
        "Log": header(
            "Contact-Log",
            "The log that the request's positions and cursors are of; another than this one is refused.",
            json!({"type": "string", "format": "uuid"}),
        ),
    })
}

/// The ways in which a caller can say who it is.
pub fn security_schemes() -> Value {
    let about =
        "A token of the JWKS that the service is given, or one of its own (`contactd token`).";
    let bearer =
        json!({"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": about});
    let mut schemes = json!({ "bearer": bearer });
    for name in dialect::ALL
        .iter()
        .flat_map(|dialect| [dialect.extras.session_header, dialect.extras.key_header])
        .flatten()
    {
        set(
            &mut schemes,
            name,
            json!({"type": "apiKey", "in": "header", "name": name}),
        );
    }
    schemes
}
