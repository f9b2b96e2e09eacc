//! The limit of HTTP and JSON here: a server that parses the body, and sends it back.

use crate::Args;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::convert::Infallible;
use tokio::net::TcpListener;

pub async fn listener(args: &Args) -> TcpListener {
    let listener = TcpListener::bind(args.get("listen").unwrap_or("127.0.0.1:0"))
        .await
        .expect("a port");
    println!(
        "listening on http://{}",
        listener.local_addr().expect("bound")
    );
    listener
}

async fn json(axum::Json(value): axum::Json<Value>) -> axum::Json<Value> {
    axum::Json(value)
}

pub async fn axum(args: &Args) {
    let app = axum::Router::new().route("/contacts", axum::routing::post(json));
    use axum::serve::ListenerExt;
    let listener = listener(args)
        .await
        .tap_io(|tcp| drop(tcp.set_nodelay(true)));
    axum::serve(listener, app).await.expect("it serves");
}

async fn echo(request: Request<Incoming>) -> Result<Response<Full<bytes::Bytes>>, Infallible> {
    let body = request
        .into_body()
        .collect()
        .await
        .map(|body| body.to_bytes())
        .unwrap_or_default();
    let mut response = match serde_json::from_slice::<Value>(&body) {
        Ok(value) => Response::new(Full::from(serde_json::to_vec(&value).expect("it is JSON"))),
        Err(_) => Response::new(Full::default()),
    };
    let json = hyper::header::HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(hyper::header::CONTENT_TYPE, json);
    Ok(response)
}

pub async fn hyper(args: &Args) {
    let listener = listener(args).await;
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        drop(stream.set_nodelay(true));
        tokio::spawn(
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(echo)),
        );
    }
}
