//! Publisher: the shop that sends events, and asks again under the same key where it heard no yes.

use std::sync::Arc;

use bocau_domain::{EventId, StoreId};
use bocau_engine::{IncomingEvent, PublishError, Published};
use bocau_store::{IdempotencyKey, Store};
use parking_lot::Mutex;

use crate::ledger::Ledger;
use crate::node::Node;
use crate::world::at_once;

type Answer = Arc<Mutex<Option<Result<Published, PublishError>>>>;

/// One request.
struct Request {
    number: usize,
    events: Vec<IncomingEvent>,
    key: Option<IdempotencyKey>,
    /// On which run it is under way, and where the answer will be.
    underway: Option<(usize, Answer)>,
    accepted: Option<Published>,
    /// Without a key it is not asked again.
    is_given_up: bool,
}

/// The shop.
pub(crate) struct Publisher {
    ledger: Arc<Ledger>,
    requests: Vec<Request>,
}

impl Publisher {
    pub(crate) fn new(ledger: Arc<Ledger>) -> Self {
        Self { ledger, requests: Vec::new() }
    }

    /// Publishes `count` events on a node.
    pub(crate) fn publish(&mut self, node: &Node, store: &StoreId, count: u64, with_key: bool) {
        let number = self.requests.len();
        let event = |index| IncomingEvent {
            event_type: "order.created".parse().expect("an event type"),
            object_id: format!("{}", number % 7).parse().expect("an object id"),
            occurred_at: None,
            payload: format!(r#"{{"request": {number}, "event": {index}}}"#).into(),
        };
        let hash = || [u8::try_from(number % 251).expect("small"); 32];
        let key = with_key.then(|| IdempotencyKey { key: format!("request {number}"), body_hash: hash() });
        let events = (0..count).map(event).collect();
        let request = Request { number, events, key, underway: None, accepted: None, is_given_up: false };
        self.requests.push(request);
        self.ask(number, node, store);
    }

    fn ask(&mut self, number: usize, node: &Node, store: &StoreId) {
        let request = &mut self.requests[number];
        self.ledger.note(format!(
            "request {number} of {} events goes to run {}",
            request.events.len(),
            node.run
        ));
        let answer = Answer::default();
        request.underway = Some((node.run, answer.clone()));
        let (engine, store) = (node.engine.clone(), store.clone());
        let (events, key) = (request.events.clone(), request.key.clone());
        node.spawn(async move {
            let published = engine.publish(&store, events, key).await;
            *answer.lock() = Some(published);
        });
    }

    /// Asks again for whatever was not answered with a yes. Answers how many there are.
    pub(crate) fn ask_again(&mut self, node: &Node, store: &StoreId) -> usize {
        let open = |request: &&Request| request.accepted.is_none() && !request.is_given_up;
        let still_open = self.requests.iter().filter(open).count();
        let idle = self.requests.iter().filter(open).filter(|request| request.underway.is_none());
        let numbers: Vec<usize> = idle.map(|request| request.number).collect();
        for number in numbers {
            self.ask(number, node, store);
        }
        still_open
    }

    /// Nobody on this run answers any more.
    pub(crate) fn died(&mut self, run: usize) {
        for request in &mut self.requests {
            request.underway.take_if(|(on, _)| *on == run);
            request.is_given_up |= request.key.is_none() && request.underway.is_none();
        }
    }

    /// Hears the answers. What is answered with a yes must be in the store at that moment.
    pub(crate) fn collect(&mut self, store: &dyn Store, store_id: &StoreId) {
        for request in &mut self.requests {
            let Some((_, answer)) = &request.underway else { continue };
            let Some(answer) = answer.lock().take() else { continue };
            request.underway = None;
            match answer {
                Ok(published) => {
                    self.ledger.note(format!("request {} is accepted", request.number));
                    for (event, _) in &published.events {
                        if at_once(store.find_event(store_id, *event)).is_none() {
                            self.ledger.broken(format!("{event} was acknowledged before it was kept"));
                        }
                    }
                    request.accepted = Some(published);
                }
                Err(error) => {
                    self.ledger.note(format!("request {} is refused: {error}", request.number));
                    request.is_given_up = request.key.is_none();
                }
            }
        }
    }

    /// Every event that was answered with a yes, with the number of its deliveries.
    pub(crate) fn accepted(&self) -> Vec<(EventId, u32)> {
        let published = self.requests.iter().filter_map(|request| request.accepted.as_ref());
        published.flat_map(|published| published.events.iter().copied()).collect()
    }

    /// The payloads of each request that has a key, none of which may be there twice.
    pub(crate) fn payloads_with_key(&self) -> Vec<Vec<u8>> {
        let with_key = self.requests.iter().filter(|request| request.key.is_some());
        with_key.flat_map(|request| request.events.iter().map(|event| event.payload.to_vec())).collect()
    }
}
