//! The loader: the same bits for any number of threads, in order, and no way to hang.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use lowland_data::random::{CounterRng, Purpose};
use lowland_data::{
    Augment, Batch, ChannelStats, Cutout, Error, Loader, LoaderConfig, Normaliser, Result, Split,
    View, load_builtin,
};

/// All that is in a batch, bits included.
type Bits = (Vec<u32>, Vec<u32>, Vec<u32>, [usize; 4]);

fn bits(batch: &Batch) -> Bits {
    let images = batch.images().iter().map(|v| v.to_bits()).collect();
    (images, batch.labels().to_vec(), batch.indices().to_vec(), batch.shape())
}

fn all(loader: &Loader, epoch: u64) -> Vec<Bits> {
    loader.epoch(epoch).map(|batch| bits(&batch.unwrap())).collect()
}

fn digits() -> View {
    load_builtin("digits").unwrap().train()
}

fn config(workers: usize) -> LoaderConfig {
    let stats = load_builtin("digits").unwrap().normalisation().clone();
    LoaderConfig { workers, ..LoaderConfig::training(100, stats, 11) }
}

#[test]
fn bits_do_not_depend_on_threads_or_prefetch() {
    let want = all(&Loader::new(digits(), config(0)).unwrap(), 3);
    assert_eq!(want.len(), 15);
    for workers in [1, 2, 3, 8] {
        for prefetch in [1, 2, 16] {
            let loader =
                Loader::new(digits(), LoaderConfig { prefetch, ..config(workers) }).unwrap();
            assert!(all(&loader, 3) == want, "{workers} workers, prefetch {prefetch}");
            // A second time, with recycled buffers that hold old bits.
            assert!(all(&loader, 3) == want, "{workers} workers again");
        }
    }
}

/// Cutout changes nothing but the square it hides, which depends on (seed, epoch, sample) alone.
#[test]
fn cutout_is_the_last_change_and_a_sample_gets_its_own() {
    let cutout = Cutout { side: 4 };
    let plain = all(&Loader::new(digits(), config(0)).unwrap(), 3);
    for workers in [0, 1, 3] {
        let config = LoaderConfig { cutout: Some(cutout), ..config(workers) };
        let hidden = all(&Loader::new(digits(), config).unwrap(), 3);
        assert_eq!(hidden.len(), plain.len());
        for (hidden, plain) in hidden.iter().zip(&plain) {
            assert_eq!((&hidden.1, &hidden.2), (&plain.1, &plain.2));
            for ((&sample, hidden), plain) in
                plain.2.iter().zip(hidden.0.chunks(64)).zip(plain.0.chunks(64))
            {
                let mut want: Vec<f32> = plain.iter().map(|&word| f32::from_bits(word)).collect();
                let mut rng = CounterRng::new(11, Purpose::Cutout, 3, u64::from(sample));
                cutout.apply([8, 8, 1], &mut want, &mut rng);
                assert!(hidden.iter().zip(&want).all(|(a, b)| *a == b.to_bits()));
            }
        }
    }
}

/// The bits of one epoch, pinned: a change of the random numbers, the augmentation or the
/// normalisation shows here, and on every machine.
#[test]
fn bits_are_the_same_as_ever() {
    let mut hasher = blake3::Hasher::new();
    for (images, labels, indices, _) in all(&Loader::new(digits(), config(1)).unwrap(), 3) {
        for word in images.into_iter().chain(labels).chain(indices) {
            hasher.update(&word.to_le_bytes());
        }
    }
    assert_eq!(
        hasher.finalize().to_hex().as_str(),
        "4bb7e639e279ba6be4c794b11e8d1cce7fec959baf5eca7a677176cfd14a6723"
    );
}

#[test]
fn a_sample_is_augmented_alike_in_any_batch() {
    let by_sample = |batch_size| {
        let loader = Loader::new(digits(), LoaderConfig { batch_size, ..config(2) }).unwrap();
        let mut samples = std::collections::BTreeMap::new();
        for (images, _, indices, _) in all(&loader, 1) {
            for (index, image) in indices.iter().zip(images.chunks(64)) {
                assert!(samples.insert(*index, image.to_vec()).is_none());
            }
        }
        samples
    };
    assert_eq!(by_sample(100), by_sample(7));
    // Also in a view that holds only a part of the split, in another order.
    let some = View::new(digits().split().clone(), vec![900, 5, 17]).unwrap();
    let loader = Loader::new(some, config(0)).unwrap();
    let whole = by_sample(64);
    for (images, _, indices, _) in all(&loader, 1) {
        assert!(indices.iter().zip(images.chunks(64)).all(|(i, image)| whole[i] == image));
    }
}

