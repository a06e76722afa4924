//! Reports as files: what they show of an experiment, of an unfinished one and of a single run, and that
//! nothing in a record becomes HTML.

mod common;
#[path = "common/whole.rs"]
mod whole;

use std::fs;
use std::path::Path;

use common::SMALL;
use lowland_lab::experiment::{ExperimentRecord, State};
use lowland_lab::statistics::{self, Statistics};
use lowland_lab::{ConfigFile, Error, Options, Plan, Record, Run, Stop, report};

fn record(folder: &Path) -> ExperimentRecord {
    let text = fs::read_to_string(folder.join("experiment.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn change(folder: &Path, change: impl FnOnce(&mut ExperimentRecord)) {
    let mut record = record(folder);
    change(&mut record);
    let text = serde_json::to_string(&record).unwrap();
    fs::write(folder.join("experiment.json"), text).unwrap();
}

/// The page of a directory.
fn page(folder: &Path) -> String {
    let path = report::write(folder).unwrap();
    assert_eq!(path, folder.join("report.html"));
    fs::read_to_string(path).unwrap()
}

/// The page without what is the same in all of them.
fn own(page: &str) -> &str {
    page.split_once("<body>").unwrap().1.split_once("<script type=\"application/json\"").unwrap().0
}

/// The numbers that charts are drawn from.
fn data(page: &str) -> serde_json::Value {
    let start = "<script type=\"application/json\" id=\"data\">";
    let json = page.split_once(start).unwrap().1.split_once("</script>").unwrap().0;
    serde_json::from_str(json).unwrap()
}

fn series<'a>(data: &'a serde_json::Value, plot: &str, label: &str) -> &'a serde_json::Value {
    let plots = data["plots"].as_array().unwrap();
    let plot = plots.iter().find(|p| p["name"] == plot).unwrap();
    plot["series"].as_array().unwrap().iter().find(|s| s["label"] == label).unwrap()
}

#[test]
fn a_report_shows_what_was_measured() {
    let (_temporary, folder) = whole::copy("report");
    let page = page(&folder);
    let shown = own(&page);
    let record = record(&folder);
    let statistics: Statistics = statistics::of(&record, &folder).unwrap();
    for text in [record.title.as_str(), &record.question, &record.command, "label noise 0.3"] {
        assert!(shown.contains(text), "{text}");
    }
    assert!(shown.contains(&statistics.verdict.headline), "{}", statistics.verdict.headline);
    for id in [
        "curves",
        "results",
        "robustness",
        "flatness",
        "landscape",
        "calibration",
        "tuning",
        "costs",
        "configs",
        "environment",
    ] {
        assert_eq!(shown.matches(&format!("<section id=\"{id}\">")).count(), 1, "{id}");
    }
    // The arm that diverges is told, with the reason.
    assert!(shown.contains("SGD that diverges, seed 1 at label noise 0.0, failed: the loss is "));
    // A mean of the table is that of the statistics.
    let row = statistics.rows.iter().find(|row| row.measure == "final_test_acc").unwrap();
    let (mean, sd) = (100.0 * row.summary.mean, 100.0 * row.summary.sd.unwrap());
    let cell = format!("{mean:.2} ± {sd:.2} % (2)");
    assert!(shown.contains(&cell), "{cell}");
    assert!(shown.contains("upper bound"));

    // A curve is the mean over seeds, and its band a standard deviation.
    let data = data(&page);
    let curve = series(&data, "curves-accuracy-label-noise-0.0", "SGD, momentum 0.9");
    let last = &curve["points"].as_array().unwrap()[1];
    assert!((last["y"].as_f64().unwrap() - mean).abs() < 1e-9);
    assert!((last["spread"][1].as_f64().unwrap() - mean - sd).abs() < 1e-9);
    // What a network is stable below is drawn beside lr times the eigenvalue.
    let along = series(&data, "stability-label-noise-0.0", "SGD, momentum 0.9");
    assert_eq!(along["points"].as_array().unwrap().len(), 2);
    let maps = data["maps"].as_array().unwrap();
    assert_eq!(maps.len(), 2);
    assert_eq!((&maps[0]["low"], &maps[0]["high"]), (&maps[1]["low"], &maps[1]["high"]));

    // Every figure is a file too, twice.
    let plots = data["plots"].as_array().unwrap();
    for figure in plots.iter().chain(maps) {
        for ending in ["png", "svg"] {
            let name = format!("{}.{ending}", figure["name"].as_str().unwrap());
            let file = folder.join("figures").join(&name);
            assert!(fs::metadata(&file).unwrap().len() > 2000, "{name}");
        }
    }
    let files = fs::read_dir(folder.join("figures")).unwrap().count();
    assert_eq!(files, 2 * (plots.len() + maps.len()));
}

