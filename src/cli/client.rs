//! Asks a running service over HTTP.

use std::io::Write;
use std::path::Path;
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::HeaderMap;
use reqwest::{Certificate, Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;

use super::exit::Failure;
use super::options::{AccessOptions, ServerOptions};
use super::output::is_enough;

/// Paths of the service that are taken for a part of its address. Another one may be a proxy's.
const API_PATHS: [&str; 3] = ["/contacts", "/events", "/audit"];

/// The longest time without a byte of an answer. The service answers, or refuses, in less, and a stream
/// of events has a comment every 15 s.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// The most bytes of a file of the audit log: an entry bundle holds 256 records of at most 48 KiB.
const FILE_BYTES_MAX: usize = 16 << 20;

/// A running service, asked over HTTP.
pub struct Server {
    client: Client,
    /// The kind of server that a message of failure names: `service` or `witness`.
    who: &'static str,
    url: String,
    token: Option<String>,
}

impl Server {
    /// The service that the options name, if they do.
    pub fn of(options: &ServerOptions) -> Result<Option<Self>, Failure> {
        let url = options.url.as_deref();
        url.map(|url| Self::at(url, &options.access)).transpose()
    }

    /// The service at an address.
    pub fn at(url: &str, access: &AccessOptions) -> Result<Self, Failure> {
        Self::of_kind("service", url, access)
    }

    /// The witness at an address.
    pub fn witness(url: &str, access: &AccessOptions) -> Result<Self, Failure> {
        Self::of_kind("witness", url, access)
    }

    fn of_kind(who: &'static str, url: &str, access: &AccessOptions) -> Result<Self, Failure> {
        // Whoever installed one first has installed the same.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(SILENCE_MAX);
        if let Some(file) = &access.cacert {
            builder = builder.tls_certs_merge(certificates(file)?);
        }
        let client = builder
            .build()
            .map_err(|error| Failure::usage(with_causes(&error)))?;
        Ok(Self {
            client,
            who,
            url: address(url, access.cacert.is_some())?,
            token: access.token.clone(),
        })
    }

    /// Sends a GET; an answer that is no success ends the program.
    pub async fn get(&self, path: &str, accept: &str) -> Result<Response, Failure> {
        let request = self.client.get(format!("{}{path}", self.url));
        succeeded(self.send(request.header("accept", accept)).await?).await
    }

    /// The bytes of a file that the service may have; `None` where it has none of that name.
    pub async fn file(&self, path: &str) -> Result<Option<Bytes>, Failure> {
        let request = self.client.get(format!("{}{path}", self.url));
        let response = self.send(request).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let response = succeeded(response).await?;
        limited(response, FILE_BYTES_MAX).await.map(Some)
    }

    /// Posts JSON; an answer that is no success ends the program.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Response, Failure> {
        let request = self.client.post(format!("{}{path}", self.url));
        succeeded(self.send(request.json(body)).await?).await
    }

    /// Sends bytes with headers, and gives the answer whatever its status.
    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Response, Failure> {
        let request = self.client.request(method, format!("{}{path}", self.url));
        self.send(request.headers(headers).body(body)).await
    }

    async fn send(&self, mut request: RequestBuilder) -> Result<Response, Failure> {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        request.send().await.map_err(|error| {
            let (who, url) = (self.who, &self.url);
            let causes = with_causes(&error.without_url());
            Failure::failed(format!("no {who} answers at {url}: {causes}"))
        })
    }
}

/// The address of a service; without a scheme it is `http`, or `https` where certificates are
/// named.
fn address(url: &str, has_certificates: bool) -> Result<String, Failure> {
    let url = url.trim().trim_end_matches('/');
    let whole = match url.split_once("://") {
        Some(_) => url.to_owned(),
        None if has_certificates => format!("https://{url}"),
        None => format!("http://{url}"),
    };
    let parsed = reqwest::Url::parse(&whole);
    let is_good =
        |url: &reqwest::Url| matches!(url.scheme(), "http" | "https") && url.host().is_some();
    match parsed {
        Ok(url) if !url.username().is_empty() || url.password().is_some() => Err(Failure::usage(
            "the address of a service holds no user or password; give a token with --token or \
             CONTACTD_TOKEN",
        )),
        Ok(url) if is_good(&url) => match API_PATHS.iter().find(|path| whole.ends_with(**path)) {
            Some(path) => Err(Failure::usage(format!(
                "{whole} ends with the path {path}; write the address of the service alone: {}",
                whole.trim_end_matches(path)
            ))),
            None => Ok(whole),
        },
        _ => Err(Failure::usage(format!(
            "{url} is no address of a service; write it as http://127.0.0.1:8080"
        ))),
    }
}