#[test]
fn evaluation_yields_every_image_unchanged_and_in_order() {
    let view = digits();
    let stats = ChannelStats { mean: vec![0.25], std: vec![0.5] };
    let config = LoaderConfig { workers: 2, ..LoaderConfig::evaluation(64, stats.clone()) };
    let loader = Loader::new(view.clone(), config).unwrap();
    let normaliser = Normaliser::new(&stats, 1).unwrap();
    let mut next = 0;
    for batch in loader.epoch(0) {
        let batch = batch.unwrap();
        for (k, image) in batch.images().chunks_exact(64).enumerate() {
            let mut want = [0.0; 64];
            normaliser.apply(view.image(next), &mut want);
            assert_eq!(image, want);
            assert_eq!(want[0], ((f64::from(view.image(next)[0]) / 255.0 - 0.25) / 0.5) as f32);
            assert_eq!(batch.labels()[k], u32::from(view.label(next)));
            assert_eq!(batch.indices()[k] as usize, next);
            next += 1;
        }
    }
    assert_eq!(next, 1437);
}

#[test]
fn epochs_differ_and_are_permutations() {
    let loader = Loader::new(digits(), config(1)).unwrap();
    let order = |epoch| all(&loader, epoch).into_iter().flat_map(|b| b.2).collect::<Vec<u32>>();
    let (first, second) = (order(0), order(1));
    assert_ne!(first, second);
    // The documented derivation.
    let mut want: Vec<u32> = (0..1437).collect();
    CounterRng::new(11, Purpose::Shuffle, 1, 0).shuffle(&mut want);
    assert_eq!(second, want);
    want.sort_unstable();
    assert_eq!(want, (0..1437).collect::<Vec<_>>());
    // The same sample gets other pixels in another epoch: crop has 81 places and two sides.
    let image = |epoch, sample| {
        let batches = all(&loader, epoch);
        let batch = batches.iter().find(|b| b.2.contains(&sample)).unwrap();
        let k = batch.2.iter().position(|&i| i == sample).unwrap();
        batch.0[k * 64..][..64].to_vec()
    };
    assert!((0..5).any(|sample| image(0, sample) != image(1, sample)));
}

#[test]
fn the_last_batch_is_short_or_left_out() {
    let loader = Loader::new(digits(), config(2)).unwrap();
    assert_eq!((loader.batches(), loader.samples()), (15, 1437));
    assert_eq!(loader.epoch(0).len(), 15);
    let shapes: Vec<[usize; 4]> = all(&loader, 0).iter().map(|b| b.3).collect();
    assert_eq!(shapes[13..], [[100, 8, 8, 1], [37, 8, 8, 1]]);
    let dropping = Loader::new(digits(), LoaderConfig { drop_last: true, ..config(2) }).unwrap();
    assert_eq!((dropping.batches(), dropping.samples()), (14, 1400));
    assert!(all(&dropping, 0) == all(&loader, 0)[..14]);
}

#[test]
fn an_epoch_resumes_at_any_batch() {
    for workers in [0, 2] {
        let loader = Loader::new(digits(), config(workers)).unwrap();
        let whole = all(&loader, 4);
        for batch in [0, 1, 7, 14] {
            let mut rest = loader.start_at(4, batch);
            assert_eq!((rest.position(), rest.len()), (batch, 15 - batch));
            let rest: Vec<Bits> = rest.by_ref().map(|b| bits(&b.unwrap())).collect();
            assert!(rest == whole[batch..]);
        }
        assert_eq!(loader.start_at(4, 15).count(), 0);
        assert_eq!(loader.start_at(4, usize::MAX).count(), 0);
    }
}

/// Copies, but panics for one sample, and counts.
#[derive(Debug)]
struct Faulty {
    calls: Arc<AtomicUsize>,
    panics_at: usize,
}

impl Augment for Faulty {
    fn check(&self, _: [usize; 3]) -> Result<()> {
        Ok(())
    }

    fn apply(&self, _: [usize; 3], image: &[u8], out: &mut [u8], _: &mut CounterRng) {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        assert!(call != self.panics_at, "deliberate fault");
        out.copy_from_slice(image);
    }
}

fn faulty(workers: usize, panics_at: usize) -> (Loader, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let augment: Vec<Arc<dyn Augment>> =
        vec![Arc::new(Faulty { calls: Arc::clone(&calls), panics_at })];
    (Loader::new(digits(), LoaderConfig { augment, ..config(workers) }).unwrap(), calls)
}

