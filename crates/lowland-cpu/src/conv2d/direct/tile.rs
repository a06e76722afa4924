//! The inner loops of the forward pass and of the gradient of the input: rows of the target, in
//! tiles of pixels times vectors of channels that live in registers.
//!
//! For each source channel the vectors of all horizontal taps are loaded once, and each source
//! pixel of the tile is broadcast once and feeds every target pixel that it reaches. What lies
//! outside the image is left out when the kernel is compiled: tiles at the left and right border
//! are variants of their own.
//!
//! Unsafe, because the loops index without bounds checks; [`Rows::check`] makes sure of the
//! extents before they run.
#![allow(unsafe_code)]

use super::simd::{Kernel, Simd, unroll};

/// Rows of the target for one block of source and one of target channels.
///
/// `K` taps along both axes with `(K - 1) / 2` of padding, a `STEP` of 1 or 2 and a `DILATION` of 1
/// or 2, see [`Correlation`](super::super::correlation::Correlation); `V` vectors of target channels.
pub(super) struct Rows<'a, const K: usize, const STEP: usize, const DILATION: usize, const V: usize>
{
    /// One image, `[H, W, channels]`.
    pub source: Image<&'a [f32]>,
    /// Weights of these channels, `[K, source channels or more, K, V * LANES]`.
    pub weights: &'a [f32],
    /// Whole rows of one image, `[rows, W', channels]`.
    pub target: Image<&'a mut [f32]>,
    /// The number of the first of these rows in its image.
    pub first_row: usize,
    /// Whether to add to what is there.
    pub accumulate: bool,
}

/// A slice `[rows, columns, channels]`, and some of its channels.
pub(super) struct Image<D> {
    pub data: D,
    pub rows: usize,
    pub columns: usize,
    pub channels: usize,
    /// The first channel of the block.
    pub first: usize,
    /// Channels of the block.
    pub count: usize,
}

/// Source positions before the first target position of a tile.
const fn lead(k: usize, dilation: usize) -> usize {
    (k - 1) / 2 / dilation
}

/// Source pixels that `a` target pixels in a row reach.
const fn inputs(k: usize, step: usize, dilation: usize, a: usize) -> usize {
    lead(k, dilation) + (step * (a - 1) + k - 1 - (k - 1) / 2) / dilation + 1
}

/// The target pixel of a tile that tap `s` of source pixel `b` feeds; `usize::MAX` if none.
const fn feeds(k: usize, step: usize, dilation: usize, b: usize, s: usize) -> usize {
    let ahead = dilation * b + (k - 1) / 2;
    let behind = dilation * lead(k, dilation) + s;
    if ahead < behind || !(ahead - behind).is_multiple_of(step) {
        return usize::MAX;
    }
    (ahead - behind) / step
}

/// The taps of one row of the target: offsets of the source's row and of the weights.
#[derive(Clone, Copy, Default)]
struct Tap {
    source: usize,
    weights: usize,
}

impl<const K: usize, const STEP: usize, const DILATION: usize, const V: usize> Kernel
    for Rows<'_, K, STEP, DILATION, V>
{
    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        const {
            assert!(
                K <= 3 && V <= 4 && inputs(K, STEP, DILATION, 8) <= 17,
                "beyond what is unrolled"
            );
        }
        self.check::<S>();
        for row in 0..self.target.rows {
            let (taps, count) = self.taps(row);
            let taps = &taps[..count];
            // Tiles are as long as their sums, the vectors of the taps and one broadcast fit into
            // the registers, and at least eight sums, to hide the latency of a multiply-add. With a
            // dilation of 2 and a single tap, half of the sums are zeros that cost nothing.
            // SAFETY (all): `check` has found the extents right, `taps` has only rows inside the
            // source, and `row` is one of the target's.
            if V == 1 || (DILATION == 2 && (K == 1 || (V == 2 && S::REGISTERS > 16))) {
                // SAFETY: see above.
                unsafe { self.row::<S, 8>(simd, row, taps) }
            } else {
                // SAFETY: see above.
                unsafe { self.row::<S, 4>(simd, row, taps) }
            }
        }
    }
}

