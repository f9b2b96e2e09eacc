//! Too much at once: slow clients, many connections, a full queue, and the end in the middle of work.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::api::Person;
use crate::apis;
use crate::test_server::{Caller, TestServer};

const ANN: Person<'static> = Person {
    name: "Ann",
    email: "ann@example.com",
};

async fn connect(service: &TestServer) -> TcpStream {
    let address = service.server.url.trim_start_matches("http://");
    TcpStream::connect(address).await.expect("it listens")
}

/// Clients that send a byte now and then.
const SLOW: usize = 100;
/// The time for which the service waits for a request.
const PATIENCE: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_hold_nobody_and_are_sent_away() {
    let service = TestServer::new(&["--request-timeout", "2"]);
    for api in apis::ALL {
        let caller = service.admin(api, 0);
        let mut head = format!(
            "POST {} HTTP/1.1\r\nhost: x\r\n",
            api.contacts_of(caller.tenant)
        );
        for (name, value) in caller.headers() {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let whole = format!("{head}content-length: 1000\r\n\r\n");
        let before = service.head().await;
        let mut slow = Vec::new();
        for number in 0..SLOW {
            let stream = connect(&service).await;
            // Half of them are slow with the head, half with the body.
            let (at_once, then) = if number % 2 == 0 {
                (head.as_str(), "x-slow: ")
            } else {
                (whole.as_str(), "")
            };
            slow.push(tokio::spawn(dribble(stream, format!("{at_once}{then}"))));
        }
        let begun = Instant::now();
        let answer = caller.create(ANN).await;
        assert_eq!(answer.status, api.statuses[0], "{}: {answer:?}", api.name);
        assert!(
            begun.elapsed() < PATIENCE,
            "{}: {:?}",
            api.name,
            begun.elapsed()
        );
        for (number, answer) in join_all(slow).await.into_iter().enumerate() {
            let answer = answer.expect("it ends");
            let told = answer.starts_with("HTTP/1.1 408");
            assert!(told, "{} {number}: {answer:?}", api.name);
        }
        assert_eq!(service.events_after(before).await.len(), 2, "{}", api.name);
    }
}

/// Sends a beginning, then byte by byte until the service has had enough; what it answered.
async fn dribble(mut stream: TcpStream, begin: String) -> String {
    let mut answer = Vec::new();
    let until_closed = async {
        if stream.write_all(begin.as_bytes()).await.is_err() {
            return;
        }
        let (mut reader, mut writer) = stream.split();
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        let send = async {
            loop {
                ticks.tick().await;
                if writer.write_all(b" ").await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::select! {
            () = send => {}
            _ = reader.read_to_end(&mut answer) => {}
        }
    };
    let ended = tokio::time::timeout(PATIENCE * 10, until_closed).await;
    ended.expect("a slow client is sent away");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_too_many_is_told_so() {
    let service = TestServer::new(&["--max-connections", "4"]);
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut stream = connect(&service).await;
        // An answer says that the connection has its place.
        let request = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
        stream
            .write_all(request.as_bytes())
            .await
            .expect("it is taken");
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.expect("an answer");
        assert_eq!(&first, b"HTTP/1.1 200");
        held.push(stream);
    }
    let refused = service.admin(apis::ALL[0], 0);
    let list = refused.api.whole_list_of(refused.tenant);
    let answer = refused
        .try_send("GET", &list, &[], "")
        .await
        .expect("an answer");
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
    // A place that is free again is given to the next.
    drop(held);
    let free = async {
        loop {
            let answer = refused
                .try_send("GET", &list, &[], "")
                .await
                .expect("an answer");
            if answer.status == 200 {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), free)
        .await
        .expect("a free place");
}

/// Creates at the same moment.
const CROWD: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_takes_nothing() {
    let service = TestServer::new(&["--queue-limit", "1"]);
    // MATTR's ten would be in the way.
    for api in apis::ALL.into_iter().filter(|api| api.name != "mattr") {
        let caller = service.admin(api, 0);
        let mut busy = 0;
        let mut created = 0;
        let before = service.head().await;
        // As long as it takes for the queue to be full once.
        for round in 0..50 {
            let create = |number: usize| {
                let email = format!("r{round}n{number}@example.com");
                let caller = &caller;
                async move {
                    caller
                        .create(Person {
                            name: "Ann",
                            email: &email,
                        })
                        .await
                }
            };
            for answer in join_all((0..CROWD).map(create)).await {
                if answer.status == 503 {
                    busy += 1;
                    assert!(
                        answer.header("retry-after").is_some(),
                        "{}: {answer:?}",
                        api.name
                    );
                    assert!((api.is_error)(&answer), "{}: {answer:?}", api.name);
                } else {
                    assert_eq!(answer.status, api.statuses[0], "{}: {answer:?}", api.name);
                    created += 1;
                }
            }
            if busy > 0 {
                break;
            }
        }
        assert!(busy > 0, "{}: the queue was never full", api.name);
        let own = 2;
        assert_eq!(
            service.head().await,
            before + 2 * created + own,
            "{}",
            api.name
        );
    }
}

/// The number of clients that create contacts while the service is told to stop.
const WRITERS: usize = 16;
/// Contacts that are there before it is.
const BEFORE_THE_END: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_loses_nothing_that_was_accepted() {
    let service = TestServer::new(&[]);
    // MATTR's ten would be in the way; Kare's answers show no id.
    let apis = apis::ALL
        .into_iter()
        .filter(|api| !matches!(api.name, "mattr" | "kare"));
    let callers: Vec<_> = apis.map(|api| service.admin(api, 0)).collect();
    let done = Arc::new(AtomicUsize::new(0));
    let (enough, mut reached) = tokio::sync::watch::channel(());
    let enough = Arc::new(enough);
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            let caller = callers[number % callers.len()].clone();
            tokio::spawn(write_until_gone(
                caller,
                number,
                done.clone(),
                enough.clone(),
            ))
        })
        .collect();
    reached.changed().await.expect("there are writers");
    let (service, code) = service.restart(&[]).await;
    assert_eq!(code, Some(0));

    let mut accepted = Vec::new();
    for writer in writers {
        accepted.extend(writer.await.expect("it ends"));
    }
    let events = {
        let mut all = Vec::new();
        loop {
            let page = service.events_after(all.len() as u64).await;
            if page.is_empty() {
                break all;
            }
            all.extend(page);
        }
    };
    // Each position is there once, and each START has its outcome.
    assert_eq!(events.len() % 2, 0);
    for pair in events.chunks(2) {
        assert_eq!(pair[1]["causationid"], pair[0]["id"], "{pair:?}");
    }
    let written: HashSet<_> = events
        .iter()
        .filter_map(|e| e["correlationid"].as_str())
        .collect();
    assert!(accepted.len() >= BEFORE_THE_END);
    for correlation in &accepted {
        assert!(
            written.contains(correlation.as_str()),
            "{correlation} is lost"
        );
    }
}

/// Creates contacts until the service does not answer; the correlations of those it accepted.
async fn write_until_gone(
    caller: Caller,
    writer: usize,
    done: Arc<AtomicUsize>,
    enough: Arc<tokio::sync::watch::Sender<()>>,
) -> Vec<String> {
    let mut accepted = Vec::new();
    for number in 0.. {
        let email = format!("w{writer}n{number}@example.com");
        let person = Person {
            name: "Ann",
            email: &email,
        };
        let body = (caller.api.create)(person).to_string();
        let path = caller.api.contacts_of(caller.tenant);
        let Ok(answer) = caller.try_send("POST", &path, &[], body).await else {
            break;
        };
        // While it stops, the service may say that it takes nothing any more.
        if answer.status == 503 {
            break;
        }
        assert_eq!(answer.status, caller.api.statuses[0], "{answer:?}");
        let correlation = answer.header("contact-correlation").expect("a correlation");
        accepted.push(correlation.to_owned());
        if done.fetch_add(1, Ordering::Relaxed) + 1 == BEFORE_THE_END {
            enough.send_replace(());
        }
    }
    accepted
}
