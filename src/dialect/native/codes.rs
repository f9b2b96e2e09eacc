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

const fn code(
    name: &'static str,
    status: u16,
    meaning: &'static str,
    remedy: &'static str,
) -> Code {
    Code {
        name,
        status,
        meaning,
        remedy,
    }
}

/// Every code, by its status and then its name.
#[rustfmt::skip]
pub static CODES: [Code; 47] = [
    code("bad_idempotency_key", 400, "The header Idempotency-Key is not of its form.", "Send 1 to 128 visible ASCII characters."),
    code("bad_parameter", 400, "A parameter or header has a value that it cannot have.", "The detail names it and what it must be."),
    code("broken_body", 400, "The body broke off before its end, or its chunks are not well-formed.", "Send it again, whole."),
    code("invalid", 400, "The content of the request is not valid.", "Each violation names a field and what is wrong with it; mend all of them."),
    code("malformed_json", 400, "The body is not JSON, or it is nested too deeply.", "The detail says where; send JSON in UTF-8."),
    code("position_ahead", 400, "The position, or the cursor, is one that this log has not reached, or is another log's.", "Begin again; the detail has the last position there is."),
    code("tenant_unclear", 400, "The token has several tenants, or none, and the request names none.", "Name one with ?tenant=."),
    code("too_broad", 400, "The query would look at too many contacts.", "Narrow it by a tenant, a dialect or more words."),
    code("unknown_parameter", 400, "The query has a parameter that this path does not know.", "The detail names those that there are."),
    code("session_unauthorized", 401, "The vendor's second token is missing or not valid.", "Send a session token; `contactd token --session` prints one."),
    code("unauthorized", 401, "The bearer token is missing, not valid or expired.", "Send `Authorization: Bearer …`; `contactd token` prints a token."),
    code("forbidden", 403, "The token's roles do not allow this, or a page of another site asked.", "The detail names the roles of which one is needed."),
    code("not_yours", 403, "The token is not for this tenant.", "Use a token whose claim `tenant` holds it."),
    code("no_such_command", 404, "No event is of a command with this correlation id, or not for this caller.", "A durable command may still be waiting on the bus; ask again."),
    code("no_such_letter", 404, "There is no dead letter with this number, or no longer.", "GET /bus lists the newest."),
    code("not_found", 404, "There is no such contact, or not for this caller.", "Search for it; a deleted contact still has its history."),
    code("unknown_path", 404, "There is nothing at this path.", "See /docs for the paths there are."),
    code("method_not_allowed", 405, "The path does not take this method.", "The header Allow has those that it takes."),
    code("too_slow", 408, "The request came too slowly.", "Send it again in one go."),
    code("ambiguous_match", 409, "The key of an upsert fits several contacts.", "Change one of them by its id."),
    code("batch_refused", 409, "Another item of the same batch was refused.", "Mend that one and send all of them again."),
    code("duplicate_email", 409, "Another contact of the tenant has this e-mail address.", "Change that contact, or use another address."),
    code("duplicate_id", 409, "The id is taken in this tenant.", "Choose another, or leave it out."),
    code("not_resendable", 409, "The dead letter does not hold all that its command needs.", "The detail says what; its sender can send the command again."),
    code("other_dialect", 409, "The contact belongs to another dialect, whose rules a patch could break.", "Change it by that dialect's own API; the detail names it."),
    code("too_many_contacts", 409, "The owner has as many contacts as it may.", "Delete one before creating another."),
    code("gone", 410, "The contact's personal data was erased.", "Nothing brings it back; its history says when and why."),
    code("key_lost", 410, "Nobody erased the contact, but its key is damaged or not there.", "Ask the operator, who may have the key in a backup made with keys."),
    code("version_mismatch", 412, "The contact is at another version than If-Match names.", "Read it again, and send the change with its ETag."),
    code("too_large", 413, "The request, or the contact that it makes, is larger than the service takes.", "Send less; the detail has the limit."),
    code("too_many_items", 413, "A bulk request holds too many items.", "Send several; the detail has the limit."),
    code("media_type", 415, "The body's media type is not one that is read here.", "Send the header Content-Type that /docs names."),
    code("key_reused", 422, "This Idempotency-Key was used for another request.", "Use a new key for each request, and the same one only to repeat it."),
    code("precondition_required", 428, "The service wants every change to name the version that it is about.", "Send If-Match with the contact's ETag."),
    code("rate_limited", 429, "The caller has asked too often.", "Wait as long as Retry-After says."),
    code("internal", 500, "A fault of the service.", "Its log has more, under the id of the header Contact-Correlation."),
    code("broker_away", 503, "The message broker is not there, or did not answer.", "Ask again; /readyz says how the bus is."),
    code("not_leader", 503, "Another node of the cluster takes the writes, and it is not known yet which; nothing has happened.", "Send it again after Retry-After."),
    code("cut_off", 503, "The node can't reach a majority of its cluster; nothing has happened. Reads still work.", "Send it again after Retry-After, or to another node."),
    code("clock_jumped", 503, "The machine's clock has jumped, so that times would be recorded wrongly; nothing has happened.", "Whoever runs the service sets the clock right, or starts it with --accept-clock."),
    code("disk_full", 503, "The disk is almost full; nothing has happened.", "Reads and erasures go on; whoever runs the service makes room."),
    code("no_room", 503, "The log could not grow; nothing has happened.", "Try again; whoever runs the service makes room."),
    code("not_there_yet", 503, "The view has not reached the position of Contact-Min-Position in time.", "Ask again."),
    code("outcome_unknown", 503, "It is not known whether the change was made.", "Read before you send it again, or send it with an Idempotency-Key."),
    code("overloaded", 503, "The service has more to do than it can take; nothing has happened.", "Wait as long as Retry-After says."),
    code("read_only", 503, "The log takes no changes; nothing has happened.", "Reads go on; whoever runs the service sees why at /readyz."),
    code("stopping", 503, "The service is being stopped; nothing has happened.", "Ask again when it runs."),
];

/// The code of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Code> {
    CODES.iter().find(|code| code.name == name)
}
