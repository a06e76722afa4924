//! What a config can name. A new method, activation, metric or deformation is a file of its own with the
//! `mod` that Rust asks for, and a line here.
//!
//! A list hands itself over to the macro of whoever needs it: the enum of methods, the tables of a
//! config, the texts of [`docs`](crate::docs).

/// Methods: the name in a config, the variant of [`Method`](crate::Method) with its config, the text, and
/// `eps` where that is a field.
macro_rules! methods {
    ($use:ident) => {
        $use! {
            /// Stochastic gradient descent.
            sgd: Sgd(crate::Sgd), crate::sgd::DOC;
            /// Adam and AMSGrad.
            adam: Adam(crate::Adam), crate::adam::DOC, eps;
            /// Adam with decoupled weight decay.
            adamw: Adamw(crate::AdamW), crate::adam::ADAMW_DOC, eps;
            /// Adam with multiple integrations.
            miadam: Miadam(crate::MiAdam), crate::miadam::DOC, eps;
            /// RMSprop.
            rmsprop: Rmsprop(crate::RmsProp), crate::rmsprop::DOC, eps;
            /// Adam with Nesterov momentum.
            nadam: Nadam(crate::NAdam), crate::nadam::DOC, eps;
            /// Rectified Adam.
            radam: Radam(crate::RAdam), crate::radam::DOC, eps;
            /// AdaBelief.
            adabelief: Adabelief(crate::AdaBelief), crate::adabelief::DOC, eps;
            /// AdaBound and AMSBound.
            adabound: Adabound(crate::AdaBound), crate::adabound::DOC, eps;
            /// Adaptive inertia.
            adai: Adai(crate::Adai), crate::adai::DOC, eps;
            /// Adam that switches to SGD.
            swats: Swats(crate::Swats), crate::swats::DOC, eps;
        }
    };
}
pub(crate) use methods;

/// Activations: the name in a config, the type of its table, the text.
macro_rules! activations {
    ($use:ident) => {
        $use! {
            /// [`Atan`](crate::stages::Atan).
            atan: crate::stages::Atan, crate::stages::activation::atan::DOC;
            /// [`Tanh`](crate::stages::Tanh).
            tanh: crate::stages::Tanh, crate::stages::activation::tanh::DOC;
            /// [`Log`](crate::stages::Log).
            log: crate::stages::Log, crate::stages::activation::log::DOC;
            /// [`AdaptiveAtan`](crate::transforms::AdaptiveAtan).
            adaptive_atan: crate::transforms::AdaptiveAtan, crate::transforms::adaptive_atan::DOC;
        }
    };
}
pub(crate) use activations;

/// Metrics: the variant of [`MetricKind`](crate::MetricKind), the metric of a lambda and ends, the text.
macro_rules! metrics {
    ($use:ident) => {
        $use! {
            /// Re-weighted L2, [`ReweightedL2`].
            H0 => |lambda, _| ReweightedL2 { lambda }, crate::transforms::channel_directed::h0::DOC;
            /// Sobolev, split by the mean, [`MeanSplitSobolev`].
            H1 => |lambda, ends| MeanSplitSobolev { lambda, ends }, crate::transforms::channel_directed::h1::DOC;
            /// Classical Sobolev, [`Sobolev`].
            Sobolev => |lambda, ends| Sobolev { lambda, ends }, crate::transforms::channel_directed::sobolev::DOC;
        }
    };
}
pub(crate) use metrics;

/// Deformations: the name in a config, the type of its table, the text.
macro_rules! deformations {
    ($use:ident) => {
        $use! {
            /// [`AtanPower`](super::AtanPower).
            atan_power: crate::deformation::AtanPower, crate::deformation::atan_power::DOC;
            /// [`LogExp`](super::LogExp).
            log_exp: crate::deformation::LogExp, crate::deformation::log_exp::DOC;
            /// [`Sech`](super::Sech).
            sech: crate::deformation::Sech, crate::deformation::sech::DOC;
            /// [`CyclicSech`](super::CyclicSech).
            cyclic_sech: crate::deformation::CyclicSech, crate::deformation::cyclic_sech::DOC;
            /// [`WindowedLinear`](super::WindowedLinear).
            windowed_linear: crate::deformation::WindowedLinear, crate::deformation::windowed_linear::DOC;
            /// [`LinearQuadratic`](super::LinearQuadratic).
            linear_quadratic: crate::deformation::LinearQuadratic, crate::deformation::linear_quadratic::DOC;
        }
    };
}
pub(crate) use deformations;
