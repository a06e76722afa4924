//! Where the images of each class are: `train/<class>/*` and `test/<class>/*`, perhaps below one
//! leading folder.

use std::collections::BTreeMap;

use super::classes::MAX_CLASSES;
use crate::error::{Error, Result};
use crate::source::{FileKind, Listing, SourceFile, file_name};

/// The images of a source, in the order they will be stored: by class, then by path.
pub(super) struct Layout<'a> {
    /// Names of the classes, sorted; the position is the label.
    pub classes: Vec<String>,
    /// Training images with their labels.
    pub train: Vec<(&'a SourceFile, u16)>,
    /// Test images with their labels.
    pub test: Vec<(&'a SourceFile, u16)>,
}

const NESTED: &str =
    "there is a folder inside a class folder; put the images into the class folder itself";

type ByClass<'a> = BTreeMap<String, Vec<&'a SourceFile>>;

/// Finds the images of both splits.
pub(super) fn find(listing: &Listing) -> Result<Layout<'_>> {
    let root = root(listing)?;
    let train = classes_of(listing, &format!("{root}train/"))?;
    let test = classes_of(listing, &format!("{root}test/"))?;
    if let Some(class) = test.keys().find(|class| !train.contains_key(*class)) {
        let entry = format!("{root}test/{class}");
        return Err(Error::UnknownClass {
            origin: listing.origin.clone(),
            entry,
            class: class.clone(),
        });
    }
    for (split, by_class) in [("train", &train), ("test", &test)] {
        if let Some(class) =
            train.keys().find(|class| by_class.get(*class).is_none_or(Vec::is_empty))
        {
            return Err(Error::EmptyClass {
                origin: listing.origin.clone(),
                entry: format!("{root}{split}/{class}"),
                class: class.clone(),
                split,
            });
        }
    }
    if train.len() > MAX_CLASSES {
        return Err(layout_error(
            listing,
            &format!("{root}train"),
            "more than 65,536 classes cannot be numbered",
        ));
    }
    let classes = train.keys().cloned().collect();
    Ok(Layout { classes, train: number(train), test: number(test) })
}

/// All images in order, with the number of their class.
fn number(by_class: ByClass<'_>) -> Vec<(&SourceFile, u16)> {
    let labelled = |(label, files): (u16, Vec<_>)| files.into_iter().map(move |file| (file, label));
    (0..=u16::MAX).zip(by_class.into_values()).flat_map(labelled).collect()
}

/// The leading folder with a `/` behind it, or nothing.
fn root(listing: &Listing) -> Result<String> {
    let files = || listing.files.iter().map(|file| file.path.as_str());
    let has = |root: &str, split: &str| {
        let folder = format!("{root}{split}/");
        let is_known =
            listing.folders.binary_search_by(|f| f.as_str().cmp(folder.trim_end_matches('/')));
        is_known.is_ok() || listing.has_below(&folder)
    };
    let first = |path: &str| path.split_once('/').map(|(first, _)| format!("{first}/"));
    let mut roots: Vec<String> =
        std::iter::once(String::new()).chain(files().filter_map(first)).collect();
    roots.dedup();
    let mut found = roots.into_iter().filter(|root| has(root, "train") || has(root, "test"));
    let advice = "lay the images out as train/<class>/*.jpg and test/<class>/*.jpg (or .png)";
    let root = found.next().ok_or_else(|| {
        layout_error(
            listing,
            ".",
            &format!("there is neither a folder `train` nor a folder `test`; {advice}"),
        )
    })?;
    if let Some(second) = found.next() {
        let problem =
            format!("`train` and `test` are here and in `{root}.` too; give one dataset at a time");
        return Err(layout_error(listing, &second, &problem));
    }
    for split in ["train", "test"] {
        if !has(&root, split) {
            return Err(layout_error(
                listing,
                &format!("{root}{split}"),
                &format!("the folder is missing; {advice}"),
            ));
        }
    }
    Ok(root)
}

/// The image files of each class folder below `prefix`, empty folders included.
fn classes_of<'a>(listing: &'a Listing, prefix: &str) -> Result<ByClass<'a>> {
    let mut classes = ByClass::new();
    for folder in listing.folders.iter().filter_map(|folder| folder.strip_prefix(prefix)) {
        if folder.contains('/') {
            return Err(layout_error(listing, &format!("{prefix}{folder}"), NESTED));
        }
        classes.entry(folder.to_string()).or_default();
    }
    for file in &listing.files {
        let Some(rest) = file.path.strip_prefix(prefix) else { continue };
        let is_image = FileKind::of(rest) == FileKind::Image;
        let problem = match rest.split_once('/') {
            Some((class, name)) if !name.contains('/') && is_image => {
                classes.entry(class.to_string()).or_default().push(file);
                continue;
            }
            Some((_, name)) if !name.contains('/') => {
                "it is neither .jpg, .jpeg nor .png; convert it or remove it from the class folder"
            }
            Some(_) => NESTED,
            None if is_image => "the image is not in a class folder; move it into one",
            // Lists, licences and the like beside the class folders.
            None => continue,
        };
        return Err(layout_error(listing, &file.path, problem));
    }
    if classes.is_empty() {
        let problem = format!(
            "there are no class folders; add {}/<class>/*.jpg (or .png)",
            file_name(prefix.trim_end_matches('/'))
        );
        return Err(layout_error(listing, prefix.trim_end_matches('/'), &problem));
    }
    Ok(classes)
}

fn layout_error(listing: &Listing, entry: &str, problem: &str) -> Error {
    Error::Layout {
        origin: listing.origin.clone(),
        entry: entry.to_string(),
        problem: problem.to_string(),
    }
}
