//! Convolutions: the layers of residual networks at their channel counts, every special kernel size
//! and stride at odd and degenerate extents, groups, random geometries, and nothing.

use lowland_core::op::Conv2d;
use lowland_core::{Op, Shape};

use super::{Case, Random};

/// Input `[N, H, W, I]`, output channels, kernel, stride, padding, groups.
type Layer = ([usize; 4], usize, [usize; 2], usize, usize, usize);

const LAYERS: [Layer; 59] = [
    // The layers of a ResNet for CIFAR.
    ([2, 32, 32, 3], 16, [3, 3], 1, 1, 1),
    ([2, 32, 32, 16], 16, [3, 3], 1, 1, 1),
    ([2, 32, 32, 16], 32, [3, 3], 2, 1, 1),
    ([2, 32, 32, 16], 32, [1, 1], 2, 0, 1),
    ([2, 16, 16, 32], 32, [3, 3], 1, 1, 1),
    ([2, 16, 16, 32], 64, [3, 3], 2, 1, 1),
    ([2, 16, 16, 32], 64, [1, 1], 2, 0, 1),
    ([2, 8, 8, 64], 64, [3, 3], 1, 1, 1),
    // One image, and a batch larger than the number of threads.
    ([1, 8, 8, 16], 16, [3, 3], 1, 1, 1),
    ([9, 8, 8, 16], 16, [3, 3], 1, 1, 1),
    ([17, 4, 4, 8], 8, [3, 3], 2, 1, 1),
    // The stem on odd images, wide and narrow, without padding.
    ([1, 7, 9, 3], 16, [3, 3], 1, 1, 1),
    ([1, 9, 7, 3], 32, [3, 3], 2, 1, 1),
    ([1, 9, 7, 3], 64, [7, 7], 2, 3, 1),
    ([2, 5, 6, 1], 16, [3, 3], 1, 0, 1),
    // 3x3 at odd, even, wide, narrow and degenerate extents.
    ([1, 7, 9, 16], 16, [3, 3], 1, 1, 1),
    ([1, 7, 9, 16], 32, [3, 3], 2, 1, 1),
    ([1, 8, 10, 16], 16, [3, 3], 2, 1, 1),
    ([1, 3, 65, 16], 16, [3, 3], 1, 1, 1),
    ([1, 65, 3, 16], 16, [3, 3], 1, 1, 1),
    ([1, 3, 65, 32], 32, [3, 3], 2, 1, 1),
    ([1, 1, 1, 16], 16, [3, 3], 1, 1, 1),
    ([1, 1, 1, 16], 16, [3, 3], 2, 1, 1),
    ([1, 1, 33, 16], 16, [3, 3], 1, 1, 1),
    ([1, 33, 1, 16], 16, [3, 3], 2, 1, 1),
    ([1, 2, 2, 16], 16, [3, 3], 1, 1, 1),
    ([1, 6, 6, 16], 16, [3, 3], 1, 0, 1),
    ([1, 6, 6, 16], 16, [3, 3], 2, 0, 1),
    ([1, 6, 5, 16], 16, [3, 3], 1, 2, 1),
    // Channels that are no multiple of a vector.
    ([1, 6, 7, 7], 5, [3, 3], 1, 1, 1),
    ([1, 6, 7, 17], 33, [3, 3], 1, 1, 1),
    ([1, 6, 7, 24], 20, [3, 3], 2, 1, 1),
    ([1, 6, 7, 1], 1, [3, 3], 1, 1, 1),
    ([1, 5, 5, 128], 48, [3, 3], 1, 1, 1),
    // 1x1.
    ([2, 8, 8, 64], 64, [1, 1], 1, 0, 1),
    ([1, 5, 7, 16], 48, [1, 1], 1, 0, 1),
    ([1, 5, 7, 33], 17, [1, 1], 1, 0, 1),
    ([1, 5, 8, 16], 16, [1, 1], 2, 0, 1),
    ([1, 5, 4, 3], 2, [1, 1], 1, 1, 1),
    ([1, 1, 1, 64], 16, [1, 1], 1, 0, 1),
    // Other kernels and strides.
    ([1, 9, 8, 16], 16, [5, 5], 1, 2, 1),
    ([1, 9, 8, 4], 6, [5, 5], 2, 2, 1),
    ([1, 9, 8, 4], 6, [3, 3], 3, 1, 1),
    ([1, 4, 4, 2], 3, [2, 2], 2, 0, 1),
    // Groups: two, depthwise, depthwise with two outputs a channel.
    ([2, 6, 5, 32], 32, [3, 3], 1, 1, 2),
    ([1, 6, 5, 6], 9, [3, 3], 2, 1, 3),
    ([2, 7, 6, 16], 16, [3, 3], 1, 1, 16),
    ([1, 7, 6, 5], 10, [3, 3], 2, 1, 5),
    ([1, 6, 6, 32], 16, [1, 1], 1, 0, 4),
    // One of everything.
    ([1, 1, 1, 1], 1, [1, 1], 1, 0, 1),
    ([2, 1, 1, 1], 1, [1, 1], 1, 0, 1),
    // No image at all, images without pixels, no channels on either side.
    ([0, 8, 8, 16], 16, [3, 3], 1, 1, 1),
    ([0, 1, 1, 1], 1, [1, 1], 1, 0, 1),
    ([2, 0, 5, 3], 2, [3, 3], 1, 2, 1),
    ([2, 0, 0, 16], 16, [1, 1], 2, 1, 1),
    ([2, 5, 7, 0], 16, [3, 3], 1, 1, 1),
    ([2, 5, 7, 0], 4, [3, 3], 2, 1, 2),
    ([2, 5, 7, 16], 0, [3, 3], 1, 1, 1),
    ([0, 5, 7, 0], 0, [1, 1], 1, 0, 1),
];

