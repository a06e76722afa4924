//! The loss of a network over given batches, as a function of its parameters.

use lowland_core::DType;
use lowland_models::{CrossEntropy, Gates, Module, ParamStore, Pass};
use lowland_tensor::Tensor;

use crate::error::{check_finite, check_least, check_length};
use crate::packed::{gather, scatter};
use crate::vector::moved;
use crate::{Error, Objective, Result, parameters, statistics};

/// Images and their labels.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Images `[N, H, W, C]`, or whatever the network takes.
    pub images: Tensor,
    /// Labels `[N]` of [`DType::U32`].
    pub labels: Tensor,
}

impl Batch {
    /// The number of labels.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.shape().len()
    }

    /// Whether there are no labels.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// By which statistics batch normalisation normalises away from the solution. The three are three
/// different functions of the parameters; say which one was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalisation {
    /// Those of each batch; running statistics stay as they are. The function that training descends.
    Batch,
    /// The running ones of the solution, as constants at every point. The function that evaluation
    /// sees, near the solution.
    Running,
    /// Those of the given batches, estimated anew at each point and then used as constants
    /// (`bn_update` of Izmailov et al. 2018, "Averaging Weights Leads to Wider Optima and Better
    /// Generalization", section 3). For surfaces and interpolation alone: it has no gradient here,
    /// as that of the statistics would be missing.
    ReEstimated,
}

/// The mean cross-entropy of a network over given batches, each image counted once.
///
/// It computes with a copy of the store that it is made from, so that the network's own parameters,
/// gradients and statistics are never written to.
///
/// Its Hessian is that of the smooth piece it lies on, with every ReLU taken for the linear function that it
/// is there ([`Gates`]): what second-order automatic differentiation computes, as in Yao et al. 2020,
/// "PyHessian: Neural Networks Through the Lens of the Hessian". Differences over the kinks are no estimate of
/// it. Max pooling, in the stem for ImageNet alone, keeps its kinks.
#[derive(Debug)]
pub struct NetworkLoss<'a> {
    module: &'a dyn Module,
    store: ParamStore,
    batches: &'a [Batch],
    loss: CrossEntropy,
    normalisation: Normalisation,
    images: usize,
}

impl<'a> NetworkLoss<'a> {
    /// The loss of a module over batches, starting from a copy of the numbers of `store`.
    ///
    /// # Errors
    /// [`Error::TooFew`] without an image; [`Error::Engine`] where the copy cannot be made.
    pub fn new(
        module: &'a dyn Module,
        store: &ParamStore,
        batches: &'a [Batch],
        loss: CrossEntropy,
        normalisation: Normalisation,
    ) -> Result<Self> {
        let images = batches.iter().map(Batch::len).sum();
        check_least("images", 1, images)?;
        if let Some(empty) = batches.iter().find(|batch| batch.is_empty()) {
            check_least("images in a batch", 1, empty.len())?;
        }
        let store = store.try_clone()?;
        Ok(NetworkLoss { module, store, batches, loss, normalisation, images })
    }

    /// The point where the copy is now: the solution, until something was evaluated elsewhere.
    ///
    /// # Errors
    /// As [`parameters`].
    pub fn position(&self) -> Result<Vec<f64>> {
        parameters(&self.store)
    }

    /// Sets the copy's running statistics to the mean of those of the batches at a point, each batch
    /// counted by its images (Izmailov et al. 2018, section 3). With [`Normalisation::Running`],
    /// they are then the constants at every point: what an average of solutions needs, which has no
    /// running statistics of its own.
    ///
    /// # Errors
    /// [`Error::Length`]; else as [`Module::forward`].
    pub fn estimate_statistics(&mut self, at: &[f64]) -> Result<()> {
        scatter(&self.store, at)?;
        statistics::estimate(self.module, &self.store, self.batches)
    }

    /// Goes to a point, with the statistics that belong there.
    fn move_to(&mut self, at: &[f64]) -> Result<()> {
        check_length("the point", self.dimension(), at.len())?;
        match self.normalisation {
            Normalisation::ReEstimated => self.estimate_statistics(at),
            Normalisation::Batch | Normalisation::Running => scatter(&self.store, at),
        }
    }

    fn batch_loss(&self, batch: &Batch, pass: &Pass<'_>) -> Result<Tensor> {
        Ok(self.loss.forward(&self.module.forward(&batch.images, pass)?, &batch.labels)?)
    }

    /// A pass for the derivative by the parameters; not with statistics that move.
    fn pass_with_gradients(&self) -> Pass<'_> {
        match self.normalisation {
            Normalisation::Batch => Pass::train(&self.store).frozen_stats(),
            _ => Pass::eval(&self.store).with_gradients(),
        }
    }

    /// The share of a batch in the mean.
    fn share(&self, batch: &Batch) -> f64 {
        batch.len() as f64 / self.images as f64
    }
}

impl Objective for NetworkLoss<'_> {
    fn dimension(&self) -> usize {
        self.store.count()
    }

    fn loss(&mut self, at: &[f64]) -> Result<f64> {
        self.move_to(at)?;
        let pass = match self.normalisation {
            Normalisation::Batch => Pass::train(&self.store).frozen_stats(),
            Normalisation::Running | Normalisation::ReEstimated => Pass::eval(&self.store),
        };
        let mut mean = 0.0;
        for batch in self.batches {
            mean += self.share(batch) * self.batch_loss(batch, &pass)?.item()?;
        }
        Ok(mean)
    }

    /// [`Error::StatisticsMove`] with [`Normalisation::ReEstimated`].
    fn gradient(&mut self, at: &[f64]) -> Result<(f64, Vec<f64>)> {
        if self.normalisation == Normalisation::ReEstimated {
            return Err(Error::StatisticsMove);
        }
        self.move_to(at)?;
        self.store.zero_grad()?;
        let pass = self.pass_with_gradients();
        let mut mean = 0.0;
        for batch in self.batches {
            let loss = self.batch_loss(batch, &pass)?;
            mean += self.share(batch) * loss.item()?;
            loss.backward_scaled(self.share(batch))?;
        }
        Ok((mean, gather(&self.store, self.store.grads())?))
    }

    /// One pass more than two gradients take: each batch is first seen from the point, so that its gates
    /// are known.
    fn gradient_difference(&mut self, at: &[f64], step: &[f64]) -> Result<Vec<f64>> {
        if self.normalisation == Normalisation::ReEstimated {
            return Err(Error::StatisticsMove);
        }
        let ends = [(moved(at, 1.0, step), 1.0), (moved(at, -1.0, step), -1.0)];
        self.store.zero_grad()?;
        let gates = Gates::default();
        for batch in self.batches {
            self.move_to(at)?;
            self.module.forward(&batch.images, &self.pass_with_gradients().recording(&gates))?;
            for (end, sign) in &ends {
                self.move_to(end)?;
                let loss = self.batch_loss(batch, &self.pass_with_gradients().gated(&gates))?;
                loss.backward_scaled(sign * self.share(batch))?;
            }
        }
        let difference = gather(&self.store, self.store.grads())?;
        check_finite("the difference of gradients", &difference)?;
        Ok(difference)
    }

    /// In `f32`, a step whose products are within 0.5 % of exact ones both for a ResNet-20 on CIFAR-10, where
    /// a longer one sees the loss bend, and for a tiny network, where a shorter one sees rounding.
    fn relative_step(&self) -> f64 {
        match self.store.dtype() {
            DType::F32 => 3e-5,
            _ => f64::EPSILON.cbrt(),
        }
    }
}
