//! Every loop of every link gives the same bits on plain vectors as on the widest.

use lowland_core::op::ClipNorm;
use lowland_core::{Clock, vector};
use lowland_optim::docs::{ENTRIES, Kind};
use lowland_optim::{Optimizer, Recipe};

/// Recipes that between them have every link, and the forms of methods that loop differently.
fn recipes() -> Vec<String> {
    let names = |kind| ENTRIES.iter().filter(move |entry| entry.kind == kind).map(|e| e.name);
    let mut recipes: Vec<String> = names(Kind::Method).map(|name| format!("[{name}]")).collect();
    recipes.extend(names(Kind::Activation).map(|name| {
        let fields = if name == "adaptive_atan" { "shrink = 1.5, gamma = 1.3" } else { "" };
        format!("activation = {{ {name} = {{ {fields} }} }}\n[sgd]")
    }));
    for name in names(Kind::Metric) {
        let ends: &[&str] =
            if name == "h0" { &[""] } else { &[", ends = 'periodic'", ", ends = 'neumann'"] };
        recipes.extend(ends.iter().map(|ends| {
            format!("channel_directed = {{ metric = '{name}', lambda = 0.3{ends} }}\n[sgd]")
        }));
    }
    recipes.extend(
        [
            "clip = { value = 0.3 }\n[sgd]",
            "[sgd]\nmomentum = 0.9\nnesterov = true\nweight_decay = 0.1",
            "[adam]\namsgrad = true\nweight_decay = 0.1\ndecoupled_weight_decay = true",
            "[rmsprop]\ncentered = true\nmomentum = 0.9",
            "[miadam]\norder = 3\namsgrad = true\nswitch = { step = 3 }",
            "[adabound]\namsbound = true\nfinal_lr_factor = 0.1\ngamma = 0.5",
        ]
        .map(String::from),
    );
    recipes
}

/// Elements in no multiple of any vector's, with zeros, tiny and huge ones among them.
fn values(seed: f64, len: usize) -> Vec<f32> {
    let value = |i: usize| match i % 29 {
        3 => 0.0,
        7 => 1e-30,
        11 => -1e18,
        _ => (seed + i as f64 * 0.7).sin(),
    };
    (0..len).map(|i| value(i) as f32).collect()
}

fn steps(recipe: &str) -> (Vec<u32>, String) {
    let recipe: Recipe = toml::from_str(&format!("learning_rate = 0.01\n{recipe}")).unwrap();
    let mut optimizer = Optimizer::new(recipe.update().unwrap()).with_shape("w", [13, 5, 3, 3]);
    let mut params = values(0.5, 585);
    for step in 1..=4 {
        let grads = values(step as f64, 585);
        let clock = Clock::at_step(step, 0.01);
        optimizer.step(&clock, &mut [("w", &mut params, &grads)]).unwrap();
    }
    let bits = params.iter().map(|p| p.to_bits()).collect();
    (bits, format!("{:?}", optimizer.state()))
}

#[test]
fn links_have_the_same_bits_on_plain_vectors() {
    for recipe in recipes() {
        let (wide, plain) = (steps(&recipe), vector::plainly(|| steps(&recipe)));
        assert!(wide.0 == plain.0 && wide.1 == plain.1, "{recipe}");
    }
}

#[test]
fn clipping_by_norm_has_the_same_bits_on_plain_vectors() {
    let clip = || {
        let mut grads = values(0.1, 1003);
        let sum = ClipNorm::sum_of_squares(&grads);
        ClipNorm::scale(&mut grads, 0.3);
        (sum.to_bits(), grads.iter().map(|g| g.to_bits()).collect::<Vec<_>>())
    };
    assert_eq!(clip(), vector::plainly(clip));
}
