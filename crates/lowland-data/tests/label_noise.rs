//! Label noise: how many labels it replaces, which, and whose it leaves alone.

use std::sync::Arc;

use lowland_data::random::{CounterRng, Purpose};
use lowland_data::{Amount, Loader, LoaderConfig, Split, View, load_builtin};
use proptest::prelude::*;

fn digits() -> View {
    load_builtin("digits").unwrap().train()
}

/// One-pixel images whose labels count up modulo `classes`.
fn view(images: usize, classes: usize) -> View {
    let labels = (0..images).map(|i| (i % classes) as u16).collect();
    View::all(Arc::new(Split::new([1, 1, 1], vec![0; images], labels, classes).unwrap()))
}

fn labels(view: &View) -> Vec<u16> {
    (0..view.len()).map(|i| view.label(i)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn exactly_the_fraction_is_replaced(
        images in 1usize..300, classes in 1usize..20, fraction in 0.0f64..=1.0, seed in any::<u64>(),
    ) {
        let clean = view(images, classes);
        let (noisy, report) = clean.with_label_noise(fraction, seed).unwrap();
        prop_assert_eq!(report.images, images);
        prop_assert_eq!(report.replaced, (fraction * images as f64).round() as usize);
        let (before, after) = (labels(&clean), labels(&noisy));
        prop_assert_eq!(before.iter().zip(&after).filter(|(a, b)| a != b).count(), report.changed);
        prop_assert!(report.changed <= report.replaced);
        prop_assert!(after.iter().all(|&label| usize::from(label) < classes));
        prop_assert_eq!(noisy.class_counts().iter().sum::<usize>(), images);
        prop_assert_eq!(noisy.indices(), clean.indices());
    }

    /// What a smaller fraction replaces, a larger one replaces by the same.
    #[test]
    fn fractions_are_nested(small in 0.0f64..=1.0, large in 0.0f64..=1.0, seed in any::<u64>()) {
        prop_assume!(small <= large);
        let clean = view(100, 10);
        let of = |fraction| labels(&clean.with_label_noise(fraction, seed).unwrap().0);
        for ((clean, small), large) in labels(&clean).iter().zip(of(small)).zip(of(large)) {
            prop_assert!(small == *clean || small == large);
        }
    }
}

/// The documented derivation, and the effective rate: of 20,000 replaced labels of ten classes
/// 18,000 are expected to change, standard deviation 42.
#[test]
fn draws_are_the_documented_ones_and_uniform() {
    let clean = view(50_000, 10);
    let (noisy, report) = clean.with_label_noise(0.4, 9).unwrap();
    assert_eq!((report.images, report.replaced), (50_000, 20_000));
    assert!(report.changed.abs_diff(18_000) < 210, "{}", report.changed);
    let mut order: Vec<u32> = (0..50_000).collect();
    let mut rng = CounterRng::new(9, Purpose::LabelNoise, 0, 0);
    rng.shuffle(&mut order);
    let mut want = labels(&clean);
    let mut drawn = [0usize; 10];
    for &image in &order[..20_000] {
        let label = rng.below(10);
        want[image as usize] = label as u16;
        drawn[label] += 1;
    }
    assert_eq!(labels(&noisy), want);
    // 2,000 of each class, standard deviation 42.
    assert!(drawn.iter().all(|n| n.abs_diff(2_000) < 210), "{drawn:?}");
    let other = clean.with_label_noise(0.4, 10).unwrap().0;
    assert_ne!(labels(&other), want);
    assert_eq!(labels(&clean.with_label_noise(0.0, 9).unwrap().0), labels(&clean));
}

#[test]
fn images_are_shared_and_the_true_labels_kept() {
    let clean = digits();
    let (noisy, report) = clean.with_label_noise(1.0, 0).unwrap();
    assert_eq!(report.replaced, 1437);
    assert!(Arc::ptr_eq(noisy.split(), clean.split()));
    assert_eq!(noisy.image(77).as_ptr(), clean.image(77).as_ptr());
    assert_eq!(noisy.split().labels(), labels(&clean));
}

#[test]
fn validation_images_have_true_labels_in_either_order() {
    let (noisy, _) = digits().with_label_noise(0.5, 3).unwrap();
    let (training, validation) = noisy.split_validation(Amount::Fraction(0.2), 1).unwrap();
    let truth = |view: &View| -> Vec<u16> {
        view.indices().iter().map(|&i| view.split().label(i as usize)).collect()
    };
    assert_eq!(labels(&validation), truth(&validation));
    assert_ne!(labels(&training), truth(&training));
    let after = validation;
    // A subset keeps what its view says.
    let subset = noisy.subset(Amount::Count(200), 1).unwrap();
    assert!((0..200).all(|i| subset.label(i) == noisy.label(subset.indices()[i] as usize)));

    let (training, validation) = digits().split_validation(Amount::Fraction(0.2), 1).unwrap();
    assert_eq!(validation.indices(), after.indices());
    let (noisy, report) = training.with_label_noise(0.5, 3).unwrap();
    assert_eq!((report.images, report.replaced), (1150, 575));
    assert_ne!(labels(&noisy), truth(&noisy));
    assert_eq!(labels(&validation), truth(&validation));
    assert_eq!(validation.len() + training.len(), 1437);
}

/// An image that a view holds twice has one label, and is one image to the count.
#[test]
fn the_order_and_repeats_of_a_view_do_not_matter() {
    let split = digits().split().clone();
    let of = |indices: Vec<u32>| {
        let view = View::new(Arc::clone(&split), indices).unwrap();
        view.with_label_noise(0.5, 4).unwrap()
    };
    let (view, report) = of(vec![5, 900, 5, 17, 3, 900]);
    assert_eq!((report.images, report.replaced), (4, 2));
    let (sorted, again) = of(vec![3, 5, 17, 900]);
    assert_eq!(report, again);
    assert_eq!(labels(&view), [1, 3, 1, 2, 0, 3].map(|i| sorted.label(i)));
}

#[test]
fn the_loader_delivers_the_noisy_labels_for_any_number_of_threads() {
    let stats = load_builtin("digits").unwrap().normalisation().clone();
    let (noisy, _) = digits().with_label_noise(0.4, 2).unwrap();
    for workers in [0, 1, 3] {
        let config = LoaderConfig { workers, ..LoaderConfig::training(100, stats.clone(), 1) };
        for batch in Loader::new(noisy.clone(), config).unwrap().epoch(0) {
            let batch = batch.unwrap();
            for (&label, &index) in batch.labels().iter().zip(batch.indices()) {
                assert_eq!(label, u32::from(noisy.label(index as usize)));
            }
        }
    }
}

#[test]
fn impossible_fractions_are_refused() {
    for bad in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        let message = digits().with_label_noise(bad, 0).unwrap_err().to_string();
        assert!(
            message.contains("label noise = ") && message.contains("between 0 and 1"),
            "{message}"
        );
    }
}
