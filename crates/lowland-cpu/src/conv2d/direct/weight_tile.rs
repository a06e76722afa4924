//! The inner loops of the gradient of the weight: for one row of taps, a few input channels and
//! one vector of output channels, the sums live in registers while the pixels of several images
//! stream by. Each broadcast of `x` meets the vectors of `dy` of all horizontal taps, which move
//! along with it. Taps outside the image are left out, not multiplied by zero.
//!
//! Unsafe, because the loops index without bounds checks; [`Sums::check`] makes sure of the extents
//! before they run.
#![allow(unsafe_code)]

use super::simd::{Kernel, Simd, unroll};

/// Sums over images for one block of input and one of output channels, with `K` taps along both
/// axes, `(K - 1) / 2` of padding and a `STRIDE` of 1 or 2.
pub(super) struct Sums<'a, const K: usize, const STRIDE: usize> {
    /// Images, `[N, H, W, channels]`.
    pub x: Images<'a>,
    /// Gradients of the output, `[N, H', W', channels]`.
    pub dy: Images<'a>,
    /// The sums, `[K, input channels or more, K, width]`.
    pub dw: &'a mut [f32],
    /// Room for output channels, enough for whole vectors.
    pub width: usize,
    /// Whether to add to what is there.
    pub accumulate: bool,
}

/// A slice `[images, rows, columns, channels]`, and some of its channels.
#[derive(Clone, Copy)]
pub(super) struct Images<'a> {
    pub data: &'a [f32],
    pub images: usize,
    pub rows: usize,
    pub columns: usize,
    pub channels: usize,
    /// The first channel of the block.
    pub first: usize,
    /// Channels of the block.
    pub count: usize,
}

impl Images<'_> {
    /// The `count` images from `first` on.
    pub(super) fn some(self, first: usize, count: usize) -> Self {
        let data = &self.data[first * self.stride()..][..count * self.stride()];
        Images { data, images: count, ..self }
    }

    /// Elements of an image.
    #[inline(always)]
    fn stride(&self) -> usize {
        self.rows * self.columns * self.channels
    }
}

/// What a tile of sums is about: tap `r`, `I` input channels from `input`, `lanes` output channels
/// from `output`, both counted within the block.
#[derive(Clone, Copy)]
struct Place {
    r: usize,
    input: usize,
    output: usize,
    lanes: usize,
}

impl<const K: usize, const STRIDE: usize> Kernel for Sums<'_, K, STRIDE> {
    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        self.check::<S>();
        let (inputs, outputs) = (self.x.count, self.dy.count);
        for output in (0..outputs).step_by(S::LANES) {
            let lanes = S::LANES.min(outputs - output);
            let whole = lanes == S::LANES;
            let mut input = 0;
            while input < inputs {
                let count = match inputs - input {
                    _ if !whole => 1,
                    8.. if wide::<S>(K) => 8,
                    4.. => 4,
                    3 => 3,
                    _ => 1,
                };
                for r in 0..K {
                    let place = Place { r, input, output, lanes };
                    // SAFETY: `check` has passed, `count` channels are left, and the vector is
                    // whole where that is said.
                    unsafe {
                        match count {
                            8 if wide::<S>(K) => self.tile::<S, 8, true>(simd, place),
                            4 => self.tile::<S, 4, true>(simd, place),
                            3 => self.tile::<S, 3, true>(simd, place),
                            _ if whole => self.tile::<S, 1, true>(simd, place),
                            _ => self.tile::<S, 1, false>(simd, place),
                        }
                    }
                }
                input += count;
            }
        }
    }
}

/// Whether there are registers for the sums of `k` taps and eight input channels.
#[inline(always)]
fn wide<S: Simd>(k: usize) -> bool {
    S::REGISTERS >= 8 * k + 8
}

