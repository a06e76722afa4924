//! An example of every transform, in each of the forms that its options give it.

use std::sync::Arc;

use lowland_core::DynTransform;

use super::AdaptiveAtan;
use super::channel_directed::{
    Axis, ChannelDirected, Ends, MeanSplitSobolev, Metric, ReweightedL2, Sobolev,
};

/// Every transform of this crate, in each of the forms that its options give it: for whoever must have
/// something for all of them, as tests of other hardware have.
///
/// ```
/// let transforms = lowland_optim::transforms::examples();
/// assert!(transforms.iter().all(|transform| transform.functor().is_some()));
/// ```
#[must_use]
pub fn examples() -> Vec<Arc<dyn DynTransform>> {
    let mut all: Vec<Arc<dyn DynTransform>> = vec![
        Arc::new(AdaptiveAtan { shrink: 1.5, gamma: 1.2 }),
        Arc::new(AdaptiveAtan { shrink: 2.0, gamma: 30.0 }),
    ];
    for (axis, linear) in [
        (Axis::Output, false),
        (Axis::Output, true),
        (Axis::Input, true),
        (Axis::Height, false),
        (Axis::Width, false),
    ] {
        all.push(directed(ReweightedL2 { lambda: 3.0 }, axis, linear));
        for ends in [Ends::Periodic, Ends::Neumann] {
            all.push(directed(MeanSplitSobolev { lambda: 0.3, ends }, axis, linear));
            all.push(directed(Sobolev { lambda: 0.3, ends }, axis, linear));
        }
    }
    all
}

fn directed(metric: impl Metric, axis: Axis, linear: bool) -> Arc<dyn DynTransform> {
    Arc::new(ChannelDirected { metric, axis, linear })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// The names of the files of a folder but some.
    fn files(folder: &str, but: &[&str]) -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
        let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let paths = paths.filter(|path| path.is_file());
        let names = paths.map(|path| path.file_stem().unwrap().to_str().unwrap().to_string());
        names.filter(|name| !but.contains(&name.as_str())).collect()
    }

    #[test]
    fn there_is_an_example_of_every_transform_and_of_every_metric() {
        let functors = examples().into_iter().filter_map(|transform| transform.functor());
        let names: BTreeSet<String> = functors.map(|functor| functor.name).collect();
        let mut want = files("transforms", &["mod", "examples"]);
        let metrics = files("transforms/channel_directed", &["mod", "tile"]);
        want.extend(metrics.into_iter().map(|metric| format!("channel_directed_{metric}")));
        assert_eq!(names, want);
    }
}