pub(super) fn cases(random: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    for ([n, h, w, i], o, [kh, kw], stride, padding, groups) in LAYERS {
        let (x, w) = ([n, h, w, i].into(), [o, i / groups, kh, kw].into());
        cases.extend(all_three(conv(x, w, [stride; 2], [padding; 2], groups), random));
    }
    let (x, w) = ([2, 5, 11, 4].into(), [3, 4, 1, 7].into());
    cases.extend(all_three(conv(x, w, [1, 2], [0, 3], 1), random));
    cases.extend((0..24).flat_map(|_| {
        let op = random_geometry(random);
        all_three(op, random).map(|case| case.note("a random geometry"))
    }));
    // Beside an extent of 0, others may be beyond what can be multiplied.
    let huge = usize::MAX / 8 * 2;
    let no_input = conv([1, huge, huge, 0].into(), [3, 0, 3, 3].into(), [huge / 2; 2], [0; 2], 1);
    let no_output = conv([1, 2, 2, 3].into(), [0, 3, huge, huge].into(), [1; 2], [huge / 2; 2], 1);
    let beyond = [no_input, no_output].map(|op| all_three(op, random));
    cases.extend(beyond.into_iter().flatten().map(|case| case.note("extents beyond counting")));
    cases.extend(LAYERS.into_iter().filter_map(|layer| statistics(layer, random)));
    cases
}

/// A convolution whose output's statistics are taken, where it has some.
fn statistics(layer: Layer, random: &mut Random) -> Option<Case> {
    let ([n, h, w, i], o, [kh, kw], stride, padding, groups) = layer;
    let (x, w) = ([n, h, w, i].into(), [o, i / groups, kh, kw].into());
    let op = conv(x, w, [stride; 2], [padding; 2], groups);
    let values = n * op.output[0] * op.output[1];
    let terms = values.max(kh * kw * i / groups);
    (values >= 2).then(|| Case::random(Op::Conv2dStatistics(op), random).terms(terms))
}

fn conv(x: Shape, w: Shape, stride: [usize; 2], padding: [usize; 2], groups: usize) -> Conv2d {
    Conv2d::new(x, w, stride, padding, groups).expect("a kernel inside the padded image")
}

fn random_geometry(random: &mut Random) -> Conv2d {
    let mut one_to = |n: usize| 1 + random.below(n);
    let groups = one_to(3);
    let (kernel, stride) = ([one_to(4), one_to(4)], [one_to(3), one_to(3)]);
    let padding = [one_to(3) - 1, one_to(3) - 1];
    // The image is at least as large as the kernel is without the padding.
    let extent =
        |axis: usize, n: usize| n + kernel[axis].saturating_sub(2 * padding[axis]).max(1) - 1;
    let (height, width) = (extent(0, one_to(6)), extent(1, one_to(6)));
    let (per_group, out) = (one_to(5), one_to(5));
    let x = [one_to(3), height, width, per_group * groups].into();
    conv(x, [out * groups, per_group, kernel[0], kernel[1]].into(), stride, padding, groups)
}

/// A convolution and its two gradients.
fn all_three(op: Conv2d, random: &mut Random) -> [Case; 3] {
    let taps = if op.w().is_empty() { 0 } else { op.kernel[0] * op.kernel[1] };
    let pixels = op.batch * op.output[0] * op.output[1];
    [
        Case::random(Op::Conv2d(op), random).terms(taps * op.in_channels / op.groups),
        Case::random(Op::Conv2dGradInput(op), random).terms(taps * op.out_channels / op.groups),
        Case::random(Op::Conv2dGradWeight(op), random).terms(pixels),
    ]
}
