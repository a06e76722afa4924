//! The texts on methods agree with the methods.

use lowland_core::DType;
use lowland_optim::deformation::DeformationConfig;
use lowland_optim::docs::{ENTRIES, Entry, Kind, find};
use lowland_optim::{ActivationConfig, ChannelDirectedConfig, Clip, Recipe};

fn entries(kind: Kind) -> impl Iterator<Item = &'static Entry> {
    ENTRIES.iter().copied().filter(move |entry| entry.kind == kind)
}

/// The hyper-parameters of an entry as TOML, with 1 or 2 for those that have no default.
fn table(entry: &Entry) -> String {
    let mut text = String::new();
    for hyper in entry.hyper {
        let given = match hyper.name {
            "b" if entry.name == "cyclic_sech" => "[0.5, 0.1]",
            "b" | "lo" => "0.5",
            _ => "1.5",
        };
        let value = if hyper.default.is_empty() { given } else { hyper.default };
        text += &format!("{} = {value}\n", hyper.name);
    }
    text
}

#[test]
fn methods_have_the_defaults_the_state_and_the_bytes_that_are_told() {
    for entry in entries(Kind::Method) {
        let default: Recipe =
            toml::from_str(&format!("learning_rate = 0.1\n[{}]", entry.name)).unwrap();
        let told: Recipe =
            toml::from_str(&format!("learning_rate = 0.1\n[{}]\n{}", entry.name, table(entry)))
                .unwrap();
        assert_eq!(told, default, "{}", entry.name);
        // All of them are told: what is written has no other lines.
        let written = toml::to_string(&default).unwrap();
        let own = written.split_once(&format!("[{}]", entry.name)).unwrap().1;
        let fields = own.split("[sub").next().unwrap().lines().filter_map(|l| l.split_once(" = "));
        for (field, _) in fields {
            let nested = field == "epoch" && entry.name == "miadam";
            let known = entry.hyper.iter().any(|hyper| hyper.name == field);
            assert!(known || nested, "{}: {field}", entry.name);
        }
        let update = default.update().unwrap();
        assert_eq!(update.slots(), entry.state, "{}", entry.name);
        let bytes = update.bytes(DType::F32);
        let formula = entry.name == "miadam" && bytes == 28 + 8;
        assert!(formula || entry.bytes.starts_with(&bytes.to_string()), "{}", entry.name);
    }
    let names: Vec<&str> = entries(Kind::Method).map(|entry| entry.name).collect();
    let error = toml::from_str::<Recipe>("learning_rate = 0.1\nunheard_of = 1").unwrap_err();
    for name in names {
        assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
    }
}

#[test]
fn everything_else_can_be_named_as_told() {
    for entry in entries(Kind::Activation) {
        let text = format!("[{}]\n{}", entry.name, table(entry));
        let told: ActivationConfig = toml::from_str(&text).unwrap();
        told.validate().unwrap();
        if entry.name != "adaptive_atan" {
            let default = toml::from_str::<ActivationConfig>(&format!("[{}]", entry.name)).unwrap();
            assert_eq!(told, default);
        }
    }
    for entry in entries(Kind::Deformation) {
        let text = format!("[{}]\n{}", entry.name, table(entry));
        let told: DeformationConfig = toml::from_str(&text).unwrap();
        told.validate(1.0).unwrap();
        assert_eq!(told.name().unwrap(), entry.name);
    }
    for entry in entries(Kind::Metric) {
        let text = format!("metric = \"{}\"\n{}", entry.name, table(entry));
        let told: ChannelDirectedConfig = toml::from_str(&text).unwrap();
        let default = format!("metric = \"{}\"\nlambda = 1.5", entry.name);
        let default: ChannelDirectedConfig = toml::from_str(&default).unwrap();
        let [told, default] = [told, default].map(|config| format!("{:?}", config.transform()));
        assert_eq!(told, default);
    }
    #[derive(serde::Deserialize)]
    struct Clipped {
        clip: Clip,
    }
    for entry in entries(Kind::Clipping) {
        let text = format!("clip = {{ {} = 1.0 }}", entry.name);
        toml::from_str::<Clipped>(&text).unwrap().clip.validate().unwrap();
    }
    let count = |kind| entries(kind).count();
    assert_eq!(count(Kind::Activation) + count(Kind::Clipping) + count(Kind::Metric), 9);
}

#[test]
fn an_entry_is_a_page_of_text() {
    let entry = find("adabelief").next().unwrap();
    let page = entry.to_string();
    assert!(page.starts_with("adabelief: Adam by the belief in observed gradients\n\n"), "{page}");
    for line in [
        "\n  [optimizer.adabelief]\n",
        "\n  eps                     what is added to the root (paper: epsilon; default: 1e-16)\n",
        "\n  state: adabelief.exp_avg, adabelief.exp_avg_var\n",
        "\n  moves: 28\n",
    ] {
        assert!(page.contains(line), "{line:?} in {page}");
    }
    assert!(find("unheard_of").next().is_none());
    for entry in ENTRIES {
        assert!(entry.to_string().lines().all(|line| line.chars().count() <= 130), "{entry}");
        assert_eq!(find(entry.name).filter(|other| other.kind == entry.kind).count(), 1);
    }
}