impl<const K: usize, const STRIDE: usize> Sums<'_, K, STRIDE> {
    /// Panics unless every index that the loops form lies in its slice.
    fn check<S: Simd>(&self) {
        let (x, dy) = (&self.x, &self.dy);
        for images in [x, dy] {
            assert!(images.data.len() >= images.images * images.stride());
            assert!(images.first + images.count <= images.channels);
        }
        assert!(x.images == dy.images && dy.columns > 0);
        assert!((dy.rows - 1) * STRIDE < x.rows && (dy.columns - 1) * STRIDE < x.columns);
        assert!(x.columns <= dy.columns * STRIDE);
        assert!(self.width >= dy.count.next_multiple_of(S::LANES));
        assert!(self.dw.len() / K >= x.count * K * self.width);
    }

    /// Computes, or adds to, the sums of `I` input channels and one vector of output channels.
    ///
    /// # Safety
    /// [`Sums::check`] must have passed, `place` must lie within the blocks, and have full lanes
    /// where `WHOLE`.
    #[inline(always)]
    unsafe fn tile<S: Simd, const I: usize, const WHOLE: bool>(&mut self, simd: S, place: Place) {
        let width = self.width;
        let slab = place.r * (self.dw.len() / K);
        let at = |i: usize, s: usize| slab + ((place.input + i) * K + s) * width + place.output;
        let mut sums = [[simd.zero(); I]; K];
        if self.accumulate {
            for (s, sums) in sums.iter_mut().enumerate() {
                for (i, sum) in sums.iter_mut().enumerate() {
                    debug_assert!(at(i, s) + S::LANES <= self.dw.len());
                    // SAFETY: asserted above, and by `check`.
                    *sum = unsafe { simd.load(self.dw.as_ptr().add(at(i, s)), S::LANES) };
                }
            }
        }
        for image in 0..self.x.images {
            for p in 0..self.dy.rows {
                let row = (p * STRIDE + place.r).wrapping_sub((K - 1) / 2);
                if row >= self.x.rows {
                    continue;
                }
                let x = image * self.x.stride() + row * self.x.columns * self.x.channels;
                let dy = image * self.dy.stride() + p * self.dy.columns * self.dy.channels;
                let line = Line::<WHOLE> {
                    x: &self.x.data[x + self.x.first + place.input..],
                    dy: &self.dy.data[dy + self.dy.first + place.output..],
                    x_stride: self.x.channels,
                    dy_stride: self.dy.channels,
                    lanes: place.lanes,
                };
                let columns = [self.x.columns, self.dy.columns];
                // SAFETY: by `check` the row has these columns.
                sums = unsafe { line.stream::<S, K, STRIDE, I>(simd, columns, sums) };
            }
        }
        for (s, sums) in sums.iter().enumerate() {
            for (i, &sum) in sums.iter().enumerate() {
                debug_assert!(at(i, s) + S::LANES <= self.dw.len());
                // SAFETY: asserted above, and by `check`.
                unsafe { simd.store(self.dw.as_mut_ptr().add(at(i, s)), sum, S::LANES) };
            }
        }
    }
}

/// One row of `x` and one of `dy`, from the channels at hand on. The vector of `dy` is full where
/// `WHOLE`, and has `lanes` channels elsewhere.
#[derive(Clone, Copy)]
struct Line<'a, const WHOLE: bool> {
    x: &'a [f32],
    dy: &'a [f32],
    x_stride: usize,
    dy_stride: usize,
    lanes: usize,
}

