//! The binary versions of CIFAR-10 and CIFAR-100.

use lowland_data::{Cifar100Labels, ImportOptions, import};

use crate::Verdict;
use crate::dataset::{import_within, scratch, write};

/// Imports a set: CIFAR-100 where the first byte is odd, then the names of its classes up to an empty
/// line, then the records of its test file. Each training file has the same ones, or five times as many.
pub fn cifar(data: &[u8]) -> Verdict {
    let Some((&which, rest)) = data.split_first() else { return Verdict::Refused };
    let empty = rest.windows(2).position(|pair| pair == b"\n\n");
    let (names, records) = empty.map_or((rest, &[][..]), |at| (&rest[..at], &rest[at + 2..]));
    let folder = scratch();
    let put = |name: &str, bytes: &[u8]| write(folder.path(), &format!("source/{name}"), bytes);
    if which % 2 == 0 {
        put("batches.meta.txt", names);
        put("test_batch.bin", records);
        (1..=5).for_each(|i| put(&format!("data_batch_{i}.bin"), records));
    } else {
        put("fine_label_names.txt", names);
        put("coarse_label_names.txt", names);
        put("test.bin", records);
        put("train.bin", &records.repeat(5));
        let options = ImportOptions {
            cifar100_labels: Cifar100Labels::Coarse,
            threads: 1,
            ..ImportOptions::new("set")
        };
        let elsewhere = scratch();
        let _ = import(folder.path().join("source"), elsewhere.path(), &options, &mut |_| ());
    }
    import_within(folder.path(), "source")
}
