//! `contactd log tail`: the events of a running service, as they come.

use clap::Args;

use super::super::client::{self, Server, block_on};
use super::super::exit::Failure;
use super::super::options::ServerOptions;

/// Options for following the log.
#[derive(Args)]
pub struct TailOptions {
    #[command(flatten)]
    server: ServerOptions,
    /// Begin after this position [default: the end]
    #[arg(long, value_name = "POSITION")]
    after: Option<u64>,
}

/// Follows the log until the service ends the answer.
pub fn run(options: &TailOptions) -> Result<(), Failure> {
    block_on(tail(options))
}

async fn tail(options: &TailOptions) -> Result<(), Failure> {
    let server = Server::of(&options.server)?
        .ok_or_else(|| Failure::usage("say where the service runs: --url http://127.0.0.1:8080"))?;
    let after = match options.after {
        Some(after) => after,
        None => head(&server).await?,
    };
    let path = format!("/events?after={after}&follow=true");
    let response = server.get(&path, "application/x-ndjson").await?;
    client::copy(response, &mut std::io::stdout()).await
}

/// The position of the service's last event.
async fn head(server: &Server) -> Result<u64, Failure> {
    let response = server.get("/events?limit=1", "application/json").await?;
    let header = response.headers().get("contact-position");
    header
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .ok_or_else(|| Failure::failed("the answer has no Contact-Position: is this a contactd?"))
}
