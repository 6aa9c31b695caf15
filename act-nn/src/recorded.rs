//! Operations with a backward pass of their own, as nodes of burn's autodiff graph.
//!
//! Each has a [`Rule`]: the state that its forward pass keeps, and the gradients that it gives to the
//! operation's inputs (its parents, counted from 0 in the order of the arguments).

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops as Node, OpsKind};
use burn::tensor::backend::{Backend, BackendTypes};
use burn::tensor::{Tensor, TensorPrimitive};

use crate::backend::Ops;

/// A tensor of the graph over `B`.
pub(crate) type Recorded<B> = <Autodiff<B> as BackendTypes>::FloatTensorPrimitive;

/// The backward pass of an operation with `N` inputs.
pub(crate) trait Rule<B: Backend, const N: usize>: Clone + Debug + Send + 'static {
    /// Gives every parent its gradient, from that of the result.
    fn backward(self, dy: B::FloatTensorPrimitive, parents: &mut Parents<'_, B, N>);
}

/// Makes a node of a [`Rule`].
#[derive(Debug)]
struct Of<R>(PhantomData<R>);

impl<B: Ops, R: Rule<B, N>, const N: usize> Backward<B, N> for Of<R> {
    type State = R;

    fn backward(self, node: Node<R, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<B>(&node.node);
        let parents = node.parents.map(|parent| {
            parent.map(|node| Recorded::<B> {
                rc: Arc::new(node.id),
                primitive: gradient.clone(),
                node,
            })
        });
        let mut parents = Parents { parents, gradients };
        node.state.backward(gradient, &mut parents);
    }
}

/// Records an operation: `compute` gives the result and the rule. Without a tracked input the
/// rule is forgotten.
pub(crate) fn record<B: Ops, R: Rule<B, N>, const N: usize>(
    inputs: [&Recorded<B>; N],
    compute: impl FnOnce() -> (B::FloatTensorPrimitive, R),
) -> Tensor<Autodiff<B>, 2> {
    let nodes = inputs.map(|input| input.node.clone());
    let operation = Of(PhantomData).prepare::<NoCheckpointing>(nodes);
    let (output, rule) = compute();
    let output = match operation.compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(rule, output),
        OpsKind::UnTracked(prep) => prep.finish(output),
    };
    Tensor::from_primitive(TensorPrimitive::Float(output))
}

/// The inputs of an operation, as takers of gradients.
pub(crate) struct Parents<'a, B: Backend, const N: usize> {
    /// `None`: wants no gradient. (Only the nodes matter, not the tensors' values.)
    parents: [Option<Recorded<B>>; N],
    gradients: &'a mut Gradients,
}

impl<B: Ops, const N: usize> Parents<'_, B, N> {
    /// Adds to the gradient of a parent, if it wants one. `Gradients::register` would add with
    /// burn's own operation; this adds as [`Ops::add_to`] does.
    pub(crate) fn give(
        &mut self,
        parent: usize,
        gradient: impl FnOnce() -> B::FloatTensorPrimitive,
    ) {
        let Some(parent) = &self.parents[parent] else {
            return;
        };
        let gradient = gradient();
        let sum = match self.gradients.remove::<B>(parent) {
            None => gradient,
            Some(other) => primitive(B::add_to(tensor::<B>(other), &tensor::<B>(gradient))),
        };
        self.gradients.register::<B>(parent.node.id, sum);
    }
}

/// The primitive of a plain or recorded tensor.
pub(crate) fn primitive<B: Backend>(tensor: Tensor<B, 2>) -> B::FloatTensorPrimitive {
    tensor.into_primitive().tensor()
}

fn tensor<B: Backend>(primitive: B::FloatTensorPrimitive) -> Tensor<B, 2> {
    Tensor::from_primitive(TensorPrimitive::Float(primitive))
}
