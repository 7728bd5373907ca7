//! Names that lead inside, by the program's own resolver and a real name server: what is remembered is judged again,
//! and what a CNAME leads to is judged as if the name had said it.

use std::net::SocketAddr;
use std::sync::Arc;

use bocau_domain::address::{AddressRefusal, EgressRules};
use bocau_engine::egress::guard::ConnectError;
use bocau_engine::egress::{Guard, SystemResolver};
use bocau_testkit::harness::ip;
use bocau_testkit::{CanaryListener, NameServer, Zone};
use tokio::net::TcpListener;
use tower::Service as _;

const HOST: &str = "shop.receiver.vn";

/// A name server, an open listener on 127.0.0.1, and a canary on its closed neighbour.
struct Scene {
    names: NameServer,
    guard: Guard,
    open: TcpListener,
    canary: CanaryListener,
}

impl Scene {
    async fn set() -> Self {
        let names = NameServer::start().await;
        let open = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = open.local_addr().expect("it is bound").port();
        let canary = CanaryListener::on(SocketAddr::new(ip("127.0.0.2"), port));
        let allowed = vec!["127.0.0.1/32".parse().expect("a network")];
        let rules = Arc::new(EgressRules { allowed, ..EgressRules::default() });
        let resolver = SystemResolver::asking(names.address()).expect("a resolver");
        Self { guard: Guard::new(rules, Arc::new(resolver)), names, open, canary }
    }

    async fn connect(&mut self) -> Result<SocketAddr, ConnectError> {
        let port = self.open.local_addr().expect("it is bound").port();
        let uri = format!("https://{HOST}:{port}/").parse().expect("a URI");
        let stream = self.guard.call(uri).await?;
        Ok(stream.inner().peer_addr().expect("it is connected"))
    }

    async fn assert_blocked(&mut self, reason: AddressRefusal) {
        match self.connect().await {
            Err(ConnectError::Blocked { reason: given, .. }) => assert_eq!(given, reason),
            other => panic!("it is blocked: {other:?}"),
        }
        self.canary.assert_untouched();
    }
}

#[tokio::test]
async fn a_name_that_leads_to_an_open_address_is_connected_to() {
    let mut scene = Scene::set().await;
    scene.names.answer(HOST, Zone::of(&["127.0.0.1"]).by_way_of("a.receiver.vn").by_way_of("b.receiver.vn"));
    assert_eq!(scene.connect().await.expect("connected").ip(), ip("127.0.0.1"));
    scene.canary.assert_untouched();
}

#[tokio::test]
async fn a_cname_that_leads_inside_is_blocked() {
    for (addresses, reason) in [
        (&["127.0.0.2"][..], AddressRefusal::LoopbackAddress),
        (&["10.0.0.1"], AddressRefusal::PrivateAddress),
        (&["169.254.169.254"], AddressRefusal::MetadataAddress),
        (&["127.0.0.1", "127.0.0.2"], AddressRefusal::LoopbackAddress),
        (&["127.0.0.1", "::1"], AddressRefusal::LoopbackAddress),
        (&["127.0.0.1", "::ffff:127.0.0.1"], AddressRefusal::EmbeddedIpv4Address),
        (&["fd00::1"], AddressRefusal::PrivateAddress),
    ] {
        let mut scene = Scene::set().await;
        scene.names.answer(HOST, Zone::of(addresses).by_way_of("db.internal"));
        scene.assert_blocked(reason).await;
    }
}

#[tokio::test]
async fn a_name_that_nobody_may_remember_is_asked_for_and_judged_each_time() {
    let mut scene = Scene::set().await;
    scene.names.answer(HOST, Zone::of(&["127.0.0.1"]));
    scene.names.answer(HOST, Zone::of(&["127.0.0.2"]));
    scene.connect().await.expect("the first answer is open");
    scene.assert_blocked(AddressRefusal::LoopbackAddress).await;
    assert_eq!(scene.names.asked(HOST), 2);
}

#[tokio::test]
async fn what_is_remembered_is_judged_again() {
    let mut scene = Scene::set().await;
    scene.names.answer(HOST, Zone::of(&["127.0.0.2"]).for_seconds(3_600));
    scene.assert_blocked(AddressRefusal::LoopbackAddress).await;
    scene.assert_blocked(AddressRefusal::LoopbackAddress).await;
    assert_eq!(scene.names.asked(HOST), 1);
}

#[tokio::test]
async fn an_answer_with_thousands_of_addresses_is_refused() {
    let mut scene = Scene::set().await;
    scene.names.answer(HOST, Zone { addresses: vec![ip("127.0.0.1"); 1_500], ..Zone::default() });
    assert!(matches!(scene.connect().await, Err(ConnectError::Dns { .. })));
    scene.canary.assert_untouched();
}

#[tokio::test]
async fn a_name_without_an_answer_is_a_dns_error() {
    let mut scene = Scene::set().await;
    assert!(matches!(scene.connect().await, Err(ConnectError::Dns { .. })));
    scene.names.answer(HOST, Zone::default());
    assert!(matches!(scene.connect().await, Err(ConnectError::Dns { .. })));
    scene.canary.assert_untouched();
}
