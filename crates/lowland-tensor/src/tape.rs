//! The tape: what was recorded, and the walk that differentiates it.
//!
//! The graph is made of reference-counted nodes, each pointing at those of its inputs. Their ids
//! grow, so that every node has a larger id than what went into it, and walking ids downwards meets
//! a node after all its users. That order, and with it the order of every addition, is given by the
//! graph alone.
//!
//! Rules *return* gradients; only the walk adds them up, when all of a node's are there: as one linear
//! combination, or in place where two meet and it holds the only handle to the buffer of one, which
//! [`Gradient`] keeps track of.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lowland_core::op::{Accumulate, Op, ScaledSum};
use lowland_core::{Buffer, Error, Result, Shape};

use crate::Tensor;
use crate::ops::run;

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// The derivative of one recorded op, with what it needs of the forward pass.
pub(crate) trait Rule: Send + Sync + 'static {
    /// Gradients of the inputs, in their order, from that of the output: one for each input that is
    /// tracked, and `None` for every other. A gradient that nobody asked for **must not** be
    /// returned, and is not computed where that saves work: where an op gives several in one pass,
    /// as batch norm does, it is computed and dropped.
    fn backward(&self, dy: Gradient) -> Result<Vec<Option<Gradient>>>;
}

/// A gradient on its way from one node to another: a tensor times a number. It is deliberately not
/// `Clone`: whether someone else can see its memory decides whether the tape may add to it in place.
#[derive(Debug)]
pub(crate) struct Gradient {
    tensor: Tensor,
    factor: f64,
    exclusive: bool,
}

impl Gradient {
    /// A gradient in memory that was allocated for it, and that nobody else has a handle to.
    pub(crate) fn fresh(tensor: Tensor) -> Self {
        Gradient { tensor, factor: 1.0, exclusive: true }
    }

    /// A second handle to the same memory. From here on neither is added to in place.
    pub(crate) fn share(&mut self) -> Self {
        self.exclusive = false;
        Gradient { tensor: self.tensor.clone(), factor: self.factor, exclusive: false }
    }

    /// The values, to be read. What a rule is given has a factor of 1.
    pub(crate) fn tensor(&self) -> &Tensor {
        debug_assert_eq!(self.factor, 1.0);
        &self.tensor
    }

    /// The same memory under another shape of as many elements.
    pub(crate) fn reshaped(self, shape: Shape) -> Self {
        Gradient { tensor: self.tensor.with_shape(shape), ..self }
    }

    /// This gradient times a number, which nobody multiplies by before the gradient is added to
    /// others.
    pub(crate) fn times(self, factor: f64) -> Self {
        Gradient { factor: self.factor * factor, ..self }
    }

    /// The sum of the gradients of one node, in their order, with a factor of 1: in place where two
    /// are added and one of them may change, and in one pass however many there are.
    fn sum(mut terms: Vec<Gradient>) -> Result<Gradient> {
        if terms.len() == 1 && terms[0].factor == 1.0 {
            return Ok(terms.remove(0));
        }
        if terms.len() == 2
            && let Some(into) = terms.iter().position(|term| term.exclusive)
        {
            let (into, from) = (terms.swap_remove(into), terms.remove(0));
            accumulate(&from, into.tensor.buffer(), into.factor)?;
            return Ok(Gradient { factor: 1.0, ..into });
        }
        let shape = terms[0].tensor.shape();
        let factors: Vec<f64> = terms.iter().map(|term| term.factor).collect();
        let inputs: Vec<&Tensor> = terms.iter().map(|term| &term.tensor).collect();
        let op = Op::ScaledSum(ScaledSum::new(shape.len(), &factors)?);
        Ok(Gradient::fresh(run(&op, &inputs, shape)?))
    }
}

/// `into <- from + b into`.
fn accumulate(from: &Gradient, into: &Buffer, b: f64) -> Result<()> {
    let op = Op::Accumulate(Accumulate { len: into.len(), a: from.factor, b });
    from.tensor.device().run(&op, &[from.tensor.buffer()], &[into])
}

