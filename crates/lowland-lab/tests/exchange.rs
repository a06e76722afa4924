//! Weights under the names of other programs, out and in again: the same logits, to the bit; and with
//! PyTorch itself, where it is.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{SMALL, run_json};
use safetensors::SafeTensors;

fn lowland(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lowland"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap()
}

/// What a successful call printed.
#[track_caller]
fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = lowland(folder, arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The message of a call that ends with exit code 2.
#[track_caller]
fn mistake(folder: &Path, arguments: &[&str]) -> String {
    let output = lowland(folder, arguments);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    message
}

/// A folder with a run of an epoch of this network.
fn trained(model: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let model = format!("model = {model}");
    let text = SMALL
        .replace("[model]\nname = \"resnet-tiny\"\n", "")
        .replace("subset = 800", "subset = 100");
    fs::write(folder.path().join("small.toml"), format!("{model}\n{text}")).unwrap();
    run(folder.path(), &["train", "small.toml", "--out", "run", "--set", "train.epochs=1"]);
    folder
}

/// The names in a safetensors file.
fn names(path: &Path) -> Vec<String> {
    let bytes = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut names: Vec<String> = file.names().iter().map(ToString::to_string).collect();
    names.sort();
    names
}

#[test]
fn weights_go_out_and_in_under_every_name() {
    let cases = [
        ("{ name = 'resnet20', widths = [4, 4, 8] }", "pytorch-cifar", "layer3.2.bn2.running_var"),
        (
            "{ name = 'resnet18', widths = [4, 4, 8, 8] }",
            "torchvision",
            "layer2.0.downsample.1.bias",
        ),
        (
            "{ name = 'resnet18', widths = [4, 4, 8, 8] }",
            "pytorch-cifar",
            "layer2.0.shortcut.0.weight",
        ),
        (
            "{ name = 'zerosnet20', variant = 'tra', widths = [4, 4, 8] }",
            "zerosnet-authors",
            "blocks.3.downsample_ll.downsample_.0.weight",
        ),
        ("{ name = 'plain20', widths = [4, 4, 8] }", "lowland", "blocks.0.conv1.weight"),
    ];
    for (model, whose, name) in cases {
        let folder = trained(model);
        let folder = folder.path();
        run(folder, &["weights", "run", "--names", whose, "--out", "theirs.safetensors"]);
        assert!(names(&folder.join("theirs.safetensors")).iter().any(|n| n == name), "{whose}");
        let own = run(folder, &["evaluate", "run", "--logits", "own", "--first", "50"]);
        let arguments = ["evaluate", "small.toml", "--weights", "theirs.safetensors"];
        let text = run(
            folder,
            &[&arguments[..], &["--logits", "theirs", "--first", "50", "--json"]].concat(),
        );
        let result: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(result["initial_weights"]["names"], whose);
        assert_eq!(result["initial_weights"]["unused"], serde_json::json!([]));
        let accuracy = 100.0 * result["accuracy"].as_f64().unwrap();
        assert!(own.contains(&format!("accuracy {accuracy:.2} %")), "{own}{text}");
        assert!(fs::read(folder.join("own")).unwrap() == fs::read(folder.join("theirs")).unwrap());
        let bytes = fs::read(folder.join("own")).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let shape = |name| file.tensor(name).unwrap().shape().to_vec();
        assert_eq!(shape("images"), [50, 1, 8, 8]);
        assert_eq!((shape("labels"), shape("logits")), (vec![50], vec![50, 10]));
        // The whole run's accuracy is that of its last epoch.
        let recorded = run_json(&folder.join("run"))["results"]["final_epoch"]["test_acc"].clone();
        assert_eq!(result["accuracy"], recorded);
    }
}

#[test]
fn a_run_begins_with_weights_and_says_which() {
    let folder = trained("{ name = 'resnet20', widths = [4, 4, 8] }");
    let folder = folder.path();
    run(folder, &["weights", "run", "--names", "pytorch-cifar", "--out", "w.safetensors"]);
    let again = ["train", "small.toml", "--out", "on", "--set", "train.epochs=1"];
    let from = ["--set", "train.initial_weights=w.safetensors"];
    let text = run(folder, &[&again[..], &from].concat());
    assert!(
        text.contains("initial weights: w.safetensors, by the names of pytorch-cifar"),
        "{text}"
    );
    let record = run_json(&folder.join("on"))["run"]["model"]["initial_weights"].clone();
    let bytes = fs::read(folder.join("w.safetensors")).unwrap();
    assert_eq!(record["blake3"], lowland_lab::checksums::of(&bytes));
    let loss = |run: &str| {
        let text = fs::read_to_string(folder.join(run).join("metrics.jsonl")).unwrap();
        let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        line["train_loss"].as_f64().unwrap()
    };
    assert!(loss("on") < loss("run"), "it goes on from where the first run ended");
}

#[test]
fn weights_that_do_not_fit_are_told_with_their_names_and_their_place() {
    let folder = trained("{ name = 'resnet20', widths = [4, 4, 8] }");
    let folder = folder.path();
    run(folder, &["weights", "run", "--names", "pytorch-cifar", "--out", "w.safetensors"]);
    let evaluate = |set: &str, weights: &str| {
        mistake(folder, &["evaluate", "small.toml", "--weights", weights, "--set", set])
    };
    let text = evaluate("model={name='resnet20', widths=[4, 4, 16]}", "w.safetensors");
    for part in [
        "field `train.initial_weights`",
        "names of pytorch-cifar",
        "blocks.6.bn1.bias is [8], not [16]",
    ] {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
    let text = evaluate("model={name='zerosnet20', widths=[4, 4, 8]}", "w.safetensors");
    assert!(text.contains("102 missing") && text.contains("92 unexpected (layer1.0."), "{text}");
    assert!(evaluate("seed=1", "none.safetensors").contains("cannot read `none.safetensors`"));
    fs::write(folder.join("w.safetensors"), "PK\u{3}\u{4} a zip of pickles").unwrap();
    let text = evaluate("seed=1", "w.safetensors");
    assert!(text.contains("not a complete safetensors file"), "{text}");
    let weights = ["weights", "run", "--names", "zerosnet-authors", "--out", "x"];
    assert!(mistake(folder, &weights).contains("this is another network"));
}

/// The example of the book, where the Python of $PYTHON has PyTorch.
#[test]
fn pytorch_gets_the_same_logits_both_ways() {
    let python = PathBuf::from(std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into()));
    let has_torch = Command::new(&python).args(["-c", "import torch, safetensors"]).output();
    if !has_torch.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: {} has no torch and safetensors", python.display());
        return;
    }
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples/exchange.py");
    let mut command = Command::new(&python);
    command.arg(example).args(["--lowland", env!("CARGO_BIN_EXE_lowland")]);
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(text.matches("largest difference").count(), 2, "{text}");
}
