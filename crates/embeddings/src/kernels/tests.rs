//! Every path computes the same sums.

use super::*;

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, n: usize) -> Vec<i8> {
        (0..n).map(|_| i8::try_from(self.next() % 255).unwrap_or(0).wrapping_sub(127)).map(|byte| byte.max(-127)).collect()
    }

    fn activations(&mut self, n: usize) -> Vec<i16> {
        (0..n).map(|_| i16::try_from(self.next() % 16_383).unwrap() - 8_191).collect()
    }
}

struct Panel<'a>(&'a [i8], &'a [i16], usize);

impl Work for Panel<'_> {
    type Output = Vec<Sums>;

    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> Vec<Sums> {
        let mut sums = vec![[7; PANEL]; self.2];
        kernel.panel(self.0, self.1, &mut sums);
        sums
    }
}

/// The definition, with nothing clever about it.
fn by_hand(panel: &[i8], rows: &[i16], inputs: usize) -> Vec<Sums> {
    let weight = |output: usize, input: usize| i64::from(panel[input / 2 * 2 * PANEL + output * 2 + input % 2]);
    let sum = |row: &[i16], output| (0..inputs).map(|input| i64::from(row[input]) * weight(output, input)).sum::<i64>();
    let sums = |row: &[i16]| std::array::from_fn(|output| i32::try_from(sum(row, output)).unwrap());
    rows.chunks_exact(inputs).map(sums).collect()
}

#[test]
fn every_path_computes_the_same_panels() {
    let mut numbers = Numbers(88_172_645_463_325_252);
    for (inputs, count) in [(2, 1), (2, 6), (30, 3), (384, 1), (384, 2), (384, 4), (384, 5), (1_536, 6), (64, 7), (64, 0)] {
        let (panel, rows) = (numbers.bytes(PANEL * inputs), numbers.activations(inputs * count));
        let expected = by_hand(&panel, &rows, inputs);
        for path in Path::available() {
            assert_eq!(path.run(Panel(&panel, &rows, count)), expected, "{path:?}: {inputs} inputs, {count} rows");
        }
    }
}

#[test]
fn the_largest_numbers_do_not_overflow() {
    let (panel, rows) = (vec![-127; PANEL * 1_536], vec![8_191; 6 * 1_536]);
    let expected = by_hand(&panel, &rows, 1_536);
    for path in Path::available() {
        assert_eq!(path.run(Panel(&panel, &rows, 6)), expected, "{path:?}");
    }
}

#[test]
fn every_path_computes_the_same_products() {
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    for (length, count) in [(1, 3), (15, 2), (16, 1), (17, 5), (384, 40), (1_536, 3), (3_073, 2)] {
        let (probe, rows) = (numbers.activations(length), numbers.bytes(length * count));
        // Halved once, so that the sums of the longest rows fit.
        let probe: Vec<i16> = probe.into_iter().map(|n| n / 2).collect();
        let product = |row: &[i8]| probe.iter().zip(row).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum::<i32>();
        let expected: Vec<i32> = rows.chunks_exact(length).map(product).collect();
        for path in Path::available() {
            assert_eq!(path.products(&probe, &rows), expected, "{path:?}: {length}");
        }
    }
}

#[test]
fn nothing_and_pieces_of_rows_have_no_products() {
    for path in Path::available() {
        assert!(path.products(&[], &[]).is_empty(), "{path:?}");
        assert!(path.products(&[1, 2], &[1]).is_empty(), "{path:?}");
        assert_eq!(path.products(&[1, 2], &[3, 4, 5]), [11], "{path:?}");
    }
}
