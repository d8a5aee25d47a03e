//! From tokens to vectors.

use super::{
    DIMENSIONS,
    layers::{Activations, add, attention, gelu, linear, normalise, sum},
    weights::{WIDE, Weights},
};
use crate::kernels::{Kernel, Work};

/// Some texts, to be sent through the model together. They lie end to end, without padding: only the attention looks at
/// each on its own.
pub(super) struct Forward<'a> {
    /// What was learned.
    pub weights: &'a Weights,
    /// The tokens of each text, with their beginning and end.
    pub texts: &'a [Vec<u32>],
}

impl Work for Forward<'_> {
    type Output = Vec<Vec<f32>>;

    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> Vec<Vec<f32>> {
        let mut rows = self.embedded();
        normalise(&mut rows, &self.weights.norm);
        let tokens = rows.len() / DIMENSIONS;
        let mut looked = vec![0_f32; tokens * 3 * DIMENSIONS];
        let mut narrow = vec![0_f32; tokens * DIMENSIONS];
        let mut wide = vec![0_f32; tokens * WIDE];
        let mut input = Activations::default();
        for layer in &self.weights.layers {
            input.set(&rows, DIMENSIONS);
            linear(kernel, &layer.attention, &input, &mut looked);
            self.attend(&looked, &mut narrow);
            input.set(&narrow, DIMENSIONS);
            linear(kernel, &layer.joined, &input, &mut narrow);
            add(&mut rows, &narrow);
            normalise(&mut rows, &layer.joined_norm);
            input.set(&rows, DIMENSIONS);
            linear(kernel, &layer.up, &input, &mut wide);
            gelu(&mut wide);
            input.set(&wide, WIDE);
            linear(kernel, &layer.down, &input, &mut narrow);
            add(&mut rows, &narrow);
            normalise(&mut rows, &layer.down_norm);
        }
        self.means(&rows)
    }
}

impl Forward<'_> {
    /// What each token means by itself, and where it stands.
    #[inline(always)]
    fn embedded(&self) -> Vec<f32> {
        let words = self.weights.words.as_chunks::<DIMENSIONS>().0;
        let (positions, _) = self.weights.positions.as_chunks::<DIMENSIONS>();
        let tokens = self.texts.iter().map(Vec::len).sum::<usize>();
        let mut rows = Vec::with_capacity(tokens * DIMENSIONS);
        for ids in self.texts {
            for (id, position) in ids.iter().zip(positions) {
                let id = usize::try_from(*id).unwrap_or(usize::MAX);
                // The tokenizer gives the numbers of lines of a vocabulary that has as many lines as there are words.
                let Some((word, scale)) = words.get(id).zip(self.weights.word_scale.get(id)) else { continue };
                rows.extend(word.iter().zip(position).map(|(word, position)| f32::from(word.cast_signed()) * scale + position));
            }
        }
        rows
    }

    /// Lets each text look at itself.
    #[inline(always)]
    fn attend(&self, mut looked: &[f32], mut out: &mut [f32]) {
        for ids in self.texts {
            let Some((this, rest)) = looked.split_at_checked(ids.len() * 3 * DIMENSIONS) else { return };
            let Some((context, more)) = out.split_at_mut_checked(ids.len() * DIMENSIONS) else { return };
            attention(this, context);
            (looked, out) = (rest, more);
        }
    }

    /// The mean over the tokens of each text, brought to length one.
    #[inline(always)]
    fn means(&self, mut rows: &[f32]) -> Vec<Vec<f32>> {
        let mut means = Vec::with_capacity(self.texts.len());
        for ids in self.texts {
            let mut mean = vec![0_f32; DIMENSIONS];
            let (these, rest) = rows.split_at_checked(ids.len() * DIMENSIONS).unwrap_or((rows, &[]));
            for row in these.chunks_exact(DIMENSIONS) {
                add(&mut mean, row);
            }
            let length = sum(&mean, |number| number * number).sqrt().max(1e-12);
            mean.iter_mut().for_each(|number| *number /= length);
            means.push(mean);
            rows = rest;
        }
        means
    }
}
