//! Asks a running service over HTTP.

use std::io::Write;

use futures_util::StreamExt;
use http::HeaderMap;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::Value;

use super::exit::Failure;
use super::options::ServerOptions;

/// A running service.
pub struct Server {
    client: Client,
    url: String,
    token: Option<String>,
}

impl Server {
    /// The service that the options name, if they do.
    pub fn of(options: &ServerOptions) -> Result<Option<Self>, Failure> {
        let Some(url) = &options.url else {
            return Ok(None);
        };
        // Whoever installed one first has installed the same.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = Client::builder()
            .connect_timeout(std::time::Duration::from_secs(10))
            .build()
            .map_err(Failure::failed)?;
        Ok(Some(Self {
            client,
            url: url.trim_end_matches('/').to_owned(),
            token: options.token.clone(),
        }))
    }

    /// Sends a GET; an answer that is no success ends the program.
    pub async fn get(&self, path: &str, accept: &str) -> Result<Response, Failure> {
        let request = self.client.get(format!("{}{path}", self.url));
        succeeded(self.send(request.header("accept", accept)).await?).await
    }

    /// Posts JSON; an answer that is no success ends the program.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Response, Failure> {
        let request = self.client.post(format!("{}{path}", self.url));
        succeeded(self.send(request.json(body)).await?).await
    }

    /// Posts bytes with headers, and gives the answer whatever its status.
    pub async fn try_post(
        &self,
        path: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Response, Failure> {
        let request = self.client.post(format!("{}{path}", self.url));
        self.send(request.headers(headers).body(body)).await
    }

    async fn send(&self, mut request: RequestBuilder) -> Result<Response, Failure> {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        request.send().await.map_err(|error| {
            let url = &self.url;
            Failure::failed(format!(
                "no service answers at {url}: {}",
                error.without_url()
            ))
        })
    }
}

async fn succeeded(response: Response) -> Result<Response, Failure> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = response.bytes().await.unwrap_or_default();
    Err(refused(status, &body))
}

/// How the program ends on an answer that is no success, whoever gave it: what was asked wrongly is
/// wrong usage. Of problem details (RFC 9457) people are told the text.
pub fn refused(status: StatusCode, body: &[u8]) -> Failure {
    let code = match status {
        StatusCode::BAD_REQUEST => super::exit::USAGE,
        _ => super::exit::FAILED,
    };
    let problem: Option<Value> = serde_json::from_slice(body).ok();
    let text = |value: &Value, name| value.get(name)?.as_str().map(str::to_owned);
    let detail = problem.as_ref().and_then(|problem| text(problem, "detail"));
    let mut message = detail.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    let violations = problem
        .as_ref()
        .and_then(|problem| problem.get("violations"));
    for violation in violations.and_then(Value::as_array).into_iter().flatten() {
        if let Some(more) = text(violation, "message") {
            message.push(' ');
            message.push_str(&more);
        }
    }
    Failure::new(code, format!("{status}: {}", message.trim()))
}

/// Copies a response to standard output as it comes.
pub async fn copy(response: Response, out: &mut impl Write) -> Result<(), Failure> {
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| Failure::failed(error.without_url()))?;
        let written = out.write_all(&chunk).and_then(|()| out.flush());
        if let Err(error) = written {
            // Whoever read us has seen enough.
            let enough = error.kind() == std::io::ErrorKind::BrokenPipe;
            return if enough {
                Ok(())
            } else {
                Err(Failure::failed(error))
            };
        }
    }
    Ok(())
}

/// Runs a future to its end on this thread.
pub fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::failed)?
        .block_on(future)
}