/// A place on the tape.
pub(crate) struct Node {
    id: u64,
    kind: Kind,
}

enum Kind {
    /// A leaf whose gradient [`Gradients`] keeps.
    Leaf,
    /// A leaf whose gradient is added to this buffer.
    LeafInto(Buffer),
    /// The result of an op; an input that is not tracked has no node.
    Op { rule: Box<dyn Rule>, inputs: Vec<Option<Arc<Node>>> },
}

impl Node {
    fn new(kind: Kind) -> Self {
        // Relaxed is enough: a thread that uses a tensor as an input has seen it made.
        Node { id: NEXT_ID.fetch_add(1, Ordering::Relaxed), kind }
    }

    fn take_inputs(&mut self) -> Vec<Option<Arc<Node>>> {
        match &mut self.kind {
            Kind::Op { inputs, .. } => std::mem::take(inputs),
            Kind::Leaf | Kind::LeafInto(_) => Vec::new(),
        }
    }
}

impl Drop for Node {
    /// Lets go of what hangs on this node one by one: the compiler's recursion would overflow the
    /// stack on a deep graph.
    fn drop(&mut self) {
        let mut waiting = self.take_inputs();
        while let Some(input) = waiting.pop() {
            if let Some(mut node) = input.and_then(Arc::into_inner) {
                waiting.append(&mut node.take_inputs());
            }
        }
    }
}

impl Tensor {
    /// Records this result of an op. Where no input is tracked, nothing is recorded and the rule,
    /// which would keep tensors alive, is not made.
    pub(crate) fn recorded<R: Rule>(self, inputs: &[&Tensor], rule: impl FnOnce() -> R) -> Tensor {
        if !inputs.iter().any(|input| input.is_tracked()) {
            return self;
        }
        let inputs = inputs.iter().map(|input| input.node().cloned()).collect();
        self.with_node(Node::new(Kind::Op { rule: Box::new(rule()), inputs }))
    }

    /// Makes this tensor a leaf: ops on it are recorded, and [`Gradients::get`] returns its
    /// gradient. A history that it had is let go.
    #[must_use]
    pub fn tracked(self) -> Tensor {
        self.with_node(Node::new(Kind::Leaf))
    }

    /// Makes this tensor a leaf whose gradient [`Tensor::backward`] *adds* to `grad`, such as its
    /// slice of an arena of gradients. A history that it had is let go.
    ///
    /// # Errors
    /// [`Error::Operand`] where the buffer's length or type is not that of the tensor.
    pub fn tracked_into(self, grad: Buffer) -> Result<Tensor> {
        if grad.len() != self.shape().len() || grad.dtype() != self.dtype() {
            return Err(Error::Operand {
                op: "tracked_into",
                operand: "grad",
                want_len: self.shape().len(),
                want: self.dtype().name(),
                len: grad.len(),
                dtype: grad.dtype(),
            });
        }
        Ok(self.with_node(Node::new(Kind::LeafInto(grad))))
    }

    /// The gradient of this single number with respect to every leaf that went into it.
    ///
    /// The recording is consumed: what a rule kept is dropped as soon as the rule has run. What
    /// another tensor still refers to stays, and can be differentiated again from there.
    ///
    /// # Errors
    /// [`Error::Invalid`] where this is not a single number, or where no tracked tensor went into
    /// it; else as [`lowland_core::Backend::run`]. An error in the middle of the walk leaves some
    /// buffers of [`Tensor::tracked_into`] with their gradient and others without: zero the
    /// gradients before trying again.
    ///
    /// ```
    /// use lowland_tensor::Tensor;
    /// # let device: lowland_tensor::Device = std::sync::Arc::new(lowland_cpu::Cpu::new(1));
    /// let x = Tensor::from_slice(&device, [2], &[3.0f32, -1.0])?.tracked();
    /// let gradients = x.mul(&x)?.sum_all()?.backward()?;
    /// assert_eq!(gradients.get(&x).unwrap().to_vec::<f32>()?, [6.0, -2.0]);
    /// # Ok::<(), lowland_tensor::Error>(())
    /// ```
    pub fn backward(self) -> Result<Gradients> {
        self.backward_scaled(1.0)
    }

