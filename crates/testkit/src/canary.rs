//! A listener that must never see a connection.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

/// Listens, and tells whether anybody came.
pub struct CanaryListener {
    listener: TcpListener,
    address: SocketAddr,
}

impl CanaryListener {
    /// On a free port of `127.0.0.1`.
    pub fn start() -> Self {
        Self::on("127.0.0.1:0".parse().expect("an address"))
    }

    /// On this address.
    pub fn on(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).expect("the address is free");
        listener.set_nonblocking(true).expect("a listener may be non-blocking");
        let address = listener.local_addr().expect("it is bound");
        Self { listener, address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Panics where anybody has connected: the system takes connections in before anybody accepts them.
    pub fn assert_untouched(&self) {
        match self.listener.accept() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("the canary cannot look: {error}"),
            Ok((_, peer)) => panic!("{peer} connected to the canary on {}", self.address),
        }
    }
}