#[test]
fn a_panic_in_a_thread_becomes_one_error() {
    for workers in [0, 1, 3] {
        let (loader, _) = faulty(workers, 250);
        let mut epoch = loader.epoch(6);
        let mut good = 0;
        let error = loop {
            match epoch.next() {
                Some(Ok(_)) => good += 1,
                Some(Err(error)) => break error,
                None => panic!("the fault went unnoticed"),
            }
        };
        // With several threads another batch than the third may make call 250, but none before was
        // lost.
        let Error::Worker { epoch: 6, batch, ref message } = error else { panic!("{error}") };
        assert_eq!((batch, message.as_str()), (good, "deliberate fault"));
        assert!(workers > 1 || batch == 2);
        assert!(error.to_string().contains("in epoch 6 at batch"), "{error}");
        assert!(epoch.next().is_none() && epoch.next().is_none());
    }
}

#[test]
fn dropping_an_epoch_stops_its_threads() {
    let (loader, calls) = faulty(3, usize::MAX);
    let mut epoch = loader.epoch(0);
    epoch.next().unwrap().unwrap();
    drop(epoch);
    let after = calls.load(Ordering::SeqCst);
    // One batch taken and at most four ahead of it; no thread works on after the drop.
    assert!(after <= 500, "{after}");
    thread::sleep(Duration::from_millis(50));
    assert_eq!(calls.load(Ordering::SeqCst), after);
    drop(loader.epoch(1));
}

#[test]
fn the_queue_is_bounded() {
    let (loader, calls) = faulty(2, usize::MAX);
    let mut epoch = loader.epoch(0);
    for taken in 1..=3 {
        epoch.next().unwrap().unwrap();
        thread::sleep(Duration::from_millis(30));
        assert!(calls.load(Ordering::SeqCst) <= (taken + 4) * 100);
    }
}

#[test]
fn buffers_are_recycled() {
    for workers in [0, 2] {
        let loader = Loader::new(digits(), config(workers)).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for epoch in 0..3 {
            for batch in loader.epoch(epoch) {
                seen.insert(batch.unwrap().images().as_ptr() as usize);
            }
        }
        // 45 batches; in flight are one in use and at most 4 ahead of it.
        assert!(
            seen.len() <= if workers == 0 { 1 } else { 5 },
            "{} buffers with {workers} workers",
            seen.len()
        );
    }
}

#[test]
fn impossible_settings_are_refused() {
    let refused = |config: LoaderConfig| Loader::new(digits(), config).unwrap_err().to_string();
    assert_eq!(
        refused(LoaderConfig { batch_size: 0, ..config(0) }),
        "batch_size = 0 is not possible: it must be at least 1"
    );
    assert!(refused(LoaderConfig { prefetch: 0, ..config(0) }).contains("prefetch = 0"));
    let nothing = refused(LoaderConfig { batch_size: 2000, drop_last: true, ..config(0) });
    assert!(nothing.contains("1437 images make no batch"), "{nothing}");
    assert!(
        refused(LoaderConfig { batch_size: usize::MAX, ..config(0) })
            .contains("does not fit into memory")
    );
    let colour = refused(LoaderConfig { normalise: ChannelStats::cifar10(), ..config(0) });
    assert!(colour.contains("1 finite means"), "{colour}");
    let crop = vec![Arc::new(lowland_data::RandomCrop { padding: 8 }) as _];
    assert!(refused(LoaderConfig { augment: crop, ..config(0) }).contains("crop padding = 8"));
    let cutout = Some(Cutout { side: 9 });
    assert!(refused(LoaderConfig { cutout, ..config(0) }).contains("cutout side = 9"));
    let empty = View::new(digits().split().clone(), Vec::new()).unwrap();
    assert!(Loader::new(empty, config(0)).is_err());
}

/// 5,000 images a second on one thread is what a training step could ever ask for; this is far
/// below what the loader does (about 200,000), so that a busy machine does not matter.
#[test]
fn one_thread_is_fast_enough() {
    let images = (0..2000 * 3072).map(|i| (i % 251) as u8).collect();
    let split = Split::new([32, 32, 3], images, vec![0; 2000], 1).unwrap();
    let config =
        LoaderConfig { workers: 0, ..LoaderConfig::training(128, ChannelStats::cifar10(), 0) };
    let loader = Loader::new(View::all(Arc::new(split)), config).unwrap();
    loader.epoch(0).for_each(drop);
    let start = std::time::Instant::now();
    let images: usize =
        (1..6).flat_map(|epoch| loader.epoch(epoch)).map(|batch| batch.unwrap().len()).sum();
    let rate = images as f64 / start.elapsed().as_secs_f64();
    println!("crop, flip and normalise 32x32x3: {rate:.0} images/s on one thread");
    assert!(rate > 5_000.0, "{rate:.0} images/s");
}
