//! Linear layers: float, int8 between QuantizeLinear and DequantizeLinear, or only a bias.
//!
//! The integers `a = round(x / scale)` are the engine's: the graph has the artifact's zero point, and
//! Clip cuts to the artifact's range. Where channels have a multiplier, a Mul goes before both.

use std::collections::HashMap;

use act_core::quant::{ActivationScheme, LinearQuant};
use act_core::{Artifact, Error, Linear, Result};

use super::graph::{Attribute, Graph, Value};

/// The bytes that stand for quantised inputs; what they mean is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ActivationType {
    /// Signed bytes, 128 less than the artifact's: what every runtime takes.
    #[default]
    Int8,
    /// Unsigned bytes: what ONNX Runtime multiplies fastest on x86.
    Uint8,
}

/// Writes linear layers into a graph.
pub struct Linears<'a> {
    artifact: &'a Artifact,
    activations: ActivationType,
    /// Values already quantised, by value and steps: query, key and value share theirs.
    bytes: HashMap<(Value, String), Value>,
    /// Inputs times their multiplier, by value and the linear that has it.
    products: HashMap<(Value, Linear), Value>,
    /// Layers whose input ONNX cannot quantise as the artifact does.
    pub float_inputs: Vec<Linear>,
}

impl<'a> Linears<'a> {
    /// For the layers of one artifact.
    pub fn new(artifact: &'a Artifact, activations: ActivationType) -> Self {
        Self {
            artifact,
            activations,
            bytes: HashMap::new(),
            products: HashMap::new(),
            float_inputs: Vec::new(),
        }
    }

    /// `input * weight' + bias`; `input` is `[.., in]`.
    pub fn apply(&mut self, graph: &mut Graph, linear: Linear, input: &Value) -> Result<Value> {
        let place = linear.to_string();
        let (input, weight) = match self.artifact.quant.linear(linear) {
            Some(quant) => {
                let product = self.multiplied(graph, &place, linear, input)?;
                let input = self.quantised(graph, &place, quant, &product);
                (input, self.int8_weight(graph, linear)?)
            }
            None => (input.clone(), self.float_weight(graph, linear)?),
        };
        let product = graph.node(&place, "MatMul", &[&input, &weight]);
        Ok(match self.bias(graph, linear)? {
            Some(bias) => graph.node(&place, "Add", &[&product, &bias]),
            None => product,
        })
    }

    /// The bias alone, `[out]`, if there is one: what is left where pruning took the whole block.
    pub fn bias(&self, graph: &mut Graph, linear: Linear) -> Result<Option<Value>> {
        if !self.artifact.plan.has_bias(linear) {
            return Ok(None);
        }
        let name = linear.bias();
        let values = self.artifact.params.f32(&name)?;
        Ok(Some(graph.floats(&name, &[values.len()], values)))
    }

    /// `input` times its multiplier, if it has one; query, key and value share the product.
    fn multiplied(
        &mut self,
        graph: &mut Graph,
        place: &str,
        linear: Linear,
        input: &Value,
    ) -> Result<Value> {
        let Some(multiplier) = self.artifact.input_multiplier(linear)? else {
            return Ok(input.clone());
        };
        let owner = self.artifact.quant.first_reader(linear);
        let key = (input.clone(), owner);
        let product = self.products.entry(key).or_insert_with(|| {
            let name = owner.input_multiplier();
            let multiplier = graph.floats(&name, &[multiplier.len()], multiplier);
            graph.node(&format!("{place}.input"), "Mul", &[input, &multiplier])
        });
        Ok(product.clone())
    }

    /// What the engine's integers stand for: `input` rounded to steps and cut to the range.
    fn quantised(
        &mut self,
        graph: &mut Graph,
        place: &str,
        quant: &LinearQuant,
        input: &Value,
    ) -> Value {
        let ActivationScheme::Static { scale, zero_point } = quant.activation else {
            self.float_inputs.push(quant.linear);
            return input.clone();
        };
        let (reach, zero_point) = (i32::from(quant.activation_max), i32::from(zero_point));
        let (low, high) = (128 - reach - zero_point, 128 + reach - zero_point);
        let step = graph.float(scale);
        let zero = match self.activations {
            ActivationType::Int8 => {
                let zero = (zero_point - 128) as i8;
                graph.int8s(&format!("int8.{zero}"), &[], &[zero])
            }
            ActivationType::Uint8 => graph.uint8(&format!("uint8.{zero_point}"), zero_point as u8),
        };
        let key = (input.clone(), format!("{scale:e} {low} {high}"));
        let bytes = self.bytes.entry(key).or_insert_with(|| {
            // QuantizeLinear itself cuts at -128, which is wider than any artifact's range.
            let bounds = [low, high].map(|bound| graph.float(bound as f32 * scale));
            let place = format!("{place}.input");
            let cut = graph.node(&place, "Clip", &[input, &bounds[0], &bounds[1]]);
            graph.node(&place, "QuantizeLinear", &[&cut, &step, &zero])
        });
        // Each reader has its own: runtimes fuse a DequantizeLinear into its only reader.
        let inputs = [&*bytes, &step, &zero];
        graph.node(&format!("{place}.input"), "DequantizeLinear", &inputs)
    }

    fn float_weight(&self, graph: &mut Graph, linear: Linear) -> Result<Value> {
        let (name, [out, input]) = (linear.weight(), self.artifact.plan.linear_shape(linear));
        let values = transposed(self.artifact.params.f32(&name)?, &name, [out, input])?;
        Ok(graph.floats(&format!("{name}.transposed"), &[input, out], &values))
    }

    fn int8_weight(&self, graph: &mut Graph, linear: Linear) -> Result<Value> {
        let (name, [out, input]) = (linear.weight(), self.artifact.plan.linear_shape(linear));
        let values = transposed(self.artifact.params.i8(&name)?, &name, [out, input])?;
        let bytes = graph.int8s(&format!("{name}.transposed"), &[input, out], &values);
        let scales = self.artifact.params.f32(&linear.scale())?;
        let scales = graph.floats(&linear.scale(), &[scales.len()], scales);
        // No zero point: ONNX takes 0.
        let inputs = [&bytes, &scales];
        let axis = [("axis", Attribute::Int(1))];
        let place = format!("{linear}.weight");
        Ok(graph.node_with(&place, "DequantizeLinear", &inputs, &axis))
    }
}

/// `[out, in]` as MatMul wants it, `[in, out]`.
fn transposed<T: Copy>(values: &[T], name: &str, [out, input]: [usize; 2]) -> Result<Vec<T>> {
    if values.len() != out * input {
        let count = values.len();
        let message = format!("tensor {name} has {count} numbers, the plan wants [{out}, {input}]");
        return Err(Error::rejected(message));
    }
    let mut columns = Vec::with_capacity(values.len());
    for i in 0..input {
        columns.extend(values[i..].iter().step_by(input));
    }
    Ok(columns)
}
