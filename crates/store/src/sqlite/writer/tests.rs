//! What befalls a group, one hazard after another. The members are in the queue before the group begins, so all are in it.

use diesel::{QueryableByName, sql_types::BigInt};
use tokio::sync::oneshot;

use super::*;
use crate::{
    on,
    work::{Mode, task},
};

/// Long enough for whatever ends.
const LONG: Duration = Duration::from_secs(60);

type Answer = Result<(), StoreError>;

/// A file, its writer, and members that wait.
struct Group {
    tx: Tx,
    waiting: Vec<Request>,
    answers: Vec<oneshot::Receiver<Answer>>,
    folder: tempfile::TempDir,
}

impl Group {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut tx = open(&folder.path().join("test.db"), Purpose::Write).unwrap();
        let tables = "CREATE TABLE things (n INTEGER PRIMARY KEY) STRICT;
            CREATE TABLE children (n INTEGER REFERENCES things (n) DEFERRABLE INITIALLY DEFERRED) STRICT;";
        tx.batch(tables).await.unwrap();
        Self { tx, waiting: Vec::new(), answers: Vec::new(), folder }
    }

    fn join(&mut self, bound: Duration, work: impl AsyncFn(&mut Tx) -> Answer + Send + 'static) {
        self.join_as(Mode::Write, bound, work);
    }

    fn join_as(&mut self, mode: Mode, bound: Duration, work: impl AsyncFn(&mut Tx) -> Answer + Send + 'static) {
        let (task, answer) = task(Some(bound), work);
        self.waiting.push(Request { mode, since: Instant::now(), task });
        self.answers.push(answer);
    }

    /// A member that writes a row, and no more.
    fn writes(&mut self, n: u32) {
        self.join(LONG, async move |tx: &mut Tx| tx.batch(&format!("INSERT INTO things VALUES ({n})")).await);
    }

    /// A member that writes a row, and does not wait for the commit.
    fn announces(&mut self, n: u32) {
        self.join_as(Mode::WriteSoon, LONG, async move |tx: &mut Tx| tx.batch(&format!("INSERT INTO things VALUES ({n})")).await);
    }

    /// Has all that wait done in one group: what each was told, and which rows there are then.
    async fn run(&mut self) -> (Vec<Answer>, Vec<i64>) {
        let (send, queue) = async_channel::unbounded();
        for request in std::mem::take(&mut self.waiting) {
            send.try_send(request).ok().unwrap();
        }
        while let Ok(first) = queue.try_recv() {
            group(&mut self.tx, first, &queue).await;
        }
        let mut answers = Vec::new();
        for answer in self.answers.drain(..) {
            answers.push(answer.await.unwrap());
        }
        (answers, rows(&mut self.tx).await)
    }

    /// The writer goes on as if nothing had been.
    async fn goes_on(&mut self) {
        self.writes(99);
        let (answers, things) = self.run().await;
        assert_eq!((answers.as_slice(), things.last()), ([Ok(())].as_slice(), Some(&99)));
    }
}

async fn rows(tx: &mut Tx) -> Vec<i64> {
    #[derive(QueryableByName)]
    struct Thing {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    let things: Result<Vec<Thing>, StoreError> =
        on!(tx, conn => diesel::sql_query("SELECT n FROM things ORDER BY n").load(conn).await);
    things.unwrap().iter().map(|thing| thing.n).collect()
}

#[tokio::test]
async fn when_commit_fails_all_members_fail_and_none_is_half_done() {
    let mut group = Group::new().await;
    group.writes(1);
    group.join(LONG, async |tx: &mut Tx| tx.batch("INSERT INTO children VALUES (7)").await);
    group.writes(2);
    let (answers, things) = group.run().await;
    assert_eq!(answers.len(), 3);
    for answer in answers {
        assert!(matches!(answer, Err(StoreError::ForeignKey(_))), "it is sure that it was not done: {answer:?}");
    }
    assert!(things.is_empty(), "{things:?}");
    group.goes_on().await;
}

#[tokio::test]
async fn a_member_that_waits_for_ever_is_undone_alone() {
    for place in 0..3 {
        let mut group = Group::new().await;
        for n in 0..3 {
            if n == place {
                group.join(Duration::from_millis(5), async |tx: &mut Tx| {
                    tx.batch("INSERT INTO things VALUES (50)").await?;
                    std::future::pending().await
                });
            } else {
                group.writes(n);
            }
        }
        let (answers, things) = group.run().await;
        let others: Vec<i64> = (0..3).filter(|n| *n != place).map(i64::from).collect();
        assert_eq!(things, others);
        for (n, answer) in (0..).zip(answers) {
            assert_eq!(answer, if n == place { Err(StoreError::Timeout) } else { Ok(()) });
        }
        group.goes_on().await;
    }
}

/// As SQLite does on some I/O errors, and the member does not mind.
#[tokio::test]
async fn a_transaction_that_was_given_up_fails_whoever_was_in_it() {
    let given_up = async |tx: &mut Tx| {
        tx.batch("INSERT INTO things VALUES (50)").await?;
        tx.batch("ROLLBACK").await
    };
    let mut group = Group::new().await;
    group.join(LONG, given_up);
    group.writes(1);
    let (answers, things) = group.run().await;
    assert!(matches!(&answers[0], Err(StoreError::Database(text)) if text.contains("given up")), "{answers:?}");
    assert_eq!((&answers[1], things.as_slice()), (&Ok(()), [1].as_slice()), "the next one is in a group of its own");

    let mut group = Group::new().await;
    group.writes(1);
    group.join(LONG, given_up);
    let (answers, things) = group.run().await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(StoreError::Database(_)))), "{answers:?}");
    assert!(things.is_empty(), "{things:?}");
    group.goes_on().await;
}

