//! SSE2, which every x86-64 processor has.
#![expect(unsafe_code, reason = "loads through pointers; the lengths are checked above each")]

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_loadu_si128, _mm_madd_epi16, _mm_set1_epi32, _mm_setzero_si128, _mm_srai_epi16, _mm_storeu_si128,
    _mm_unpackhi_epi8, _mm_unpacklo_epi8,
};

use super::{Kernel, PANEL, Sums, plain};

/// The base of x86-64.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sse2;

impl Kernel for Sse2 {
    #[inline(always)]
    fn panel(self, panel: &[i8], rows: &[i16], sums: &mut [Sums]) {
        let inputs = panel.len() / PANEL;
        for (row, sums) in rows.chunks_exact(inputs.max(1)).zip(sums) {
            // SAFETY: every x86-64 processor has SSE2.
            *sums = unsafe { one_row(panel, row) };
        }
    }

    #[inline(always)]
    fn product(self, a: &[i16], b: &[i8]) -> i32 {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { product(a, b) }
    }
}

/// Sixteen bytes as twice eight numbers of 16 bits.
#[inline]
#[target_feature(enable = "sse2")]
fn widened(bytes: __m128i) -> [__m128i; 2] {
    [_mm_srai_epi16::<8>(_mm_unpacklo_epi8(bytes, bytes)), _mm_srai_epi16::<8>(_mm_unpackhi_epi8(bytes, bytes))]
}

/// The sums of one row.
#[inline]
#[target_feature(enable = "sse2")]
fn one_row(panel: &[i8], row: &[i16]) -> Sums {
    let (pairs, _) = row.as_chunks::<2>();
    let (weights, _) = panel.as_chunks::<{ 2 * PANEL }>();
    let mut sums = [_mm_setzero_si128(); 4];
    for ([first, second], weights) in pairs.iter().zip(weights) {
        let pair = _mm_set1_epi32(i32::from(*second) << 16 | i32::from(*first) & 0xffff);
        // SAFETY: an array of 32 bytes, of which the first and the second 16 are read.
        let halves = unsafe {
            let weights = weights.as_ptr();
            [_mm_loadu_si128(weights.cast()), _mm_loadu_si128(weights.add(16).cast())]
        };
        let ([a, b], [c, d]) = (widened(halves[0]), widened(halves[1]));
        sums[0] = _mm_add_epi32(sums[0], _mm_madd_epi16(pair, a));
        sums[1] = _mm_add_epi32(sums[1], _mm_madd_epi16(pair, b));
        sums[2] = _mm_add_epi32(sums[2], _mm_madd_epi16(pair, c));
        sums[3] = _mm_add_epi32(sums[3], _mm_madd_epi16(pair, d));
    }
    let mut lanes = [0_i32; PANEL];
    let (quarters, _) = lanes.as_chunks_mut::<4>();
    for (quarter, sums) in quarters.iter_mut().zip(sums) {
        // SAFETY: an array of the length that is written.
        unsafe { _mm_storeu_si128(quarter.as_mut_ptr().cast(), sums) };
    }
    lanes
}

/// The product of two rows.
#[inline]
#[target_feature(enable = "sse2")]
fn product(a: &[i16], b: &[i8]) -> i32 {
    let (a_parts, a_rest) = a.as_chunks::<16>();
    let (b_parts, b_rest) = b.as_chunks::<16>();
    let mut sums = [_mm_setzero_si128(); 2];
    for (a, b) in a_parts.iter().zip(b_parts) {
        // SAFETY: both are arrays of the lengths that are read: 16 numbers of 16 bits, and 16 bytes.
        let (low, high, bytes) = unsafe {
            let a = a.as_ptr();
            (_mm_loadu_si128(a.cast()), _mm_loadu_si128(a.add(8).cast()), _mm_loadu_si128(b.as_ptr().cast()))
        };
        let [b_low, b_high] = widened(bytes);
        sums[0] = _mm_add_epi32(sums[0], _mm_madd_epi16(low, b_low));
        sums[1] = _mm_add_epi32(sums[1], _mm_madd_epi16(high, b_high));
    }
    let mut lanes = [0_i32; 4];
    // SAFETY: an array of the length that is written.
    unsafe { _mm_storeu_si128(lanes.as_mut_ptr().cast(), _mm_add_epi32(sums[0], sums[1])) };
    lanes.iter().sum::<i32>() + plain::product(a_rest, b_rest)
}
