//! Integer products, in the instructions that this processor has.
//!
//! Every path computes the same sums, exactly: 14-bit numbers times signed bytes, in 32 bits. The rest of the forward pass
//! is plain Rust that is compiled once for each path ([`Path::run`]), so that the compiler uses its instructions there too.
//!
//! All `unsafe` of this crate is in here. A path that needs instructions beyond the processor's base is made only by
//! [`Path::available`], after looking; each kernel checks the lengths of what it is given before it reads a pointer.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "aarch64")]
mod neon;
mod plain;
#[cfg(target_arch = "x86_64")]
mod sse2;

/// How many outputs of a layer are computed together; weights are packed in panels of so many.
pub(crate) const PANEL: usize = 16;
/// How many rows are computed together at most.
pub(crate) const ROWS_MAX: usize = 6;
/// The largest activation: 8,191 × 127 × 1,536 inputs is below 2³¹, so that no sum overflows.
pub(crate) const ACTIVATION_MAX: f32 = 8_191.0;

/// The sums of a panel for one row.
pub(crate) type Sums = [i32; PANEL];

/// The instructions of one path. Having a value of it is the proof that the processor has them.
pub(crate) trait Kernel: Copy {
    /// The products of a panel with up to [`ROWS_MAX`] rows of activations, one behind the other: `sums[r][o]` becomes
    /// the sum over all inputs of weight `o` times activation `r`.
    ///
    /// `panel` holds 16 weights for each input, interleaved by pairs of inputs; the number of inputs is even.
    fn panel(self, panel: &[i8], rows: &[i16], sums: &mut [Sums]);

    /// The product of two rows of one length.
    fn product(self, a: &[i16], b: &[i8]) -> i32;
}

/// Work that is compiled for each path. Mark everything below it `#[inline(always)]`: what is not inlined is compiled for
/// the base of the processor only.
pub(crate) trait Work {
    /// What comes out.
    type Output;

    /// Does the work.
    fn run<K: Kernel>(self, kernel: K) -> Self::Output;
}

/// A way of computing that this processor is able to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Path(Instructions);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Instructions {
    Plain,
    #[cfg(target_arch = "x86_64")]
    Sse2,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Path {
    /// Every path that this processor is able to, the fastest last.
    pub(crate) fn available() -> Vec<Self> {
        let mut paths = vec![Self(Instructions::Plain)];
        #[cfg(target_arch = "x86_64")]
        {
            paths.push(Self(Instructions::Sse2));
            if std::arch::is_x86_feature_detected!("avx2") {
                paths.push(Self(Instructions::Avx2));
            }
        }
        #[cfg(target_arch = "aarch64")]
        paths.push(Self(Instructions::Neon));
        paths
    }

    /// The fastest path.
    pub(crate) fn best() -> Self {
        Self::available().last().copied().unwrap_or(Self(Instructions::Plain))
    }

    /// Does `work` on this path.
    pub(crate) fn run<W: Work>(self, work: W) -> W::Output {
        match self.0 {
            Instructions::Plain => work.run(plain::Plain),
            #[cfg(target_arch = "x86_64")]
            Instructions::Sse2 => work.run(sse2::Sse2),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => {
                #[expect(unsafe_code, reason = "a call of a function that is compiled for AVX2")]
                // SAFETY: this path is made in `available` alone, where the processor was seen to have AVX2.
                unsafe {
                    avx2::run(work)
                }
            }
            #[cfg(target_arch = "aarch64")]
            Instructions::Neon => work.run(neon::Neon),
        }
    }

    /// The products of `probe` with each of the rows, of its length, that lie one behind the other in `rows`.
    pub(crate) fn products(self, probe: &[i16], rows: &[i8]) -> Vec<i32> {
        self.run(Products { probe, rows })
    }
}

struct Products<'a> {
    probe: &'a [i16],
    rows: &'a [i8],
}

impl Work for Products<'_> {
    type Output = Vec<i32>;

    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> Vec<i32> {
        self.rows.chunks_exact(self.probe.len().max(1)).map(|row| kernel.product(self.probe, row)).collect()
    }
}

#[cfg(test)]
mod tests;
