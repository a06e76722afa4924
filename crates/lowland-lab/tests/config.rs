//! Experiments as text: what is right becomes a plan, and every mistake names its place.

use std::fs;
use std::path::Path;

use lowland_lab::config::{ConfigFile, Location, OnNonFinite};
use lowland_lab::experiment::{self, ExperimentFile};
use lowland_lab::{Change, Config, Error, Plan, Result};
use lowland_models::zoo::Shortcut;
use lowland_optim::{Method, Schedule};

/// A whole experiment; the mistakes below are made in it. Line numbers are asserted.
const TEXT: &str = r#"name = "test"
seed = 7
[data]
dataset = "digits"
validation_fraction = 0.2
[model]
name = "resnet-tiny"
shortcut = "B"
[train]
epochs = 3
batch_size = 64
[optimizer]
learning_rate = 0.1
[optimizer.sgd]
momentum = 0.9
[schedule.cosine]
warmup = { fraction = 0.1 }
"#;

fn plan(text: &str, sets: &[&str]) -> Result<Plan> {
    let sets: Vec<Change> = sets.iter().map(|set| Change::from(*set)).collect();
    Plan::new(ConfigFile::parse("exp.toml", text, &sets)?, Path::new("no-such-folder"))
}

/// The message, line and field of the mistake that is made by a replacement.
fn mistake(from: &str, to: &str) -> (String, usize, String) {
    assert!(TEXT.contains(from), "{from}");
    let error = plan(&TEXT.replacen(from, to, 1), &[]).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    let Error::Config(config) = &error else { panic!("{error}") };
    let (line, _) = config.location().line_and_column().expect("it is in the file");
    (error.to_string(), line, config.field().to_string())
}

