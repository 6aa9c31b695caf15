//! The parameters of an encoder as tensors on a device, by name.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use act_core::names::RELATIVE_BIAS;
use act_core::plan::TensorSpec;
use act_core::quant::QuantSpec;
use act_core::{Artifact, Error, Linear, Norm, Params, Plan, Result};
use burn::tensor::backend::Backend;
use burn::tensor::{FloatDType, Tensor};

use crate::backend::ActBackend;
use crate::tensors::{tensor, to_vec};

/// Which tensors there are, in directory order.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) plan: Plan,
    pub(crate) specs: Vec<TensorSpec>,
    index: HashMap<String, usize>,
}

impl Layout {
    /// Of a float model with this plan.
    pub(crate) fn new(plan: &Plan) -> Self {
        let specs = plan.expected_tensors(&QuantSpec::default());
        let names = specs.iter().map(|s| s.name.clone());
        let index = names.enumerate().map(|(i, name)| (name, i)).collect();
        let plan = plan.clone();
        Self { plan, specs, index }
    }

    /// Position of a tensor; `None` where pruning took it away.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    /// Names of the embedding tables.
    pub(crate) fn tables(&self) -> Vec<String> {
        self.plan.tables().iter().map(|t| t.weight()).collect()
    }
}

/// All parameters; 1-D ones are rows, `[1, n]`.
#[derive(Debug, Clone)]
pub(crate) struct Weights<B: Backend> {
    pub(crate) layout: Arc<Layout>,
    pub(crate) tensors: Vec<Tensor<B, 2>>,
    /// Steps of the rows of those linears' weights that are whole numbers of steps.
    pub(crate) steps: Arc<BTreeMap<Linear, Vec<f32>>>,
}

impl<B: Backend> Weights<B> {
    /// Tensors in the layout's order, none of them known to be rounded.
    pub(crate) fn new(layout: Arc<Layout>, tensors: Vec<Tensor<B, 2>>) -> Self {
        Self {
            layout,
            tensors,
            steps: Arc::default(),
        }
    }

    /// Copies a float model to a device. A tensor that is missing or of another type or shape is
    /// rejected by name.
    pub(crate) fn load(artifact: &Artifact, device: &B::Device) -> Result<Self> {
        Self::read(&artifact.plan, &artifact.params, device)
    }

    /// Copies the tensors of a plan to a device; see [`Weights::load`].
    pub(crate) fn read(plan: &Plan, params: &Params, device: &B::Device) -> Result<Self> {
        plan.check_supported()?;
        let layout = Layout::new(plan);
        let mut tensors = Vec::with_capacity(layout.specs.len());
        for spec in &layout.specs {
            let values = params.f32(&spec.name)?;
            let shape = params.get(&spec.name)?.shape();
            if shape != spec.shape {
                return Err(Error::rejected(format!(
                    "tensor {} is {shape:?}, the plan says {:?}",
                    spec.name, spec.shape
                )));
            }
            let shape = match *shape {
                [rows, columns] => [rows, columns],
                _ => [1, values.len()],
            };
            tensors.push(tensor(values.to_vec(), shape, device));
        }
        Ok(Self::new(Arc::new(layout), tensors))
    }

    /// The parameters as an artifact holds them.
    pub(crate) fn to_params(&self) -> Params {
        let named = self.layout.specs.iter().zip(&self.tensors);
        named
            .map(|(spec, tensor)| {
                let values = to_vec(tensor.clone());
                (
                    spec.name.clone(),
                    act_core::Tensor::f32(spec.shape.clone(), values),
                )
            })
            .collect()
    }

    /// The matrices of linear layers in another type, still in the graph: gradients reach these
    /// tensors in theirs.
    pub(crate) fn lowered(&self, dtype: FloatDType) -> Self {
        let tables = self.layout.tables();
        let named = self.layout.specs.iter().zip(&self.tensors);
        let tensors = named.map(|(spec, tensor)| {
            let table = tables.contains(&spec.name) || spec.name == RELATIVE_BIAS;
            if spec.shape.len() == 2 && !table {
                tensor.clone().cast(dtype)
            } else {
                tensor.clone()
            }
        });
        Self::new(self.layout.clone(), tensors.collect())
    }

    /// A tensor that every plan has.
    pub(crate) fn get(&self, name: &str) -> &Tensor<B, 2> {
        &self.tensors[self.layout.index[name]]
    }

    /// Weight, where the plan has one, and bias of a linear layer; zeros that are not trained where it has
    /// none.
    pub(crate) fn linear(&self, linear: Linear) -> (Option<Tensor<B, 2>>, Tensor<B, 2>) {
        let weight = self.layout.position(&linear.weight());
        let weight = weight.map(|i| self.tensors[i].clone());
        let [outputs, _] = self.layout.plan.linear_shape(linear);
        (weight, self.or_zeros(&linear.bias(), outputs))
    }

    /// Gamma and beta; a beta of zeros that are not trained where there is none.
    pub(crate) fn norm(&self, norm: Norm) -> [Tensor<B, 2>; 2] {
        let gamma = self.get(&norm.weight()).clone();
        let [_, width] = gamma.dims();
        [gamma, self.or_zeros(&norm.bias(), width)]
    }

    fn or_zeros(&self, name: &str, width: usize) -> Tensor<B, 2> {
        match self.layout.position(name) {
            Some(place) => self.tensors[place].clone(),
            None => tensor(vec![0f32; width], [1, width], &self.tensors[0].device()),
        }
    }
}

impl<B: ActBackend> Weights<B> {
    /// The same tensors as leaves of a new graph; gradients are recorded for those that `wanted`
    /// names.
    pub(crate) fn leaves(&self, wanted: impl Fn(&str) -> bool) -> Weights<B::Graph> {
        let named = self.layout.specs.iter().zip(&self.tensors);
        let tensors = named.map(|(spec, tensor)| {
            let leaf = Tensor::from_inner(tensor.clone());
            if wanted(&spec.name) {
                leaf.require_grad()
            } else {
                leaf
            }
        });
        Weights {
            layout: self.layout.clone(),
            tensors: tensors.collect(),
            steps: self.steps.clone(),
        }
    }
}
