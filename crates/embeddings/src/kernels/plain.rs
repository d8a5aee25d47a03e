//! Plain Rust, for every processor.

use super::{Kernel, PANEL, Sums};

/// No instructions but those that the compiler picks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plain;

impl Kernel for Plain {
    #[inline(always)]
    fn panel(self, panel: &[i8], rows: &[i16], sums: &mut [Sums]) {
        let inputs = panel.len() / PANEL;
        for (row, sums) in rows.chunks_exact(inputs.max(1)).zip(sums) {
            *sums = one_row(panel, row);
        }
    }

    #[inline(always)]
    fn product(self, a: &[i16], b: &[i8]) -> i32 {
        product(a, b)
    }
}

#[inline(always)]
fn one_row(panel: &[i8], row: &[i16]) -> Sums {
    let mut sums = [0; PANEL];
    let (pairs, _) = row.as_chunks::<2>();
    let (weights, _) = panel.as_chunks::<{ 2 * PANEL }>();
    for ([first, second], weights) in pairs.iter().zip(weights) {
        let (first, second) = (i32::from(*first), i32::from(*second));
        let (weights, _) = weights.as_chunks::<2>();
        for (sum, [a, b]) in sums.iter_mut().zip(weights) {
            *sum += first * i32::from(*a) + second * i32::from(*b);
        }
    }
    sums
}

/// The product of two rows, number by number.
#[inline(always)]
pub(super) fn product(a: &[i16], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}
