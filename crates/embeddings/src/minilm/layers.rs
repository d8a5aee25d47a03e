//! The arithmetic between the linear layers: plain `f32` in one order, so that every path gives the same bits.
//!
//! Everything here is inlined into the forward pass of each path, and vectorised there by the compiler. It leans on loops
//! over arrays of constant length, and on comparisons in place of `max` and `min`, whose rules about NaN cost a lot.
#![expect(clippy::indexing_slicing, reason = "indices below the constant length of what they go into")]
#![expect(clippy::as_conversions, reason = "conversions that the processor does in one step, in loops that must be vectorised")]

use super::{DIMENSIONS, weights::Linear, weights::Norm};
use crate::kernels::{ACTIVATION_MAX, Kernel, PANEL, ROWS_MAX};

/// How many heads look at the text, and how wide each is.
const HEADS: usize = 12;
const HEAD: usize = DIMENSIONS / HEADS;
/// One over the root of [`HEAD`].
const SHARPNESS: f32 = 0.176_776_7;
/// One and a half times 2²³. Adding it to a small number rounds that to an integer, which is then in the lowest bits.
const ROUNDER: f32 = 12_582_912.0;

/// Rows of activations in 14 bits, each with its scale.
#[derive(Default)]
pub(super) struct Activations {
    values: Vec<i16>,
    scales: Vec<f32>,
}

impl Activations {
    /// Rounds rows of `width` numbers.
    #[inline(always)]
    pub(super) fn set(&mut self, numbers: &[f32], width: usize) {
        self.values.resize(numbers.len(), 0);
        self.scales.clear();
        for (row, out) in numbers.chunks_exact(width).zip(self.values.chunks_exact_mut(width)) {
            let mut lanes = [0_f32; 8];
            for part in row.as_chunks::<8>().0 {
                for (lane, number) in lanes.iter_mut().zip(part) {
                    let size = number.abs();
                    *lane = if size > *lane { size } else { *lane };
                }
            }
            // A row of zeros has a scale too.
            let largest = lanes.iter().fold(1e-20_f32, |a, b| if *b > a { *b } else { a });
            let factor = ACTIVATION_MAX / largest;
            for (out, number) in out.iter_mut().zip(row) {
                *out = (number * factor + ROUNDER).to_bits() as i16;
            }
            self.scales.push(largest / ACTIVATION_MAX);
        }
    }
}

/// A linear layer over all rows.
#[inline(always)]
pub(super) fn linear<K: Kernel>(kernel: K, layer: &Linear, input: &Activations, out: &mut [f32]) {
    let (inputs, outputs) = (layer.inputs, layer.bias.len());
    let rows = input.scales.len();
    let blocks = rows.div_ceil(ROWS_MAX);
    let panels = layer.packed.chunks_exact(PANEL * inputs);
    let (scales, _) = layer.scale.as_chunks::<PANEL>();
    let (biases, _) = layer.bias.as_chunks::<PANEL>();
    for (number, ((panel, weight), bias)) in panels.zip(scales).zip(biases).enumerate() {
        let mut first = 0;
        for block in 0..blocks {
            // Blocks of even size: five and five go faster than six and four.
            let count = (rows - first).div_ceil(blocks - block);
            let mut sums = [[0; PANEL]; ROWS_MAX];
            kernel.panel(panel, &input.values[first * inputs..(first + count) * inputs], &mut sums[..count]);
            for (row, sums) in (first..first + count).zip(&sums) {
                let out = &mut out[row * outputs + number * PANEL..][..PANEL];
                let scale = input.scales[row];
                for lane in 0..PANEL {
                    out[lane] = sums[lane] as f32 * (scale * weight[lane]) + bias[lane];
                }
            }
            first += count;
        }
    }
}

/// Every token looks at every token of its own text. `rows` are the query, key and value of each, `out` its context.
#[inline(always)]
pub(super) fn attention(rows: &[f32], out: &mut [f32]) {
    const WIDTH: usize = 3 * DIMENSIONS;
    let tokens = rows.len() / WIDTH;
    let padded = tokens.next_multiple_of(8);
    let (mut keys, mut weights) = (vec![0_f32; HEAD * padded], vec![0_f32; padded]);
    for head in 0..HEADS {
        let at = head * HEAD;
        for (token, row) in rows.chunks_exact(WIDTH).enumerate() {
            for (n, key) in row[DIMENSIONS + at..][..HEAD].iter().enumerate() {
                keys[n * padded + token] = *key;
            }
        }
        for (row, out) in rows.chunks_exact(WIDTH).zip(out.chunks_exact_mut(DIMENSIONS)) {
            weights.fill(0.0);
            for (query, keys) in row[at..][..HEAD].iter().zip(keys.chunks_exact(padded)) {
                let query = query * SHARPNESS;
                for (weight, key) in weights.iter_mut().zip(keys) {
                    *weight += query * key;
                }
            }
            let total = softmax(&mut weights, tokens);
            let mut context = [0_f32; HEAD];
            for (row, weight) in rows.chunks_exact(WIDTH).zip(&weights) {
                for (sum, value) in context.iter_mut().zip(&row[2 * DIMENSIONS + at..][..HEAD]) {
                    *sum += weight * value;
                }
            }
            for (out, sum) in out[at..][..HEAD].iter_mut().zip(&context) {
                *out = sum * total;
            }
        }
    }
}