#[test]
fn a_page_asks_for_nothing_and_holds_all_it_needs() {
    let (_temporary, folder) = whole::copy("report");
    let page = page(&folder);
    assert!(page.contains("content=\"default-src 'none'; script-src 'unsafe-inline'; "));
    let shown = own(&page);
    assert_eq!(shown.matches("<script").count() + shown.matches("<link").count(), 0);
    assert_eq!(shown.matches("src=").count(), 0);
    let links = shown.matches("href=").count();
    assert_eq!(links, shown.matches("href=\"#").count(), "all links stay in the page");
    assert_eq!(page.matches("<script").count(), 3);
    assert!(page.contains("plotly.js"));
    assert!(page.len() < 2_600_000, "{}", page.len());
}

#[test]
fn nothing_in_a_record_becomes_html() {
    let evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\" onload=\"x";
    let (_temporary, folder) = whole::copy("report");
    change(&folder, |record| {
        for text in [&mut record.title, &mut record.question, &mut record.command] {
            *text = evil.into();
        }
        record.changes.push(evil.into());
        record.machine.cpu = evil.into();
        record.factors[0].name = evil.into();
        record.arms.iter_mut().for_each(|arm| arm.label = format!("{} {evil}", arm.name));
    });
    fs::write(folder.join("experiment.toml"), evil).unwrap();
    let page = page(&folder);
    assert!(own(&page).matches("&lt;img src=x onerror=alert(2)&gt;").count() > 20);
    assert_eq!(page.matches("<img").count() + page.matches("<script>alert").count(), 0);
    assert_eq!(page.matches("<script").count(), 3);
    let attributes = own(&page).matches("\" onload=\"").count();
    assert_eq!(attributes, 0, "no text ends an attribute");
    // The charts have the text as it is; it is the page's script that escapes it.
    let label = format!("sgd {evil}");
    let data = data(&page);
    let curves = data["plots"].as_array().unwrap();
    assert!(curves.iter().any(|plot| plot["series"][0]["label"] == label.as_str()));
    for entry in fs::read_dir(folder.join("figures")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "svg") {
            let svg = fs::read_to_string(&path).unwrap();
            assert!(!svg.contains("<script") && !svg.contains("<img"), "{}", path.display());
        }
    }
}

#[test]
fn an_unfinished_experiment_shows_what_there_is() {
    let (_temporary, folder) = whole::copy("report");
    change(&folder, |record| {
        let waiting = record.cells.iter_mut().filter(|cell| cell.seed == 2 || cell.arm == "adam");
        waiting.for_each(|cell| cell.state = State::Waiting);
    });
    let one_seed = page(&folder);
    let shown = own(&one_seed);
    assert!(shown.contains("8 of 12 runs are not finished. What follows is of the 2 that are."));
    assert!(shown.contains(">One seed.") || shown.contains(" One seed."), "bands need two");
    let curve = data(&one_seed);
    let curve = series(&curve, "curves-loss-label-noise-0.0", "SGD, momentum 0.9");
    assert!(curve["points"][0]["spread"].is_null());

    change(&folder, |record| {
        record.cells.iter_mut().for_each(|cell| cell.state = State::Waiting);
    });
    let nothing = page(&folder);
    assert!(own(&nothing).contains("12 of 12 runs are not finished."));
    assert_eq!(data(&nothing)["plots"].as_array().unwrap().len(), 0);
    assert!(!own(&nothing).contains("<section id=\"results\">"));
}

