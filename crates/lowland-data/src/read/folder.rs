//! A folder or archive of images, one folder a class.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use super::decode::Encoded;
use super::{ReadOptions, layout};
use crate::dataset::{About, Dataset};
use crate::error::{Error, Extent, Result};
use crate::progress::{Progress, Report, Stage};
use crate::source::{Listing, MAX_RATIO, SourceFile};
use crate::split::Split;
use crate::statistics::ChannelStats;

/// Images a thread decodes at a time.
const CHUNK: usize = 64;
/// The most that the images of a split are decoded to, bytes.
const MAX_PIXELS: u64 = 16 << 30;
/// What the images of any split may be decoded to, bytes; beyond that, it is [`MAX_RATIO`] times what
/// their files hold.
const FREE_PIXELS: u64 = 256 << 20;
/// CIFAR-10's classes, sorted.
const CIFAR10: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// Reads all images. The first training image sets the shape and the number of channels; all others
/// must agree.
pub(super) fn read(
    listing: &Listing,
    options: &ReadOptions<'_>,
    report: Report<'_>,
) -> Result<Dataset> {
    let layout = layout::find(listing)?;
    // Every class has an image, and there is at least one class.
    let first = layout.train[0].0;
    let bytes = first.bytes(&listing.origin)?;
    let encoded = Encoded::read(&bytes).map_err(|problem| unreadable(listing, first, problem))?;
    let (shape, format) = (encoded.shape(), encoded.format());
    let total = layout.train.len() + layout.test.len();
    let job = Job { listing, first, shape, threads: options.threads };
    let mut done = 0;
    let mut decode = |images: &[(&SourceFile, u16)]| {
        let pixels = job.decode_all(images, &mut |n| {
            done += n as u64;
            report(Progress { stage: Stage::Decode, done, total: Some(total as u64) });
        })?;
        Split::new(
            shape,
            pixels,
            images.iter().map(|(_, label)| *label).collect(),
            layout.classes.len(),
        )
    };
    let (train, test) = (decode(&layout.train)?, decode(&layout.test)?);
    let is_cifar10 = shape == [32, 32, 3] && layout.classes == CIFAR10;
    let origin = listing.origin.file_name().unwrap_or_default().to_string_lossy();
    let about = About {
        name: options.name.to_string(),
        title: if is_cifar10 {
            format!("CIFAR-10 ({format} copy)")
        } else {
            options.name.to_string()
        },
        source: format!("{format} images, one folder a class, from {origin}"),
        classes: layout.classes,
    };
    let dataset = Dataset::new(about, train, test)?;
    if is_cifar10 { dataset.normalised_by(ChannelStats::cifar10()) } else { Ok(dataset) }
}

fn unreadable(listing: &Listing, file: &SourceFile, problem: String) -> Error {
    Error::Image { origin: listing.origin.clone(), entry: file.path.clone(), problem }
}

/// What every decoding thread knows.
struct Job<'a> {
    listing: &'a Listing,
    first: &'a SourceFile,
    shape: [usize; 3],
    threads: usize,
}

impl Job<'_> {
    /// Decodes all images, each into its place in one block. Of several bad images the first in
    /// order is reported, whatever the threads do: chunks are handed out in order, and one that has
    /// been handed out is finished.
    fn decode_all(
        &self,
        images: &[(&SourceFile, u16)],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<u8>> {
        let size: usize = self.shape.iter().product();
        let mut pixels = vec![0; self.pixels(images)?];
        let chunks =
            Mutex::new(images.chunks(CHUNK).zip(pixels.chunks_mut(CHUNK * size)).enumerate());
        let failed = AtomicBool::new(false);
        let mut first_error: Option<(usize, Error)> = None;
        thread::scope(|scope| {
            let (sender, results) = mpsc::channel();
            for _ in 0..self.threads.max(1) {
                let sender = sender.clone();
                let (chunks, failed) = (&chunks, &failed);
                scope.spawn(move || {
                    while !failed.load(Ordering::Relaxed) {
                        let next = chunks.lock().unwrap_or_else(PoisonError::into_inner).next();
                        let Some((i, (files, out))) = next else { break };
                        let result = self.decode_chunk(files, out).map(|()| files.len());
                        failed.fetch_or(result.is_err(), Ordering::Relaxed);
                        // The receiver outlives the threads.
                        let _ = sender.send((i, result));
                    }
                });
            }
            drop(sender);
            for (i, result) in results {
                match result {
                    Ok(n) => progress(n),
                    Err(error) if first_error.as_ref().is_none_or(|(j, _)| i < *j) => {
                        first_error = Some((i, error))
                    }
                    Err(_) => {}
                }
            }
        });
        first_error.map_or(Ok(pixels), |(_, error)| Err(error))
    }

    /// The bytes of all images, decoded; refused where they are many more than their files make likely.
    /// The first image alone says how large all are.
    fn pixels(&self, images: &[(&SourceFile, u16)]) -> Result<usize> {
        let size: usize = self.shape.iter().product();
        let mut encoded = 0u64;
        for (file, _) in images {
            encoded = encoded.saturating_add(file.len()?);
        }
        let limit = FREE_PIXELS.saturating_add(encoded.saturating_mul(MAX_RATIO)).min(MAX_PIXELS);
        let bytes = (size as u64).saturating_mul(images.len() as u64);
        match usize::try_from(bytes) {
            Ok(pixels) if bytes <= limit => Ok(pixels),
            _ => Err(Error::TooManyPixels {
                origin: self.listing.origin.clone(),
                images: images.len(),
                shape: Extent::from(self.shape),
                encoded,
                limit,
            }),
        }
    }

    fn decode_chunk(&self, files: &[(&SourceFile, u16)], out: &mut [u8]) -> Result<()> {
        let size: usize = self.shape.iter().product();
        files
            .iter()
            .zip(out.chunks_exact_mut(size))
            .try_for_each(|((file, _), out)| self.decode(file, out))
    }

    fn decode(&self, file: &SourceFile, out: &mut [u8]) -> Result<()> {
        let bytes = file.bytes(&self.listing.origin)?;
        let encoded =
            Encoded::read(&bytes).map_err(|problem| unreadable(self.listing, file, problem))?;
        if encoded.shape() != self.shape {
            return Err(Error::ImageSize {
                origin: self.listing.origin.clone(),
                entry: file.path.clone(),
                found: Extent::from(encoded.shape()),
                first: self.first.path.clone(),
                expected: Extent::from(self.shape),
            });
        }
        encoded.decode_into(out).map_err(|problem| unreadable(self.listing, file, problem))
    }
}
