//! What each code of a problem means, and what to do: the one table, of which pages are made.

/// A code of a problem's details.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// The code itself, as the member `code` has it.
    pub name: &'static str,
    /// The HTTP statuses that it comes with.
    pub status: u16,
    /// What it means, as a sentence.
    pub meaning: &'static str,
    /// What whoever meets it should do, as sentences.
    pub remedy: &'static str,
}

/// Every code, by its status and then its name.
#[rustfmt::skip]
pub static CODES: [Code; 49] = [
    Code { name: "bad_idempotency_key", status: 400, meaning: "The header Idempotency-Key is not of its form.", remedy: "Send 1 to 128 visible ASCII characters." },
    Code { name: "bad_parameter", status: 400, meaning: "A parameter or header has a value that it cannot have.", remedy: "The detail names it and what it must be." },
    Code { name: "broken_body", status: 400, meaning: "The body broke off before its end, or its chunks are not well-formed.", remedy: "Send it again, whole." },
    Code { name: "invalid", status: 400, meaning: "The content of the request is not valid.", remedy: "Each violation names a field and what is wrong with it; mend all of them." },
    Code { name: "malformed_json", status: 400, meaning: "The body is not JSON, or it is nested too deeply.", remedy: "The detail says where; send JSON in UTF-8." },
    Code { name: "position_ahead", status: 400, meaning: "The position, or the cursor, is one that this log has not reached, or is another log's.", remedy: "Begin again; the detail has the last position there is." },
    Code { name: "tenant_unclear", status: 400, meaning: "The token has several tenants, or none, and the request names none.", remedy: "Name one with ?tenant=." },
    Code { name: "too_broad", status: 400, meaning: "The query would look at too many contacts.", remedy: "Narrow it by a tenant, a dialect or more words." },
    Code { name: "unknown_parameter", status: 400, meaning: "The query has a parameter that this path does not know.", remedy: "The detail names those that there are." },
    Code { name: "session_unauthorized", status: 401, meaning: "The vendor's second token is missing or not valid.", remedy: "Send a session token; `contactd token --session` prints one." },
    Code { name: "unauthorized", status: 401, meaning: "The bearer token is missing, not valid or expired.", remedy: "Send `Authorization: Bearer …`; `contactd token` prints a token." },
    Code { name: "forbidden", status: 403, meaning: "The token's roles do not allow this, or a page of another site asked.", remedy: "The detail names the roles of which one is needed." },
    Code { name: "not_yours", status: 403, meaning: "The token is not for this tenant.", remedy: "Use a token whose claim `tenant` holds it." },
    Code { name: "no_cluster", status: 404, meaning: "The service keeps its log alone, and the question is for a cluster.", remedy: "Each node of a cluster is started with --cluster, --node, --cluster-key and --nats-url; one service needs none of them." },
    Code { name: "no_such_command", status: 404, meaning: "No event is of a command with this correlation id, or not for this caller.", remedy: "A durable command may still be waiting on the bus; ask again." },
    Code { name: "no_such_letter", status: 404, meaning: "There is no dead letter with this number, or no longer.", remedy: "GET /bus lists the newest." },
    Code { name: "not_found", status: 404, meaning: "There is no such contact, or not for this caller.", remedy: "Search for it; a deleted contact still has its history." },
    Code { name: "unknown_path", status: 404, meaning: "There is nothing at this path.", remedy: "See /docs for the paths there are." },
    Code { name: "method_not_allowed", status: 405, meaning: "The path does not take this method.", remedy: "The header Allow has those that it takes." },
    Code { name: "too_slow", status: 408, meaning: "The request came too slowly.", remedy: "Send it again in one go." },
    Code { name: "ambiguous_match", status: 409, meaning: "The key of an upsert fits several contacts.", remedy: "Change one of them by its id." },
    Code { name: "batch_refused", status: 409, meaning: "Another item of the same batch was refused.", remedy: "Mend that one and send all of them again." },
    Code { name: "duplicate_email", status: 409, meaning: "Another contact of the tenant has this e-mail address.", remedy: "Change that contact, or use another address." },
    Code { name: "duplicate_id", status: 409, meaning: "The id is taken in this tenant.", remedy: "Choose another, or leave it out." },
    Code { name: "not_resendable", status: 409, meaning: "The dead letter does not hold all that its command needs.", remedy: "The detail says what; its sender can send the command again." },
    Code { name: "other_dialect", status: 409, meaning: "The contact belongs to another dialect, whose rules a patch could break.", remedy: "Change it by that dialect's own API; the detail names it." },
    Code { name: "too_many_contacts", status: 409, meaning: "The owner has as many contacts as it may.", remedy: "Delete one before creating another." },
    Code { name: "gone", status: 410, meaning: "The contact's personal data was erased.", remedy: "Nothing brings it back; its history says when and why." },
    Code { name: "key_lost", status: 410, meaning: "Nobody erased the contact, but its key is damaged or not there.", remedy: "Ask the operator, who may have the key in a backup made with keys." },
    Code { name: "version_mismatch", status: 412, meaning: "The contact is at another version than If-Match names.", remedy: "Read it again, and send the change with its ETag." },
    Code { name: "too_large", status: 413, meaning: "The request, or the contact that it makes, is larger than the service takes.", remedy: "Send less; the detail has the limit." },
    Code { name: "too_many_items", status: 413, meaning: "A bulk request holds too many items.", remedy: "Send several; the detail has the limit." },
    Code { name: "media_type", status: 415, meaning: "The body's media type is not one that is read here.", remedy: "Send the header Content-Type that /docs names." },
    Code { name: "key_reused", status: 422, meaning: "This Idempotency-Key was used for another request.", remedy: "Use a new key for each request, and the same one only to repeat it." },
    Code { name: "precondition_required", status: 428, meaning: "The service wants every change to name the version that it is about.", remedy: "Send If-Match with the contact's ETag." },
    Code { name: "rate_limited", status: 429, meaning: "The caller has asked too often.", remedy: "Wait as long as Retry-After says." },
    Code { name: "internal", status: 500, meaning: "A fault of the service.", remedy: "Its log has more, under the id of the header Contact-Correlation." },
    Code { name: "broker_away", status: 503, meaning: "The message broker is not there, or did not answer.", remedy: "Ask again; /readyz says how the bus is." },
    Code { name: "not_leader", status: 503, meaning: "Another node of the cluster takes the writes, and it is not known yet which; nothing has happened.", remedy: "Send it again after Retry-After." },
    Code { name: "cut_off", status: 503, meaning: "The node can't reach a majority of its cluster; nothing has happened. Reads still work.", remedy: "Send it again after Retry-After, or to another node." },
    Code { name: "halted", status: 503, meaning: "The node's log contradicts its cluster's, so it serves nothing; nothing has happened.", remedy: "Ask another node; whoever runs the service sees why at /cluster." },
    Code { name: "clock_jumped", status: 503, meaning: "The machine's clock has jumped, so that times would be recorded wrongly; nothing has happened.", remedy: "Whoever runs the service sets the clock right, or starts it with --accept-clock." },
    Code { name: "disk_full", status: 503, meaning: "The disk is almost full; nothing has happened.", remedy: "Reads and erasures go on; whoever runs the service makes room." },
    Code { name: "no_room", status: 503, meaning: "The log could not grow; nothing has happened.", remedy: "Try again; whoever runs the service makes room." },
    Code { name: "not_there_yet", status: 503, meaning: "The view has not reached the position of Contact-Min-Position in time.", remedy: "Ask again." },
    Code { name: "outcome_unknown", status: 503, meaning: "It is not known whether the change was made.", remedy: "Read before you send it again, or send it with an Idempotency-Key." },
    Code { name: "overloaded", status: 503, meaning: "The service has more to do than it can take; nothing has happened.", remedy: "Wait as long as Retry-After says." },
    Code { name: "read_only", status: 503, meaning: "The log takes no changes; nothing has happened.", remedy: "Reads go on; whoever runs the service sees why at /readyz." },
    Code { name: "stopping", status: 503, meaning: "The service is being stopped; nothing has happened.", remedy: "Ask again when it runs." },
];

/// The code of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Code> {
    CODES.iter().find(|code| code.name == name)
}
