//! What `/metrics` shows, in Prometheus' text format.

use std::time::Duration;

use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};
use rialto_jobs::Backlog;
use rialto_registry::FinderStats;

use crate::compose::stream::Counts;

/// The counters of one server.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    /// Requests being answered right now.
    pub in_flight: IntGauge,
    /// Requests refused for asking too often.
    pub rate_limited: IntCounter,
    /// Credits that callers were charged for invocations.
    pub credits_charged: IntCounter,
    /// Events that were forgotten although webhooks had not been told of them.
    pub events_lost: IntCounter,
    /// The live stream.
    pub streams: Counts,
    finder: FinderGauges,
    jobs_due: IntGauge,
    jobs_dead: IntGauge,
    jobs_waited_seconds: IntGauge,
}

impl Metrics {
    /// Registers every metric.
    ///
    /// # Errors
    /// When two metrics have one name, which a test would find.
    pub fn new() -> Result<Self, prometheus::Error> {
        let buckets = vec![0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
        let metrics = Self {
            registry: Registry::new(),
            requests: IntCounterVec::new(
                Opts::new("rialto_http_requests_total", "Requests answered."),
                &["method", "route", "status"],
            )?,
            seconds: HistogramVec::new(
                HistogramOpts::new("rialto_http_request_seconds", "Time to answer a request, in seconds.").buckets(buckets),
                &["method", "route"],
            )?,
            in_flight: IntGauge::new("rialto_http_requests_in_flight", "Requests being answered right now.")?,
            rate_limited: IntCounter::new("rialto_http_rate_limited_total", "Requests refused for asking too often.")?,
            credits_charged: IntCounter::new("rialto_credits_charged_total", "Credits charged for invocations.")?,
            events_lost: IntCounter::new(
                "rialto_outbox_events_lost_total",
                "Events forgotten before those read them who had to.",
            )?,
            streams: Counts {
                clients: IntGauge::new("rialto_stream_clients", "Clients of the live stream.")?,
                published: IntCounter::new("rialto_stream_events_total", "Events published to the live stream.")?,
                dropped: IntCounter::new("rialto_stream_dropped_total", "Clients dropped for reading too slowly.")?,
            },
            finder: FinderGauges::new()?,
            jobs_due: IntGauge::new("rialto_jobs_due", "Background jobs that are due and that nobody runs.")?,
            jobs_dead: IntGauge::new("rialto_jobs_dead", "Background jobs that were given up.")?,
            jobs_waited_seconds: IntGauge::new("rialto_jobs_waited_seconds", "For how long the longest due job has waited.")?,
        };
        let info = Opts::new("rialto_build_info", "Always 1; the version is in the label.")
            .const_label("version", env!("CARGO_PKG_VERSION"));
        let build = IntGauge::with_opts(info)?;
        build.set(1);
        metrics.registry.register(Box::new(build))?;
        metrics.registry.register(Box::new(metrics.requests.clone()))?;
        metrics.registry.register(Box::new(metrics.seconds.clone()))?;
        metrics.registry.register(Box::new(metrics.in_flight.clone()))?;
        metrics.registry.register(Box::new(metrics.rate_limited.clone()))?;
        metrics.registry.register(Box::new(metrics.credits_charged.clone()))?;
        metrics.registry.register(Box::new(metrics.events_lost.clone()))?;
        metrics.registry.register(Box::new(metrics.streams.clients.clone()))?;
        metrics.registry.register(Box::new(metrics.streams.published.clone()))?;
        metrics.registry.register(Box::new(metrics.streams.dropped.clone()))?;
        metrics.finder.register(&metrics.registry)?;
        metrics.registry.register(Box::new(metrics.jobs_due.clone()))?;
        metrics.registry.register(Box::new(metrics.jobs_dead.clone()))?;
        metrics.registry.register(Box::new(metrics.jobs_waited_seconds.clone()))?;
        Ok(metrics)
    }

    /// Counts one answer. `route` is a pattern, never a path: paths have no end.
    pub fn answered(&self, method: &str, route: &str, status: &str, took: Duration) {
        self.requests.with_label_values(&[method, route, status]).inc();
        self.seconds.with_label_values(&[method, route]).observe(took.as_secs_f64());
    }

    /// Takes down what the finder of agents has done, in this process.
    pub fn finder(&self, stats: FinderStats) {
        self.finder.set(stats);
    }

    /// Takes down how far the jobs are behind, in all replicas together.
    pub fn backlog(&self, backlog: Backlog) {
        self.jobs_due.set(backlog.due);
        self.jobs_dead.set(backlog.dead);
        self.jobs_waited_seconds.set(i64::try_from(backlog.waited.as_secs()).unwrap_or(i64::MAX));
    }

    /// All of it, as text.
    ///
    /// # Errors
    /// When it cannot be rendered.
    pub fn render(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

/// What the finder counts by itself, and is only read here.
struct FinderGauges {
    agents: IntGauge,
    queries: IntGaugeVec,
    embedded: IntGauge,
    failures: IntGauge,
}

impl FinderGauges {
    fn new() -> Result<Self, prometheus::Error> {
        let queries =
            Opts::new("rialto_discover_queries", "Queries by meaning since the start; `new` ones had their vector made.");
        Ok(Self {
            agents: IntGauge::new("rialto_discover_agents", "Agents that this process finds by meaning.")?,
            queries: IntGaugeVec::new(queries, &["vector"])?,
            embedded: IntGauge::new("rialto_discover_agents_embedded", "Vectors of agents made since the start.")?,
            failures: IntGauge::new("rialto_discover_embedder_failures", "Failures of the embedder since the start.")?,
        })
    }

    fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        registry.register(Box::new(self.agents.clone()))?;
        registry.register(Box::new(self.queries.clone()))?;
        registry.register(Box::new(self.embedded.clone()))?;
        registry.register(Box::new(self.failures.clone()))
    }

    fn set(&self, stats: FinderStats) {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.agents.set(number(stats.agents));
        self.queries.with_label_values(&["new"]).set(number(stats.queries_embedded));
        self.queries.with_label_values(&["seen"]).set(number(stats.queries_remembered));
        self.embedded.set(number(stats.agents_embedded));
        self.failures.set(number(stats.failures));
    }
}
