//! Recipes: the order of their links, their TOML form, and what they refuse.

use lowland_core::{Clock, DType};
use lowland_optim::{
    AdaBelief, AdaBound, Adai, Adam, AdamW, Clip, Method, MiAdam, NAdam, Optimizer, RAdam, Recipe,
    RmsProp, Sgd, Swats, WeightDecayOn,
};

fn read(text: &str) -> Recipe {
    let text = format!("learning_rate = 0.1\n{text}");
    toml::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn links(text: &str) -> String {
    let explained = read(text).update().unwrap().explain().to_string();
    let state = explained.split("; state").next().unwrap_or_default().to_owned();
    state.replace(" -> parameter -= lr * direction", "")
}

#[test]
fn links_are_in_the_order_that_is_told() {
    let around = "clip = { value = 2.0 }\nchannel_directed = { metric = \"h0\", lambda = 2.0 }\n";
    let method = "[miadam]\nweight_decay = 0.1\n";
    assert_eq!(
        links(&format!("{around}activation = {{ tanh = {{}} }}\n{method}")),
        "a pass, 12 bytes a parameter in f32: gradient -> clip_value -> direction; then each tensor: \
         channel_directed; then a pass, 36 bytes a parameter in f32: direction -> tanh -> weight_decay \
         -> miadam"
    );
    assert_eq!(
        links(&format!(
            "activation = {{ tanh = {{}}, placement = \"direction\" }}\n{method}\
             decoupled_weight_decay = true"
        )),
        "one pass, 36 bytes a parameter in f32: gradient -> miadam -> tanh -> decoupled_weight_decay"
    );
    assert_eq!(
        links(
            "activation = { adaptive_atan = { shrink = 2.0, gamma = 1.1 }, placement = \"direction\" }\n\
             [adamw]"
        ),
        "a pass, 28 bytes a parameter in f32: gradient -> adam -> direction; then each tensor: \
         adaptive_atan; then a pass, 12 bytes a parameter in f32: direction -> decoupled_weight_decay"
    );
    // A measure comes where its stage begins a pass: behind the decay, the clipping and the activation.
    assert_eq!(
        links("clip = { value = 2.0 }\nactivation = { tanh = {} }\n[adai]\nweight_decay = 0.1"),
        "a pass, 12 bytes a parameter in f32: gradient -> clip_value -> tanh -> weight_decay -> \
         direction; then over all parameters, 8 bytes each in f32: second_moment; then a pass, 36 bytes \
         a parameter in f32: direction -> adai"
    );
    assert_eq!(
        links(&format!(
            "{around}activation = {{ tanh = {{}}, placement = \"direction\" }}\n[swats]\n\
             weight_decay = 0.1\ndecoupled_weight_decay = true"
        )),
        "a pass, 12 bytes a parameter in f32: gradient -> clip_value -> direction; then each tensor: \
         channel_directed; then over all parameters, 12 bytes each in f32 until it switches: adam_adam, \
         adam_gradient; then a pass, 36 bytes a parameter in f32: direction -> swats -> tanh -> \
         decoupled_weight_decay"
    );
    assert_eq!(links("[sgd]"), "one pass, 12 bytes a parameter in f32: gradient");
}

#[test]
fn both_placements_by_hand() {
    let step = |placement: &str| {
        let text = format!(
            "activation = {{ atan = {{ alpha = 0.5, beta = 2.0 }}, placement = \"{placement}\" }}\n\
             [sgd]\nmomentum = 0.9\nweight_decay = 0.25"
        );
        let mut optimizer = Optimizer::new(read(&text).update().unwrap());
        let mut p = [2.0f64];
        for g in [3.0, -1.0] {
            optimizer.step(&Clock::at_step(1, 0.1), &mut [("p", &mut p, &[g])]).unwrap();
        }
        p[0]
    };
    let activated = |x: f64| 0.5 * (2.0 * x).atan();
    let first = activated(3.0) + 0.25 * 2.0;
    let p = 2.0 - 0.1 * first;
    let second = 0.9 * first + activated(-1.0) + 0.25 * p;
    assert!((step("gradient") - (p - 0.1 * second)).abs() < 1e-15);
    let first = 3.0 + 0.25 * 2.0;
    let p = 2.0 - 0.1 * activated(first);
    let second = 0.9 * first - 1.0 + 0.25 * p;
    assert!((step("direction") - (p - 0.1 * activated(second))).abs() < 1e-15);
}

#[test]
fn every_method_has_a_table_that_is_written_and_read() {
    let methods = [
        Method::Sgd(Sgd::default()),
        Method::Adam(Adam::default()),
        Method::Adamw(AdamW::default()),
        Method::Miadam(MiAdam::default()),
        Method::Rmsprop(RmsProp::default()),
        Method::Nadam(NAdam::default()),
        Method::Radam(RAdam::default()),
        Method::Adabelief(AdaBelief::default()),
        Method::Adabound(AdaBound::default()),
        Method::Adai(Adai::default()),
        Method::Swats(Swats::default()),
    ];
    for method in methods {
        let recipe = Recipe::new(0.1, method);
        assert_eq!(recipe.method().unwrap(), method);
        recipe.validate_at(DType::F32).unwrap();
        let text = toml::to_string(&recipe).unwrap();
        assert!(text.contains(&format!("[{}]", method.name())), "{text}");
        assert_eq!(toml::from_str::<Recipe>(&text).unwrap(), recipe);
        assert_eq!(read(&format!("[{}]", method.name())), recipe);
        assert!(toml::from_str::<Recipe>(&format!("{text}\nunheard_of = 1")).is_err());
        let still = recipe.without_weight_decay().method().unwrap();
        assert_eq!(still, method.without_weight_decay());
        assert!(!still.update().unwrap().explain().to_string().contains("decay"));
    }
    let all = read(
        "weight_decay_on = \"weights\"\nclip = { norm = 1.0 }\n[sgd]\n[channel_directed]\n\
         metric = \"sobolev\"\nlambda = 0.5\nends = \"neumann\"\naxis = \"input\"\nlinear = true\n\
         [activation]\nplacement = \"direction\"\nlog = {}",
    );
    assert_eq!((all.clip, all.clip_norm()), (Some(Clip::Norm(1.0)), Some(1.0)));
    assert_eq!(all.weight_decay_on, WeightDecayOn::Weights);
    assert_eq!(toml::from_str::<Recipe>(&toml::to_string(&all).unwrap()).unwrap(), all);
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let refused = |text: &str| read(text).validate_at(DType::F32).unwrap_err().to_string();
    for (text, says) in [
        ("", "exactly one method must be given, as a table named after it; got none"),
        (
            "[sgd]\n[adam]",
            "exactly one method must be given, as a table named after it; got sgd and adam",
        ),
        (
            "activation = { placement = \"direction\" }\n[sgd]",
            "activation: exactly one activation must be given, as a table named after it; got none",
        ),
        (
            "activation = { atan = {}, log = {} }\n[sgd]",
            "activation: exactly one activation must be given, as a table named after it; got atan and log",
        ),
        (
            "activation = { atan = { alpha = 0.0 } }\n[sgd]",
            "activation.atan.alpha must be above 0 and finite; got 0.0",
        ),
        (
            "activation = { adaptive_atan = { shrink = 1.5, gamma = nan } }\n[sgd]",
            "activation.adaptive_atan.gamma must be above 0 and finite; got NaN",
        ),
        (
            "activation = { tanh = { beta = 1e60 } }\n[sgd]",
            "activation.tanh.beta must be above 0 and finite in f32: 1.2e-38 to 3.4e38; got 1e60",
        ),
        ("clip = { norm = -1.0 }\n[sgd]", "clip.norm must be above 0 and finite; got -1.0"),
        ("clip = { value = inf }\n[sgd]", "clip.value must be above 0 and finite; got inf"),
        (
            "channel_directed = { metric = \"h1\", lambda = 0.0 }\n[sgd]",
            "channel_directed.lambda must be 1e-30 to 1e30; got 0.0",
        ),
        (
            "channel_directed = { metric = \"h0\", lambda = 1.0, ends = \"neumann\" }\n[sgd]",
            "channel_directed.ends must be left out: h0 compares no neighbours and has no ends; got neumann",
        ),
        (
            "channel_directed = { metric = \"h1\", lambda = 1.0, axis = \"width\", linear = true }\n[sgd]",
            "channel_directed.linear must be false where the axis is one of a kernel",
        ),
        ("[rmsprop]\nalpha = 1.0", "rmsprop.alpha must be in [0, 1); got 1.0"),
        ("[rmsprop]\nmomentum = 2.0", "rmsprop.momentum must be in [0, 1]; got 2.0"),
        ("[rmsprop]\neps = 0.0", "rmsprop.eps must be above 0 and finite"),
        ("[nadam]\nmomentum_decay = -1.0", "nadam.momentum_decay must be 0 or more, and finite"),
        ("[radam]\nbetas = [0.9, 0.5]", "radam.betas[1] must be such that"),
        ("[adabelief]\neps = 1e-60", "adabelief.eps must be above 0 and finite in f32"),
        ("[adabound]\nfinal_lr_factor = 0.0", "adabound.final_lr_factor must be above 0"),
        ("[adabound]\ngamma = 1.0", "adabound.gamma must be in (0, 1); got 1.0"),
        ("[adai]\nbetas = [0.0, 0.9]", "adai.betas[0] must be above 0 and finite; got 0.0"),
        ("[adai]\nbetas = [0.1, 1.0]", "adai.betas[1] must be in [0, 1); got 1.0"),
        ("[adai]\neps = 1.5", "adai.eps must be in (0, 1]; got 1.5"),
        ("[adai]\neps = 1e-60", "adai.eps must be above 0 and finite in f32"),
        ("[adai]\nweight_decay = nan", "adai.weight_decay must be 0 or more, and finite; got NaN"),
        ("[swats]\nbetas = [1.0, 0.9]", "swats.betas[0] must be in [0, 1); got 1.0"),
        ("[swats]\neps = 0.0", "swats.eps must be above 0 and finite"),
        ("[swats]\ntolerance = -1e-9", "swats.tolerance must be 0 or more, and finite; got -1e-9"),
        ("[swats]\nweight_decay = -1.0", "swats.weight_decay must be 0 or more"),
        ("[adabound]\nweight_decay = -1.0", "adabound.weight_decay must be 0 or more"),
    ] {
        let message = refused(text);
        assert!(message.starts_with(says), "{text}: {message}");
    }
    for (text, says) in [
        ("[sgd]\n[activation]\nsigmoid = {}", "unknown field `sigmoid`"),
        ("[sgd]\n[activation]\nplacement = \"end\"\natan = {}", "unknown variant `end`"),
        ("clip = { norm = 1.0, value = 1.0 }\n[sgd]", "wanted exactly 1 element"),
        ("[sgd]\n[channel_directed]\nmetric = \"h2\"\nlambda = 1.0", "unknown variant `h2`"),
        ("[sgd]\n[channel_directed]\nmetric = \"h1\"", "missing field `lambda`"),
    ] {
        let text = format!("learning_rate = 0.1\n{text}");
        let error = toml::from_str::<Recipe>(&text).unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
    assert!(toml::from_str::<Recipe>("[sgd]").unwrap_err().to_string().contains("learning_rate"));
}