    /// [`Tensor::backward`] from another gradient than 1. For a deformed loss `f(L)`, walking back
    /// from `L` with the seed `f'(L)` gives the gradient of `f(L)`.
    ///
    /// # Errors
    /// As [`Tensor::backward`].
    pub fn backward_scaled(self, seed: f64) -> Result<Gradients> {
        if self.shape().len() != 1 {
            let message = format!("needs a single number; the shape is {}", self.shape());
            return Err(Error::invalid("backward", message));
        }
        let Some(node) = self.node().cloned() else {
            return Err(Error::invalid("backward", "no tracked tensor went into this one"));
        };
        let dy = Tensor::full(self.device(), self.shape(), self.dtype(), seed)?;
        drop(self);
        let mut walk = Walk::default();
        walk.add(node, Gradient::fresh(dy))?;
        while let Some((_, (node, terms))) = walk.pending.pop_last() {
            walk.visit(node, Gradient::sum(terms)?)?;
        }
        Ok(walk.gradients)
    }
}

/// A walk over the tape: the nodes that were not visited yet, with what their gradients are the sums
/// of.
#[derive(Default)]
struct Walk {
    pending: BTreeMap<u64, (Arc<Node>, Vec<Gradient>)>,
    gradients: Gradients,
}

impl Walk {
    fn add(&mut self, node: Arc<Node>, gradient: Gradient) -> Result<()> {
        if let Kind::LeafInto(buffer) = &node.kind {
            return accumulate(&gradient, buffer, 1.0);
        }
        let (_, terms) = self.pending.entry(node.id).or_insert_with(|| (node, Vec::new()));
        if terms.len() == ScaledSum::MAX_TERMS {
            *terms = vec![Gradient::sum(std::mem::take(terms))?];
        }
        terms.push(gradient);
        Ok(())
    }

    fn visit(&mut self, node: Arc<Node>, dy: Gradient) -> Result<()> {
        let Kind::Op { rule, inputs } = &node.kind else {
            self.gradients.by_leaf.insert(node.id, dy.tensor);
            return Ok(());
        };
        let contributions = rule.backward(dy)?;
        let inputs = inputs.clone();
        // Before anything is added: what the rule kept goes back to the pool.
        drop(node);
        assert_eq!(inputs.len(), contributions.len(), "a rule answers for every input");
        for (input, contribution) in inputs.into_iter().zip(contributions) {
            match (input, contribution) {
                (Some(input), Some(contribution)) => self.add(input, contribution)?,
                (None, None) => {}
                _ => panic!("a rule returns a gradient for a tracked input, and for no other"),
            }
        }
        Ok(())
    }
}

/// The gradients of the leaves that [`Tensor::tracked`] made. Those of [`Tensor::tracked_into`] are
/// in their buffers.
#[derive(Debug, Default)]
pub struct Gradients {
    by_leaf: BTreeMap<u64, Tensor>,
}

