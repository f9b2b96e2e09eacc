//! `contactd demo`: a service over a directory of its own, with contacts made through every API.
//!
//! The requests go over HTTP to the service itself, so that what one sees is what clients make. The
//! people are invented, nothing leaves the machine, and the directory goes when the service stops.

mod people;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Command, FromArgMatches};
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::{Client, Response};
use serde_json::{Value, json};

use super::exit::Failure;
use super::options::{ServeOptions, listen_address};
use super::output::{err, out};
use super::serve;
use people::{APIS, Asked};

/// Contacts that are made.
const CONTACTS: usize = 500;
/// Contacts of our own API that are changed once, so that they have a history.
const CHANGED: usize = 20;
/// Requests that are under way at the same time.
const AT_ONCE: usize = 8;

/// Options for the demonstration.
#[derive(Args)]
pub struct DemoOptions {
    /// The loopback address to listen on; port 0 picks a free port
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS", value_parser = listen_address)]
    listen: SocketAddr,
}

/// Serves a directory with contacts in it until it is told to stop, and removes it.
///
/// # Errors
/// The address is not this machine's own, or the service fails.
pub fn run(options: &DemoOptions) -> Result<(), Failure> {
    if !options.listen.ip().is_loopback() {
        return Err(Failure::usage(
            "a demo listens on a loopback address only: 127.0.0.1 or [::1]",
        ));
    }
    let directory =
        Directory(std::env::temp_dir().join(format!("contactd-demo-{}", uuid::Uuid::now_v7())));
    let serving = serve_options(&directory.0, options.listen)?;
    let shown = directory.0.display().to_string();
    serve::run_then(&serving, move |url| {
        let shown = shown.clone();
        tokio::spawn(async move {
            match fill(&url).await {
                Ok(()) => out!(
                    "{CONTACTS} contacts of invented people are there, made through {APIS} APIs: \
                     {url}/console\nCtrl-C ends this and removes {shown}"
                ),
                Err(failure) => err!("contactd: {}", failure.message),
            }
        });
    })
}

/// A directory that goes with this value.
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let removed = std::fs::remove_dir_all(&self.0);
        if let Err(error) = removed.or_else(absent_is_well) {
            err!("contactd: {} is still there: {error}", self.0.display());
        }
    }
}

fn absent_is_well(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    }
}

/// The options of a service over the directory. What the environment says is of another service.
fn serve_options(directory: &Path, listen: SocketAddr) -> Result<ServeOptions, Failure> {
    let command = ServeOptions::augment_args(Command::new("demo"));
    let command = command.mut_args(|arg| arg.env(None::<&'static str>));
    let directory = directory.to_string_lossy().into_owned();
    let listen = listen.to_string();
    let words = ["demo", "--data-dir", &directory, "--listen", &listen];
    let matches = command
        .try_get_matches_from(words)
        .map_err(Failure::usage)?;
    ServeOptions::from_arg_matches(&matches).map_err(Failure::usage)
}

/// Makes the contacts, changes some, and asks for some that are refused.
async fn fill(url: &str) -> Result<(), Failure> {
    let client = Client::builder()
        .no_proxy()
        .build()
        .map_err(Failure::failed)?;
    let asked = (0..CONTACTS).map(people::create);
    let made: Vec<Option<String>> = stream::iter(asked)
        .map(|asked| made(&client, url, asked))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    for (place, id) in made.iter().flatten().take(CHANGED).enumerate() {
        let asked = Asked {
            method: http::Method::PATCH,
            path: format!("/contacts/{id}"),
            organisation: "",
            body: json!({"language": "en", "notes": {"n": {"note": format!("met at stand {place}")}}}),
        };
        succeeded(send(&client, url, &asked).await?, &asked)?;
    }
    for asked in people::refused() {
        send(&client, url, &asked).await?;
    }
    Ok(())
}

/// Makes a contact; its id where our own API made it.
async fn made(client: &Client, url: &str, asked: Asked) -> Result<Option<String>, Failure> {
    let response = succeeded(send(client, url, &asked).await?, &asked)?;
    if !asked.path.starts_with("/contacts?") {
        return Ok(None);
    }
    let contact: Value = response.json().await.map_err(Failure::failed)?;
    Ok(contact.get("id").and_then(Value::as_str).map(str::to_owned))
}

async fn send(client: &Client, url: &str, asked: &Asked) -> Result<Response, Failure> {
    let media_type = match asked.method {
        http::Method::PATCH => "application/merge-patch+json",
        _ => "application/json",
    };
    let mut request = client
        .request(asked.method.clone(), format!("{url}{}", asked.path))
        .header("content-type", media_type)
        .body(asked.body.to_string());
    if !asked.organisation.is_empty() {
        request = request.header("x-org-id", asked.organisation);
    }
    request.send().await.map_err(Failure::failed)
}

fn succeeded(response: Response, asked: &Asked) -> Result<Response, Failure> {
    let status = response.status();
    match status.is_success() {
        true => Ok(response),
        false => Err(Failure::failed(format!(
            "{} {}: {status}",
            asked.method, asked.path
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_of_a_demo_is_an_open_one_of_its_own() {
        let listen = "127.0.0.1:0".parse().unwrap();
        let options = serve_options(Path::new("/nowhere"), listen).unwrap();
        assert_eq!(options.data.data_dir, Path::new("/nowhere"));
        assert_eq!(options.listen, listen);
        assert!(options.nats_url.is_none() && options.jwks.is_none());
    }
}
