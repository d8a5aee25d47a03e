//! NEON, which every AArch64 processor has.
#![expect(unsafe_code, reason = "loads through pointers; the lengths are those of arrays")]
#![expect(clippy::indexing_slicing, reason = "constant indices into arrays of constant length")]

use std::arch::aarch64::{
    int32x4_t, vaddvq_s32, vdupq_n_s32, vget_high_s8, vget_low_s8, vget_low_s16, vld1q_s8, vld1q_s16, vmlal_high_s16, vmlal_s16,
    vmovl_s8, vpaddq_s32, vreinterpretq_s16_s32, vst1q_s32,
};

use super::{Kernel, PANEL, Sums, plain};

/// The base of AArch64.
#[derive(Debug, Clone, Copy)]
pub(super) struct Neon;

impl Kernel for Neon {
    #[inline(always)]
    fn panel(self, panel: &[i8], rows: &[i16], sums: &mut [Sums]) {
        let inputs = (panel.len() / PANEL).max(1);
        let (pairs, rest) = sums.as_chunks_mut::<2>();
        let both = rows.chunks_exact(2 * inputs);
        let odd = both.remainder();
        for (rows, [first, second]) in both.zip(pairs) {
            let (a, b) = rows.split_at(inputs);
            // SAFETY: every AArch64 processor that Rust's standard library runs on has NEON.
            [*first, *second] = unsafe { rows_of(panel, [a, b]) };
        }
        for sums in rest {
            // SAFETY: as above.
            [*sums] = unsafe { rows_of(panel, [odd]) };
        }
    }

    #[inline(always)]
    fn product(self, a: &[i16], b: &[i8]) -> i32 {
        // SAFETY: as above.
        unsafe { product(a, b) }
    }
}

/// Sixteen outputs of `N` rows. Neighbouring lanes hold the two halves of one output, and are added at the end.
#[inline]
#[target_feature(enable = "neon")]
fn rows_of<const N: usize>(panel: &[i8], rows: [&[i16]; N]) -> [Sums; N] {
    let (weights, _) = panel.as_chunks::<{ 2 * PANEL }>();
    let pairs = rows.map(|row| row.as_chunks::<2>().0);
    let mut sums = [[vdupq_n_s32(0); 8]; N];
    for (at, weights) in weights.iter().enumerate() {
        // SAFETY: an array of 32 bytes, of which the first and the second 16 are read.
        let halves = unsafe { [vld1q_s8(weights.as_ptr()), vld1q_s8(weights.as_ptr().add(16))] };
        let wide = [
            vmovl_s8(vget_low_s8(halves[0])),
            vmovl_s8(vget_high_s8(halves[0])),
            vmovl_s8(vget_low_s8(halves[1])),
            vmovl_s8(vget_high_s8(halves[1])),
        ];
        for (pairs, sums) in pairs.iter().zip(&mut sums) {
            let Some([first, second]) = pairs.get(at) else { break };
            let both = vreinterpretq_s16_s32(vdupq_n_s32(i32::from(*second) << 16 | i32::from(*first) & 0xffff));
            for quarter in 0..4 {
                let (low, high) = (2 * quarter, 2 * quarter + 1);
                sums[low] = vmlal_s16(sums[low], vget_low_s16(wide[quarter]), vget_low_s16(both));
                sums[high] = vmlal_high_s16(sums[high], wide[quarter], both);
            }
        }
    }
    sums.map(|sums| {
        let mut lanes = [0_i32; PANEL];
        let (quarters, _) = lanes.as_chunks_mut::<4>();
        let (halves, _): (&[[int32x4_t; 2]], _) = sums.as_chunks::<2>();
        for (quarter, [low, high]) in quarters.iter_mut().zip(halves) {
            // SAFETY: an array of the four numbers that are written.
            unsafe { vst1q_s32(quarter.as_mut_ptr(), vpaddq_s32(*low, *high)) };
        }
        lanes
    })
}

/// The product of two rows.
#[inline]
#[target_feature(enable = "neon")]
fn product(a: &[i16], b: &[i8]) -> i32 {
    let (a_parts, a_rest) = a.as_chunks::<16>();
    let (b_parts, b_rest) = b.as_chunks::<16>();
    let mut sums = [vdupq_n_s32(0); 4];
    for (a, b) in a_parts.iter().zip(b_parts) {
        // SAFETY: arrays of sixteen numbers of 16 bits, and of sixteen bytes.
        let (a, b) = unsafe { ([vld1q_s16(a.as_ptr()), vld1q_s16(a.as_ptr().add(8))], vld1q_s8(b.as_ptr())) };
        let b = [vmovl_s8(vget_low_s8(b)), vmovl_s8(vget_high_s8(b))];
        for half in 0..2 {
            sums[2 * half] = vmlal_s16(sums[2 * half], vget_low_s16(a[half]), vget_low_s16(b[half]));
            sums[2 * half + 1] = vmlal_high_s16(sums[2 * half + 1], a[half], b[half]);
        }
    }
    sums.into_iter().map(|sums| vaddvq_s32(sums)).sum::<i32>() + plain::product(a_rest, b_rest)
}
