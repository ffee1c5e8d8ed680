//! A network between the gateway and a service that loses things.

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
    losing: Losing,
    cuts: watch::Sender<u32>,
}

/// Whether the connections that are made now lose responses. Those made before keep the switch they were made
/// with: a response that is late does not slip through when the network is mended.
type Losing = Arc<Mutex<Arc<AtomicBool>>>;

impl Proxy {
    /// A proxy in front of the address.
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            address: listener.local_addr().unwrap(),
            losing: Arc::default(),
            cuts: watch::Sender::new(0),
        };
        tokio::spawn(accept(listener, target, Arc::clone(&proxy.losing), proxy.cuts.clone()));
        proxy
    }

    /// From now on requests arrive and responses do not.
    pub(crate) fn lose_responses(&self) {
        self.losing.lock().unwrap().store(true, Ordering::SeqCst);
    }

    /// Breaks every connection; those made from now on lose nothing.
    pub(crate) fn reconnect(&self) {
        *self.losing.lock().unwrap() = Arc::default();
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, losing: Losing, cuts: watch::Sender<u32>) {
    while let Ok((client, _)) = listener.accept().await {
        let (losing, mut cut) = (Arc::clone(&losing.lock().unwrap()), cuts.subscribe());
        tokio::spawn(async move {
            let nothing_lost = AtomicBool::new(false);
            let Ok(service) = TcpStream::connect(target).await else { return };
            let ((from_client, to_client), (from_service, to_service)) =
                (client.into_split(), service.into_split());
            tokio::select! {
                () = forward(from_client, to_service, &nothing_lost) => {}
                () = forward(from_service, to_client, &losing) => {}
                _ = cut.changed() => {}
            }
        });
    }
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, losing: &AtomicBool) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if !losing.load(Ordering::SeqCst) && to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