fn certificates(file: &Path) -> Result<Vec<Certificate>, Failure> {
    let shown = file.display();
    let pem = std::fs::read(file)
        .map_err(|error| Failure::usage(format!("cannot read {shown}: {error}")))?;
    let certificates = Certificate::from_pem_bundle(&pem).unwrap_or_default();
    if certificates.is_empty() {
        return Err(Failure::usage(format!(
            "{shown} holds no certificate in PEM"
        )));
    }
    Ok(certificates)
}

/// The bytes of an answer of somebody who need not be believed.
///
/// # Errors
/// It is longer than `most` bytes, or ended too early.
pub async fn limited(response: Response, most: usize) -> Result<Bytes, Failure> {
    let mut bytes = BytesMut::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        bytes.extend_from_slice(&chunk.map_err(cut_off)?);
        if bytes.len() > most {
            return Err(Failure::failed(format!(
                "the answer is longer than {most} bytes, which nothing that was asked for can be"
            )));
        }
    }
    Ok(bytes.freeze())
}

/// The text of an answer of somebody who need not be believed.
///
/// # Errors
/// It is longer than `most` bytes, or ended too early.
pub async fn limited_text(response: Response, most: usize) -> Result<String, Failure> {
    let bytes = limited(response, most).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// An answer that ended before all of it was there.
pub fn cut_off(error: reqwest::Error) -> Failure {
    Failure::failed(with_causes(&error.without_url()))
}

/// What an error says, and what its causes say: of a connection that fails, only they tell why.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    // What rustls says of a certificate that is its own authority, as `openssl req -x509` makes it.
    if text.contains("CaUsedAsEndEntity") {
        text.push_str(
            "; the service's certificate may sign others (CA:TRUE): give the service one with \
             CA:FALSE, signed by itself or by your authority",
        );
    }
    text
}

async fn succeeded(response: Response) -> Result<Response, Failure> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = response.bytes().await.unwrap_or_default();
    Err(refused(status, &body))
}

/// The failure that an answer without success ends the program with, whoever gave it: what was
/// asked wrongly is wrong usage. Of problem details (RFC 9457) people are told the text.
pub fn refused(status: StatusCode, body: &[u8]) -> Failure {
    let problem: Option<Value> = serde_json::from_slice(body).ok();
    let text = |value: &Value, name| value.get(name)?.as_str().map(str::to_owned);
    // A position that is not there is not found, as a contact is.
    let kind = problem.as_ref().and_then(|problem| text(problem, "code"));
    let code = match status {
        StatusCode::BAD_REQUEST if kind.as_deref() != Some("position_ahead") => super::exit::USAGE,
        _ => super::exit::FAILED,
    };
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
    if status == StatusCode::UNAUTHORIZED {
        message
            .push_str(" Give a token with --token or CONTACTD_TOKEN; contactd token prints one.");
    }
    Failure::new(code, format!("{status}: {}", message.trim()))
}

/// Copies a response to standard output as it comes.
pub async fn copy(response: Response, out: &mut impl Write) -> Result<(), Failure> {
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(cut_off)?;
        match out.write_all(&chunk).and_then(|()| out.flush()) {
            Err(error) if is_enough(&error) => return Ok(()),
            written => written.map_err(Failure::failed)?,
        }
    }
    Ok(())
}

/// Runs a future to its end on this thread.
pub fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    // Behind a pointer, for else the whole runtime is in the program once for each future.
    let future: Pin<&mut dyn Future<Output = Result<T, Failure>>> = pin!(future);
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::failed)?
        .block_on(future)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_no_scheme() {
        let check = |url: &str, has_certificates, want: Option<&str>| {
            let got = address(url, has_certificates).ok();
            assert_eq!(got.as_deref(), want, "{url}");
        };
        check(
            "http://127.0.0.1:8080/",
            false,
            Some("http://127.0.0.1:8080"),
        );
        check("127.0.0.1:8080", false, Some("http://127.0.0.1:8080"));
        check(
            "contacts.example:8443",
            true,
            Some("https://contacts.example:8443"),
        );
        check("localhost:8080", false, Some("http://localhost:8080"));
        check("ftp://x.de", false, None);
        check("http://ann:secret@127.0.0.1:8080", false, None);
        check("", false, None);
    }

    #[test]
    fn a_position_that_is_not_there_is_no_wrong_usage() {
        for (status, body, want) in [
            (
                400,
                r#"{"code":"position_ahead"}"#,
                crate::cli::exit::FAILED,
            ),
            (400, r#"{"code":"bad_parameter"}"#, crate::cli::exit::USAGE),
            (400, "no JSON", crate::cli::exit::USAGE),
            (404, r#"{"code":"not_found"}"#, crate::cli::exit::FAILED),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(refused(status, body.as_bytes()).code, want, "{body}");
        }
    }
}
