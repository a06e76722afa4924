//! The chapter "Add a kernel" of the book: its kernel computes what it says.

use std::fs;
use std::path::Path;

use lowland_cuda::driver::{Driver, RawArgs, Unit};
use lowland_shim::{Shim, available};

#[test]
fn the_kernel_of_the_book_computes_the_hypotenuse() {
    if !available("the_kernel_of_the_book_computes_the_hypotenuse") {
        return;
    }
    let book = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src/add-a-kernel.md");
    let chapter = fs::read_to_string(book).unwrap();
    let (_, rest) = chapter.split_once("```cpp\n").expect("a kernel");
    let (text, _) = rest.split_once("```").expect("its end");
    let shim = Shim::new();
    let unit = Unit { name: "book/hypot.cu".into(), text: text.into() };
    let kernel = shim.kernel(&unit, "hypot_forward", 32).unwrap();
    let [a, b, y] = [12, 12, 12].map(|bytes| shim.allocate(bytes).unwrap());
    shim.upload(bytemuck::cast_slice(&[3.0f32, 0.0, -5.0]), a).unwrap();
    shim.upload(bytemuck::cast_slice(&[4.0f32, -2.0, 12.0]), b).unwrap();
    shim.launch(&kernel, 1, RawArgs::of_words(&[a.0, b.0, y.0, 3])).unwrap();
    let mut found = [0.0f32; 3];
    shim.download(y, bytemuck::cast_slice_mut(&mut found)).unwrap();
    assert_eq!(found, [5.0, 2.0, 13.0]);
}
