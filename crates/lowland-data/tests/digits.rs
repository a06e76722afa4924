//! The built-in digits: counts, pixels, split and description.

use lowland_data::{Amount, ChannelStats, View, builtin, load_builtin};

const COUNTS: [usize; 10] = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180];
/// The first record of the original file.
const FIRST: [u8; 64] = [
    0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0, 0, 3, 15, 2, 0, 11, 8, 0, 0, 4, 12, 0, 0,
    8, 8, 0, //
    0, 5, 8, 0, 0, 9, 8, 0, 0, 4, 11, 0, 1, 12, 7, 0, 0, 2, 14, 5, 10, 12, 0, 0, 0, 0, 6, 13, 10,
    0, 0, 0,
];

#[test]
fn asset_is_what_its_readme_says() {
    let records = include_bytes!("../assets/digits.bin");
    assert_eq!(records.len(), 1797 * 65);
    assert_eq!(records[..64], FIRST);
    let mut counts = [0; 10];
    for record in records.chunks_exact(65) {
        assert!(record[..64].iter().all(|&value| value <= 16));
        counts[usize::from(record[64])] += 1;
    }
    assert_eq!(counts, COUNTS);
    // The first ten labels of the UCI file count up.
    assert_eq!(
        records.chunks_exact(65).take(10).map(|r| r[64]).collect::<Vec<_>>(),
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    );
    // The sum of all values of the set.
    let sum: u64 = records.chunks_exact(65).flat_map(|r| &r[..64]).map(|&v| u64::from(v)).sum();
    assert_eq!(sum, 561_718);
}

#[test]
fn splits_are_stratified_and_complete() {
    let digits = load_builtin("digits").unwrap();
    assert_eq!(digits.shape(), [8, 8, 1]);
    assert_eq!((digits.train().len(), digits.test().len()), (1437, 360));
    let (train, test) = (digits.train_split().class_counts(), digits.test_split().class_counts());
    for class in 0..10 {
        assert_eq!(train[class] + test[class], COUNTS[class]);
        assert!((test[class] as f64 - COUNTS[class] as f64 * 360.0 / 1797.0).abs() < 1.0);
    }
    assert_eq!(digits.classes(), ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
}

#[test]
fn values_are_scaled_reversibly() {
    let digits = load_builtin("digits").unwrap();
    let first: Vec<u8> =
        FIRST.iter().map(|&v| (f64::from(v) * 255.0 / 16.0).round() as u8).collect();
    let everywhere =
        |view: View| (0..view.len()).any(|i| view.image(i) == first && view.label(i) == 0);
    assert!(everywhere(digits.train()) || everywhere(digits.test()));
    let (mut sum, mut most) = (0u64, 0);
    for &byte in digits.train_split().images().iter().chain(digits.test_split().images()) {
        let value = (f64::from(byte) * 16.0 / 255.0).round() as u64;
        sum += value;
        most = most.max(value);
    }
    assert_eq!((sum, most), (561_718, 16));
}

#[test]
fn description_is_fixed() {
    let info = load_builtin("digits").unwrap().describe();
    assert_eq!(info.name, "digits");
    assert_eq!(
        info.splits.iter().map(|s| (s.name.as_str(), s.images)).collect::<Vec<_>>(),
        [("train", 1437), ("test", 360)]
    );
    // The mean of the whole set is 561718 / (1797 * 64 * 16) = 0.30526; the training split is close
    // to it.
    assert!((info.measured.mean[0] - 0.305_26).abs() < 2e-3);
    assert_eq!(info.measured, info.normalisation);
    // Any change of the data, the split or the format shows here.
    assert_eq!(info.checksum, "8eda70b2954a244d7d74521b6e3ae7b60500dbae04fa7cef3a6ab547d8ac2fe4");
    assert_eq!(builtin(), ["digits"]);
}

#[test]
fn unknown_names_are_refused() {
    let message = load_builtin("mnist").unwrap_err().to_string();
    assert_eq!(message, "there is no built-in dataset `mnist`; the built-in ones are: digits");
}

#[test]
fn measured_statistics_match_a_plain_computation() {
    let digits = load_builtin("digits").unwrap();
    let values: Vec<f64> =
        digits.train_split().images().iter().map(|&b| f64::from(b) / 255.0).collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
    let ChannelStats { mean: m, std: s } = digits.measured();
    assert!(
        (f64::from(m[0]) - mean).abs() < 1e-7 && (f64::from(s[0]) - variance.sqrt()).abs() < 1e-7
    );
}

#[test]
fn validation_split_is_disjoint_stratified_and_fixed() {
    let train = load_builtin("digits").unwrap().train();
    let (rest, validation) = train.split_validation(Amount::Fraction(0.1), 7).unwrap();
    assert_eq!((rest.len(), validation.len()), (1293, 144));
    let mut all: Vec<u32> = rest.indices().iter().chain(validation.indices()).copied().collect();
    all.sort_unstable();
    assert_eq!(all, (0..1437).collect::<Vec<_>>());
    for (&part, &whole) in validation.class_counts().iter().zip(&train.class_counts()) {
        assert!((part as f64 - whole as f64 * 144.0 / 1437.0).abs() < 1.0);
    }
    let again = train.split_validation(Amount::Count(144), 7).unwrap().1;
    assert_eq!(again.indices(), validation.indices());
    let other = train.split_validation(Amount::Count(144), 8).unwrap().1;
    assert_ne!(other.indices(), validation.indices());
}

#[test]
fn subsets_are_stratified_and_bounded() {
    let train = load_builtin("digits").unwrap().train();
    let subset = train.subset(Amount::Count(100), 3).unwrap();
    assert_eq!(subset.len(), 100);
    assert!(subset.class_counts().iter().all(|&n| (9..=11).contains(&n)));
    assert!(subset.indices().is_sorted());
    assert_eq!(train.subset(Amount::Count(1437), 3).unwrap().indices(), train.indices());
    // A subset of a subset stays inside it.
    let small = subset.subset(Amount::Fraction(0.2), 1).unwrap();
    assert!(small.len() == 20 && small.indices().iter().all(|i| subset.indices().contains(i)));
    for bad in
        [Amount::Count(0), Amount::Count(1438), Amount::Fraction(f64::NAN), Amount::Fraction(-1.0)]
    {
        let message = train.subset(bad, 0).unwrap_err().to_string();
        assert!(message.contains("of 1437 images, 1 to 1437 can be taken"), "{message}");
    }
    assert!(train.split_validation(Amount::Count(1437), 0).is_err());
    assert!(View::new(train.split().clone(), vec![0, 1437]).is_err());
}
