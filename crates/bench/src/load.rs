//! Publishes over so many connections, as fast as it is taken.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use tokio::task::JoinSet;

use crate::connection::Connection;
use crate::event_key::{self, EventKey};
use crate::order;
use crate::program::STORE;

/// Connections that publish at the same time.
pub(crate) const CONNECTIONS: usize = 64;

/// What is published, and for how long.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) event_type: &'static str,
    /// Events of a request.
    pub(crate) batch: usize,
    pub(crate) until: Until,
}

/// When publishing ends.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// After so many events.
    Events(usize),
    /// At a moment.
    Moment(Instant),
}

/// What publishing came to.
pub(crate) struct Published {
    pub(crate) requests: Vec<Answered>,
    /// When the first was sent.
    pub(crate) began_at: Instant,
    /// When the last was answered.
    pub(crate) ended_at: Instant,
}

/// A request that was answered 202.
pub(crate) struct Answered {
    /// When it was sent, or should have been.
    pub(crate) asked_at: Instant,
    pub(crate) ended_at: Instant,
    /// Read when nothing is measured any more.
    pub(crate) body: Bytes,
}

impl Load {
    /// So many orders.
    pub(crate) fn orders(events: usize, batch: usize) -> Self {
        Self { event_type: "order.created", batch, until: Until::Events(events) }
    }
}

impl Published {
    /// What was promised.
    pub(crate) fn events(&self) -> anyhow::Result<Vec<EventKey>> {
        let promised = self.requests.iter().map(|request| event_key::of_answer(&request.body));
        Ok(promised.collect::<anyhow::Result<Vec<_>>>()?.concat())
    }

    /// How long each request took.
    pub(crate) fn latencies(&self) -> impl Iterator<Item = Duration> + '_ {
        self.requests.iter().map(|request| request.ended_at - request.asked_at)
    }
}

/// Publishes to the first store.
pub(crate) async fn publish(address: SocketAddr, load: Load) -> anyhow::Result<Published> {
    let left = Arc::new(AtomicUsize::new(match load.until {
        Until::Events(events) => events / load.batch,
        Until::Moment(_) => usize::MAX,
    }));
    let mut connections = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        connections.push(Connection::open(address, None).await?);
    }
    let began_at = Instant::now();
    let mut publishers = JoinSet::new();
    for mut connection in connections {
        let left = left.clone();
        publishers.spawn(async move {
            let mut requests = Vec::new();
            let is_over = || matches!(load.until, Until::Moment(end) if Instant::now() >= end);
            while !is_over()
                && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
            {
                let request = order::request(STORE, load.event_type, load.batch);
                let asked_at = Instant::now();
                let body = connection.expect(request, 202).await?;
                requests.push(Answered { asked_at, ended_at: Instant::now(), body });
            }
            anyhow::Ok(requests)
        });
    }
    let mut requests = Vec::new();
    while let Some(published) = publishers.join_next().await {
        requests.extend(published.context("a publisher")??);
    }
    Ok(Published { requests, began_at, ended_at: Instant::now() })
}
