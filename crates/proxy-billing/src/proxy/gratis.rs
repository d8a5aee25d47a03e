//! Calls that cost nothing and have no key.
//!
//! Nothing is set aside for them, and nobody can ask for their answers again, so nothing has to be written before they are made: each
//! is written down once, when it has ended, together with all that end at the same time. Its answer waits for that, as every answer
//! does. Of one that is being made when the process dies nothing is left, and nothing is owed.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rialto_kernel::{Caller, Event, Ppm, Timestamp};
use rialto_registry::{
    service::{Service, ServiceId},
    store::ServiceStore,
};
use rialto_store::{Db, Gathered, StoreError, Together, Tx, outbox};

use super::{
    Inner, ProxyError,
    open::{Asked, Opened, Ticket, record, target},
};
use crate::{
    store::UsageStore,
    usage::{EndedUsage, NewUsage, UsageEnd, UsageId},
};

/// How many services are remembered that cost something.
const PRICED_MAX: usize = 10_000;

/// What is shared by all calls that cost nothing.
pub(super) struct Gratis {
    services: Together<ServiceId, Option<Arc<Service>>>,
    ended: Gathered<Arc<Ended>>,
    /// Services that cost something when they were last looked at: no use looking again, since a call that is opened as one that
    /// costs is opened rightly in any case.
    priced: Mutex<HashSet<ServiceId>>,
}

/// A call that has ended, with what is told of it.
struct Ended {
    call: EndedUsage,
    events: Vec<Event>,
}

impl Gratis {
    pub(super) fn new(db: &Db) -> Self {
        let (services, ended) = (Together::new(db, find_services), Gathered::new(db, write_ended));
        Self { services, ended, priced: Mutex::default() }
    }

    fn priced(&self) -> MutexGuard<'_, HashSet<ServiceId>> {
        self.priced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, service: ServiceId) {
        let mut priced = self.priced();
        // Those that are called come back at once.
        if priced.len() >= PRICED_MAX {
            priced.clear();
        }
        priced.insert(service);
    }

    /// Says that a service costs nothing any more.
    pub(super) fn forget(&self, service: ServiceId) {
        self.priced().remove(&service);
    }

    /// Writes a call down that has ended.
    pub(super) async fn end(&self, new: &NewUsage, end: UsageEnd, events: Vec<Event>, at: Timestamp) -> Result<(), StoreError> {
        let call = EndedUsage { call: new.clone(), end, at };
        match self.ended.write(Arc::new(Ended { call, events })).await {
            // A COMMIT of ours came through although the store said that it had failed.
            Err(StoreError::Unique(_)) => Ok(()),
            done => done,
        }
    }
}

impl Inner {
    /// A call that may be made without a word to the database, if it is one.
    pub(super) async fn open_gratis(&self, caller: Caller, asked: &Asked) -> Result<Option<Opened>, ProxyError> {
        if asked.key.is_some() || self.gratis.priced().contains(&asked.service) {
            return Ok(None);
        }
        let service = self.gratis.services.find(asked.service).await?.ok_or(ProxyError::ServiceUnknown)?;
        if !service.price.is_zero() {
            self.gratis.remember(service.id);
            return Ok(None);
        }
        let now = self.clock.now();
        let expires_at = now.after(self.config.call_max).after(self.config.hold_grace);
        let url = target(&service, asked)?;
        let new = record(UsageId::new(), &service, caller.owner, false, Ppm::ZERO, asked, now, expires_at);
        let timeout = service.timeout.unwrap_or(self.config.timeout);
        let ticket = Ticket::new(&new, url, timeout, None);
        Ok(Some(Opened::Fresh(Box::new(Ticket { unwritten: Some(Box::new(new)), ..ticket }))))
    }
}

async fn find_services(tx: &mut Tx, ids: &[ServiceId]) -> Result<Vec<Option<Arc<Service>>>, StoreError> {
    let wanted: HashSet<ServiceId> = ids.iter().copied().collect();
    let found = tx.list_services_by_id(&wanted.into_iter().collect::<Vec<_>>()).await?;
    let found: HashMap<ServiceId, Arc<Service>> = found.into_iter().map(|service| (service.id, Arc::new(service))).collect();
    Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
}

async fn write_ended(tx: &mut Tx, ended: &[Arc<Ended>]) -> Result<(), StoreError> {
    let calls: Vec<&EndedUsage> = ended.iter().map(|ended| &ended.call).collect();
    outbox::append_all(tx, ended.iter().flat_map(|ended| ended.events.clone()).collect()).await?;
    // It locks sums, which are wanted by many.
    tx.insert_ended_usage(&calls).await
}
