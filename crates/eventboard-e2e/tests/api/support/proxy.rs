//! A TCP proxy between the gateway and a service that can drop responses.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// Forwards connections to one address.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    drop_switch: DropSwitch,
    resets: watch::Sender<u32>,
}

/// The switch that makes new connections drop responses. After a reset, a connection still uses the switch with which
/// it was opened, so that a late response is dropped as well.
type DropSwitch = Arc<Mutex<Arc<AtomicBool>>>;

impl Proxy {
    /// Starts a proxy for this address.
    pub(crate) async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            address: listener.local_addr().unwrap(),
            drop_switch: Arc::default(),
            resets: watch::Sender::new(0),
        };
        tokio::spawn(accept(listener, target, Arc::clone(&proxy.drop_switch), proxy.resets.clone()));
        proxy
    }

    /// Forwards requests but drops responses from now on.
    pub(crate) fn drop_responses(&self) {
        self.drop_switch.lock().unwrap().store(true, Ordering::SeqCst);
    }

    /// Closes all connections. New connections drop nothing.
    pub(crate) fn reset(&self) {
        *self.drop_switch.lock().unwrap() = Arc::default();
        self.resets.send_modify(|resets| *resets += 1);
    }
}

async fn accept(
    listener: TcpListener,
    target: SocketAddr,
    drop_switch: DropSwitch,
    resets: watch::Sender<u32>,
) {
    while let Ok((client, _)) = listener.accept().await {
        let (drops_responses, mut reset) = (Arc::clone(&drop_switch.lock().unwrap()), resets.subscribe());
        tokio::spawn(async move {
            let drops_nothing = AtomicBool::new(false);
            let Ok(service) = TcpStream::connect(target).await else { return };
            let ((from_client, to_client), (from_service, to_service)) =
                (client.into_split(), service.into_split());
            tokio::select! {
                () = forward(from_client, to_service, &drops_nothing) => {}
                () = forward(from_service, to_client, &drops_responses) => {}
                _ = reset.changed() => {}
            }
        });
    }
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, is_dropping: &AtomicBool) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if !is_dropping.load(Ordering::SeqCst) && to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
