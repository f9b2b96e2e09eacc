//! A TCP link that a test can slow down, cut, and make silent in one or both directions.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What a link lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Open,
    /// Everything comes through later.
    Late(Duration),
    /// Connections end, and new ones are closed at once.
    Cut,
    /// Nothing comes through, and no connection ends.
    Silent,
    /// What the connecting side sends does not arrive; what it is sent does.
    Mute,
}

#[derive(Clone, Copy)]
enum Direction {
    There,
    Back,
}

/// A port that leads to another one. The link ends with it.
pub struct Link {
    pub port: u16,
    flow: watch::Sender<Flow>,
    task: JoinHandle<()>,
}

impl Link {
    /// An open link to a port of this machine.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a free port");
        let own = listener.local_addr().expect("its address").port();
        let flow = watch::channel(Flow::Open).0;
        let task = tokio::spawn(take(listener, port, flow.clone()));
        Self {
            port: own,
            flow,
            task,
        }
    }

    pub fn set(&self, flow: Flow) {
        self.flow.send_replace(flow);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
        self.flow.send_replace(Flow::Cut);
    }
}

async fn take(listener: TcpListener, port: u16, flow: watch::Sender<Flow>) {
    let target = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    while let Ok((near, _)) = listener.accept().await {
        if *flow.borrow() == Flow::Cut {
            continue;
        }
        let flow = flow.subscribe();
        tokio::spawn(async move {
            if let Ok(far) = TcpStream::connect(target).await {
                join(near, far, flow).await;
            }
        });
    }
}

async fn join(near: TcpStream, far: TcpStream, flow: watch::Receiver<Flow>) {
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let mut cut = flow.clone();
    tokio::select! {
        () = pump(near_in, far_out, flow.clone(), Direction::There) => {}
        () = pump(far_in, near_out, flow, Direction::Back) => {}
        _ = cut.wait_for(|flow| *flow == Flow::Cut) => {}
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut flow: watch::Receiver<Flow>,
    direction: Direction,
) {
    let mut bytes = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let passes = |flow: &Flow| match flow {
            Flow::Open | Flow::Late(_) | Flow::Cut => true,
            Flow::Silent => false,
            Flow::Mute => matches!(direction, Direction::Back),
        };
        let Ok(passed) = flow.wait_for(passes).await.map(|flow| *flow) else {
            return;
        };
        if let Flow::Late(by) = passed {
            tokio::time::sleep(by).await;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