#[track_caller]
fn check(from: &str, to: &str, line: usize, field: &str, says: &[&str]) {
    let (message, found_line, found_field) = mistake(from, to);
    assert_eq!((found_line, found_field.as_str()), (line, field), "{message}");
    assert!(message.starts_with(&format!("exp.toml, line {line}, column ")), "{message}");
    for part in says {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

#[test]
fn a_config_becomes_a_plan_with_all_defaults() {
    let plan = plan(TEXT, &[]).unwrap();
    let config = plan.config();
    assert_eq!((config.name.as_str(), config.seed), ("test", 7));
    assert_eq!((config.data.subset, config.data.crop_padding_pixels), (None, 0));
    assert_eq!(config.train.label_smoothing, 0.0);
    assert_eq!(config.train.on_non_finite, OnNonFinite::Stop);
    assert_eq!(config.fields()["train.on_non_finite"], "stop");
    assert_eq!(config.model.shortcut, Some(Shortcut::B));
    assert!(config.model.widths.is_some(), "resolved");
    assert!(matches!(plan.method(), Method::Sgd(sgd) if sgd.momentum == 0.9));
    assert!(matches!(config.schedule, Schedule::Cosine(_)));
    let least = "data.dataset='digits'\nmodel.name='resnet8'\noptimizer={learning_rate=1,adam={}}";
    let least = ConfigFile::parse("least.toml", least, &[]).unwrap();
    assert_eq!((least.config().seed, least.config().train.epochs), (1, 10));
    assert_eq!(least.config().data.validation_fraction, 0.1);
    assert_eq!(least.config().schedule, Schedule::default());
}

#[test]
fn the_resolved_config_reads_back_as_itself() {
    let everything = [
        "optimizer.clip={norm=5.0}",
        "optimizer.channel_directed={metric='h1', lambda=0.1}",
        "optimizer.activation={placement='direction', atan={alpha=0.1}}",
        "deformation={normalise=true, calm_down={fraction=0.25}, linear_quadratic={a=0.5}}",
        "data.cutout_pixels=3",
        "data.label_noise=0.2",
        "evaluate.input_noise=[{kind='normal'}, {kind='constant', strength=0.3}]",
        "train.on_non_finite={skip_and_lower={factor=0.25}}",
    ];
    let other = ["optimizer={learning_rate=0.01, miadam={order=3}}", "data.subset=100"];
    for sets in [&[][..], &other, &everything] {
        let plan = plan(TEXT, sets).unwrap();
        let text = plan.config().to_toml().unwrap();
        let again =
            Plan::new(ConfigFile::parse("again", &text, &[]).unwrap(), Path::new("")).unwrap();
        assert_eq!(again.config(), plan.config(), "{text}");
    }
}

#[test]
fn what_is_not_toml_is_pointed_at() {
    check("seed = 7", "seed = = 7", 2, "", &[]);
    check("\"digits\"", "\"digits", 4, "", &[]);
    check("seed = 7", "seed = 7\nseed = 8", 3, "", &["duplicate key"]);
    check("seed = 7", "seed = 99999999999999999999", 2, "", &["too large"]);
}

#[test]
fn unknown_fields_are_named_with_the_nearest_known_one() {
    check("epochs", "epoch", 10, "train.epoch", &["unknown field", "did you mean `train.epochs`?"]);
    check("[train]", "[trian]", 9, "trian", &["did you mean `train`?"]);
    let says = ["did you mean `optimizer.sgd.momentum`?", "`nesterov`", "`weight_decay`"];
    check("momentum = 0.9", "momentun = 0.9", 15, "optimizer.sgd.momentun", &says);
    check(
        "warmup",
        "warm_up",
        17,
        "schedule.cosine.warm_up",
        &["did you mean `schedule.cosine.warmup`?"],
    );
    check("\n[model]", "\ncolour = 1\n[model]", 6, "data.colour", &["`horizontal_flip`"]);
}

#[test]
fn wrong_types_say_what_was_found_and_what_is_allowed() {
    check(
        "epochs = 3",
        "epochs = \"3\"",
        10,
        "train.epochs",
        &["string \"3\"", "a whole number, 0 or more"],
    );
    check("epochs = 3", "epochs = 2.5", 10, "train.epochs", &["2.5", "a whole number"]);
    check("epochs = 3", "epochs = -1", 10, "train.epochs", &["-1", "a whole number, 0 or more"]);
    check(
        "learning_rate = 0.1",
        "learning_rate = true",
        13,
        "optimizer.learning_rate",
        &["a number"],
    );
    check("\"digits\"", "3", 4, "data.dataset", &["integer `3`", "a text in quotes"]);
    check("momentum = 0.9", "nesterov = 1", 15, "optimizer.sgd.nesterov", &["true or false"]);
    check(
        "[schedule.cosine]\nwarmup = { fraction = 0.1 }",
        "[[schedule]]",
        16,
        "schedule",
        &[
            "exactly one of `constant`, `multi_step`, `cosine`, `one_cycle`, as in `{ cosine = {} }`",
        ],
    );
    let warmup = "schedule.cosine.warmup";
    check(
        "{ fraction = 0.1 }",
        "2",
        17,
        warmup,
        &["`epochs`, `fraction`, as in `{ fraction = 0.5 }`"],
    );
    check("\"B\"", "2", 8, "model.shortcut", &["`A`, `B`, as in `\"A\"`"]);
    let (sgd, switch) = ("[optimizer.sgd]\nmomentum = 0.9", "[optimizer.miadam]\nswitch = 20");
    check(sgd, switch, 15, "optimizer.miadam.switch", &["as in `{ epoch = 20 }`"]);
}

#[test]
fn unknown_names_are_answered_with_the_known_ones() {
    check("resnet-tiny", "resnet21", 7, "model.name", &["resnet21", "resnet20"]);
    check("\"B\"", "\"C\"", 8, "model.shortcut", &["`C` is unknown", "`A`", "`B`"]);
    check("cosine", "cosin", 16, "schedule.cosin", &["did you mean `cosine`?", "`multi_step`"]);
    let says = ["no dataset `digit`", "did you mean `digits`?", "`cifar10`"];
    check("\"digits\"", "\"digit\"", 4, "data.dataset", &says);
    check("\"digits\"", "\"./none.lldata\"", 4, "data.dataset", &["no file or folder"]);
    let says = ["`fractoin` is unknown", "did you mean `fraction`?"];
    check("fraction = 0.1 }", "fractoin = 0.1 }", 17, "schedule.cosine.warmup.fractoin", &says);
}

#[test]
fn missing_fields_are_named_with_their_table() {
    check("dataset = \"digits\"\n", "", 3, "data.dataset", &["missing"]);
    check("learning_rate = 0.1\n", "", 12, "optimizer.learning_rate", &["missing"]);
    let (message, _, field) = mistake("[model]\nname = \"resnet-tiny\"\nshortcut = \"B\"\n", "");
    assert_eq!(field, "model", "{message}");
}

#[test]
fn impossible_values_say_what_would_be_possible() {
    check("epochs = 3", "epochs = 0", 10, "train.epochs", &["0 is not possible", "at least 1"]);
    check("epochs = 3", "epochs = 1000001", 10, "train.epochs", &["at most 1,000,000"]);
    check("batch_size = 64", "batch_size = 0", 11, "train.batch_size", &["at least 1"]);
    check(
        "epochs = 3",
        "label_smoothing = 1.0",
        10,
        "train.label_smoothing",
        &["1.0 is not", "below 1"],
    );
    let skip = "train.on_non_finite.skip_and_lower";
    for (value, field, says) in [
        ("\"skip\"", "train.on_non_finite", "`stop`, `skip_and_lower`"),
        ("7", "train.on_non_finite", "`stop`, `skip_and_lower`, as in `\"stop\"`"),
        (
            "{ skip_and_lower = { factor = 0 } }",
            ".factor",
            "0.0 is not possible; it must be above 0",
        ),
        ("{ skip_and_lower = { factor = 1.5 } }", ".factor", "1.5 is not possible"),
        ("{ skip_and_lower = { factor = nan } }", ".factor", "NaN is not possible"),
        ("{ skip_and_lower = { at_most = 0 } }", ".at_most", "it must be 1 to 1,000"),
        ("{ skip_and_lower = { at_mots = 1 } }", ".at_mots", "did you mean"),
    ] {
        let field = if field.starts_with('.') { format!("{skip}{field}") } else { field.into() };
        check("epochs = 3", &format!("on_non_finite = {value}"), 10, &field, &[says]);
    }
    check("0.2", "1.0", 5, "data.validation_fraction", &["1.0 is not possible", "below 1"]);
    check("0.2", "-0.1", 5, "data.validation_fraction", &["-0.1", "at least 0"]);
    check("0.2", "nan", 5, "data.validation_fraction", &["NaN"]);
    check("validation_fraction = 0.2", "subset = 0", 5, "data.subset", &["at least 1"]);
    let lr = "learning_rate = 0.1";
    check(lr, "learning_rate = -0.1", 13, "optimizer.learning_rate", &["-0.1", "above 0"]);
    check(lr, "learning_rate = inf", 13, "optimizer.learning_rate", &["inf", "finite"]);
    for value in ["1e300", "1e-60"] {
        let says = format!("{value} is not possible; it must be above 0 and finite in f32");
        check(lr, &format!("learning_rate = {value}"), 13, "optimizer.learning_rate", &[&says]);
        let decay = format!("weight_decay = {value}");
        check("momentum = 0.9", &decay, 15, "optimizer.sgd.weight_decay", &[&says]);
    }
    check("momentum = 0.9", "momentum = 1.5", 15, "optimizer.sgd.momentum", &["1.5", "in [0, 1]"]);
    check(
        "fraction = 0.1 }",
        "fraction = 2.0 }",
        17,
        "schedule.cosine.warmup.fraction",
        &["2.0 is", "[0, 1]"],
    );
    check(
        "fraction = 0.1 }",
        "epochs = 3 }",
        17,
        "schedule.cosine.warmup",
        &["shorter than the run of 3 epochs"],
    );
    check("name = \"test\"", "name = \"a/b\"", 1, "name", &["a/b", "letters, digits"]);
    let widths = "shortcut = \"B\"\nwidths = [0, 8]";
    assert_eq!(mistake("shortcut = \"B\"", widths).1, 9);
    let miadam = "[optimizer.miadam]\nswitch = { fraction = 1.5 }";
    let sgd = "[optimizer.sgd]\nmomentum = 0.9";
    check(sgd, miadam, 15, "optimizer.miadam.switch.fraction", &["1.5", "[0, 1]"]);
    let orders = [("1000000000", "1 to 64"), ("50", "at most 37 with this step scale")];
    for (order, says) in orders {
        let miadam = format!("[optimizer.miadam]\norder = {order}");
        check(sgd, &miadam, 15, "optimizer.miadam.order", &[says]);
    }
    let eps = "[optimizer.miadam]\neps = 1e-60";
    check(sgd, eps, 15, "optimizer.miadam.eps", &["1e-60", "in f32"]);
    let beta = "[optimizer.adam]\nbetas = [0.9, 1.0]";
    check(sgd, beta, 15, "optimizer.adam.betas.1", &["1.0 is", "[0, 1)"]);
}

#[test]
fn every_part_of_a_recipe_names_its_place() {
    let momentum = "momentum = 0.9";
    let with = |text: &str| format!("momentum = 0.9\n{text}");
    let activation = with("[optimizer.activation]\natan = { alpha = -1.0 }");
    check(momentum, &activation, 17, "optimizer.activation.atan.alpha", &["-1.0 is", "above 0"]);
    let none = with("[optimizer.activation]");
    let says = ["there is no activation", "[optimizer.activation.tanh]"];
    check(momentum, &none, 16, "optimizer.activation", &says);
    let two = with("[optimizer.activation.atan]\n[optimizer.activation.log]");
    let says = ["there are 2 activations: atan, log"];
    check(momentum, &two, 17, "optimizer.activation.log", &says);
    let metric = with("[optimizer.channel_directed]\nmetric = \"h2\"\nlambda = 1.0");
    let says = ["`h2` is unknown", "`sobolev`"];
    check(momentum, &metric, 17, "optimizer.channel_directed.metric", &says);
    let lambda = with("[optimizer.channel_directed]\nmetric = \"h1\"\nlambda = 0.0");
    check(momentum, &lambda, 18, "optimizer.channel_directed.lambda", &["0.0 is", "1e-30 to 1e30"]);
    let clip = "learning_rate = 0.1\nclip = 1.0";
    check("learning_rate = 0.1", clip, 14, "optimizer.clip", &["as in `{ norm = 1.0 }`"]);
    let clip = "learning_rate = 0.1\nclip = { norm = -1.0 }";
    check("learning_rate = 0.1", clip, 14, "optimizer.clip.norm", &["-1.0 is", "above 0"]);
}

#[test]
fn a_deformation_names_its_place() {
    let momentum = "momentum = 0.9";
    let with = |text: &str| format!("momentum = 0.9\n[deformation]\n{text}");
    let says = ["there is no deformation", "[deformation.log_exp]", "exactly one"];
    check(momentum, &with(""), 16, "deformation", &says);
    let a = with("linear_quadratic = { a = -1.0 }");
    check(momentum, &a, 17, "deformation.linear_quadratic.a", &["-1.0 is", "0.0 or more"]);
    let late = with("start = { epochs = 5 }\nlinear_quadratic = { a = 1.0 }");
    check(momentum, &late, 17, "deformation.start", &["no more than the 3.0 epochs"]);
    let sech = with("sec = {}");
    check(momentum, &sech, 17, "deformation.sec", &["`sech`"]);
}

#[test]
fn noise_names_its_place() {
    let fraction = "validation_fraction = 0.2";
    for value in ["1.5", "-0.1", "nan"] {
        let noise = format!("label_noise = {value}");
        check(fraction, &noise, 5, "data.label_noise", &["is not possible; it must be 0 to 1"]);
    }
    let noise = "momentum = 0.9\n[[evaluate.input_noise]]\nkind = \"normal\"\nstrength = -1.0";
    let field = "evaluate.input_noise.0.strength";
    check("momentum = 0.9", noise, 18, field, &["-1 is not possible", "0 or more"]);
    let noise = "momentum = 0.9\n[[evaluate.input_noise]]\nkind = \"pink\"";
    check("momentum = 0.9", noise, 17, "evaluate.input_noise.0.kind", &["`pink` is unknown"]);
}

#[test]
fn there_is_exactly_one_method() {
    check(
        "[optimizer.sgd]\nmomentum = 0.9\n",
        "",
        12,
        "optimizer",
        &["no method", "[optimizer.adamw]"],
    );
    let two = "momentum = 0.9\n[optimizer.adam]";
    check("momentum = 0.9", two, 16, "optimizer.adam", &["2 methods: sgd, adam"]);
}

#[test]
fn set_puts_values_over_those_of_the_file() {
    let sets = ["train.epochs=9", "data.subset = 500", "schedule=constant", "model.name=resnet20"];
    let plan = plan(TEXT, &sets).unwrap();
    let Config { train, data, schedule, model, .. } = plan.config();
    assert_eq!((train.epochs, data.subset, model.name.as_str()), (9, Some(500), "resnet20"));
    assert_eq!(*schedule, Schedule::default());
    assert_eq!(train.batch_size, 64, "neighbours stay");
}

#[test]
fn mistakes_in_set_name_the_argument() {
    let error = |argument: &str| {
        let error = plan(TEXT, &["seed=1", argument]).unwrap_err();
        let Error::Config(mistake) = &error else { panic!("{error}") };
        assert!(matches!(mistake.location(), Location::Set { argument: a, .. } if a == argument));
        error.to_string()
    };
    let message = error("train.epochs=0");
    assert!(
        message.starts_with("--set train.epochs=0 (over exp.toml): field `train.epochs`: 0 is not")
    );
    assert!(error("train.epoch=5").contains("did you mean `train.epochs`?"));
    assert!(error("epochs=5").contains("did you mean `train.epochs`?"));
    assert!(error("optimizer.lerning_rate=5").contains("did you mean `optimizer.learning_rate`?"));
    assert!(error("data.subst=5").contains("did you mean `data.subset`?"));
    assert!(error("train.epochs=many").contains("a whole number, 0 or more is allowed"));
    assert!(error("train.epochs").contains("there is no `=`"));
    assert!(error("train.epochs=[1").contains("write it as key=value"));
    assert!(error("optimizer.adam={}").contains("2 methods"));
}

#[test]
fn unset_takes_keys_and_tables_out() {
    let plan = |unsets: &[&str], sets: &[&str]| {
        let unsets = unsets.iter().map(|key| Change::Unset(key.to_string()));
        let changes: Vec<Change> = unsets.chain(sets.iter().map(|s| Change::from(*s))).collect();
        Plan::new(ConfigFile::parse("exp.toml", TEXT, &changes)?, Path::new("no-such-folder"))
    };
    let changed = plan(&["schedule", "optimizer.sgd", "train.epochs"], &["optimizer.adam={}"]);
    let changed = changed.unwrap();
    assert_eq!(changed.method().name(), "adam");
    assert_eq!(changed.config().schedule, Schedule::default());
    assert_eq!((changed.config().train.epochs, changed.config().train.batch_size), (10, 64));
    let message = |key: &str| plan(&[key], &[]).unwrap_err().to_string();
    assert_eq!(
        message("optimizer.sdg"),
        "--unset optimizer.sdg (from exp.toml): there is no such key; did you mean `optimizer.sgd`?"
    );
    assert_eq!(
        message("train.epochs.x"),
        "--unset train.epochs.x (from exp.toml): there is no such key; did you mean `train.epochs`?"
    );
    assert!(message("optimizer.sgd").starts_with("exp.toml, line 12, "), "no method is left");
    assert!(message("data.dataset").contains("field `data.dataset`: missing"));
}

#[test]
fn every_file_of_the_documentation_can_be_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/experiments");
    let data = Path::new("data");
    let (mut runs, mut experiments) = (0, 0);
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let name = if fs::read_to_string(&path).unwrap().contains("\n[[arm]]\n") {
            let file = ExperimentFile::read(&path).unwrap();
            assert!(experiment::check(&file, data).unwrap().1 >= 2);
            experiments += 1;
            file.name().to_string()
        } else {
            // A shortened run is still one.
            Plan::read(&path, &["train.epochs=3".into()], data).unwrap();
            runs += 1;
            Plan::read(&path, &[], data).unwrap().config().name.clone()
        };
        assert_eq!(name, stem, "a run and an experiment are called like their files");
    }
    assert!(runs >= 3 && experiments >= 10, "{runs} runs, {experiments} experiments");
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let error = Plan::read(Path::new("no/such.toml"), &[], Path::new("data")).unwrap_err();
    assert!(error.to_string().contains("no/such.toml"), "{error}");
    assert_eq!(error.exit_code(), 2);
}
