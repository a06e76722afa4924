//! The arrows between the crates of the workspace, as docs/src/architecture.md draws them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What a crate may depend on in the workspace: always, and for its tests besides.
struct Arrows {
    name: &'static str,
    uses: &'static [&'static str],
    tests_use: &'static [&'static str],
}

/// Every crate of the workspace. `lowland-optim` stays clear of the tensor crate, in its tests too:
/// people use optimizers from training code of their own.
const ARROWS: &[Arrows] = &[
    Arrows { name: "lowland-core", uses: &[], tests_use: &[] },
    Arrows {
        name: "lowland-optim",
        uses: &["lowland-core"],
        tests_use: &["lowland-conformance", "lowland-cpu"],
    },
    Arrows { name: "lowland-cpu", uses: &["lowland-core"], tests_use: &["lowland-conformance"] },
    Arrows {
        name: "lowland-tensor",
        uses: &["lowland-core"],
        tests_use: &["lowland-conformance", "lowland-cpu"],
    },
    Arrows {
        name: "lowland-models",
        uses: &["lowland-core", "lowland-tensor"],
        tests_use: &["lowland-conformance", "lowland-cpu"],
    },
    Arrows {
        name: "lowland-landscape",
        uses: &["lowland-core", "lowland-models", "lowland-tensor"],
        tests_use: &["lowland-cpu"],
    },
    Arrows { name: "lowland-data", uses: &[], tests_use: &[] },
    Arrows {
        name: "lowland-fuzz",
        uses: &["lowland-core", "lowland-cpu", "lowland-data", "lowland-lab", "lowland-models"],
        tests_use: &[],
    },
    Arrows { name: "lowland-kernels", uses: &[], tests_use: &[] },
    Arrows {
        name: "lowland-cuda",
        uses: &["lowland-core", "lowland-kernels", "lowland-optim"],
        tests_use: &["lowland-conformance", "lowland-cpu"],
    },
    Arrows {
        name: "lowland-shim",
        uses: &["lowland-core", "lowland-cuda", "lowland-kernels"],
        tests_use: &[
            "lowland-conformance",
            "lowland-cpu",
            "lowland-models",
            "lowland-optim",
            "lowland-tensor",
        ],
    },
    Arrows { name: "lowland-conformance", uses: &["lowland-core"], tests_use: &[] },
    Arrows {
        name: "lowland-lab",
        uses: &[
            "lowland-core",
            "lowland-cpu",
            "lowland-cuda",
            "lowland-data",
            "lowland-landscape",
            "lowland-models",
            "lowland-optim",
            "lowland-tensor",
        ],
        tests_use: &["lowland-conformance"],
    },
    Arrows {
        name: "lowland-benches",
        uses: &[
            "lowland-conformance",
            "lowland-core",
            "lowland-cpu",
            "lowland-cuda",
            "lowland-data",
            "lowland-lab",
            "lowland-models",
            "lowland-optim",
            "lowland-tensor",
        ],
        tests_use: &[],
    },
    Arrows { name: "xtask", uses: &[], tests_use: &[] },
];

/// Crates of the workspace that a manifest names.
#[derive(Debug, Default, PartialEq)]
struct Found {
    name: String,
    uses: BTreeSet<String>,
    tests_use: BTreeSet<String>,
}

