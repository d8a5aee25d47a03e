//! AVX2: sixteen outputs of up to six rows stay in registers while the weights pass by once.
#![expect(unsafe_code, reason = "instructions that not every processor has, and loads through pointers")]

use std::arch::x86_64::{
    _mm_loadu_si128, _mm256_add_epi32, _mm256_cvtepi8_epi16, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_set1_epi32,
    _mm256_setzero_si256, _mm256_storeu_si256,
};

use super::{Kernel, PANEL, Sums, Work, plain};

/// The proof that this processor has AVX2; made by [`run`] alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx2(());

/// Does `work`, compiled for AVX2.
///
/// # Safety
/// The processor must have AVX2.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn run<W: Work>(work: W) -> W::Output {
    work.run(Avx2(()))
}

impl Kernel for Avx2 {
    #[inline(always)]
    fn panel(self, panel: &[i8], rows: &[i16], sums: &mut [Sums]) {
        let inputs = panel.len() / PANEL;
        assert!(panel.len() == inputs * PANEL && inputs.is_multiple_of(2), "a panel is whole, for an even number of inputs");
        assert!(rows.len() == inputs * sums.len(), "there is room for the sums of each row");
        // SAFETY: whoever has an `Avx2` has seen that the processor has it, and the lengths were checked just now.
        unsafe {
            match sums {
                [] => {}
                [a] => panel_of(panel, rows, inputs, [a]),
                [a, b] => panel_of(panel, rows, inputs, [a, b]),
                [a, b, c] => panel_of(panel, rows, inputs, [a, b, c]),
                [a, b, c, d] => panel_of(panel, rows, inputs, [a, b, c, d]),
                [a, b, c, d, e] => panel_of(panel, rows, inputs, [a, b, c, d, e]),
                [a, b, c, d, e, f] => panel_of(panel, rows, inputs, [a, b, c, d, e, f]),
                more => {
                    for (row, sums) in rows.chunks_exact(inputs.max(1)).zip(more) {
                        panel_of(panel, row, inputs, [sums]);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn product(self, a: &[i16], b: &[i8]) -> i32 {
        // SAFETY: whoever has an `Avx2` has seen that the processor has it.
        unsafe { product(a, b) }
    }
}

/// Sixteen outputs of `N` rows.
///
/// # Safety
/// The processor must have AVX2, `panel` must hold 16 × `inputs` weights and `rows` `N` × `inputs` activations, and
/// `inputs` must be even.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn panel_of<const N: usize>(panel: &[i8], rows: &[i16], inputs: usize, out: [&mut Sums; N]) {
    let mut sums = [[_mm256_setzero_si256(); 2]; N];
    let (weights, activations) = (panel.as_ptr(), rows.as_ptr());
    for pair in 0..inputs / 2 {
        // SAFETY: each pair of inputs has 32 weights, and `pair` stays below half the number of inputs.
        let [first, second] = unsafe {
            let weights = weights.add(pair * 2 * PANEL);
            [
                _mm256_cvtepi8_epi16(_mm_loadu_si128(weights.cast())),
                _mm256_cvtepi8_epi16(_mm_loadu_si128(weights.add(PANEL).cast())),
            ]
        };
        for (n, [low, high]) in sums.iter_mut().enumerate() {
            // SAFETY: `n` is below the number of rows, and both activations of the pair are within that row.
            let both = unsafe { activations.add(n * inputs + pair * 2).cast::<i32>().read_unaligned() };
            let both = _mm256_set1_epi32(both);
            *low = _mm256_add_epi32(*low, _mm256_madd_epi16(both, first));
            *high = _mm256_add_epi32(*high, _mm256_madd_epi16(both, second));
        }
    }
    for ([low, high], out) in sums.into_iter().zip(out) {
        // SAFETY: `Sums` are sixteen numbers: twice the eight that are written.
        unsafe {
            _mm256_storeu_si256(out.as_mut_ptr().cast(), low);
            _mm256_storeu_si256(out.as_mut_ptr().add(8).cast(), high);
        }
    }
}

/// The product of two rows.
#[inline]
#[target_feature(enable = "avx2")]
fn product(a: &[i16], b: &[i8]) -> i32 {
    let (a_parts, a_rest) = a.as_chunks::<16>();
    let (b_parts, b_rest) = b.as_chunks::<16>();
    let mut sums = _mm256_setzero_si256();
    for (a, b) in a_parts.iter().zip(b_parts) {
        // SAFETY: arrays of sixteen numbers of 16 bits, and of sixteen bytes.
        let (a, b) = unsafe { (_mm256_loadu_si256(a.as_ptr().cast()), _mm_loadu_si128(b.as_ptr().cast())) };
        sums = _mm256_add_epi32(sums, _mm256_madd_epi16(a, _mm256_cvtepi8_epi16(b)));
    }
    let mut lanes = [0_i32; 8];
    // SAFETY: an array of the length that is written.
    unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sums) };
    lanes.iter().sum::<i32>() + plain::product(a_rest, b_rest)
}
