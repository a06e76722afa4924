//! Verification and soak, as the program makes them.
#![cfg(unix)]

use std::process::Command;

use serde_json::Value;

/// What the program printed as JSON, a line each.
#[track_caller]
fn lines(arguments: &[&str]) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_lowland"))
        .args(arguments)
        .args(["--json", "--dir", "scratch"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!folder.path().join("scratch").exists(), "what it worked in is removed");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn one_hash_for_all_threads_and_for_a_run_that_was_killed() {
    let lines = lines(&["verify"]);
    let hashes: Vec<&str> =
        lines.iter().filter_map(|line| line["run"]["fingerprint"].as_str()).collect();
    assert_eq!(hashes.len(), 5);
    assert!(hashes[0].len() == 64 && hashes.iter().all(|hash| *hash == hashes[0]), "{hashes:?}");
    // On a busy machine the last run may be at its end before it is killed for the third time.
    let resumed = lines[5]["verdict"]["resumed"].as_u64().unwrap();
    assert!(lines[5]["verdict"]["agree"] == true && (1..=3).contains(&resumed), "{lines:?}");
    let how = lines[4]["run"]["how"].as_str().unwrap();
    assert!(how.starts_with(&format!("killed {resumed} times, resumed {resumed}")), "{how}");
}

#[test]
fn a_short_soak_survives() {
    let lines = lines(&["soak", "--minutes", "0.1"]);
    let tally = &lines.last().unwrap()["tally"];
    let number = |field: &str| tally[field].as_u64().unwrap();
    assert!(number("runs") >= 1 && number("kills") >= 1, "{tally}");
    assert!(number("refused") + number("put_aside") + number("made_again") >= 1, "{tally}");
    let fates = ["refused", "put_aside", "made_again", "noticed", "unmet"].map(number);
    let damaged = tally["damaged"].as_object().unwrap().values();
    let damaged: u64 = damaged.map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(fates.iter().sum::<u64>(), damaged, "each has become something: {tally}");
}