/// Raises e to each of the first `count` weights, sets the rest to zero, and returns one over their sum.
#[inline(always)]
fn softmax(weights: &mut [f32], count: usize) -> f32 {
    let largest = weights[..count].iter().fold(f32::MIN, |a, b| if *b > a { *b } else { a });
    for weight in weights.iter_mut() {
        *weight = exp(*weight - largest);
    }
    weights[count..].fill(0.0);
    1.0 / sum(weights, |weight| weight)
}

/// e to the power of `x`, for what is not far above zero; wrong by about one part in ten million.
#[inline(always)]
fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.0, 87.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUNDER;
    let power = shifted - ROUNDER;
    let rest = x - power * 0.693_359_4 + power * 2.121_944_4e-4;
    let series = ((((1.987_569_1e-4 * rest + 1.398_2e-3) * rest + 8.333_452e-3) * rest + 4.166_579_6e-2) * rest + 1.666_666_5e-1)
        * rest
        + 0.5;
    let series = series * rest * rest + rest + 1.0;
    series * f32::from_bits((shifted.to_bits().wrapping_sub(ROUNDER.to_bits()).wrapping_add(127)) << 23)
}

/// x (1 + erf(x / √2)) / 2, with erf as a fraction of two polynomials; wrong by less than one in a million.
#[inline(always)]
pub(super) fn gelu(numbers: &mut [f32]) {
    for number in numbers {
        let z = *number * std::f32::consts::FRAC_1_SQRT_2;
        let z = z.clamp(-4.0, 4.0);
        let y = z * z;
        let above =
            ((((((-2.726_142_3e-10 * y + 2.770_681_4e-8) * y - 2.101_024e-6) * y - 5.692_506_4e-5) * y - 7.349_906_3e-4) * y
                - 2.954_6e-3)
                * y
                - 1.609_603_3e-2)
                * z;
        let below = (((-1.456_607_2e-5 * y - 2.133_740_6e-4) * y - 1.682_827e-3) * y - 7.373_329e-3) * y - 1.426_473_9e-2;
        *number = 0.5 * *number * (1.0 + above / below);
    }
}

/// Brings each row to a mean of zero and a variance of one, and then to what was learned.
#[inline(always)]
pub(super) fn normalise(rows: &mut [f32], norm: &Norm) {
    for row in rows.chunks_exact_mut(DIMENSIONS) {
        let mean = sum(row, |number| number) / DIMENSIONS as f32;
        let variance = sum(row, |number| (number - mean) * (number - mean)) / DIMENSIONS as f32;
        let factor = 1.0 / (variance + 1e-12).sqrt();
        for ((number, gain), bias) in row.iter_mut().zip(&norm.gain).zip(&norm.bias) {
            *number = (*number - mean) * factor * gain + bias;
        }
    }
}

/// Adds numbers to numbers.
#[inline(always)]
pub(super) fn add(to: &mut [f32], more: &[f32]) {
    for (number, more) in to.iter_mut().zip(more) {
        *number += more;
    }
}

/// The sum over numbers whose count is a multiple of eight, in eight lanes.
#[inline(always)]
pub(super) fn sum(numbers: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0_f32; 8];
    for part in numbers.as_chunks::<8>().0 {
        for (lane, number) in lanes.iter_mut().zip(part) {
            *lane += of(*number);
        }
    }
    ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_and_gelu_are_what_they_are_called() {
        for n in -8_700_i16..=80 {
            let x = f32::from(n) / 100.0;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp(x)) / exact - 1.0).abs() < 5e-7, "exp({x})");
        }
        // Values of x Φ(x), from a table of the normal distribution.
        for (x, expected) in
            [(0.0, 0.0), (1.0, 0.841_344_7), (-1.0, -0.158_655_26), (2.0, 1.954_499_7), (-3.0, -0.004_049_69), (9.0, 9.0)]
        {
            let mut numbers = [x];
            gelu(&mut numbers);
            assert!((numbers[0] - expected).abs() < 2e-6, "gelu({x}) = {}", numbers[0]);
        }
    }
}
