//! Vectors: as they are made, as they are kept, and as they are compared.
#![expect(clippy::as_conversions, reason = "numbers that were brought into the range of the narrower type just before")]

use crate::kernels::Path;

/// A direction: numbers whose squares sum to one.
#[derive(Debug, Clone, PartialEq)]
pub struct Vector(Vec<f32>);

impl Vector {
    /// The direction of `values`; `None` when they have none: no numbers, nothing but zeros, or something infinite.
    #[must_use]
    pub fn new(mut values: Vec<f32>) -> Option<Self> {
        // Taken to one first, so that the squares of very large or small numbers stay numbers.
        let largest = values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        if values.iter().any(|value| !value.is_finite()) || largest <= 0.0 {
            return None;
        }
        values.iter_mut().for_each(|value| *value /= largest);
        let length = length(&values);
        values.iter_mut().for_each(|value| *value /= length);
        Some(Self(values))
    }

    /// A vector whose length is one already.
    pub(crate) const fn of_length_one(values: Vec<f32>) -> Self {
        Self(values)
    }

    /// Its numbers.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.0
    }

    /// How near `other` points: 1 for the same direction, 0 for nothing in common, -1 for the opposite. Vectors of
    /// different models have nothing to say to each other.
    #[must_use]
    pub fn cosine(&self, other: &Self) -> f32 {
        self.0.iter().zip(&other.0).map(|(a, b)| a * b).sum()
    }

    /// The vector in signed bytes: a quarter of the size, and within half a percent of the same direction.
    #[must_use]
    pub fn to_int8(&self) -> Int8Vector {
        let largest = self.0.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        let values: Vec<i8> = self.0.iter().map(|value| (value / largest * 127.0).round_ties_even() as i8).collect();
        let rounded: Vec<f32> = values.iter().map(|value| f32::from(*value)).collect();
        // What rounding did to the length is undone by the scale.
        Int8Vector { scale: 1.0 / length(&rounded), values }
    }
}

fn length(values: &[f32]) -> f32 {
    values.iter().map(|value| value * value).sum::<f32>().sqrt()
}

/// A vector as it is kept. Each number is a byte times the scale.
#[derive(Debug, Clone, PartialEq)]
pub struct Int8Vector {
    /// What one step is worth.
    pub scale: f32,
    /// The numbers, in steps.
    pub values: Vec<i8>,
}

/// A vector that is about to be compared with many that are kept.
#[derive(Debug, Clone)]
pub struct Probe {
    values: Vec<i16>,
    scale: f32,
    path: Path,
}

/// Fourteen bits, which is as fine as a vector of any use needs.
const STEPS_MAX: i32 = 8_191;

impl Probe {
    /// Gets `vector` ready.
    #[must_use]
    pub fn new(vector: &Vector) -> Self {
        // So many steps that the sum over all dimensions fits 31 bits, however many there are.
        let dimensions = i32::try_from(vector.0.len()).unwrap_or(i32::MAX).max(1);
        let steps = (i32::MAX / 127 / dimensions).clamp(1, STEPS_MAX) as f32;
        let largest = vector.0.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        let values = vector.0.iter().map(|value| (value / largest * steps).round_ties_even() as i16).collect();
        Self { values, scale: largest / steps, path: Path::best() }
    }

    /// How many numbers it has.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.values.len()
    }

    /// Its numbers, in steps: they point the same way.
    #[must_use]
    pub fn steps(&self) -> &[i16] {
        &self.values
    }

    /// The cosines with vectors that lie one behind the other in `rows`, of which `scales` has the scales: one cosine for
    /// each that is there in both.
    pub fn cosines<'a>(&self, rows: &[i8], scales: &'a [f32]) -> impl Iterator<Item = f32> + use<'a> {
        let sums = self.path.products(&self.values, rows);
        let scale = self.scale;
        sums.into_iter().zip(scales).map(move |(sum, row)| sum as f32 * (scale * row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_has_length_one_or_is_none() {
        let vector = Vector::new(vec![3.0, 0.0, 4.0]).unwrap();
        assert_eq!(vector.values(), [0.6, 0.0, 0.8]);
        for (values, exists) in [
            (vec![f32::MAX, f32::MAX], true),
            (vec![f32::MIN_POSITIVE, 0.0], true),
            (vec![], false),
            (vec![0.0, 0.0], false),
            (vec![1.0, f32::NAN], false),
            (vec![1.0, f32::INFINITY], false),
        ] {
            let vector = Vector::new(values.clone());
            assert_eq!(vector.is_some(), exists, "{values:?}");
            assert!(vector.is_none_or(|vector| (length(vector.values()) - 1.0).abs() < 1e-6), "{values:?}");
        }
    }

    #[test]
    fn bytes_and_probes_keep_the_cosine() {
        let wave = |step: f32| Vector::new((0..384_u16).map(|n| (f32::from(n) * step).sin() + 0.1).collect()).unwrap();
        let vectors: Vec<Vector> = [0.3, 0.31, 0.9, 1.7, 2.2].map(wave).into();
        let kept: Vec<Int8Vector> = vectors.iter().map(Vector::to_int8).collect();
        let rows: Vec<i8> = kept.iter().flat_map(|kept| kept.values.clone()).collect();
        let scales: Vec<f32> = kept.iter().map(|kept| kept.scale).collect();
        for vector in &vectors {
            let cosines: Vec<f32> = Probe::new(vector).cosines(&rows, &scales).collect();
            assert_eq!(cosines.len(), vectors.len());
            for (other, cosine) in vectors.iter().zip(cosines) {
                assert!((vector.cosine(other) - cosine).abs() < 0.006, "{cosine} is not {}", vector.cosine(other));
            }
        }
    }

    #[test]
    fn the_sum_of_many_dimensions_does_not_overflow() {
        for dimensions in [1, 7, 384, 1_536, 3_072, 40_000] {
            let all = Vector::new(vec![1.0; dimensions]).unwrap();
            let kept = all.to_int8();
            let cosine: Vec<f32> = Probe::new(&all).cosines(&kept.values, &[kept.scale]).collect();
            assert!(matches!(cosine.as_slice(), [cosine] if (cosine - 1.0).abs() < 0.001), "{dimensions}: {cosine:?}");
        }
    }
}
