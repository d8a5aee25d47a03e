//! How much is kept of the answers of each buyer.

use diesel::sql_types::{BigInt, Integer};
use rialto_kernel::OwnerId;
use rialto_store::{StoreError, Tx, on, statement, types::Uid};

use crate::proxy::{KeptStore, Room};

statement! {
    /// Takes room for an answer, if there is enough left. No room is taken in hours that are over, so that their sum stands still.
    struct TakeRoom {
        owner_id: OwnerId => Uid | Uid,
        hour: i32 => Integer | Integer,
        bytes: i64 => BigInt | BigInt,
        since: i32 => Integer | Integer,
        bytes_max: i64 => BigInt | BigInt,
    }
    rows: ();
    sqlite: "INSERT INTO kept_answers (owner_id, hour, bytes) SELECT ?1, ?2, ?3
        WHERE ?3 + (SELECT coalesce(sum(bytes), 0) FROM kept_answers WHERE owner_id = ?1 AND hour >= ?4 AND hour <> ?2) <= ?5
        ON CONFLICT (owner_id, hour) DO UPDATE SET bytes = bytes + ?3
        WHERE bytes + ?3 + (SELECT coalesce(sum(o.bytes), 0) FROM kept_answers AS o
            WHERE o.owner_id = ?1 AND o.hour >= ?4 AND o.hour <> ?2) <= ?5";
    postgres: "INSERT INTO kept_answers AS had (owner_id, hour, bytes) SELECT $1, $2, $3
        WHERE $3 + (SELECT coalesce(sum(bytes), 0) FROM kept_answers WHERE owner_id = $1 AND hour >= $4 AND hour <> $2) <= $5
        ON CONFLICT (owner_id, hour) DO UPDATE SET bytes = had.bytes + $3
        WHERE had.bytes + $3 + (SELECT coalesce(sum(o.bytes), 0) FROM kept_answers AS o
            WHERE o.owner_id = $1 AND o.hour >= $4 AND o.hour <> $2) <= $5";
}

statement! {
    /// Forgets hours that are long over.
    struct ForgetHours { before: i32 => Integer | Integer, limit: i64 => BigInt | BigInt }
    rows: ();
    sqlite: "DELETE FROM kept_answers WHERE (owner_id, hour) IN
        (SELECT owner_id, hour FROM kept_answers WHERE hour < ?1 ORDER BY hour, owner_id LIMIT ?2)";
    postgres: "DELETE FROM kept_answers WHERE (owner_id, hour) IN
        (SELECT owner_id, hour FROM kept_answers WHERE hour < $1 ORDER BY hour, owner_id LIMIT $2)";
}

impl KeptStore for Tx {
    async fn take_room(&mut self, buyer: OwnerId, room: Room) -> Result<bool, StoreError> {
        let Room { hour, since, bytes, bytes_max } = room;
        let take = TakeRoom { owner_id: buyer, hour, bytes, since, bytes_max };
        Ok(on!(self, conn => take.execute(conn).await)? == 1)
    }

    async fn forget_rooms(&mut self, before: i32, limit: u32) -> Result<usize, StoreError> {
        let forget = ForgetHours { before, limit: limit.into() };
        on!(self, conn => forget.execute(conn).await)
    }
}