impl Gradients {
    /// The gradient with respect to a leaf, of its shape; `None` where the leaf did not go into the
    /// result. It is not tracked: gradients are of first order.
    #[must_use]
    pub fn get(&self, leaf: &Tensor) -> Option<&Tensor> {
        self.by_leaf.get(&leaf.node()?.id)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use lowland_core::DType;

    use super::*;
    use crate::testing::{device, values};

    /// Passes its gradient on, and notes which of the tokens are still there when it runs.
    struct Probe {
        token: Arc<()>,
        all: Vec<std::sync::Weak<()>>,
        seen: Arc<Mutex<Vec<usize>>>,
    }

    impl Rule for Probe {
        fn backward(&self, dy: Gradient) -> Result<Vec<Option<Gradient>>> {
            assert_eq!(Arc::strong_count(&self.token), 1);
            let alive = self.all.iter().filter(|token| token.strong_count() > 0).count();
            self.seen.lock().unwrap().push(alive);
            Ok(vec![Some(dy)])
        }
    }

    #[test]
    fn what_a_rule_kept_is_dropped_once_it_has_run() {
        let tokens: Vec<Arc<()>> = (0..4).map(|_| Arc::new(())).collect();
        let all: Vec<_> = tokens.iter().map(Arc::downgrade).collect();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut y = values([], 1).tracked();
        for token in tokens {
            let probe = Probe { token, all: all.clone(), seen: Arc::clone(&seen) };
            y = y.detach().recorded(&[&y], || probe);
        }
        y.backward().unwrap();
        assert_eq!(*seen.lock().unwrap(), [4, 3, 2, 1]);
    }

    #[test]
    fn sums_are_in_place_only_in_memory_of_their_own() {
        let dy = |value: f64| Tensor::full(&device(), [2], DType::F64, value).unwrap();
        let read = |gradient: &Gradient| gradient.tensor().to_vec::<f64>().unwrap();
        // Both shared: into new memory, and the other handles keep their values.
        let (mut a, mut b) = (Gradient::fresh(dy(1.0)), Gradient::fresh(dy(2.0)));
        let sum = Gradient::sum(vec![a.share(), b.share().times(3.0)]).unwrap();
        assert_eq!((read(&a), read(&b), read(&sum)), (vec![1.0; 2], vec![2.0; 2], vec![7.0; 2]));
        assert!(sum.exclusive && !a.exclusive && !b.exclusive);
        // One shared: into the other, from either side, with both factors.
        for flip in [false, true] {
            let own = Gradient::fresh(dy(4.0)).times(0.5);
            let memory = own.tensor.buffer().clone();
            let mut terms = vec![own, a.share().times(10.0)];
            if flip {
                terms.reverse();
            }
            let sum = Gradient::sum(terms).unwrap();
            assert_eq!((read(&a), read(&sum)), (vec![1.0; 2], vec![12.0; 2]));
            assert!(sum.tensor().buffer().overlaps(&memory));
        }
        // Alone: as it is, or multiplied by its factor in new memory.
        let memory = a.tensor().buffer().clone();
        assert!(Gradient::sum(vec![a.share()]).unwrap().tensor().buffer().overlaps(&memory));
        let scaled = Gradient::sum(vec![a.share().times(-2.0)]).unwrap();
        assert_eq!((read(&a), read(&scaled)), (vec![1.0; 2], vec![-2.0; 2]));
        // A view of shared memory is shared.
        let view = a.share().reshaped(Shape::from([2, 1]));
        assert!(
            !view.exclusive && Gradient::fresh(dy(0.0)).reshaped(Shape::from([1, 2])).exclusive
        );
    }

    #[test]
    fn more_gradients_than_one_op_takes_meet_in_a_node() {
        let x = values([3], 1).tracked();
        let y = x.scale(2.0).unwrap();
        let mut sum = y.scale(1.0).unwrap();
        for i in 2..=20 {
            sum = sum.add(&y.scale(f64::from(i)).unwrap()).unwrap();
        }
        let gradients = sum.sum_all().unwrap().backward().unwrap();
        assert_eq!(gradients.get(&x).unwrap().to_vec::<f64>().unwrap(), [420.0; 3]);
    }

    #[test]
    #[should_panic(expected = "a rule returns a gradient for a tracked input")]
    fn a_rule_that_severs_a_gradient_is_caught() {
        struct Severs;
        impl Rule for Severs {
            fn backward(&self, _: Gradient) -> Result<Vec<Option<Gradient>>> {
                Ok(vec![None])
            }
        }
        let x = values([], 1).tracked();
        let _ = x.detach().recorded(&[&x], || Severs).backward();
    }
}
