//! What a mistyped name may have meant.

/// No name that is meant is longer than this, bytes; comparing takes time in proportion.
const LONGEST: usize = 200;

/// The candidate nearest to `name`, where one is near enough to be meant.
///
/// Dotted paths are compared as wholes and by their last key, so that `epochs` finds `train.epochs`.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if name.len() > LONGEST {
        return None;
    }
    let name = name.to_lowercase();
    let distance = |candidate: &str| {
        // One more than the last keys' distance, so that an equally near whole path comes first.
        let by_last = 1 + edits(last_key(&name), last_key(candidate));
        edits(&name, candidate).min(by_last)
    };
    let scored = candidates.into_iter().map(|candidate| (distance(candidate), candidate));
    let (distance, candidate) = scored.min_by_key(|(distance, _)| *distance)?;
    (distance <= 1 + last_key(candidate).len() / 3).then_some(candidate)
}

fn last_key(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// Levenshtein's distance: insertions, deletions and replacements from one text to the other.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("same", "same"), 0);
    }

    #[test]
    fn finds_what_was_meant_and_nothing_else() {
        let keys = ["train.epochs", "train.batch_size", "optimizer.learning_rate"];
        assert_eq!(nearest("epochs", keys), Some("train.epochs"));
        assert_eq!(nearest("train.bach_size", keys), Some("train.batch_size"));
        assert_eq!(nearest("optimizer.learning_rat", keys), Some("optimizer.learning_rate"));
        assert_eq!(nearest("colour", keys), None);
    }
}
