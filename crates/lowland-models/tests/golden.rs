//! Networks against stored results of PyTorch: logits, loss, every gradient, running statistics.
//!
//! Every JSON file with a table `nets` is read; each net says of itself what it is, how its numbers
//! are laid out, and to which tolerance they hold. `LOWLAND_GOLDEN` names another folder.

#[path = "golden/case.rs"]
mod case;
mod common;
#[path = "golden/net.rs"]
mod net;

use std::error::Error;
use std::path::Path;

use lowland_conformance::golden::{FOLDER_VARIABLE, File, Folder, Report, damage};
use lowland_core::DType;
use lowland_models::Fusion;
use serde_json::{Value, json};

use case::Case;
use net::Net;

type Check<T> = Result<T, Box<dyn Error>>;

/// Checks every net of a folder that this build has.
fn check_networks(folder: &Folder) -> Check<Report> {
    let mut report = Report::default();
    for file in folder.files_with("nets")? {
        for (name, json) in file.table("nets")? {
            let net = Net { file: &file, name, json };
            match net.is_known()? {
                true => report.check(&check_network(&net)?),
                false => report.skip(name, format!("`{}` is not in this build", net.kind()?)),
            }
        }
    }
    Ok(report)
}

/// Checks one net in both types, with separate and with fused layers, and says of which kind it is.
fn check_network(net: &Net<'_>) -> Check<String> {
    let tensors = net.file.tensors_named(net.name)?;
    let case = Case { net, structure: net.structure()?, tensors };
    for dtype in [DType::F32, DType::F64] {
        for fusion in [Fusion::NONE, Fusion { statistics: true, epilogues: true }] {
            case.check(dtype, fusion)?;
        }
    }
    net.kind()
}

#[test]
fn golden_networks() {
    let report = check_networks(&Folder::open_from_env().unwrap()).unwrap();
    println!("{report}");
    if std::env::var_os(FOLDER_VARIABLE).is_none() {
        assert_eq!(report.checked(), 13, "all nets of the folder");
    }
}

/// Damages one thing in a copy of the folder and expects the check of one net to notice.
#[track_caller]
fn assert_noticed(what: &str, json: &Path, net: &str, damage: impl Fn(&Path)) {
    let folder = tempfile::tempdir().unwrap();
    let copy = damage::copy(&Folder::own().unwrap(), folder.path()).unwrap();
    damage(copy.path());
    let check = || -> Check<()> {
        let files = copy.files_with("nets")?;
        let same = |file: &&File| file.path().file_name() == json.file_name();
        let file = files.iter().find(same).ok_or("the file is not found")?;
        let json = file.table("nets")?.get(net).ok_or("the net is not found")?;
        check_network(&Net { file, name: net, json }).map(drop)
    };
    assert!(check().is_err(), "{net}: {what} was not noticed");
}

#[test]
fn damaged_golden_files_are_noticed() {
    let folder = Folder::own().unwrap();
    for file in folder.files_with("nets").unwrap() {
        let name_of = file.path().file_name().unwrap();
        for (name, net) in file.table("nets").unwrap() {
            let noticed = |what: &str, damage: &dyn Fn(&Path)| {
                assert_noticed(what, file.path(), name, damage);
            };
            noticed("a cut JSON", &|copy| damage::truncate(&copy.join(name_of)).unwrap());
            let tensors = format!("{name}.safetensors");
            noticed("a cut file", &|copy| damage::truncate(&copy.join(&tensors)).unwrap());
            noticed("no file", &|copy| std::fs::remove_file(copy.join(&tensors)).unwrap());
            let change = |pointer: &str, value: Value| {
                let pointer = format!("/nets/{name}{pointer}");
                noticed(&pointer, &|copy| {
                    damage::change_json(&copy.join(name_of), &pointer, value.clone()).unwrap();
                });
            };
            for pointer in [
                "/config/widths/0",
                "/config/blocks/0",
                "/config/layers/0",
                "/config/classes",
                "/parameters",
            ] {
                if let Some(number) = net.pointer(pointer).and_then(Value::as_u64) {
                    change(pointer, json!(number + 1));
                }
            }
            for pointer in ["/loss", "/loss_f64", "/config/fixed/0", "/config/coefficients/3"] {
                if let Some(number) = net.pointer(pointer).and_then(Value::as_f64) {
                    change(pointer, json!(number + 1e-3));
                }
            }
            for pointer in ["/config/shortcut", "/config/kind", "/config/stem", "/config/block"] {
                if net.pointer(pointer).is_some() {
                    change(pointer, json!("C"));
                }
            }
            change("/layout/input", json!("CHWN"));
            change("/tolerance/logits_rel_to_max", json!(0.5));
            change("/tolerance/running_stats_rel_to_max", json!("small"));
            // One tensor of each kind of quantity, in its last element.
            let stored = file.tensors_named(name).unwrap();
            for prefix in [
                "input",
                "labels",
                "loss",
                "loss_f64",
                "train_logits",
                "eval_logits",
                "weight.",
                "grad.",
                "gradsum.",
                "after.",
            ] {
                let Some(tensor) = stored.names().into_iter().find(|n| n.starts_with(prefix))
                else {
                    continue;
                };
                let last = stored.shape(&tensor).unwrap().iter().product::<usize>() - 1;
                noticed(&tensor, &|copy| {
                    damage::change_element(&copy.join(&tensors), &tensor, last).unwrap();
                });
            }
        }
    }
}
