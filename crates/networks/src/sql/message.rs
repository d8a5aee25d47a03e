//! Messages and their deliveries, as they are written and read.

use diesel::{
    BoolExpressionMethods, ExpressionMethods, Insertable, JoinOnDsl, NullableExpressionMethods, OptionalExtension, QueryDsl,
    Queryable, QueryableByName, Selectable, SelectableHelper,
    dsl::sql,
    sql_query,
    sql_types::{BigInt, Bool, Nullable, Text},
};
use rialto_kernel::{PageRequest, Timestamp};
use rialto_store::{
    StoreError, Tx, on, statement,
    types::{Json, Uid, UtcTime},
};

use super::{
    corrupt,
    schema::{network_deliveries as d, network_messages as m},
};
use crate::{
    model::{Channel, Delivery, DeliveryStatus, Letter, Line, Message, MessageId, NetworkId, ParticipantId},
    store::{Draft, InboxQuery, MessageFilter, MessageStore},
};

/// As in the partial index. A bound parameter would hide from both databases that an index applies.
pub(super) const UNREAD: &str = "network_deliveries.status IN ('pending', 'delivered')";

/// How far back it is looked for who has written to somebody.
const WRITTEN_MAX: i64 = 1_000;

#[derive(Queryable, Selectable)]
#[diesel(table_name = m)]
struct MessageRow {
    seq: i64,
    id: MessageId,
    network_id: NetworkId,
    sender_id: ParticipantId,
    recipient_id: Option<ParticipantId>,
    channel: String,
    in_reply_to_id: Option<MessageId>,
    created_at: Timestamp,
    content: String,
    metadata: Option<Json>,
}

#[derive(Insertable)]
#[diesel(table_name = m, treat_none_as_default_value = false)]
struct NewMessageRow<'a> {
    id: MessageId,
    network_id: NetworkId,
    sender_id: ParticipantId,
    recipient_id: Option<ParticipantId>,
    channel: &'static str,
    in_reply_to_id: Option<MessageId>,
    dedupe: Option<&'a [u8]>,
    created_at: Timestamp,
    content: &'a str,
    metadata: Option<Json>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = d)]
struct DeliveryRow {
    status: String,
    attempts: i32,
    updated_at: Timestamp,
    delivered_at: Option<Timestamp>,
    read_at: Option<Timestamp>,
    last_error: Option<String>,
}

#[derive(Insertable)]
#[diesel(table_name = d, treat_none_as_default_value = false)]
struct NewDeliveryRow {
    message_seq: i64,
    recipient_id: ParticipantId,
    channel: &'static str,
    status: &'static str,
    queued: bool,
    attempts: i32,
    created_at: Timestamp,
    updated_at: Timestamp,
    delivered_at: Option<Timestamp>,
}

pub(super) fn channel(word: &str) -> Result<Channel, StoreError> {
    Channel::from_word(word).ok_or_else(|| corrupt("network_messages.channel", word))
}

impl TryFrom<MessageRow> for Message {
    type Error = StoreError;

    fn try_from(row: MessageRow) -> Result<Self, StoreError> {
        Ok(Self {
            channel: channel(&row.channel)?,
            seq: row.seq,
            id: row.id,
            network: row.network_id,
            sender: row.sender_id,
            recipient: row.recipient_id,
            in_reply_to: row.in_reply_to_id,
            created_at: row.created_at,
            content: row.content,
            metadata: row.metadata.map(|json| json.0),
        })
    }
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = StoreError;

    fn try_from(row: DeliveryRow) -> Result<Self, StoreError> {
        let status = DeliveryStatus::from_word(&row.status);
        Ok(Self {
            status: status.ok_or_else(|| corrupt("network_deliveries.status", &row.status))?,
            attempts: row.attempts,
            last_error: row.last_error,
            delivered_at: row.delivered_at,
            read_at: row.read_at,
            updated_at: row.updated_at,
        })
    }
}

fn letter((message, delivery): (MessageRow, Option<DeliveryRow>)) -> Result<Letter, StoreError> {
    Ok(Letter { message: message.try_into()?, delivery: delivery.map(Delivery::try_from).transpose()? })
}

/// Messages, each with its delivery if it has one.
macro_rules! letters {
    () => {
        m::table
            .left_join(d::table.on(d::message_seq.eq(m::seq).and(d::recipient_id.nullable().eq(m::recipient_id))))
            .select((MessageRow::as_select(), Option::<DeliveryRow>::as_select()))
    };
}

type LineRow = (i64, MessageId, String, Option<String>, String, String, Timestamp);

