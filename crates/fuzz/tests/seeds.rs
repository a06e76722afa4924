//! Every committed seed is read as its name says, in a moment: inputs that fuzzing has found stay tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lowland_fuzz::{TARGETS, Target, Verdict};

/// No seed takes longer, on any machine.
const MOMENT: Duration = Duration::from_secs(2);

fn seeds(target: &Target) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target.name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn every_seed_is_read_as_its_name_says() {
    let mut wrong = Vec::new();
    for target in TARGETS {
        let mut accepted = 0;
        for path in seeds(target) {
            let name = path.file_name().unwrap().to_str().unwrap();
            let wanted = match name.split_once('-') {
                Some(("accepted", _)) => Verdict::Accepted,
                Some(("refused", _)) => Verdict::Refused,
                _ => panic!("{} begins with neither `accepted-` nor `refused-`", path.display()),
            };
            let began = Instant::now();
            let verdict = (target.read)(&fs::read(&path).unwrap());
            let took = began.elapsed();
            if verdict != wanted || took > MOMENT {
                wrong.push(format!("{}: {verdict:?} in {took:?}", path.display()));
            }
            accepted += usize::from(verdict == Verdict::Accepted);
        }
        assert!(accepted > 0, "no seed of `{}` is accepted", target.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_target_has_its_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for Target { name, .. } in TARGETS {
        let program = fs::read_to_string(folder.join(format!("targets/{name}.rs"))).unwrap();
        assert!(program.contains(&format!("lowland_fuzz::{name}(data)")), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"targets/{name}.rs\"")));
    }
}

#[test]
fn the_seeds_are_small() {
    let size = |path: PathBuf| fs::metadata(path).unwrap().len();
    let bytes: u64 = TARGETS.iter().flat_map(seeds).map(size).sum();
    assert!(bytes < 300_000, "{bytes} bytes");
}
