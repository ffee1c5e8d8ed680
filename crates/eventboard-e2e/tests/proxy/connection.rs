//! Opens connections, with and without TLS, from different addresses.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpSocket, TcpStream},
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

use crate::nginx::Nginx;

/// A connection.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// The address of a client: 127.0.0.NUMBER.
pub(crate) fn client(number: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, number).into()
}

/// Connects from this address.
pub(crate) async fn connect(from: IpAddr, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

/// Connects to the port for HTTPS from this address, and negotiates this protocol.
pub(crate) async fn connect_tls(from: IpAddr, nginx: &Nginx, protocol: &str) -> impl Stream + use<> {
    try_connect_tls(from, nginx, protocol).await.unwrap()
}

/// As `connect_tls`. Fails if nginx closes the connection.
pub(crate) async fn try_connect_tls(
    from: IpAddr,
    nginx: &Nginx,
    protocol: &str,
) -> io::Result<impl Stream + use<>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&nginx.certificate()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.into()];
    let stream = connect(from, nginx.https).await;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}
