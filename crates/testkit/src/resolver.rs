//! A name server that answers what the test says.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use async_trait::async_trait;
use bocau_engine::egress::{Resolver, SystemResolver};
use parking_lot::Mutex;

/// One answer.
#[derive(Debug, Clone)]
pub enum DnsAnswer {
    /// These addresses.
    Addresses(Vec<IpAddr>),
    /// None, ever.
    Silence,
    /// No, with this text.
    Error(String),
    /// What a real name server says, by the program's own resolver: a CNAME, a time to live.
    Ask(SocketAddr),
}

impl DnsAnswer {
    /// These addresses, written as text.
    pub fn of(addresses: &[&str]) -> Self {
        Self::Addresses(addresses.iter().map(|text| text.parse().expect("an IP address")).collect())
    }
}

/// Answers by script; the last answer of a host's script is given for good, and a host without one is not
/// there.
#[derive(Debug, Default)]
pub struct FakeResolver {
    hosts: Mutex<HashMap<String, Host>>,
}

#[derive(Debug, Default)]
struct Host {
    script: VecDeque<DnsAnswer>,
    asked: usize,
}

impl FakeResolver {
    /// A resolver that knows no host.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends to the script of `host`.
    pub fn answer(&self, host: &str, answer: DnsAnswer) {
        self.hosts.lock().entry(host.to_owned()).or_default().script.push_back(answer);
    }

    /// How often `host` was asked for.
    pub fn asked(&self, host: &str) -> usize {
        self.hosts.lock().get(host).map_or(0, |host| host.asked)
    }

    fn next_answer(&self, host: &str) -> DnsAnswer {
        let mut hosts = self.hosts.lock();
        let host = hosts.entry(host.to_owned()).or_default();
        host.asked += 1;
        let answer =
            if host.script.len() > 1 { host.script.pop_front() } else { host.script.front().cloned() };
        answer.unwrap_or_else(|| DnsAnswer::Error("no such name".into()))
    }
}

#[async_trait]
impl Resolver for FakeResolver {
    async fn lookup(&self, host: &str) -> Result<Vec<IpAddr>, String> {
        match self.next_answer(host) {
            DnsAnswer::Addresses(addresses) => Ok(addresses),
            DnsAnswer::Silence => std::future::pending().await,
            DnsAnswer::Error(text) => Err(text),
            DnsAnswer::Ask(server) => SystemResolver::asking(server)?.lookup(host).await,
        }
    }
}
