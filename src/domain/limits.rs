//! Every limit of the core, in one place, with its unit in its name.

/// One event's record, encoded: header and sealed body together.
pub const RECORD_BYTES_MAX: usize = 48 * 1024;
/// All records of one command, encoded: a group of commands must fit into one frame of the log.
pub const COMMAND_BYTES_MAX: usize = 16 << 20;
/// Items in one bulk command, unless the dialect sets a lower limit.
pub const BATCH_ITEMS_MAX: usize = 1_000;
/// JSON nesting that is read; deeper is malformed input.
pub const JSON_DEPTH_MAX: usize = 64;
/// Ids in an owner's path, the tenant first.
pub const OWNER_IDS_MAX: usize = 4;
/// One id of an owner's path, in bytes.
pub const OWNER_ID_BYTES_MAX: usize = 128;
/// A correlation id, an idempotency key or a reference, in bytes.
pub const TOKEN_BYTES_MAX: usize = 128;
/// A `traceparent` header, in bytes (W3C Trace Context version 00 has 55).
pub const TRACEPARENT_BYTES_MAX: usize = 128;
/// Names of fields recorded in one event.
pub const FIELDS_MAX: usize = 256;
/// Violations recorded in one event; an answer may show more.
pub const VIOLATIONS_MAX: usize = 256;
/// The path of a field, in bytes.
pub const FIELD_BYTES_MAX: usize = 128;
/// The longest that a command waits between its arrival and its events, in milliseconds, for which
/// its events are found by the time in its correlation id.
pub const COMMAND_WAIT_MILLIS_MAX: u64 = 60_000;
/// The step back of a clock, in milliseconds, after which they are still found so.
pub const CLOCK_STEP_MILLIS_MAX: u64 = 1_000;
