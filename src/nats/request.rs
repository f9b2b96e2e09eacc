//! A message as a request: its subject, headers and payload, handed to the gateway.

use std::net::{IpAddr, Ipv4Addr};

use async_nats::{HeaderMap as BusHeaders, HeaderName as BusName};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::event_stream::LOG_HEADER;
use super::subjects::Address;
use crate::dialect::{Query, Reply};
use crate::domain::{Correlation, Position};
use crate::gateway::{Incoming, Origin, Transport, fresh_correlation};

/// The header with the query string of a request, in lower case.
pub const QUERY: &str = "contact-query";

/// A request that a message holds.
#[derive(Debug)]
pub struct Request {
    /// The dialect, the route and the ids that its subject names.
    pub address: Address,
    /// The path's parameters, as HTTP would have them.
    params: Vec<(String, String)>,
    /// The parameters of the query.
    query: Query,
    /// Its headers as those of an HTTP request.
    pub headers: HeaderMap,
    /// The body in the vendor's form.
    pub body: Bytes,
    /// The idempotency key of a durable command.
    pub durable_key: Option<String>,
    /// The id that ties together everything that comes of the request.
    pub correlation: Correlation,
}

impl Request {
    /// The request that a message holds, with a fresh correlation id.
    pub fn new(address: Address, headers: Option<&BusHeaders>, body: Bytes) -> Self {
        let headers = common(headers);
        let query = headers.get(QUERY);
        let query = query.and_then(|value| value.to_str().ok());
        Self {
            params: address.params(),
            query: Query::parse(query.unwrap_or_default()),
            address,
            headers,
            body,
            durable_key: None,
            correlation: fresh_correlation(),
        }
    }

    /// The request without its body, as the gateway takes it.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming {
            dialect: self.address.dialect,
            route: self.address.route,
            params: &self.params,
            owner_ids: Some(&self.address.owner),
            query: &self.query,
            headers: &self.headers,
            durable_key: self.durable_key.as_deref(),
            correlation: self.correlation.clone(),
            span: None,
        }
    }
}

/// The origin of every message: the bus tells no addresses, so anonymous callers share one rate
/// limit.
pub const ORIGIN: Origin = Origin {
    transport: Transport::Nats,
    address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
};

/// A message's headers as those of an HTTP request, without those that HTTP could not send. A message
/// holds JSON unless its `Content-Type` says otherwise.
fn common(headers: Option<&BusHeaders>) -> HeaderMap {
    let mut common = HeaderMap::new();
    for (name, values) in headers.into_iter().flat_map(BusHeaders::iter) {
        let Ok(name) = HeaderName::from_bytes(name.to_string().as_bytes()) else {
            continue;
        };
        for value in values {
            if let Ok(value) = HeaderValue::from_str(value.as_str()) {
                common.append(name.clone(), value);
            }
        }
    }
    let json = HeaderValue::from_static("application/json");
    common.entry(CONTENT_TYPE).or_insert(json);
    common
}

/// The headers of an answer, with those of the services framework (ADR-32) for an error.
pub fn answer_headers(
    reply: &Reply,
    at: Option<(Position, &str)>,
    correlation: &Correlation,
) -> BusHeaders {
    let mut headers = BusHeaders::new();
    for (name, value) in &reply.headers {
        add(&mut headers, &title_case(name), value);
    }
    let status = reply.status.as_str();
    let mut put =
        |name: &'static str, value: &str| headers.insert(BusName::from_static(name), value);
    put("Contact-Status", status);
    put("Contact-Correlation", correlation.as_str());
    if let Some((position, log_id)) = at {
        put("Contact-Position", &position.to_string());
        put(LOG_HEADER, log_id);
    }
    if reply.status.is_client_error() || reply.status.is_server_error() {
        let reason = reply.status.canonical_reason().unwrap_or("Error");
        put("Nats-Service-Error", reason);
        put("Nats-Service-Error-Code", status);
    }
    headers
}

/// The first value of a header, in whatever case its name was sent: NATS tells names apart by case.
pub fn first<'a>(headers: &'a BusHeaders, name: &str) -> Option<&'a str> {
    let mut named = headers.iter();
    let (_, values) = named.find(|(own, _)| {
        let own: &str = own.as_ref();
        own.eq_ignore_ascii_case(name)
    })?;
    Some(values.first()?.as_str())
}

/// Adds a header. One that NATS can't carry is left out, which is better than no answer.
pub fn add(headers: &mut BusHeaders, name: &str, value: &str) {
    let name = name.parse::<async_nats::HeaderName>();
    if let (Ok(name), Ok(value)) = (name, value.parse::<async_nats::HeaderValue>()) {
        headers.append(name, value);
    }
}

/// A header's name in title case, such as `Retry-After`: NATS tells names apart by case.
fn title_case(name: &str) -> String {
    let mut start = true;
    name.chars()
        .map(|letter| {
            let upper = std::mem::replace(&mut start, letter == '-');
            if upper {
                letter.to_ascii_uppercase()
            } else {
                letter
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn an_error_says_so_to_every_client_of_the_services_framework() {
        let reply = Reply::empty(StatusCode::NOT_FOUND).with("retry-after", "1");
        let correlation = Correlation::parse("c-1").expect("a correlation");
        let headers = answer_headers(&reply, Some((Position::new(7), "log")), &correlation);
        let text = |name: &str| headers.get(name).map(|value| value.as_str().to_owned());
        assert_eq!(text("Contact-Status").as_deref(), Some("404"));
        assert_eq!(text("Contact-Position").as_deref(), Some("7"));
        assert_eq!(text("Nats-Service-Error-Code").as_deref(), Some("404"));
        assert_eq!(text("Nats-Service-Error").as_deref(), Some("Not Found"));
        assert_eq!(text("Retry-After").as_deref(), Some("1"));
    }

    #[test]
    fn headers_are_the_same_whatever_their_case() {
        let mut bus = BusHeaders::new();
        bus.append("AUTHORIZATION", "Bearer x");
        bus.append("If-Match", "\"1\"");
        let headers = common(Some(&bus));
        assert_eq!(
            headers.get("authorization").map(HeaderValue::as_bytes),
            Some(&b"Bearer x"[..])
        );
        assert!(headers.contains_key("if-match"));
        assert_eq!(headers[CONTENT_TYPE], "application/json");
        bus.append("content-type", "text/plain");
        assert_eq!(common(Some(&bus))[CONTENT_TYPE], "text/plain");
    }
}
