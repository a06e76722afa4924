//! Statistics of real runs: which number of a run is which measure, who is compared with whom.

#[path = "common/experiment.rs"]
mod experiment;

use std::path::Path;

use lowland_lab::experiment::{ExperimentRecord, State};
use lowland_lab::statistics::{self, Row, Statistics, Unit, difference, holm};
use lowland_lab::{Error, PastRun};

fn row<'a>(statistics: &'a Statistics, measure: &str, arm: &str, level: &str) -> Option<&'a Row> {
    let is = |row: &&Row| row.measure == measure && row.arm == arm && row.levels == [level];
    statistics.rows.iter().find(is)
}

/// The final test accuracies of the finished runs of an arm at a level.
fn accuracies(record: &ExperimentRecord, folder: &Path, arm: &str, level: &str) -> Vec<f64> {
    let cells = record.cells.iter().filter(|cell| cell.arm == arm && cell.levels == [level]);
    let finished = cells.filter(|cell| cell.state == State::Finished);
    let accuracy = |folder: &str| {
        let run = PastRun::read(folder.as_ref()).unwrap();
        run.epochs.last().unwrap().test_acc
    };
    finished.map(|cell| accuracy(folder.join(&cell.folder).to_str().unwrap())).collect()
}

#[test]
fn every_measure_of_every_finished_run_is_compared_with_its_pair() {
    let folder = tempfile::tempdir().unwrap();
    let record = experiment::run(folder.path());
    let statistics = statistics::of(&record, folder.path()).unwrap();

    let keys: Vec<&str> = statistics.measures.iter().map(|m| m.key.as_str()).collect();
    let want = [
        "final_test_acc",
        "validation_selected_test_acc",
        "best_test_acc",
        "final_train_loss",
        "final_test_loss",
        "calibration_error",
        "noise_normal_0.2_acc",
        "hessian_top_eigenvalue",
        "hessian_trace",
        "sharpness",
        "seconds_per_step",
        "peak_tensor_bytes",
    ];
    assert_eq!(keys, want);
    let untested: Vec<&str> =
        statistics.measures.iter().filter(|m| !m.tested).map(|m| m.key.as_str()).collect();
    assert_eq!(untested, ["seconds_per_step", "peak_tensor_bytes"]);

    // The numbers are those of the runs, and their differences those of equal seeds.
    let sgd = accuracies(&record, folder.path(), "sgd", "0.2");
    let adam = accuracies(&record, folder.path(), "adam", "0.2");
    assert_eq!((sgd.len(), adam.len()), (3, 2));
    let found = row(&statistics, "final_test_acc", "adam", "0.2").unwrap();
    assert_eq!(found.values.iter().map(|v| v.value).collect::<Vec<_>>(), adam);
    assert_eq!(found.values.iter().map(|v| v.seed).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(found.summary.n, 2);
    let two = difference(&[(adam[0], sgd[0]), (adam[1], sgd[1])]).unwrap();
    let clean = |arm| accuracies(&record, folder.path(), arm, "0.0");
    let pairs: Vec<(f64, f64)> = clean("adam").into_iter().zip(clean("sgd")).collect();
    let three = difference(&pairs).unwrap();
    let corrected = holm(&[three.p, two.p]);
    let found = [row(&statistics, "final_test_acc", "adam", "0.0").unwrap(), found];
    for ((row, want), corrected) in found.iter().zip([three, two]).zip(corrected) {
        let found = row.difference.unwrap();
        assert_eq!(
            (found.n, found.mean, found.low, found.high),
            (want.n, want.mean, want.low, want.high)
        );
        assert_eq!((found.p, found.p_corrected), (want.p, corrected));
    }
    assert!(row(&statistics, "final_test_acc", "sgd", "0.0").unwrap().difference.is_none());
    assert!(row(&statistics, "seconds_per_step", "adam", "0.0").unwrap().difference.is_none());

    // Flatness was measured of SGD alone.
    let trace = row(&statistics, "hessian_trace", "sgd", "0.0").unwrap();
    assert_eq!((trace.summary.mean, trace.summary.sd), (102.0, Some(1.0)));
    assert!(row(&statistics, "hessian_trace", "adam", "0.0").is_none());

    let run = PastRun::read(&folder.path().join("runs/sgd-0.0/seed-1")).unwrap();
    let first = |measure| row(&statistics, measure, "sgd", "0.0").unwrap().values[0].value;
    let last = run.epochs.last().unwrap();
    assert_eq!(first("final_train_loss"), last.train_loss);
    assert_eq!(first("final_test_loss"), last.test_loss);
    assert_eq!(first("calibration_error"), run.json.calibration.unwrap().expected_error);
    assert_eq!(first("noise_normal_0.2_acc"), run.json.input_noise[0].test_acc);
    assert_eq!(first("peak_tensor_bytes"), run.json.memory.unwrap().peak_tensor_bytes as f64);
    let seconds: Vec<f64> = run.epochs.iter().map(|e| 16.0 / e.images_per_s).collect();
    assert_eq!(
        first("seconds_per_step"),
        (seconds[0].min(seconds[1]) + seconds[0].max(seconds[1])) / 2.0
    );

    let verdict = &statistics.verdict;
    assert_eq!(verdict.details.len(), 2);
    assert_eq!(verdict.details[1].better, None, "two pairs allow no conclusion");
    assert!(verdict.details[1].sentence.ends_with(" 1 of 3 runs of Adam failed."), "{verdict:?}");
    assert!(verdict.headline.ends_with(" 1 of 12 runs failed."), "{verdict:?}");

    // It can be written and read.
    let json = serde_json::to_string(&statistics).unwrap();
    assert_eq!(serde_json::from_str::<Statistics>(&json).unwrap(), statistics);
    assert_eq!(statistics.measures[0].unit, Unit::Fraction);

    a_run_that_is_not_as_far_as_it_should_be_is_named(record, folder.path());
}

/// An experiment that says more of a run than its record does.
fn a_run_that_is_not_as_far_as_it_should_be_is_named(mut record: ExperimentRecord, folder: &Path) {
    let failed = record.cells.iter_mut().find(|cell| cell.state == State::Failed).unwrap();
    failed.state = State::Finished;
    let error = statistics::of(&record, folder).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }) && error.exit_code() == 2);
    assert!(error.to_string().contains("adam-0.2/seed-3/run.json` is damaged: "), "{error}");
    record.cells.retain(|cell| cell.state == State::Waiting);
    let statistics = statistics::of(&record, folder).unwrap();
    assert!(statistics.measures.is_empty() && statistics.rows.is_empty());
}