/// Checks every manifest below `crates`, that of `benches` and that of `xtask`.
pub fn check(root: &Path) -> Result<(), Vec<String>> {
    let mut folders =
        ["benches", "kernels", "kernels/shim", "xtask"].map(|f| root.join(f)).to_vec();
    let crates = fs::read_dir(root.join("crates")).map_err(|e| vec![format!("crates: {e}")])?;
    folders.extend(crates.flatten().map(|entry| entry.path()));
    folders.sort();
    let mut problems = Vec::new();
    for manifest in folders.iter().map(|folder| folder.join("Cargo.toml")) {
        match fs::read_to_string(&manifest) {
            Ok(text) => problems.extend(problems_of(&parse(&text))),
            Err(error) => problems.push(format!("{}: {error}", manifest.display())),
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn problems_of(found: &Found) -> Vec<String> {
    let name = &found.name;
    let Some(allowed) = ARROWS.iter().find(|arrows| arrows.name == name) else {
        return vec![format!("{name}: draw its arrows in xtask/src/layout.rs")];
    };
    let wrong = |used: &BTreeSet<String>, allowed: &[&[&str]], how: &str| -> Vec<String> {
        let extra = used.iter().filter(|n| !allowed.iter().any(|list| list.contains(&n.as_str())));
        extra.map(|extra| format!("{name} must not depend on {extra}{how}")).collect()
    };
    let mut problems = wrong(&found.uses, &[allowed.uses], "");
    problems.extend(wrong(
        &found.tests_use,
        &[allowed.uses, allowed.tests_use],
        ", not in tests either",
    ));
    problems
}

/// The name and the dependencies on the workspace of a manifest, which has one dependency a line.
fn parse(manifest: &str) -> Found {
    let mut found = Found::default();
    let mut section = "";
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line.trim_matches(|c| c == '[' || c == ']');
            // `[dependencies.lowland-core]` names one in its heading.
            if let Some((table, name)) = section.rsplit_once("dependencies.") {
                add(&mut found, table.ends_with("dev-"), name);
            }
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let key = key.trim().trim_matches('"');
        if section == "package" && key == "name" {
            found.name = value.trim().trim_matches('"').to_string();
        } else if section.ends_with("dependencies") {
            let name = key.split('.').next().unwrap_or(key);
            add(&mut found, section.ends_with("dev-dependencies"), name);
            // `x = { package = "lowland-core" }` is the crate under another name.
            if let Some((_, package)) = value.split_once("package") {
                let package = package.split('"').nth(1).unwrap_or("");
                add(&mut found, section.ends_with("dev-dependencies"), package);
            }
        }
    }
    found
}

fn add(found: &mut Found, for_tests: bool, name: &str) {
    if name.starts_with("lowland-") || name == "xtask" {
        let set = if for_tests { &mut found.tests_use } else { &mut found.uses };
        set.insert(name.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spawn::root;

    #[test]
    fn the_workspace_has_the_arrows_of_the_architecture() {
        assert_eq!(check(&root()), Ok(()));
    }

    #[test]
    fn manifests_are_read() {
        let found = parse(
            "[package]\nname = \"a\"\n[dependencies]\nlowland-core.workspace = true\nserde = \"1\"\n\
             x = { path = \"y\", package = \"lowland-cpu\" }\n\n[target.'cfg(unix)'.dependencies]\n\
             lowland-data = { path = \"z\" }\n[dev-dependencies.lowland-models]\nworkspace = true\n\
             [dev-dependencies]\nlowland-tensor.workspace = true\n",
        );
        let set = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        assert_eq!(
            found,
            Found {
                name: "a".into(),
                uses: set(&["lowland-core", "lowland-cpu", "lowland-data"]),
                tests_use: set(&["lowland-models", "lowland-tensor"]),
            }
        );
    }

    #[test]
    fn a_wrong_arrow_is_named() {
        let optim = parse(
            "[package]\nname = \"lowland-optim\"\n[dependencies]\nlowland-core = \"1\"\n\
             [dev-dependencies]\nlowland-tensor = \"1\"\n",
        );
        assert_eq!(
            problems_of(&optim),
            ["lowland-optim must not depend on lowland-tensor, not in tests either"]
        );
        let xtask = parse("[package]\nname = \"xtask\"\n[dependencies]\nlowland-core = \"1\"\n");
        assert_eq!(problems_of(&xtask), ["xtask must not depend on lowland-core"]);
        let new = parse("[package]\nname = \"lowland-new\"\n");
        assert_eq!(problems_of(&new).len(), 1);
    }
}