impl<const WHOLE: bool> Line<'_, WHOLE> {
    /// Adds the products of a whole row: `[columns of x, columns of dy]`.
    ///
    /// # Safety
    /// The slices must hold `I` and `lanes` channels of that many columns, where the convolution
    /// makes `W'` columns of `W`.
    #[inline(always)]
    unsafe fn stream<S: Simd, const K: usize, const STRIDE: usize, const I: usize>(
        self,
        simd: S,
        columns: [usize; 2],
        sums: [[S::Vector; I]; K],
    ) -> [[S::Vector; I]; K] {
        // SAFETY: passed on.
        unsafe {
            match (K, STRIDE) {
                (1, _) => self.one_tap::<S, K, STRIDE, I>(simd, columns, sums),
                (_, 1) => self.rolling(simd, columns, sums),
                _ => self.strided(simd, columns, sums),
            }
        }
    }

    /// [`Line::stream`] with a kernel of 1.
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    unsafe fn one_tap<S: Simd, const K: usize, const STRIDE: usize, const I: usize>(
        self,
        simd: S,
        [_, out_width]: [usize; 2],
        mut sums: [[S::Vector; I]; K],
    ) -> [[S::Vector; I]; K] {
        for q in 0..out_width {
            // SAFETY: both columns exist.
            unsafe {
                let dy = self.dy(simd, q);
                sums = self.column(simd, q * STRIDE, [Some(dy), None, None], sums);
            }
        }
        sums
    }

    /// [`Line::stream`] with a kernel of 3 and a stride of 1: each column of `x` meets three of
    /// `dy`, which roll along.
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    unsafe fn rolling<S: Simd, const K: usize, const I: usize>(
        self,
        simd: S,
        [width, _]: [usize; 2],
        mut sums: [[S::Vector; I]; K],
    ) -> [[S::Vector; I]; K] {
        // SAFETY: all columns are below `width`, which is that of `dy`, too.
        unsafe {
            let mut here = self.dy(simd, 0);
            if width == 1 {
                return self.column(simd, 0, [None, Some(here), None], sums);
            }
            let mut next = self.dy(simd, 1);
            sums = self.column(simd, 0, [Some(next), Some(here), None], sums);
            for c in 1..width - 1 {
                let before = here;
                here = next;
                next = self.dy(simd, c + 1);
                sums = self.column(simd, c, [Some(next), Some(here), Some(before)], sums);
            }
            self.column(simd, width - 1, [None, Some(next), Some(here)], sums)
        }
    }

    /// [`Line::stream`] with a kernel of 3 and a stride of 2: each column of `dy` meets three of
    /// `x`, of which the odd ones are loaded twice.
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    unsafe fn strided<S: Simd, const K: usize, const I: usize>(
        self,
        simd: S,
        [width, out_width]: [usize; 2],
        mut sums: [[S::Vector; I]; K],
    ) -> [[S::Vector; I]; K] {
        // SAFETY: columns of `x` stay below `width`, those of `dy` below `out_width`.
        unsafe {
            let dy = self.dy(simd, 0);
            sums = self.column(simd, 0, [None, Some(dy), None], sums);
            for q in 1..out_width {
                let (before, here) = (self.dy(simd, q - 1), self.dy(simd, q));
                sums = self.column(simd, 2 * q - 1, [Some(here), None, Some(before)], sums);
                sums = self.column(simd, 2 * q, [None, Some(here), None], sums);
            }
            if width % 2 == 0 {
                let dy = self.dy(simd, out_width - 1);
                sums = self.column(simd, width - 1, [None, None, Some(dy)], sums);
            }
        }
        sums
    }

    /// A vector of `dy`.
    ///
    /// # Safety
    /// Column `q` must exist.
    #[inline(always)]
    unsafe fn dy<S: Simd>(self, simd: S, q: usize) -> S::Vector {
        let lanes = if WHOLE { S::LANES } else { self.lanes };
        debug_assert!(q * self.dy_stride + lanes <= self.dy.len());
        // SAFETY: the column and its channels exist.
        unsafe { simd.load(self.dy.as_ptr().add(q * self.dy_stride), lanes) }
    }

    /// Adds the products of one column of `x` and the vectors of `dy` that its taps meet.
    ///
    /// # Safety
    /// Column `c` must exist.
    #[inline(always)]
    unsafe fn column<S: Simd, const K: usize, const I: usize>(
        self,
        simd: S,
        c: usize,
        dy: [Option<S::Vector>; 3],
        mut sums: [[S::Vector; I]; K],
    ) -> [[S::Vector; I]; K] {
        unroll!([0 1 2 3 4 5 6 7] C => {
            if const { C < I } {
                debug_assert!(c * self.x_stride + C < self.x.len());
                // SAFETY: the column and its `I` channels exist.
                let x = simd.splat(unsafe { *self.x.get_unchecked(c * self.x_stride + C) });
                unroll!([0 1 2] T => {
                    if let (true, Some(dy)) = (T < K, dy[T]) {
                        sums[T][C] = simd.mul_add_in_order(x, dy, sums[T][C]);
                    }
                });
            }
        });
        sums
    }
}
