//! How fast the server answers.

use std::{
    fmt::Write,
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Instant,
};

use rialto_registry::NewAgent;
use tokio::runtime::Runtime;

use crate::{
    Result,
    options::Options,
    place::{Place, agent},
};

const VERBS: [&str; 20] = [
    "translates",
    "summarises",
    "reviews",
    "monitors",
    "forecasts",
    "extracts",
    "classifies",
    "plans",
    "compares",
    "drafts",
    "audits",
    "schedules",
    "transcribes",
    "optimises",
    "detects",
    "explains",
    "designs",
    "tests",
    "ranks",
    "archives",
];
const THINGS: [&str; 25] = [
    "contracts",
    "invoices",
    "podcasts",
    "pull requests",
    "shipments",
    "recipes",
    "chest scans",
    "tax returns",
    "job postings",
    "soil samples",
    "flight bookings",
    "server logs",
    "customer reviews",
    "lab results",
    "museum catalogues",
    "network traffic",
    "insurance claims",
    "lesson plans",
    "stock trades",
    "energy bills",
    "court rulings",
    "song lyrics",
    "chess games",
    "wills",
    "menus",
];
const PEOPLE: [&str; 20] = [
    "lawyers",
    "hospitals",
    "farmers",
    "teachers",
    "banks",
    "start-ups",
    "museums",
    "airlines",
    "city councils",
    "engineers",
    "musicians",
    "retailers",
    "journalists",
    "charities",
    "pilots",
    "tenants",
    "parents",
    "nurses",
    "brewers",
    "investors",
];
const MANNERS: [&str; 5] = ["in real time", "every night", "with sources", "in forty languages", "at low cost"];
/// What queries are made of, beside the words above.
const ASKING: [&str; 10] =
    ["please", "find", "quickly", "somebody", "reliable", "tomorrow", "cheap", "automatic", "better", "without errors"];

/// What the next run begins its random numbers with.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// The table.
pub fn table(runtime: &Runtime, server: &Path, options: &Options) -> Result<String> {
    let began = Instant::now();
    let place = runtime.block_on(Place::with(agents(options.agents)))?;
    let embedding = began.elapsed().as_secs_f64();
    let url = runtime.block_on(place.url())?;
    let server = Server::start(server, &url)?;
    let mut table = format!(
        "{} agents, registered and embedded in {embedding:.0} s.\n\n\
         | queries of ten words | connections | a second | p50 | p99 |\n|---|--:|--:|--:|--:|\n",
        options.agents
    );
    for (kind, connections) in [("new", 1), ("seen", 1), ("new", 32), ("seen", 32)] {
        let [rate, p50, p99] = load(&server.address, kind, connections, options.seconds)?;
        writeln!(table, "| {kind} | {connections} | {rate} | {p50} | {p99} |")?;
    }
    writeln!(table, "\nThe server holds {} MB after that.", server.rss_mb()?)?;
    Ok(table)
}

/// Agents that share many words, as real ones do.
fn agents(count: usize) -> Vec<NewAgent> {
    let pick = |list: &[&'static str], n: usize| list.get(n % list.len()).copied().unwrap_or_default();
    let agent = |n: usize| {
        let (verb, thing, people) = (pick(&VERBS, n), pick(&THINGS, n / 20), pick(&PEOPLE, n / 500));
        let manner = pick(&MANNERS, n * 7);
        let other = pick(&THINGS, n * 11 + 3);
        let text = format!("Number {n} {verb} {thing} for {people} {manner}, and knows a little about {other}.");
        agent(&format!("{thing} {n}"), &[people, verb], &text)
    };
    (0..count).map(agent).collect()
}

/// Loads the server, and gives answers a second, p50 and p99.
fn load(address: &str, kind: &str, connections: u32, seconds: u32) -> Result<[String; 3]> {
    let folder = tempfile::tempdir()?;
    let script = folder.path().join("queries.lua");
    fs::write(&script, lua(kind == "new"))?;
    let output = Command::new("wrk")
        .args([format!("--threads={}", connections.min(2)), format!("--connections={connections}")])
        .args([format!("--duration={seconds}s"), "--latency".to_owned(), "--timeout=10s".to_owned(), "--script".to_owned()])
        .arg(script)
        .arg(format!("http://{address}"))
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || text.contains("Non-2xx") || text.contains("Socket errors") {
        return Err(format!("wrk failed: {text}{}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let figure = |name: &str| {
        let after = text.lines().find_map(|line| line.trim().strip_prefix(name)).map(|rest| rest.trim().to_owned());
        after.ok_or_else(|| format!("wrk did not say {name}:\n{text}"))
    };
    Ok([figure("Requests/sec:")?, figure("50%")?, figure("99%")?])
}

/// Queries of ten words: each thread its own, either never the same twice or fifty in turn.
fn lua(new: bool) -> String {
    let words: Vec<&str> = [&VERBS[..], &THINGS[..], &PEOPLE[..], &ASKING[..]].concat();
    let words: Vec<&str> = words.iter().filter(|word| !word.contains(' ')).copied().collect();
    let table: String = words.iter().map(|word| format!("\"{word}\",")).collect();
    format!(
        r#"local words = {{{table}}}
local threads = 0
function setup(thread)
  thread:set("seed", threads + {base})
  threads = threads + 1
end
local function query()
  local ten = {{}}
  for i = 1, 10 do ten[i] = words[math.random(#words)] end
  return wrk.format("GET", "/registry/discover?query=" .. table.concat(ten, "+"))
end
local seen, at = {{}}, 0
function init()
  math.randomseed(seed)
  for i = 1, 50 do seen[i] = query() end
end
function request()
  if {new} then return query() end
  at = at % #seen + 1
  return seen[at]
end
"#,
        // Other queries in each run: the numbers of processes only rise.
        base = NEXT.fetch_add(100, Ordering::Relaxed) + std::process::id(),
    )
}

struct Server {
    address: String,
    child: Child,
}

impl Server {
    /// Starts it on a database, and waits until it listens.
    fn start(binary: &Path, database: &str) -> Result<Self> {
        let binary = fs::canonicalize(binary).map_err(|error| format!("{}: {error}", binary.display()))?;
        let mut child = Command::new(binary)
            .args(["serve", "--listen=127.0.0.1:0", "--sandbox=true", "--rate-limit-per-minute=0", "--log=json"])
            .args(["--jwt-secret=a secret for benchmarks that is long enough", "--log-level=warn,rialto::cli::serve=info"])
            .args(["--database-url", database])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut log = BufReader::new(child.stderr.take().ok_or("the server has no log")?);
        let mut line = String::new();
        loop {
            line.clear();
            if log.read_line(&mut line)? == 0 {
                return Err("the server did not start".into());
            }
            if let Some((_, rest)) = line.split_once("listening on http://") {
                let address: String = rest.chars().take_while(|c| !c.is_whitespace() && *c != '"').collect();
                // A full pipe would stop the server.
                thread::spawn(move || std::io::copy(&mut log, &mut std::io::stderr()));
                return Ok(Self { address, child });
            }
        }
    }

    /// Memory that it holds right now, in megabytes (10⁶ bytes).
    fn rss_mb(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("the server's memory is not known")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib.saturating_mul(1_024) / 1_000_000)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
