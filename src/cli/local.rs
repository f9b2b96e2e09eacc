//! Asks a data directory that no service holds, by the same way as a request over HTTP.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use parking_lot::RwLock;

use super::data::{Data, Purpose, Running};
use super::exit::Failure;
use super::options::DataOptions;
use crate::auth::{Authenticator, OwnKey, Principal};
use crate::dialect::{ApiOperation, Dialect, Query, Reply, native};
use crate::gateway::{
    Gateway, Health, Incoming, RequestMetrics, Response, Settings, Spans, fresh_correlation,
};
use crate::service::Service;

/// Commands that may wait: as many as an import sends at once.
const QUEUE_LIMIT: usize = 64;

/// A data directory, opened for this process alone.
pub struct Local {
    running: Running,
    gateway: Gateway,
}

impl Local {
    /// Opens a data directory.
    pub fn open(options: &DataOptions, purpose: Purpose) -> Result<Self, Failure> {
        Self::over(Data::open(options, purpose)?)
    }

    /// Opens a data directory to read what is there; that of a cluster's node, too.
    pub fn to_read(options: &DataOptions) -> Result<Self, Failure> {
        let data = Data::open(options, Purpose::Use)?;
        Self::over_running(data.serve_in(None, QUEUE_LIMIT, true)?)
    }

    /// Opens what is in a data directory that this process holds already.
    pub fn over(data: Data) -> Result<Self, Failure> {
        Self::over_running(data.serve(QUEUE_LIMIT, true)?)
    }

    fn over_running(running: Running) -> Result<Self, Failure> {
        // Nobody here is given a token, so its key need not be the directory's.
        let own_key = OwnKey::generate().map_err(Failure::failed)?;
        let gateway = Gateway {
            log_id: running.log_id.to_string().into(),
            service: running.opening.service.clone(),
            authenticator: Arc::new(Authenticator::open()),
            own_key: Arc::new(RwLock::new(own_key)),
            settings: Settings {
                require_if_match: false,
                audit_reads: false,
                request_timeout: Duration::from_secs(60),
                body_bytes_max: u64::MAX,
            },
            rate: None,
            health: Health::default(),
            metrics: RequestMetrics::default(),
            spans: Spans::default(),
            forward: None,
        };
        Ok(Self { running, gateway })
    }

    /// The service over it.
    pub fn service(&self) -> &Service {
        &self.running.opening.service
    }

    /// Asks one of our own API's operations as the local developer.
    pub async fn ask(
        &self,
        operation: ApiOperation,
        params: &[(String, String)],
        query: &str,
    ) -> Result<Reply, Failure> {
        let (headers, query) = (HeaderMap::new(), Query::parse(query));
        let answered = self
            .answer(operation, params, &query, &headers, &[])
            .await?;
        Ok(answered.reply)
    }

    /// Sends one of our own API's writes as the local developer.
    pub async fn send(
        &self,
        operation: ApiOperation,
        params: &[(String, String)],
        query: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Response, Failure> {
        let query = Query::parse(query);
        self.answer(operation, params, &query, headers, body).await
    }

    async fn answer(
        &self,
        operation: ApiOperation,
        params: &[(String, String)],
        query: &Query,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Response, Failure> {
        let dialect: &'static Dialect = &native::DIALECT;
        let route = dialect
            .routes
            .iter()
            .find(|route| route.operation == operation)
            .ok_or_else(|| Failure::usage(format!("there is no operation {}", operation.name())))?;
        let incoming = Incoming {
            dialect,
            route,
            params,
            owner_ids: None,
            query,
            headers,
            durable_key: None,
            correlation: fresh_correlation(),
            span: None,
        };
        let principal = Principal::local_developer();
        Ok(self.gateway.answer(&principal, &incoming, body).await)
    }

    /// Closes it in order.
    pub fn close(self) {
        self.running.stop();
    }
}