#[tokio::test]
async fn a_savepoint_that_cannot_be_rolled_back_fails_the_group() {
    let mut group = Group::new().await;
    group.writes(1);
    group.join(LONG, async |tx: &mut Tx| {
        tx.batch("INSERT INTO things VALUES (50); ROLLBACK").await?;
        Err(StoreError::Corrupt("its own reason".into()))
    });
    let (answers, things) = group.run().await;
    assert!(matches!(&answers[0], Err(StoreError::Database(_))), "{answers:?}");
    assert_eq!(answers[1], Err(StoreError::Corrupt("its own reason".into())));
    assert!(things.is_empty(), "{things:?}");
    group.goes_on().await;
}

#[tokio::test]
async fn what_is_announced_is_committed_with_what_follows_soon() {
    let mut writer = Group::new().await;
    let mut reader = open(&writer.folder.path().join("test.db"), Purpose::Read).unwrap();
    for n in [1, 2] {
        writer.announces(n);
    }
    writer.writes(3);
    let (send, queue) = async_channel::unbounded();
    let mut requests = std::mem::take(&mut writer.waiting).into_iter();
    let mut answers = std::mem::take(&mut writer.answers);
    let (first, last) = (requests.next().unwrap(), answers.pop().unwrap());
    let follow = async {
        assert_eq!(answers.remove(0).await, Ok(Ok(())), "it is told before there is a commit");
        assert_eq!(rows(&mut reader).await, [0; 0]);
        for request in requests {
            send.try_send(request).ok().unwrap();
        }
    };
    tokio::join!(group(&mut writer.tx, first, &queue), follow);
    assert_eq!((answers.remove(0).await, last.await), (Ok(Ok(())), Ok(Ok(()))));
    assert_eq!(rows(&mut reader).await, [1, 2, 3]);
    writer.goes_on().await;
}

#[tokio::test]
async fn what_is_announced_is_committed_although_nothing_follows() {
    let mut group = Group::new().await;
    group.announces(1);
    assert_eq!(group.run().await, (vec![Ok(())], vec![1]));
    group.announces(2);
    // It has nothing to wait for.
    group.join_as(Mode::WriteSoon, LONG, async |_: &mut Tx| Err(StoreError::Corrupt("its own reason".into())));
    assert_eq!(group.run().await, (vec![Ok(()), Err(StoreError::Corrupt("its own reason".into()))], vec![1, 2]));
    group.goes_on().await;
}

#[tokio::test]
async fn what_was_announced_has_not_been_when_its_group_fails() {
    let mut group = Group::new().await;
    group.announces(1);
    group.join(LONG, async |tx: &mut Tx| tx.batch("INSERT INTO children VALUES (7)").await);
    let (answers, things) = group.run().await;
    assert!(matches!(answers.as_slice(), [Ok(()), Err(StoreError::ForeignKey(_))]), "{answers:?}");
    assert!(things.is_empty(), "{things:?}");
    group.goes_on().await;
}

#[test]
fn what_the_disk_says_at_commit_leaves_open_what_was_done() {
    let error = |message: &str| {
        let kind = diesel::result::DatabaseErrorKind::Unknown;
        at_commit(diesel::result::Error::DatabaseError(kind, Box::new(message.to_owned())).into())
    };
    for disk in ["disk I/O error", "database or disk is full"] {
        assert_eq!(error(disk), StoreError::Unknown(disk.into()));
    }
    assert_eq!(error("database is locked"), StoreError::Unavailable("database is locked".into()));
}
