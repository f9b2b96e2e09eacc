//! `contactd check`: reads the whole configuration as a start would, and says what a start would do.
//!
//! Nothing is opened, made, fetched or listened on, so it may run beside a service: that this one
//! holds the directory is then one thing of those that are wrong. All of them are said, not the
//! first alone.

use std::io::Write;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::client::block_on;
use super::data::check_keys;
use super::exit::{Failure, USAGE};
use super::identity::{self, must_fit};
use super::layout::{Layout, TOKEN_KEY};
use super::options::ServeOptions;
use super::output::err;
use super::plan::{self, BusOptions, ClusterOptions};
use crate::auth::{Jwks, JwksSource, Mode, OwnKey};
use crate::storage::DataDir;

/// Judges a configuration and says what a start would do with it.
///
/// # Errors
/// Something a start would refuse; the code is always that of wrong configuration.
pub fn run(options: &ServeOptions) -> Result<(), Failure> {
    let findings = block_on(async { Ok(findings(options).await) })?;
    let mut wrong = 0;
    let mut out = std::io::stdout().lock();
    for (what, found) in findings {
        match found {
            Ok(said) => writeln!(out, "{what}: {said}").map_err(Failure::failed)?,
            Err(failure) => {
                wrong += 1;
                err!("contactd: {what}: {}", failure.message);
            }
        }
    }
    if wrong > 0 {
        let are = if wrong == 1 { "is" } else { "are" };
        let message = format!("a start would be refused: {wrong} of these {are} wrong");
        return Err(Failure::new(USAGE, message));
    }
    writeln!(out, "nothing is wrong; nothing was opened").map_err(Failure::failed)
}

/// What each part of the configuration amounts to.
async fn findings(options: &ServeOptions) -> Vec<(&'static str, Result<String, Failure>)> {
    let bus = plan::bus(options).await;
    let mode = plan::mode(options, bus.as_ref().ok().and_then(Option::as_ref));
    let tls = plan::tls(options);
    let scheme = if options.tls_cert.is_some() {
        "https"
    } else {
        "http"
    };
    let risks = mode
        .as_ref()
        .map_or_else(|_| Vec::new(), |mode| plan::risks(*mode, options));
    let mut findings = vec![
        ("listen", Ok(format!("{scheme}://{}", options.listen))),
        (
            "connections",
            plan::connections(options).map(|(all, _)| format!("{all} at once")),
        ),
        ("TLS", tls.map(|tls| said_of_tls(tls.is_some()))),
        ("authentication", mode.map(said_of_mode)),
        ("identity provider", keys_of_tokens(options).await),
        ("NATS", bus.map(|bus| said_of_bus(options, bus.as_ref()))),
        (
            "traces",
            plan::collector(options).map(|to| to.unwrap_or("none").to_owned()),
        ),
        (
            "cluster",
            plan::cluster(options).and_then(|found| said_of_cluster(options, found.as_ref())),
        ),
        ("data directory", directory(&options.data.data_dir)),
        ("keys", said_of_keys(options)),
    ];
    findings.extend(risks.into_iter().map(|risk| ("warning", Ok(risk))));
    findings
}

fn said_of_cluster(
    options: &ServeOptions,
    cluster: Option<&ClusterOptions>,
) -> Result<String, Failure> {
    let layout = Layout::at(&options.data.data_dir);
    let member = identity::member_in(layout.identity)?;
    must_fit(member.as_deref(), cluster.map(|it| it.members.own()))?;
    Ok(match cluster {
        None => "none; the service keeps its log alone".to_owned(),
        Some(ClusterOptions { members, .. }) => {
            let others: Vec<_> = members.others().map(ToString::to_string).collect();
            format!("this is {}, with {}", members.own(), others.join(", "))
        }
    })
}

fn said_of_tls(is_given: bool) -> String {
    match is_given {
        true => "the certificate can be read, and the key is its own".to_owned(),
        false => "none; HTTP in clear".to_owned(),
    }
}

fn said_of_mode(mode: Mode) -> String {
    match mode {
        Mode::Open => "open; every caller on this machine is the local developer".to_owned(),
        Mode::Jwt => "jwt; every caller needs a token".to_owned(),
    }
}

/// The keys of the identity provider: read where they are a file, not fetched where they are not.
async fn keys_of_tokens(options: &ServeOptions) -> Result<String, Failure> {
    let Some(source) = plan::jwks(options)? else {
        return Ok("none; tokens come from `contactd token`".to_owned());
    };
    if matches!(source, JwksSource::Url(_)) {
        return Ok("keys would be fetched at the start".to_owned());
    }
    let jwks = Jwks::new(source).map_err(Failure::usage)?;
    let count = jwks.load().await.map_err(Failure::usage)?;
    Ok(format!("{count} keys can be read"))
}

fn said_of_bus(options: &ServeOptions, bus: Option<&BusOptions>) -> String {
    let Some(bus) = bus else {
        return "none; events are published nowhere".to_owned();
    };
    let hosts: Vec<&str> = bus.servers.hosts().collect();
    let detail = match clap::ValueEnum::to_possible_value(&options.event_detail) {
        Some(detail) => detail.get_name().to_owned(),
        None => String::new(),
    };
    format!(
        "at {}, under {}.>, with {detail} events",
        hosts.join(", "),
        bus.prefix.as_str()
    )
}

/// Whether a start could use the directory, or make it.
fn directory(path: &Path) -> Result<String, Failure> {
    let dir = path.display();
    let (exists, there) = (path.is_dir(), nearest(path));
    if path.exists() && !exists {
        let message = format!("{dir} is no directory; --data-dir names one");
        return Err(Failure::usage(message));
    }
    let may = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
    access(&there, may).map_err(|error| {
        let there = there.display();
        Failure::usage(format!("{there} is not this user's to write to: {error}"))
    })?;
    Ok(match (exists, DataDir::is_held(path)?) {
        (false, _) => format!("{dir} is not there, and would be made"),
        (true, false) => format!("{dir} is there and free"),
        (true, true) => {
            return Err(Failure::usage(format!(
                "{dir} is in use by another process, which would have to stop first"
            )));
        }
    })
}

/// The directory itself, or the nearest one above that is there.
fn nearest(path: &Path) -> PathBuf {
    let there = path.ancestors().find(|path| path.exists());
    match there {
        Some(there) if there != Path::new("") => there.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn said_of_keys(options: &ServeOptions) -> Result<String, Failure> {
    let has_begun = check_keys(&options.data)?;
    let dir = &options.data.data_dir;
    if dir.join(TOKEN_KEY).exists() {
        OwnKey::load_or_create(dir).map_err(Failure::usage)?;
    }
    Ok(match has_begun {
        true => "all can be read, and are this log's".to_owned(),
        false => "those that no option names would be made".to_owned(),
    })
}
