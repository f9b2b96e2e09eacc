//! `contactd token`: a token of this data directory's own key. It needs no running service.

use std::io::Write;
use std::time::Duration;

use clap::Args;

use super::exit::Failure;
use super::options::headings;
use super::output::err;
use crate::auth::{AccessClaims, OwnKey, role};
use crate::gateway::unix_seconds;

/// What the token says.
#[derive(Args)]
pub struct TokenOptions {
    /// The directory that holds all data
    #[arg(
        long,
        help_heading = headings::DATA,
        env = "CONTACTD_DATA_DIR",
        default_value = "contact-data",
        value_name = "DIR"
    )]
    data_dir: std::path::PathBuf,
    /// A role: admin, dts-provider, contacts:read, contacts:write or auditor; may be repeated
    #[arg(long, value_name = "ROLE", conflicts_with = "session")]
    role: Vec<String>,
    /// A tenant, `*` for all, or `<dialect>/<tenant>`; may be repeated
    #[arg(long, value_name = "TENANT", conflicts_with = "session")]
    tenant: Vec<String>,
    /// The time for which the token is valid, such as 90s, 30m, 1h or 7d
    #[arg(long, default_value = "1h", value_name = "TIME", value_parser = duration)]
    ttl: Duration,
    /// The subject of the token: its claim `sub`
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,
    /// The client it is for: its `client_id`
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "contactd-cli",
        conflicts_with = "session"
    )]
    client_id: String,
    /// Print a session token for Kare's x-session-token instead
    #[arg(long)]
    session: bool,
}

/// Signs a token and prints it.
pub fn run(options: &TokenOptions) -> Result<(), Failure> {
    let key = OwnKey::load_or_create(&options.data_dir).map_err(Failure::usage)?;
    let now = unix_seconds();
    let token = if options.session {
        let user = options.subject.as_deref().unwrap_or("contactd-cli");
        let session = uuid::Uuid::now_v7().to_string();
        key.sign_session(user, &session, options.ttl, now)
    } else {
        warn_of_nothing(options);
        let claims = AccessClaims {
            subject: options.subject.clone(),
            client_id: Some(options.client_id.clone()),
            management_user_id: None,
            roles: options.role.clone(),
            tenants: options.tenant.clone(),
        };
        key.sign_access(claims, options.ttl, now)
    };
    let token = token.map_err(Failure::usage)?;
    writeln!(std::io::stdout(), "{token}").map_err(Failure::failed)
}

/// Says on standard error where a token, or one of its roles, will let nobody do anything.
fn warn_of_nothing(options: &TokenOptions) {
    let warn = |text: &str| err!("contactd: warning: {text}");
    for role in &options.role {
        if !role::ALL.contains(&role.as_str()) {
            let known = role::ALL.join(", ");
            warn(&format!(
                "nobody knows the role {role:?}; those known are {known}"
            ));
        }
    }
    if options.role.is_empty() {
        warn("the token has no role, so that it may do nothing; add --role");
    }
    if options.tenant.is_empty() {
        warn("the token has no tenant, so that it sees no contact; add --tenant, '*' for all");
    }
}

/// A whole number with a unit: s, m, h or d.
fn duration(text: &str) -> Result<Duration, String> {
    let bad = || "a time is a number and s, m, h or d, such as 1h".to_owned();
    let split = text.len().saturating_sub(1);
    let (number, unit) = text.split_at_checked(split).ok_or_else(bad)?;
    let number: u64 = number.parse().map_err(|_| bad())?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(bad()),
    };
    let seconds = number.checked_mul(unit).ok_or_else(bad)?;
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(604_800)));
        for bad in ["", "1", "h", "-1h", "1w", "ü", "99999999999999999999d"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
