//! The weights, in the order in which the kernels read them.

use super::{DIMENSIONS, ModelError, file::File};
use crate::kernels::PANEL;

/// How wide the feed-forward part is.
pub(super) const WIDE: usize = 1_536;
/// How many layers there are.
const LAYERS: usize = 6;
/// How many positions the model knows.
const POSITIONS: usize = 512;

/// A linear layer. Its outputs stand in panels of sixteen; within a panel, the weights of each pair of inputs stand
/// together, so that one load has them for eight outputs.
#[derive(Debug)]
pub(super) struct Linear {
    /// The panels.
    pub packed: Vec<i8>,
    /// What one step of each output's weights is worth.
    pub scale: Vec<f32>,
    /// What is added to each output.
    pub bias: Vec<f32>,
    /// How many inputs there are.
    pub inputs: usize,
}

/// The gain and the offset after a normalisation.
#[derive(Debug)]
pub(super) struct Norm {
    /// What each number is multiplied by.
    pub gain: Vec<f32>,
    /// What is added to each number.
    pub bias: Vec<f32>,
}

/// One layer of the model.
#[derive(Debug)]
pub(super) struct Layer {
    /// Query, key and value, one behind the other.
    pub attention: Linear,
    /// From the heads back to one vector.
    pub joined: Linear,
    /// After the attention.
    pub joined_norm: Norm,
    /// Into the feed-forward part.
    pub up: Linear,
    /// And out of it.
    pub down: Linear,
    /// At the end.
    pub down_norm: Norm,
}

/// Everything that was learned.
#[derive(Debug)]
pub(super) struct Weights {
    /// A row for each token of the vocabulary, in the file itself.
    pub words: &'static [u8],
    /// What one step of each row is worth.
    pub word_scale: Vec<f32>,
    /// A row for each position.
    pub positions: Vec<f32>,
    /// Before the first layer.
    pub norm: Norm,
    /// The layers.
    pub layers: Vec<Layer>,
}

impl Weights {
    pub(super) fn load(file: &File) -> Result<Self, ModelError> {
        let words = file.rows("embeddings.word_embeddings.scale")?;
        Ok(Self {
            words: file.int8("embeddings.word_embeddings.weight", words.saturating_mul(DIMENSIONS))?,
            word_scale: file.f32("embeddings.word_embeddings.scale", words)?,
            positions: file.f32("embeddings.position_embeddings.weight", POSITIONS * DIMENSIONS)?,
            norm: Norm::load(file, "embeddings.LayerNorm")?,
            layers: (0..LAYERS).map(|number| Layer::load(file, number)).collect::<Result<_, _>>()?,
        })
    }
}

impl Layer {
    fn load(file: &File, number: usize) -> Result<Self, ModelError> {
        let name = |part: &str| format!("encoder.layer.{number}.{part}");
        let attention = ["query", "key", "value"].map(|part| name(&format!("attention.self.{part}")));
        Ok(Self {
            attention: Linear::load(file, &attention, DIMENSIONS, DIMENSIONS)?,
            joined: Linear::load(file, &[name("attention.output.dense")], DIMENSIONS, DIMENSIONS)?,
            joined_norm: Norm::load(file, &name("attention.output.LayerNorm"))?,
            up: Linear::load(file, &[name("intermediate.dense")], DIMENSIONS, WIDE)?,
            down: Linear::load(file, &[name("output.dense")], WIDE, DIMENSIONS)?,
            down_norm: Norm::load(file, &name("output.LayerNorm"))?,
        })
    }
}

impl Norm {
    fn load(file: &File, name: &str) -> Result<Self, ModelError> {
        Ok(Self { gain: file.f32(&format!("{name}.weight"), DIMENSIONS)?, bias: file.f32(&format!("{name}.bias"), DIMENSIONS)? })
    }
}

impl Linear {
    /// Reads matrices of `outputs` rows of `inputs` weights, and makes one layer of them.
    fn load(file: &File, names: &[String], inputs: usize, outputs: usize) -> Result<Self, ModelError> {
        let mut linear = Self { packed: Vec::new(), scale: Vec::new(), bias: Vec::new(), inputs };
        for name in names {
            linear.scale.extend(file.f32(&format!("{name}.scale"), outputs)?);
            linear.bias.extend(file.f32(&format!("{name}.bias"), outputs)?);
            pack(file.int8(&format!("{name}.weight"), outputs * inputs)?, inputs, &mut linear.packed);
        }
        Ok(linear)
    }
}

/// Appends a matrix, whose rows are a multiple of sixteen, panel by panel.
fn pack(matrix: &[u8], inputs: usize, packed: &mut Vec<i8>) {
    packed.reserve_exact(matrix.len());
    for rows in matrix.chunks_exact(PANEL * inputs) {
        let pairs: Vec<&[[u8; 2]]> = rows.chunks_exact(inputs).map(|row| row.as_chunks::<2>().0).collect();
        for at in 0..inputs / 2 {
            let pair = pairs.iter().filter_map(|row| row.get(at)).flatten();
            packed.extend(pair.map(|byte| byte.cast_signed()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_has_the_weights_of_a_pair_of_inputs_together() {
        // Sixteen outputs of four inputs; the weight of output o and input i is 10 o + i.
        let matrix: Vec<u8> = (0..16_u8).flat_map(|o| (0..4).map(move |i| o * 10 + i)).collect();
        let mut packed = Vec::new();
        pack(&matrix, 4, &mut packed);
        let unsigned: Vec<u8> = packed.iter().map(|byte| byte.cast_unsigned()).collect();
        let expected: Vec<u8> =
            (0..2).flat_map(|pair| (0..16).flat_map(move |o| [o * 10 + pair * 2, o * 10 + pair * 2 + 1])).collect();
        assert_eq!(unsigned, expected);
    }
}
