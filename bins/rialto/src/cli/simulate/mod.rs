//! `rialto simulate`: a scenario from the command line, as fast as it goes.

mod rows;
mod table;

use std::{
    error::Error,
    fs::File,
    io::{self, BufWriter, IsTerminal, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::{ArgAction, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rialto_simulation::{Config, Scenario, Shock, SimulationError, World, strategy::Pricing};

use rows::{Csv, Json, Sheet};
use table::Table;

/// What to simulate, and what to write.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Which scenario; `list` describes them
    scenario: String,
    /// How many ticks [default: the scenario's]
    #[arg(long)]
    ticks: Option<u32>,
    /// Runs with the same seed, and the rest the same, are the same
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many agents sell [default: the scenario's]
    #[arg(long)]
    services: Option<u32>,
    /// How many agents buy [default: the scenario's]
    #[arg(long)]
    buyers: Option<u32>,
    /// What each agent begins with, in credits [default: the scenario's]
    #[arg(long)]
    balance: Option<i64>,
    /// How sellers make their prices [default: the scenario's]
    #[arg(long, value_enum)]
    pricing: Option<PricingArg>,
    /// The base price of the first seller; each further one has 10 more [default: the scenario's]
    #[arg(long)]
    base_price: Option<i64>,
    /// What a buyer bids at most [default: the scenario's]
    #[arg(long)]
    budget: Option<i64>,
    /// Before which tick sellers drop out [default: the scenario's]
    #[arg(long, value_name = "TICK")]
    shock_at: Option<u32>,
    /// How many sellers drop out, the cheapest first [default: the scenario's]
    #[arg(long, value_name = "SERVICES")]
    disable: Option<u32>,
    /// Whether there is an arbitrageur [default: the scenario's]
    #[arg(long, action = ArgAction::Set, value_name = "BOOL")]
    arbitrageur: Option<bool>,
    /// How many ticks an order waits before it expires [default: the scenario's]
    #[arg(long, value_name = "TICKS")]
    order_ticks: Option<u32>,
    /// Write each book of each tick as CSV, to a file or to standard output, instead of the table
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-", conflicts_with = "json")]
    csv: Option<PathBuf>,
    /// Write the run as one JSON document, to a file or to standard output, instead of the table
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    json: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  rialto simulate list                                      what there is
  rialto simulate supply_shock --seed 7                     two sellers drop out at tick 50; watch the price
  rialto simulate arbitrage --arbitrageur false             the same market without the one who connects it
  rialto simulate price_discovery --pricing auction --csv   every figure, for a spreadsheet
  rialto simulate reputation_premium --ticks 2000 --services 200 --buyers 500 --json run.json

It needs no server and no database, and touches neither.";

/// How sellers make their prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PricingArg {
    /// Always the base price
    Fixed,
    /// By demand
    Dynamic,
    /// The base price, give or take 10 % by chance
    Auction,
}

/// How often the progress bar moves.
const REDRAW_EVERY: Duration = Duration::from_millis(100);

impl Args {
    fn config(&self, scenario: Scenario) -> Config {
        let own = scenario.defaults();
        let ticks = self.ticks.unwrap_or(own.ticks);
        let has_shock = own.shock.is_some() || self.shock_at.is_some() || self.disable.is_some();
        let shock = Shock {
            at_tick: self.shock_at.or(own.shock.map(|shock| shock.at_tick)).unwrap_or(ticks / 3).max(1),
            services: self.disable.or(own.shock.map(|shock| shock.services)).unwrap_or(2),
        };
        Config {
            ticks,
            seed: self.seed,
            services: self.services.unwrap_or(own.services),
            buyers: self.buyers.unwrap_or(own.buyers),
            balance: self.balance.unwrap_or(own.balance),
            pricing: self.pricing.map_or(own.pricing, |pricing| match pricing {
                PricingArg::Fixed => Pricing::Fixed,
                PricingArg::Dynamic => Pricing::Dynamic,
                PricingArg::Auction => Pricing::Auction,
            }),
            base_price: self.base_price.unwrap_or(own.base_price),
            buyer_budget: self.budget.unwrap_or(own.buyer_budget),
            shock: has_shock.then_some(shock),
            arbitrageur: self.arbitrageur.unwrap_or(own.arbitrageur),
            order_ticks: self.order_ticks.unwrap_or(own.order_ticks),
            ..own
        }
    }
}

/// Runs it.
///
/// # Errors
/// An unknown scenario, a figure out of bounds, or a file that cannot be written.
pub fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    if args.scenario == "list" {
        return done(table::list(&mut io::stdout().lock()));
    }
    let known = || Scenario::ALL.map(Scenario::as_str).join(", ");
    let scenario = Scenario::from_word(&args.scenario)
        .ok_or_else(|| format!("there is no scenario {:?}; there are {}", args.scenario, known()))?;
    let world = World::new(args.config(scenario)).map_err(|error| readable(&error))?;
    let (out, sheet): (_, Box<dyn Sheet>) = match (&args.csv, &args.json) {
        (Some(file), _) => (open(file)?, Box::new(Csv)),
        (None, Some(file)) => (open(file)?, Box::new(Json::default())),
        (None, None) => (open(Path::new("-"))?, Box::new(Table::new(&world))),
    };
    done(simulate(world, out, sheet))
}

/// A bound by the name that it has on the command line.
fn readable(error: &SimulationError) -> String {
    let SimulationError::Invalid { field, low, high } = error else { return error.to_string() };
    let flag = match *field {
        "tick_count" => "--ticks",
        "service_agent_count" => "--services",
        "buyer_agent_count" => "--buyers",
        "initial_balance" => "--balance",
        "base_price" => "--base-price",
        "buyer_budget" => "--budget",
        "shock_at_tick" => "--shock-at",
        "agents_to_disable" => "--disable",
        "order_ticks" => "--order-ticks",
        other => other,
    };
    format!("{flag} must be between {low} and {high}")
}

fn open(file: &Path) -> Result<BufWriter<Box<dyn Write>>, Box<dyn Error>> {
    let to: Box<dyn Write> = if file == Path::new("-") {
        Box::new(io::stdout().lock())
    } else {
        Box::new(File::create(file).map_err(|error| format!("{}: {error}", file.display()))?)
    };
    Ok(BufWriter::new(to))
}

fn simulate(mut world: World, mut out: impl Write, mut sheet: Box<dyn Sheet>) -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    let bar = progress(&world);
    sheet.begin(&world, &mut out)?;
    while !world.is_over() {
        let tick = world.step()?;
        sheet.tick(&world, &tick, &mut out)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    sheet.end(&world, &mut out)?;
    out.flush()?;
    say_speed(&world, begun.elapsed());
    Ok(())
}

/// Only where somebody watches.
fn progress(world: &World) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(world.config().ticks.into()), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} ticks, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(REDRAW_EVERY);
    bar
}