impl<const K: usize, const STEP: usize, const DILATION: usize, const V: usize>
    Rows<'_, K, STEP, DILATION, V>
{
    /// Panics unless every index that the loops form lies in its slice.
    fn check<S: Simd>(&self) {
        let (source, target) = (&self.source, &self.target);
        assert!(source.data.len() >= source.rows * source.columns * source.channels);
        assert!(target.data.len() >= target.rows * target.columns * target.channels);
        assert!(source.first + source.count <= source.channels);
        assert!(target.first + target.count <= target.channels);
        assert!(target.count.div_ceil(S::LANES) == V);
        assert!(self.weights.len() / K >= source.count * K * V * S::LANES);
        let positions = (target.columns - 1) * STEP + 1;
        assert!(positions.div_ceil(DILATION) <= source.columns);
    }

    /// The vertical taps of a row of the target, and how many there are.
    #[inline(always)]
    fn taps(&self, row: usize) -> ([Tap; K], usize) {
        let (mut taps, mut count) = ([Tap::default(); K], 0);
        for r in 0..K {
            let dilated = ((self.first_row + row) * STEP + r).wrapping_sub((K - 1) / 2);
            let position = dilated / DILATION;
            if position < self.source.rows && dilated.is_multiple_of(DILATION) {
                let source = position * self.source.columns * self.source.channels;
                let weights = r * (self.weights.len() / K);
                taps[count] = Tap { source: source + self.source.first, weights };
                count += 1;
            }
        }
        (taps, count)
    }

    /// One row of the target in tiles of `A` pixels. The last tile overlaps the one before where
    /// the width is no multiple; a row shorter than a tile goes in the smallest steps.
    ///
    /// # Safety
    /// As [`Rows::tile`].
    #[inline(always)]
    unsafe fn row<S: Simd, const A: usize>(&mut self, simd: S, row: usize, taps: &[Tap]) {
        let columns = self.target.columns.next_multiple_of(DILATION);
        // SAFETY (all): the tiles begin inside the row.
        if columns >= A {
            for done in (0..columns).step_by(A) {
                let column = done.min(columns - A);
                // SAFETY: see above.
                unsafe { self.sided::<S, A>(simd, row, column, done - column, taps) };
            }
        } else if DILATION == 1 {
            for column in 0..columns {
                // SAFETY: see above.
                unsafe { self.sided::<S, 1>(simd, row, column, 0, taps) };
            }
        } else {
            for column in (0..columns).step_by(2) {
                // SAFETY: see above.
                unsafe { self.sided::<S, 2>(simd, row, column, 0, taps) };
            }
        }
    }

    /// A tile of `A` pixels from `column` on, in the variant for the borders that it touches. The
    /// first `skip` pixels have been done before.
    ///
    /// # Safety
    /// As [`Rows::tile`].
    #[inline(always)]
    unsafe fn sided<S: Simd, const A: usize>(
        &mut self,
        simd: S,
        row: usize,
        column: usize,
        skip: usize,
        taps: &[Tap],
    ) {
        let left = lead(K, DILATION) > 0 && column == 0;
        let last = (STEP * (column + A - 1) + K - 1 - (K - 1) / 2) / DILATION;
        let right = K > 1 && last >= self.source.columns;
        // SAFETY: the flags leave out exactly the source pixels outside the image.
        unsafe {
            match (left, right) {
                (false, false) => self.tile::<S, A, false, false>(simd, row, column, skip, taps),
                (false, true) => self.tile::<S, A, false, true>(simd, row, column, skip, taps),
                (true, false) => self.tile::<S, A, true, false>(simd, row, column, skip, taps),
                (true, true) => self.tile::<S, A, true, true>(simd, row, column, skip, taps),
            }
        }
    }

    /// A tile of `A` pixels from `column` on, without the source pixel left of it (`LEFT`) or the
    /// last one to its right (`RIGHT`).
    ///
    /// # Safety
    /// [`Rows::check`] must have passed, `taps` come from [`Rows::taps`] for the same `row`, the
    /// tile must begin inside the row, and the source pixels that the flags leave in must lie in
    /// the image.
    #[inline(always)]
    unsafe fn tile<S: Simd, const A: usize, const LEFT: bool, const RIGHT: bool>(
        &mut self,
        simd: S,
        row: usize,
        column: usize,
        skip: usize,
        taps: &[Tap],
    ) {
        let lanes = S::LANES;
        let (channels, count) = (self.source.channels, self.source.count);
        let out = (row * self.target.columns + column) * self.target.channels + self.target.first;
        // Of a dilated row with an odd width, the last tile's last pixel does not exist.
        let pixels = A.min(self.target.columns - column);
        let last_lanes = self.target.count - (V - 1) * lanes;
        let mut sums = [[simd.zero(); V]; A];
        if self.accumulate {
            for (a, sums) in sums.iter_mut().enumerate().take(pixels) {
                let pixel = out + a * self.target.channels;
                for (v, sum) in sums.iter_mut().enumerate() {
                    let n = if v + 1 < V { lanes } else { last_lanes };
                    // SAFETY: pixel `column + a` of the row and its `n` channels exist.
                    *sum =
                        unsafe { simd.load(self.target.data.as_ptr().add(pixel + v * lanes), n) };
                }
            }
        }
        for tap in taps {
            // Where LEFT is set this may lie before the row; then pixel 0 is left out.
            let first = tap.source.wrapping_add(
                (STEP * column / DILATION).wrapping_sub(lead(K, DILATION)).wrapping_mul(channels),
            );
            for i in 0..count {
                let weights = tap.weights + i * K * V * lanes;
                debug_assert!(weights + K * V * lanes <= self.weights.len());
                let mut w = [[simd.zero(); V]; K];
                for (s, w) in w.iter_mut().enumerate() {
                    for (v, w) in w.iter_mut().enumerate() {
                        let offset = weights + (s * V + v) * lanes;
                        // SAFETY: asserted above, and by `check`.
                        *w = unsafe { simd.load(self.weights.as_ptr().add(offset), lanes) };
                    }
                }
                unroll!([0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16] B => {
                    if const { B < inputs(K, STEP, DILATION, A)
                        && !(LEFT && B < lead(K, DILATION))
                        && !(RIGHT && B + 1 == inputs(K, STEP, DILATION, A)) }
                    {
                        let index = first.wrapping_add(B * channels).wrapping_add(i);
                        debug_assert!(index < self.source.data.len());
                        // SAFETY: this pixel lies in the image, as the caller vouches.
                        let x = simd.splat(unsafe { *self.source.data.get_unchecked(index) });
                        unroll!([0 1 2] T => {
                            if const { T < K && feeds(K, STEP, DILATION, B, T) < A } {
                                let a = const { feeds(K, STEP, DILATION, B, T) };
                                unroll!([0 1 2 3] U => {
                                    if const { U < V } {
                                        sums[a][U] = simd.mul_add(x, w[T][U], sums[a][U]);
                                    }
                                });
                            }
                        });
                    }
                });
            }
        }
        for (a, sums) in sums.iter().enumerate().take(pixels).skip(skip) {
            let pixel = out + a * self.target.channels;
            for (v, &sum) in sums.iter().enumerate() {
                let n = if v + 1 < V { lanes } else { last_lanes };
                debug_assert!(pixel + v * lanes + n <= self.target.data.len());
                // SAFETY: pixel `column + a` of the row and its `n` channels exist.
                unsafe { simd.store(self.target.data.as_mut_ptr().add(pixel + v * lanes), sum, n) };
            }
        }
    }
}