#[test]
fn a_single_run_has_a_page_without_a_conclusion() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("run");
    let file = ConfigFile::parse("small.toml", SMALL, &[]).unwrap();
    let mut run = Run::new(Plan::new(file, Path::new("")).unwrap(), &Options::default()).unwrap();
    let mut record = Record::create(&folder, &run).unwrap();

    // Before its first epoch there is little to show, and it is said.
    let begun = page(&folder);
    assert!(own(&begun).contains("It has not ended, or was killed: 0 epochs are complete."));
    assert_eq!(data(&begun)["plots"].as_array().unwrap().len(), 0);

    let outcome = run.execute(&mut record, &mut (), &Stop::default()).unwrap();
    let whole = page(&folder);
    let shown = own(&whole);
    assert!(
        shown.contains("one seed") || shown.contains("One seed"),
        "no conclusion from one seed"
    );
    let accuracy = outcome.results.unwrap().final_epoch.test_acc;
    assert!(shown.contains(&format!("{:.2} % (1)", 100.0 * accuracy)));
    assert!(!shown.contains("differences"));
    assert_eq!(data(&whole)["plots"].as_array().unwrap().len(), 3, "two curves, one calibration");
}

#[test]
fn a_directory_of_something_else_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let error = report::write(folder.path()).unwrap_err();
    assert!(matches!(error, Error::Usage(_)));
    assert!(error.to_string().contains("neither an experiment.json nor a run.json"), "{error}");
    assert_eq!(error.exit_code(), 2);
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none(), "nothing is written");
}

#[test]
fn badges_are_those_of_the_verdict() {
    // Three seeds that differ by much more than they spread, made of one run.
    let (_temporary, folder) = whole::copy("report");
    let run = record(&folder).cells[0].folder.clone();
    change(&folder, |record| {
        let template = record.cells[0].clone();
        record.factors.clear();
        record.arms.truncate(2);
        record.seeds = vec![1, 2, 3];
        record.tuned.clear();
        let arms: Vec<String> = record.arms.iter().map(|arm| arm.name.clone()).collect();
        record.cells = arms
            .iter()
            .flat_map(|arm| [1, 2, 3].map(|seed| (arm.clone(), seed)))
            .map(|(arm, seed)| {
                let target = format!("copies/{arm}-{seed}");
                lowland_lab::experiment::Cell {
                    folder: target,
                    arm,
                    seed,
                    levels: Vec::new(),
                    ..template.clone()
                }
            })
            .collect();
    });
    for (i, cell) in record(&folder).cells.iter().enumerate() {
        let copy = folder.join(&cell.folder);
        fs::create_dir_all(&copy).unwrap();
        for name in ["config.toml", "metrics.jsonl"] {
            fs::copy(folder.join(&run).join(name), copy.join(name)).unwrap();
        }
        let text = fs::read_to_string(folder.join(&run).join("run.json")).unwrap();
        let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let accuracy = [0.80, 0.81, 0.79, 0.90, 0.913, 0.89][i];
        json["results"]["final_epoch"]["test_acc"] = accuracy.into();
        fs::write(copy.join("run.json"), json.to_string()).unwrap();
    }
    let page = page(&folder);
    let record = record(&folder);
    let verdict = statistics::of(&record, &folder).unwrap().verdict;
    assert_eq!(verdict.details[0].better, Some(true));
    let row = own(&page).split_once("final test accuracy<small>").unwrap().1;
    let row = row.split_once("</tr>").unwrap().0;
    assert_eq!(row.matches("<span class=\"badge better\">better</span>").count(), 1, "{row}");
}