const LINES: &str = "SELECT m.seq, m.id, s.name, r.name, m.channel, m.content, m.created_at \
     FROM network_messages AS m JOIN network_participants AS s ON s.id = m.sender_id \
     LEFT JOIN network_participants AS r ON r.id = m.recipient_id \
     WHERE m.network_id = $1 AND m.seq < $2 ORDER BY m.seq DESC LIMIT $3";

statement! {
    /// What was said last, with names.
    struct Lines { network: NetworkId => Uid | Uid, before: i64 => BigInt | BigInt, limit: i64 => BigInt | BigInt }
    rows: (BigInt, Uid, Text, Nullable<Text>, Text, Text, UtcTime);
    sqlite: LINES;
    postgres: LINES;
}

/// Reads both directions in the order of their indexes, no farther than the page reaches.
const OF_PARTICIPANT: &str = "SELECT seq FROM ( \
     SELECT seq FROM (SELECT seq FROM network_messages WHERE sender_id = $1 AND seq > $2 AND seq <= $3 \
         AND ($4 IS NULL OR channel = $4) ORDER BY seq LIMIT $5) AS sent \
     UNION SELECT seq FROM (SELECT seq FROM network_messages WHERE recipient_id = $1 AND seq > $2 AND seq <= $3 \
         AND ($4 IS NULL OR channel = $4) ORDER BY seq LIMIT $5) AS received \
     ) AS both_ways ORDER BY seq LIMIT $6 OFFSET $7";

#[derive(QueryableByName)]
struct Place {
    #[diesel(sql_type = BigInt)]
    seq: i64,
}

async fn of_participant(
    tx: &mut Tx,
    participant: ParticipantId,
    filter: &MessageFilter,
    upto: i64,
    page: PageRequest,
) -> Result<Vec<Letter>, StoreError> {
    let channel = filter.channel.map(Channel::as_str);
    let reach = page.limit().saturating_add(page.offset());
    let places: Vec<Place> = on!(tx, conn => sql_query(OF_PARTICIPANT)
        .bind::<Uid, _>(participant).bind::<BigInt, _>(filter.after).bind::<BigInt, _>(upto)
        .bind::<Nullable<Text>, _>(channel)
        .bind::<BigInt, _>(reach).bind::<BigInt, _>(page.limit()).bind::<BigInt, _>(page.offset()).load(conn).await)?;
    let seqs: Vec<i64> = places.into_iter().map(|place| place.seq).collect();
    let rows = on!(tx, conn => letters!().filter(m::seq.eq_any(&seqs)).order(m::seq).load(conn).await)?;
    rows.into_iter().map(letter).collect()
}

impl MessageStore for Tx {
    async fn insert_message(&mut self, draft: &Draft, now: Timestamp) -> Result<Message, StoreError> {
        let row = NewMessageRow {
            id: draft.id,
            network_id: draft.network,
            sender_id: draft.sender,
            recipient_id: draft.recipient,
            channel: draft.channel.as_str(),
            in_reply_to_id: draft.in_reply_to,
            dedupe: draft.dedupe.as_deref(),
            created_at: now,
            content: &draft.content,
            metadata: draft.metadata.clone().map(Json),
        };
        let seq: i64 = on!(self, conn => diesel::insert_into(m::table).values(&row).returning(m::seq).get_result(conn).await)?;
        Ok(Message {
            seq,
            id: draft.id,
            network: draft.network,
            sender: draft.sender,
            recipient: draft.recipient,
            channel: draft.channel,
            in_reply_to: draft.in_reply_to,
            created_at: now,
            content: draft.content.clone(),
            metadata: draft.metadata.clone(),
        })
    }

    async fn insert_delivery(&mut self, message: &Message, status: DeliveryStatus, queued: bool) -> Result<(), StoreError> {
        let Some(recipient) = message.recipient else { return Ok(()) };
        let row = NewDeliveryRow {
            message_seq: message.seq,
            recipient_id: recipient,
            channel: message.channel.as_str(),
            status: status.as_str(),
            queued,
            attempts: 0,
            created_at: message.created_at,
            updated_at: message.created_at,
            delivered_at: (status == DeliveryStatus::Delivered).then_some(message.created_at),
        };
        on!(self, conn => diesel::insert_into(d::table).values(&row).execute(conn).await)?;
        Ok(())
    }

    async fn find_message(&mut self, network: NetworkId, id: MessageId) -> Result<Option<Letter>, StoreError> {
        let row = on!(self, conn => letters!().filter(m::id.eq(id)).filter(m::network_id.eq(network))
            .first(conn).await.optional())?;
        row.map(letter).transpose()
    }

