//! The book's chapters on methods: their pictures can be drawn, and their configs be read.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use lowland_core::DType;
use lowland_lab::picture::draw_methods;
use lowland_models::ModelConfig;
use lowland_optim::Recipe;
use lowland_optim::deformation::DeformationConfig;

/// Pictures are part of the repository: none may be larger.
const MOST_BYTES: u64 = 80_000;

fn book() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src")
}

/// The chapters by their names.
fn chapters() -> Vec<(String, String)> {
    let files = fs::read_dir(book().join("methods")).unwrap().map(|file| file.unwrap().path());
    let text = |path: PathBuf| (path.display().to_string(), fs::read_to_string(&path).unwrap());
    let chapters: Vec<_> = files.map(text).collect();
    assert_eq!(chapters.len(), 5);
    chapters
}

#[test]
fn every_picture_of_the_chapters_is_drawn_and_every_drawn_one_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let drawn = draw_methods(&folder.path().join("new/folder")).unwrap();
    for picture in &drawn {
        let bytes = fs::read(picture).unwrap();
        assert_eq!(&bytes[1..4], b"PNG", "{}", picture.display());
        assert!(bytes.len() as u64 <= MOST_BYTES, "{}: {} bytes", picture.display(), bytes.len());
    }
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    let drawn: BTreeSet<String> = drawn.iter().map(name).collect();
    let mut shown = BTreeSet::new();
    for (chapter, text) in chapters() {
        let pictures = text.split("](../images/").skip(1).map(|rest| rest.split(')').next());
        let pictures: Vec<String> = pictures.map(|name| name.unwrap().to_owned()).collect();
        assert!(!pictures.is_empty(), "{chapter} has no picture");
        shown.extend(pictures);
    }
    assert_eq!(drawn, shown);
    for picture in shown {
        let size = fs::metadata(book().join("images").join(&picture)).unwrap().len();
        assert!(size <= MOST_BYTES, "{picture}: {size} bytes");
    }
}

#[test]
fn every_config_of_the_chapters_is_valid() {
    for (chapter, text) in chapters() {
        let configs = text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
        let configs: Vec<toml::Table> = configs.map(|text| toml::from_str(text).unwrap()).collect();
        assert!(!configs.is_empty(), "{chapter} has no config");
        for (name, table) in configs.into_iter().flatten() {
            match name.as_str() {
                "optimizer" => {
                    let recipe: Recipe = table.try_into().unwrap();
                    recipe.validate_at(DType::F32).unwrap();
                }
                "deformation" => {
                    let deformation: DeformationConfig = table.try_into().unwrap();
                    deformation.validate(200.0).unwrap();
                }
                "model" => {
                    let model: ModelConfig = table.try_into().unwrap();
                    model.spec().unwrap();
                }
                other => panic!("{chapter}: what is [{other}]?"),
            }
        }
    }
}