#[expect(clippy::print_stderr, reason = "the user of a command reads this")]
fn say_speed(world: &World, took: Duration) {
    let orders = u128::from(world.totals().orders);
    let per_second = orders * 1_000_000_000 / took.as_nanos().max(1);
    eprintln!("{orders} orders and {} transfers in {:.3} s: {per_second} orders a second", world.transfers(), took.as_secs_f64());
}

/// Who has stopped reading, as `head` does, has had enough.
fn done(result: Result<(), Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    match result {
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn config(line: &[&str]) -> Config {
        let args = Line::try_parse_from([&["simulate"], line].concat()).unwrap().args;
        args.config(Scenario::from_word(&args.scenario).unwrap())
    }

    #[test]
    fn what_is_left_out_is_the_scenarios_own() {
        for scenario in Scenario::ALL {
            assert_eq!(config(&[scenario.as_str()]), scenario.defaults());
        }
        let own =
            config(&["price_discovery", "--ticks", "60", "--disable", "3", "--pricing", "auction", "--arbitrageur", "true"]);
        assert_eq!((own.shock, own.pricing), (Some(Shock { at_tick: 20, services: 3 }), Pricing::Auction));
        assert!(own.arbitrageur);
    }

    #[test]
    fn a_file_may_be_left_out_and_only_one_form_is_written() {
        let parse = |line: &[&str]| Line::try_parse_from([&["simulate", "arbitrage"], line].concat());
        assert_eq!(parse(&["--csv"]).unwrap().args.csv, Some(PathBuf::from("-")));
        assert_eq!(parse(&["--json", "run.json"]).unwrap().args.json, Some(PathBuf::from("run.json")));
        assert!(parse(&["--csv", "--json"]).is_err());
    }
}
