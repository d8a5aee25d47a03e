//! How fast a large market goes: `cargo run --release -p rialto-simulation --example speed`.

use std::{error::Error, time::Instant};

use rialto_simulation::{Config, Scenario, World};

#[expect(clippy::print_stdout, reason = "that is what an example is for")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("{:<20} {:>9} {:>9} {:>11}", "scenario", "orders", "trades", "orders/s");
    for scenario in Scenario::ALL {
        let mut world = World::new(Config { ticks: 1_000, services: 200, buyers: 400, seed: 1, ..scenario.defaults() })?;
        let begun = Instant::now();
        while !world.is_over() {
            world.step()?;
        }
        let (totals, nanos) = (world.totals(), begun.elapsed().as_nanos().max(1));
        let per_second = u128::from(totals.orders) * 1_000_000_000 / nanos;
        println!("{:<20} {:>9} {:>9} {per_second:>11}", scenario.as_str(), totals.orders, totals.trades);
    }
    Ok(())
}
