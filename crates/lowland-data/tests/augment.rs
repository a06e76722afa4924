//! Properties of the augmentations.

use lowland_data::random::{CounterRng, Purpose};
use lowland_data::{Augment, Cutout, HorizontalFlip, RandomCrop};
use proptest::prelude::*;

fn rng(sample: u64) -> CounterRng {
    CounterRng::new(5, Purpose::Augment, 0, sample)
}

fn apply(augment: &dyn Augment, shape: [usize; 3], image: &[u8], sample: u64) -> Vec<u8> {
    // Anything that is not written shows.
    let mut out = vec![0xAA; image.len()];
    augment.apply(shape, image, &mut out, &mut rng(sample));
    out
}

/// An image without a zero byte in which all pixels of up to 255 bytes differ.
fn distinct(shape: [usize; 3]) -> Vec<u8> {
    (0..shape.iter().product()).map(|i: usize| (i % 255) as u8 + 1).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn flip_is_the_image_or_its_mirror(h in 1usize..6, w in 1usize..6, c in 1usize..5, sample in any::<u64>()) {
        let image = distinct([h, w, c]);
        let out = apply(&HorizontalFlip, [h, w, c], &image, sample);
        let mirrored: Vec<u8> = (0..h * w * c)
            .map(|i| image[(i / (w * c)) * w * c + (w - 1 - i / c % w) * c + i % c])
            .collect();
        let expected = if rng(sample).coin() { mirrored } else { image };
        prop_assert_eq!(out, expected);
    }

    #[test]
    fn crop_without_padding_is_the_identity(h in 1usize..6, w in 1usize..6, c in 1usize..5, sample in any::<u64>()) {
        let image = distinct([h, w, c]);
        prop_assert_eq!(apply(&RandomCrop { padding: 0 }, [h, w, c], &image, sample), image);
    }

    /// Against the definition: pad, then cut out the window.
    #[test]
    fn crop_is_a_window_of_the_padded_image(
        h in 1usize..7, w in 1usize..7, c in 1usize..5, padding in 0usize..6, sample in any::<u64>(),
    ) {
        prop_assume!(padding < h.min(w));
        let image = distinct([h, w, c]);
        let (ph, pw) = (h + 2 * padding, w + 2 * padding);
        let mut padded = vec![0; ph * pw * c];
        for y in 0..h {
            for x in 0..w * c {
                padded[(y + padding) * pw * c + padding * c + x] = image[y * w * c + x];
            }
        }
        let mut draws = rng(sample);
        let (top, left) = (draws.below(2 * padding + 1), draws.below(2 * padding + 1));
        prop_assert!(top + h <= ph && left + w <= pw);
        let out = apply(&RandomCrop { padding }, [h, w, c], &image, sample);
        for y in 0..h {
            for x in 0..w * c {
                prop_assert_eq!(out[y * w * c + x], padded[(y + top) * pw * c + left * c + x]);
            }
        }
    }

    /// Against the definition: a pixel is hidden when both its distances to the centre are small.
    #[test]
    fn cutout_hides_a_clipped_square(
        h in 1usize..9, w in 1usize..9, c in 1usize..4, side in 1usize..9, sample in any::<u64>(),
    ) {
        prop_assume!(side <= h.min(w));
        let mut draws = rng(sample);
        let (y, x) = (draws.below(h) as i64, draws.below(w) as i64);
        let (before, after) = ((side / 2) as i64, side.div_ceil(2) as i64);
        let hides = |place: i64, centre: i64| (-before..after).contains(&(place - centre));
        let image: Vec<f32> = (1..=h * w * c).map(|i| i as f32).collect();
        let mut out = image.clone();
        Cutout { side }.apply([h, w, c], &mut out, &mut rng(sample));
        let mut area = 0;
        for (i, (&out, &value)) in out.iter().zip(&image).enumerate() {
            let hidden = hides((i / (w * c)) as i64, y) && hides((i / c % w) as i64, x);
            prop_assert_eq!(out, if hidden { 0.0 } else { value });
            area += usize::from(hidden);
        }
        // Never more than the square, and from any corner at least a quarter of it.
        prop_assert!(area <= side * side * c && 4 * area >= side * side * c, "{} of {}", area, side);
    }
}

/// An 8x8 image and a square of 4, which reaches 2 up and 1 down: by the row of its centre it
/// covers 2, 3, 4, 4, 4, 4, 4 and 3 rows, 3.5 on average, and the columns likewise, so that it
/// hides 12.25 pixels.
#[test]
fn cutout_hides_as_much_as_its_definition_says() {
    let mut hidden = 0;
    let mut all = 0;
    for sample in 0..20_000 {
        let mut image = [1.0; 64];
        Cutout { side: 4 }.apply([8, 8, 1], &mut image, &mut rng(sample));
        let zeros = image.iter().filter(|&&value| value == 0.0).count();
        hidden += zeros;
        all += usize::from(zeros == 16);
    }
    let mean = hidden as f64 / 20_000.0;
    assert!((mean - 12.25).abs() < 0.1, "{mean}");
    // Nothing is clipped at 5 of 8 rows and as many columns: 7812.5 samples, standard deviation 69.
    assert!((all as f64 - 7812.5).abs() < 350.0, "{all}");
}

#[test]
fn cutout_refuses_squares_larger_than_the_image() {
    assert!(Cutout { side: 4 }.check([4, 5, 1]).is_ok());
    assert!(Cutout { side: 0 }.check([4, 5, 1]).is_err());
    let message = Cutout { side: 5 }.check([4, 5, 1]).unwrap_err().to_string();
    assert_eq!(
        message,
        "cutout side = 5 is not possible: it must be 1 to the smaller side of the image, which is 4x5"
    );
}

#[test]
fn every_place_and_both_sides_come_up_equally_often() {
    let image = distinct([9, 9, 1]);
    let mut places = std::collections::BTreeMap::new();
    let mut mirrored = 0;
    for sample in 0..8100 {
        *places
            .entry(apply(&RandomCrop { padding: 4 }, [9, 9, 1], &image, sample))
            .or_insert(0u32) += 1;
        mirrored += u32::from(apply(&HorizontalFlip, [9, 9, 1], &image, sample) != image);
    }
    // 81 places, 100 expected each, standard deviation 10; 4050 mirrored, standard deviation 45.
    assert_eq!(places.len(), 81);
    assert!(places.values().all(|&n| (50..=150).contains(&n)), "{:?}", places.values());
    assert!(mirrored.abs_diff(4050) < 225, "{mirrored}");
}

#[test]
fn crop_refuses_a_padding_as_large_as_the_image() {
    assert!(RandomCrop { padding: 3 }.check([4, 5, 1]).is_ok());
    let message = RandomCrop { padding: 4 }.check([4, 5, 1]).unwrap_err().to_string();
    assert_eq!(
        message,
        "crop padding = 4 is not possible: it must be less than the image, which is 4x5"
    );
}
