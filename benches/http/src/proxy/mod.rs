//! The paid proxy beside nginx: the same upstream, asked directly, through nginx, and through the server.

mod forward;
mod nginx;
mod seed;
mod stream;
mod table;

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    time::{Duration, Instant},
};

use forward::Forward;
pub use forward::serve as forward;
use nginx::Nginx;
use table::{Row, Table};

use crate::{
    Result,
    load::{Figures, Run, measure},
    options::{Database, Options},
    server,
};

/// How often each way is measured, in turns: neighbours' noise then hits all of them.
const ROUNDS: usize = 3;
/// What is sent, so many at once.
const CONNECTIONS: [u32; 2] = [64, 1];
/// How many commits are timed.
const SYNCS: usize = 200;

/// One way to the upstream.
struct Way {
    name: &'static str,
    address: String,
    run: Run,
}

/// Measures, and writes the table.
pub fn run(options: &Options) -> Result<()> {
    let mut table = Table::of_this_machine(options)?;
    for database in options.databases()? {
        compare(options, &database, &mut table)?;
    }
    let text = table.markdown();
    write!(io::stdout(), "{text}")?;
    let path = table.save(&options.out, &text)?;
    writeln!(io::stdout(), "\nwritten to {}", path.display())?;
    Ok(())
}

fn compare(options: &Options, database: &Database, table: &mut Table) -> Result<()> {
    let place = database.prepare()?;
    let nginx = Nginx::start(place.folder())?;
    let forward = Forward::start(&nginx.upstream)?;
    let server = server::start(&options.server, place.url())?;
    let shop = seed::fill(&server.address, &nginx.upstream)?;
    let post = |path: &str, token: &str| Run::post("chat", path, vec![(token.to_owned(), seed::QUESTION.to_owned())]);
    let ways = [
        Way { name: "direct", address: nginx.upstream.clone(), run: post("/v1/chat", &shop.key) },
        Way { name: "nginx", address: nginx.proxy.clone(), run: post("/v1/chat", &shop.key) },
        Way { name: "forward", address: forward.address.clone(), run: post("/v1/chat", &shop.key) },
        Way { name: "unpaid", address: server.address.clone(), run: post(&shop.unpaid, &shop.key) },
        Way { name: "paid", address: server.address.clone(), run: post(&shop.paid, &shop.key) },
    ];
    let mut rows: Vec<Row> = Vec::new();
    for _ in 0..ROUNDS {
        for connections in CONNECTIONS {
            for way in ways.iter().filter(|way| options.wants(way.name)) {
                writeln!(io::stderr(), "{}: {} with {connections} …", database.name(), way.name)?;
                let load = options.with_connections(connections);
                let figures = measure(&load, &way.address, &way.run, place.folder())?;
                add(&mut rows, way.name, connections, figures);
            }
        }
    }
    table.add(database.name(), rows);
    table.syncs.push((database.name(), sync_time(place.folder())?));
    if options.wants("stream") {
        table.streams.push((database.name(), stream::through(&server, &shop)?));
    }
    Ok(())
}

fn add(rows: &mut Vec<Row>, way: &'static str, connections: u32, figures: Figures) {
    match rows.iter_mut().find(|row| row.way == way && row.connections == connections) {
        Some(row) => row.rounds.push(figures),
        None => rows.push(Row { way, connections, rounds: vec![figures] }),
    }
}

/// The median time of a commit to the disk that the data is on.
fn sync_time(folder: &Path) -> Result<Duration> {
    let mut file = File::create(folder.join("sync"))?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let started = Instant::now();
        file.write_all(&[7; 4_096])?;
        file.sync_data()?;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    times.get(SYNCS / 2).copied().ok_or_else(|| "nothing was timed".into())
}
