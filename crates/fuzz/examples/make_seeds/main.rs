//! Makes the seeds whose bytes nobody can type: `cargo run --release -p lowland-fuzz --example make_seeds`.
//! Those of `config` and `records`, and those that fuzzing has found, are files as they are.

mod archives;
mod checkpoints;
mod images;
mod sets;
mod weights;

use std::fs;
use std::path::Path;

/// Seeds of a target: a name, which begins with what the target says of it, and its bytes.
type Seeds = Vec<(&'static str, Vec<u8>)>;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let made: [(&str, Seeds); 7] = [
        ("archive", archives::seeds()),
        ("cifar", sets::cifar()),
        ("idx", sets::idx()),
        ("image", images::seeds()),
        ("packed", sets::packed()),
        ("resume", checkpoints::seeds()),
        ("safetensors", weights::seeds()),
    ];
    for (target, seeds) in made {
        let folder = root.join(target);
        fs::create_dir_all(&folder).expect("a folder can be made");
        for (name, bytes) in seeds {
            println!("{target}/{name}: {} bytes", bytes.len());
            fs::write(folder.join(name), bytes).expect("a file can be written");
        }
    }
}
