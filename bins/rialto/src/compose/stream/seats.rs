//! How many may listen.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use prometheus::IntGauge;

use super::Refusal;

/// The places of one server.
pub struct Seats {
    total_max: usize,
    each_max: usize,
    taken: Mutex<Taken>,
    gauge: IntGauge,
}

#[derive(Default)]
struct Taken {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Seats {
    /// Places for `total_max` clients, and for `each_max` from one address.
    pub fn new(total_max: usize, each_max: usize, gauge: IntGauge) -> Arc<Self> {
        Arc::new(Self { total_max, each_max, taken: Mutex::default(), gauge })
    }

    /// Takes a place for a client at `address`.
    pub fn take(self: &Arc<Self>, address: IpAddr) -> Result<Seat, Refusal> {
        let mut taken = self.lock();
        if taken.total >= self.total_max {
            return Err(Refusal::Full);
        }
        let of_address = taken.by_address.entry(address).or_default();
        if *of_address >= self.each_max {
            return Err(Refusal::TooManyFromAddress);
        }
        *of_address += 1;
        taken.total += 1;
        self.gauge.inc();
        Ok(Seat { seats: Arc::clone(self), address })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place, for as long as it is held.
pub struct Seat {
    seats: Arc<Seats>,
    address: IpAddr,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        taken.total = taken.total.saturating_sub(1);
        if let Entry::Occupied(mut of_address) = taken.by_address.entry(self.address) {
            *of_address.get_mut() = of_address.get().saturating_sub(1);
            if *of_address.get() == 0 {
                of_address.remove();
            }
        }
        self.seats.gauge.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_all_and_by_address_and_given_back() {
        let seats = Seats::new(3, 2, IntGauge::new("clients", "x").unwrap());
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let first = seats.take(one).unwrap();
        let _second = seats.take(one).unwrap();
        assert_eq!(seats.take(one).err(), Some(Refusal::TooManyFromAddress));
        let third = seats.take(other).unwrap();
        assert_eq!(seats.take(other).err(), Some(Refusal::Full));
        assert_eq!(seats.gauge.get(), 3);
        drop(first);
        drop(third);
        assert_eq!((seats.gauge.get(), seats.lock().by_address.len()), (1, 1));
        assert!(seats.take(one).is_ok());
    }
}
