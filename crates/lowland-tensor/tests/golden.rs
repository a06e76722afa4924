//! Ops and their gradients against stored results of another framework.
//!
//! Every JSON file of the golden folder with a table `ops` is read; each case says which op it is,
//! with which attributes, in which layout and to which tolerance.

#[path = "golden/case.rs"]
mod case;
#[path = "golden/forward.rs"]
mod forward;

use std::path::Path;
use std::sync::Arc;

use case::Case;
use lowland_conformance::golden::{Folder, Report, damage};
use lowland_cpu::Cpu;
use lowland_tensor::Device;
use serde_json::json;

/// Checks all cases of a folder; the error names each case that failed, and why.
fn check(folder: &Folder) -> Result<Report, String> {
    let device: Device = Arc::new(Cpu::new(2));
    let mut report = Report::default();
    let mut failures = Vec::new();
    for file in folder.files_with("ops").map_err(|e| e.to_string())? {
        let tensors = file.tensors().map_err(|e| e.to_string())?;
        for name in file.table("ops").map_err(|e| e.to_string())?.keys() {
            let case = Case { file: &file, tensors: &tensors, name, device: &device };
            match case.op().and_then(|op| Ok((op, case.check(op)?))) {
                Ok((op, None)) => report.check(op),
                Ok((_, Some(reason))) => report.skip(name, reason),
                Err(error) => failures.push(error.to_string()),
            }
        }
    }
    if failures.is_empty() { Ok(report) } else { Err(failures.join("\n")) }
}

#[test]
fn golden_ops() {
    let folder = Folder::open_from_env().unwrap();
    let report = check(&folder).unwrap_or_else(|error| panic!("{error}"));
    println!("{report}");
}

fn own_folder() -> Folder {
    Folder::own().unwrap()
}

/// The repository's cases of each op, by the first of them: JSON file, case and op.
fn one_case_of_each_op() -> Vec<(std::path::PathBuf, String, String)> {
    let mut cases: Vec<(std::path::PathBuf, String, String)> = Vec::new();
    for file in own_folder().files_with("ops").unwrap() {
        for (name, case) in file.table("ops").unwrap() {
            let op = case["op"].as_str().unwrap();
            if cases.iter().all(|(_, _, known)| known != op) {
                cases.push((file.path().to_owned(), name.clone(), op.to_owned()));
            }
        }
    }
    cases
}

/// Runs the check on a copy of the repository's folder after something was done to it.
fn check_after(harm: impl FnOnce(&Path)) -> Result<Report, String> {
    let copy = tempfile::tempdir().unwrap();
    let folder = damage::copy(&own_folder(), copy.path()).unwrap();
    harm(copy.path());
    check(&folder)
}

#[test]
fn nothing_of_the_repository_is_skipped() {
    let report = check_after(|_| ()).unwrap();
    assert!(report.skipped().is_empty(), "{report}");
    assert_eq!(report.checked_by_kind().len(), one_case_of_each_op().len());
}

#[test]
fn one_changed_element_of_any_tensor_is_seen() {
    let cases = one_case_of_each_op();
    assert!(cases.len() > 10);
    for (json, name, _) in cases {
        let tensors =
            lowland_conformance::golden::Tensors::open(&damage::tensors_beside(&json)).unwrap();
        // The element with the largest gradient is one that matters, on both sides of the op.
        let gradient = tensors.f32(&format!("{name}.grad.x")).unwrap().1;
        let larger = |&a: &usize, &b: &usize| gradient[a].abs().total_cmp(&gradient[b].abs());
        let important = (0..gradient.len()).max_by(larger).unwrap();
        let prefix = format!("{name}.");
        for tensor in tensors.names().iter().filter(|tensor| tensor.starts_with(&prefix)) {
            let len: usize = tensors.shape(tensor).unwrap().iter().product();
            let index = if len == gradient.len() { important } else { 0 };
            let result = check_after(|folder| {
                let path = folder.join(json.file_name().unwrap()).with_extension("safetensors");
                damage::change_element(&path, tensor, index).unwrap();
            });
            let error = result.err().unwrap_or_else(|| panic!("{tensor}[{index}] was changed"));
            assert!(error.contains(&name), "{tensor}: {error}");
            assert_eq!(error.lines().count(), 1, "only {tensor} was changed: {error}");
        }
    }
}

#[test]
fn truncated_files_missing_tensors_and_senseless_tolerances_are_seen() {
    for file in own_folder().files_with("ops").unwrap() {
        let json = file.path().file_name().unwrap();
        let names: Vec<&String> = file.table("ops").unwrap().keys().collect();
        for extension in ["json", "safetensors"] {
            let path = Path::new(json).with_extension(extension);
            assert!(check_after(|folder| damage::truncate(&folder.join(&path)).unwrap()).is_err());
            assert!(
                check_after(|folder| std::fs::write(folder.join(&path), b"").unwrap()).is_err()
            );
        }
        let lost = Path::new(json).with_extension("safetensors");
        assert!(check_after(|folder| std::fs::remove_file(folder.join(lost)).unwrap()).is_err());
        for tolerance in
            [json!(0.0), json!(1e-30), json!(-1.0), json!(1.0), json!("1e-6"), json!(null)]
        {
            let error = check_after(|folder| {
                let place = "/tolerance/rel_to_tensor_max";
                damage::change_json(&folder.join(json), place, tolerance.clone()).unwrap();
            });
            assert!(error.is_err(), "tolerance {tolerance}");
        }
        for name in [names[0], names[names.len() - 1]] {
            let error = check_after(|folder| {
                let text = std::fs::read_to_string(folder.join(json)).unwrap();
                let renamed = text.replace(&format!("\"{name}\": {{"), "\"renamed\": {");
                std::fs::write(folder.join(json), renamed).unwrap();
            });
            let error = error.expect_err("the tensors of a renamed case are missing");
            assert!(error.contains("renamed") && error.contains("is missing"), "{error}");
        }
        let error = check_after(|folder| {
            damage::change_json(&folder.join(json), "/ops", json!({})).unwrap();
        });
        assert!(error.is_err(), "a table without cases");
    }
}

#[test]
fn an_op_of_the_future_is_skipped_with_its_name() {
    let (path, name, op) = one_case_of_each_op().remove(0);
    let report = check_after(|folder| {
        let pointer = format!("/ops/{name}/op");
        let json = folder.join(path.file_name().unwrap());
        damage::change_json(&json, &pointer, json!("fold_space")).unwrap();
    });
    let report = report.unwrap();
    assert_eq!(report.skipped()[&name], "this build has no op `fold_space`", "{op}");
}
