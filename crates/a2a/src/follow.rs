//! Following a task: how it stands, and then each event, in order, each once.

use std::{collections::VecDeque, time::Duration};

use futures_util::{Stream, stream};
use rialto_store::Tx;
use tokio::time::Instant;

use crate::{A2aError, hub::Bell, model::TaskId, service::A2a, store::EventStore, wire::types::StreamItem};

/// How many events are read at once.
const PAGE: i64 = 100;
/// For how long a task is followed at most: one that waits for its client may wait for ever. Whoever still wants to know follows it
/// again, and has missed nothing.
const FOLLOWED_MAX: Duration = Duration::from_secs(3_600);

/// How far a task is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// Until it is at rest: a question of the agent's is the end of an answer.
    Rest,
    /// Until nothing more can happen.
    End,
}

struct Following {
    service: A2a,
    first: Option<StreamItem>,
    /// Which task, and the number of the latest event that was told.
    of: Option<(TaskId, i64, Bell)>,
    waiting: VecDeque<(i64, StreamItem)>,
    until: Until,
    deadline: Instant,
}

/// What happens with a task behind `first`, which has all events up to the given one in it.
pub(crate) fn follow(
    service: &A2a,
    first: StreamItem,
    of: Option<(TaskId, i64)>,
    until: Until,
) -> impl Stream<Item = Result<StreamItem, A2aError>> + Send + use<> {
    let of = of.map(|(task, seq)| (task, seq, service.inner.hub.bell(task)));
    let deadline = Instant::now() + FOLLOWED_MAX;
    let start = Following { service: service.clone(), first: Some(first), of, waiting: VecDeque::new(), until, deadline };
    stream::unfold(Some(start), async |following| {
        let mut following = following?;
        match following.next().await {
            Ok(Some(item)) => {
                let rest = (!following.is_last(&item)).then_some(following);
                Some((Ok(item), rest))
            }
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    })
}

impl Following {
    async fn next(&mut self) -> Result<Option<StreamItem>, A2aError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let Some((task, seen, bell)) = &mut self.of else { return Ok(None) };
        while self.waiting.is_empty() {
            let (task, after) = (*task, *seen);
            let read = async move |tx: &mut Tx| Ok::<_, A2aError>(tx.list_events(task, after, PAGE).await?);
            self.waiting.extend(self.service.inner.db.read(read).await?);
            if self.waiting.is_empty() && (Instant::now() >= self.deadline || !bell.pause().await) {
                return Ok(None);
            }
        }
        let next = self.waiting.pop_front();
        Ok(next.map(|(seq, item)| {
            *seen = seq;
            item
        }))
    }

    fn is_last(&self, item: &StreamItem) -> bool {
        match (item, self.until) {
            (StreamItem::Message(_), _) => true,
            (item, Until::Rest) => item.is_last(),
            (StreamItem::Task(task), Until::End) => task.status.state.is_terminal(),
            (StreamItem::StatusUpdate(update), Until::End) => update.status.state.is_terminal(),
            (StreamItem::ArtifactUpdate(_), Until::End) => false,
        }
    }
}