    async fn settled_place(&mut self, network: NetworkId) -> Result<i64, StoreError> {
        let place: Place = on!(self,
            sqlite _conn => Ok(Place { seq: i64::MAX }),
            postgres conn => sql_query("SELECT network_messages_settled($1) AS seq").bind::<Uid, _>(network)
                .get_result(conn).await)?;
        Ok(place.seq)
    }

    async fn list_messages(
        &mut self,
        network: NetworkId,
        filter: &MessageFilter,
        upto: i64,
        page: PageRequest,
    ) -> Result<Vec<Letter>, StoreError> {
        if let Some(participant) = filter.participant {
            return of_participant(self, participant, filter, upto, page).await;
        }
        macro_rules! of_network {
            () => {{
                let mut query = letters!()
                    .filter(m::network_id.eq(network))
                    .filter(m::seq.gt(filter.after))
                    .filter(m::seq.le(upto))
                    .into_boxed();
                if let Some(channel) = filter.channel {
                    query = query.filter(m::channel.eq(channel.as_str()));
                }
                query.order(m::seq).limit(page.limit()).offset(page.offset())
            }};
        }
        let rows = on!(self, conn => of_network!().load(conn).await)?;
        rows.into_iter().map(letter).collect()
    }

    async fn list_inbox(&mut self, participant: ParticipantId, query: &InboxQuery, upto: i64) -> Result<Vec<Letter>, StoreError> {
        macro_rules! unread {
            () => {{
                let mut found = d::table
                    .inner_join(m::table.on(m::seq.eq(d::message_seq)))
                    .filter(d::recipient_id.eq(participant))
                    .filter(sql::<Bool>(UNREAD))
                    .filter(d::message_seq.gt(query.after))
                    .filter(d::message_seq.le(upto))
                    .select((MessageRow::as_select(), DeliveryRow::as_select()))
                    .into_boxed();
                if let Some(channel) = query.channel {
                    found = found.filter(d::channel.eq(channel.as_str()));
                }
                found.order(d::message_seq).limit(query.limit.into())
            }};
        }
        let rows: Vec<(MessageRow, DeliveryRow)> = on!(self, conn => unread!().load(conn).await)?;
        rows.into_iter().map(|(message, delivery)| letter((message, Some(delivery)))).collect()
    }

    async fn set_read(
        &mut self,
        network: NetworkId,
        participant: Option<ParticipantId>,
        ids: &[MessageId],
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        const READ: &str = DeliveryStatus::Read.as_str();
        let change = (d::status.eq(READ), d::queued.eq(false), d::read_at.eq(now), d::updated_at.eq(now));
        macro_rules! named {
            () => {
                d::table.filter(sql::<Bool>(UNREAD)).filter(
                    d::message_seq.eq_any(m::table.filter(m::network_id.eq(network)).filter(m::id.eq_any(ids)).select(m::seq)),
                )
            };
        }
        match participant {
            None => on!(self, conn => diesel::update(named!()).set(change).execute(conn).await),
            Some(participant) => on!(self, conn => diesel::update(named!().filter(d::recipient_id.eq(participant)))
                .set(change).execute(conn).await),
        }
    }

    async fn list_lines(&mut self, network: NetworkId, before: i64, limit: u32) -> Result<Vec<Line>, StoreError> {
        let lines = || Lines { network, before, limit: limit.into() };
        let rows: Vec<LineRow> = on!(self, conn => lines().load(conn).await)?;
        let line = |(seq, message, sender, recipient, word, content, at): LineRow| {
            Ok(Line { seq, message, sender, recipient, channel: channel(&word)?, content, at })
        };
        rows.into_iter().map(line).collect()
    }

    async fn list_places(&mut self, network: NetworkId, limit: u32) -> Result<Vec<i64>, StoreError> {
        on!(self, conn => m::table.filter(m::network_id.eq(network)).select(m::seq).order(m::seq.desc())
            .limit(limit.into()).load(conn).await)
    }

    async fn find_repeat(
        &mut self,
        sender: ParticipantId,
        dedupe: &[u8],
        since: Timestamp,
    ) -> Result<Option<Letter>, StoreError> {
        let row = on!(self, conn => letters!()
            .filter(m::sender_id.eq(sender)).filter(m::dedupe.eq(dedupe)).filter(m::created_at.ge(since))
            .order(m::seq.desc()).first(conn).await.optional())?;
        row.map(letter).transpose()
    }

    async fn has_written(&mut self, sender: ParticipantId, recipient: ParticipantId) -> Result<bool, StoreError> {
        let senders: Vec<ParticipantId> = on!(self, conn => m::table.filter(m::recipient_id.eq(recipient))
            .select(m::sender_id).order(m::seq.desc()).limit(WRITTEN_MAX).load(conn).await)?;
        Ok(senders.contains(&sender))
    }
}
