//! Writes Paddle programs: any encoder of an artifact, in a manner of exporting that the test picks.
//! Uses the messages of the reader, but none of its logic.

use std::collections::BTreeMap;

use act_convert::paddle::proto::{
    BlockDesc, LodTensorDesc, OpAttr, OpDesc, OpSlot, ProgramDesc, TensorDesc, VarDesc, VarType,
};
use act_core::{Activation, Artifact, Embedding, Linear, Norm};
use prost::Message;

use crate::attributes::{attr_flag, attr_float, attr_int, attr_ints, attr_text};

/// Ways to export the same encoder.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// `mul` and `matmul` with `alpha`, as before Paddle 2.1, instead of `matmul_v2` and `scale`.
    pub old: bool,
    /// One product for query, key and value, cut by `split`, or by `slice` in the old way.
    pub fused: bool,
    /// Values before keys before queries, and the residual second.
    pub reversed: bool,
    /// Dropout that multiplies at inference; the weights written make up for it.
    pub downgrade: bool,
    /// The row of the task table that the program reads.
    pub task_id: usize,
}

/// Dropout probability: a power of two, so that making up for it is exact.
const DROPOUT: f32 = 0.5;

/// A program and its tensors while they are made.
pub struct Writer<'a> {
    artifact: &'a Artifact,
    manner: Manner,
    pub ops: Vec<OpDesc>,
    pub tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    count: usize,
}

fn slots(list: &[(&str, &[&str])]) -> Vec<Vec<u8>> {
    let slot = |(slot, names): &(&str, &[&str])| OpSlot {
        parameter: slot.to_string(),
        arguments: names.iter().map(|n| n.to_string()).collect(),
    };
    list.iter().map(|s| slot(s).encode_to_vec()).collect()
}

impl<'a> Writer<'a> {
    /// The whole program of an artifact.
    pub fn write(artifact: &'a Artifact, manner: Manner) -> Self {
        let mut writer = Self {
            artifact,
            manner,
            ops: Vec::new(),
            tensors: BTreeMap::new(),
            count: 0,
        };
        writer.program();
        writer
    }

    /// Appends an operator with one output and gives that output's name.
    pub fn op(
        &mut self,
        kind: &str,
        inputs: &[(&str, &str)],
        out: &str,
        attrs: &[OpAttr],
    ) -> String {
        let output = self.name();
        let inputs: Vec<(&str, Vec<&str>)> = inputs.iter().map(|(s, n)| (*s, vec![*n])).collect();
        let inputs: Vec<(&str, &[&str])> = inputs.iter().map(|(s, n)| (*s, &n[..])).collect();
        self.ops.push(OpDesc {
            inputs: slots(&inputs),
            outputs: slots(&[(out, &[&output])]),
            r#type: kind.into(),
            attrs: attrs.iter().map(Message::encode_to_vec).collect(),
        });
        output
    }

    /// Names that say nothing, and that byte order does not sort by age.
    fn name(&mut self) -> String {
        self.count += 1;
        format!("v{}_{}", (self.count * 7919) % 1000, self.count)
    }

    fn tensor(&mut self, shape: &[usize], values: Vec<f32>) -> String {
        let name = self.name();
        self.tensors.insert(name.clone(), (shape.to_vec(), values));
        name
    }

    fn values(&self, name: &str) -> Vec<f32> {
        self.artifact.params.f32(name).unwrap().to_vec()
    }

    fn program(&mut self) {
        let ids = self.op("feed", &[("X", "feed")], "Out", &[attr_int("col", 0)]);
        let types = self.op("feed", &[("X", "feed")], "Out", &[attr_int("col", 1)]);
        let pad = self.artifact.tokenizer.pad_id() as f32;
        let pad = self.op("fill_constant", &[], "Out", &[attr_float("value", pad)]);
        let mask = self.op("equal", &[("X", &ids), ("Y", &pad)], "Out", &[]);
        let mask = self.op("cast", &[("X", &mask)], "Out", &[]);
        let mask = self.scale(&mask, -10_000.0);
        let axes = [attr_ints("axes", &[1, 2])];
        let mask = self.op("unsqueeze2", &[("X", &mask)], "Out", &axes);

        let sum = self.tables(&ids, &types);
        let mut state = self.norm(Norm::Embeddings, &sum);
        for l in 0..self.artifact.plan.layers.len() {
            let block = self.attention(l, &state, &mask);
            state = self.joined(&state, &block, Norm::Attention(l));
            let hidden = self.dense(Linear::Intermediate(l), &state, 1.0);
            let kind = match self.artifact.plan.block.activation {
                Activation::Gelu => "gelu",
                Activation::Relu => "relu",
                Activation::GeluTanh => unreachable!("Paddle's is refused"),
            };
            let hidden = self.op(kind, &[("X", &hidden)], "Out", &[]);
            let hidden = self.dropout(&hidden);
            let block = self.dense(Linear::Output(l), &hidden, self.made_up());
            state = self.joined(&state, &block, Norm::Output(l));
        }
        let cut = [
            ("axes", 1),
            ("starts", 0),
            ("ends", 1),
            ("decrease_axis", 1),
        ];
        let cut = cut.map(|(name, value)| attr_ints(name, &[value]));
        let first = self.op("slice", &[("Input", &state)], "Out", &cut);
        let pooled = self.dense(Linear::Pooler, &first, 1.0);
        let pooled = self.op("tanh", &[("X", &pooled)], "Out", &[]);
        let pooled = self.dropout(&pooled);
        let logits = self.dense(Linear::Classifier, &pooled, self.made_up());
        let logits = self.scale(&logits, 1.0);
        self.op("fetch", &[("X", &logits)], "Out", &[attr_int("col", 0)]);
    }

    fn tables(&mut self, ids: &str, types: &str) -> String {
        let one = [attr_float("value", 1.0)];
        let ones = self.op("fill_any_like", &[("X", ids)], "Out", &one);
        let count = self.op("cumsum", &[("X", &ones)], "Out", &[attr_int("axis", 1)]);
        let count = self.op(
            "elementwise_sub",
            &[("X", &count), ("Y", &ones)],
            "Out",
            &[],
        );
        let mut sum = self.table(Embedding::TokenType, types);
        for (table, rows) in [
            (Embedding::Position, count.as_str()),
            (Embedding::Word, ids),
        ] {
            let term = self.table(table, rows);
            sum = self.op("elementwise_add", &[("X", &term), ("Y", &sum)], "Out", &[]);
        }
        if self.artifact.plan.embeddings.task_type_vocab_size > 0 {
            let task = self.scale(&ones, self.manner.task_id as f32);
            let term = self.table(Embedding::TaskType, &task);
            sum = self.op("elementwise_add", &[("X", &sum), ("Y", &term)], "Out", &[]);
        }
        sum
    }

    fn table(&mut self, table: Embedding, ids: &str) -> String {
        let (rows, hidden) = (self.artifact.plan.table_rows(table), self.hidden());
        let mut values = self.values(&table.weight());
        if table == Embedding::TaskType {
            let task = self.manner.task_id * hidden;
            (0..hidden).for_each(|c| values.swap(c, task + c));
        }
        let weight = self.tensor(&[rows, hidden], values);
        self.op(
            "lookup_table_v2",
            &[("W", &weight), ("Ids", ids)],
            "Out",
            &[],
        )
    }

    fn attention(&mut self, l: usize, state: &str, mask: &str) -> String {
        let layer = self.artifact.plan.layers[l].clone();
        let roles = [Linear::Query(l), Linear::Key(l), Linear::Value(l)];
        let projected = match self.manner {
            Manner { fused: true, .. } => self.fused(roles, state),
            Manner { reversed: true, .. } => {
                let [v, k, q] = [roles[2], roles[1], roles[0]].map(|r| self.dense(r, state, 1.0));
                [q, k, v]
            }
            _ => roles.map(|role| self.dense(role, state, 1.0)),
        };
        let shape = [0, 0, layer.heads() as i32, layer.head_dim as i32];
        let [q, k, v] = projected.map(|x| {
            let x = self.op(
                "reshape2",
                &[("X", &x)],
                "Out",
                &[attr_ints("shape", &shape)],
            );
            self.turned(&x)
        });
        let scale = (layer.head_dim as f32).powf(-0.5);
        let scores = if self.manner.old {
            let attrs = [attr_flag("transpose_Y", true), attr_float("alpha", scale)];
            self.op("matmul", &[("X", &q), ("Y", &k)], "Out", &attrs)
        } else {
            let q = self.scale(&q, scale);
            let attrs = [attr_flag("trans_y", true)];
            self.op("matmul_v2", &[("X", &q), ("Y", &k)], "Out", &attrs)
        };
        let scores = self.op(
            "elementwise_add",
            &[("X", &scores), ("Y", mask)],
            "Out",
            &[],
        );
        let weights = self.op("softmax", &[("X", &scores)], "Out", &[]);
        let weights = self.dropout(&weights);
        let kind = if self.manner.old {
            "matmul"
        } else {
            "matmul_v2"
        };
        let context = self.op(kind, &[("X", &weights), ("Y", &v)], "Out", &[]);
        let context = self.turned(&context);
        let shape = [0, 0, layer.attention_width() as i32];
        let shape = [attr_ints("shape", &shape)];
        let context = self.op("reshape2", &[("X", &context)], "Out", &shape);
        self.dense(Linear::AttentionOutput(l), &context, self.made_up())
    }

    fn turned(&mut self, x: &str) -> String {
        let axis = [attr_ints("axis", &[0, 2, 1, 3])];
        self.op("transpose2", &[("X", x)], "Out", &axis)
    }

    /// Query, key and value by one product.
    fn fused(&mut self, roles: [Linear; 3], state: &str) -> [String; 3] {
        let [width, input] = self.artifact.plan.linear_shape(roles[0]);
        let parts = roles.map(|role| self.values(&role.weight()));
        let columns: Vec<f32> = (0..input)
            .flat_map(|i| parts.iter().map(move |p| (p, i)))
            .flat_map(|(p, i)| (0..width).map(move |o| p[o * input + i]))
            .collect();
        let bias: Vec<f32> = roles.iter().flat_map(|r| self.values(&r.bias())).collect();
        let whole = self.product(state, [input, 3 * width], (columns, bias), 2);
        if self.manner.old {
            return [0, 1, 2].map(|part| self.columns(&whole, part * width, width));
        }
        let outputs = [0; 3].map(|_| self.name());
        let names: Vec<&str> = outputs.iter().map(String::as_str).collect();
        self.ops.push(OpDesc {
            inputs: slots(&[("X", &[&whole])]),
            outputs: slots(&[("Out", &names)]),
            r#type: "split".into(),
            attrs: [attr_int("num", 3), attr_int("axis", -1)]
                .iter()
                .map(Message::encode_to_vec)
                .collect(),
        });
        outputs
    }

    fn columns(&mut self, whole: &str, start: usize, width: usize) -> String {
        let (start, end) = (start as i32, (start + width) as i32);
        let cut = [("axes", 2), ("starts", start), ("ends", end)];
        let cut = cut.map(|(name, value)| attr_ints(name, &[value]));
        self.op("slice", &[("Input", whole)], "Out", &cut)
    }

    /// A linear layer whose weight is written `factor` times as large.
    fn dense(&mut self, role: Linear, input: &str, factor: f32) -> String {
        let [out, width] = self.artifact.plan.linear_shape(role);
        let stored = self.values(&role.weight());
        let weight = (0..width).flat_map(|i| (0..out).map(move |o| (o, i)));
        let weight = weight
            .map(|(o, i)| factor * stored[o * width + i])
            .collect();
        let bias = self.values(&role.bias());
        // The head sees one token a text: its matrices have no axis of tokens.
        let last_axis = match role {
            Linear::Pooler | Linear::Classifier => 1,
            _ => 2,
        };
        self.product(input, [width, out], (weight, bias), last_axis)
    }

    fn product(
        &mut self,
        x: &str,
        shape: [usize; 2],
        (weight, bias): (Vec<f32>, Vec<f32>),
        last_axis: i32,
    ) -> String {
        let weight = self.tensor(&shape, weight);
        let bias = self.tensor(&[shape[1]], bias);
        let (kind, attrs, axis) = if self.manner.old {
            let columns = attr_int("x_num_col_dims", last_axis);
            ("mul", vec![columns], last_axis)
        } else {
            ("matmul_v2", vec![], -1)
        };
        let product = self.op(kind, &[("X", x), ("Y", &weight)], "Out", &attrs);
        let axis = [attr_int("axis", axis)];
        self.op(
            "elementwise_add",
            &[("X", &product), ("Y", &bias)],
            "Out",
            &axis,
        )
    }

    fn joined(&mut self, state: &str, block: &str, norm: Norm) -> String {
        let [x, y] = if self.manner.reversed {
            [block, state]
        } else {
            [state, block]
        };
        let sum = self.op("elementwise_add", &[("X", x), ("Y", y)], "Out", &[]);
        self.norm(norm, &sum)
    }

    fn norm(&mut self, norm: Norm, x: &str) -> String {
        let hidden = self.hidden();
        let weight = self.tensor(&[hidden], self.values(&norm.weight()));
        let bias = self.tensor(&[hidden], self.values(&norm.bias()));
        let epsilon = self.artifact.plan.layer_norm_eps;
        let attrs = [
            attr_float("epsilon", epsilon),
            attr_int("begin_norm_axis", 2),
        ];
        let inputs = [
            ("X", x),
            ("Scale", weight.as_str()),
            ("Bias", bias.as_str()),
        ];
        self.op("layer_norm", &inputs, "Y", &attrs)
    }

    fn dropout(&mut self, x: &str) -> String {
        let how = if self.manner.downgrade {
            "downgrade_in_infer"
        } else {
            "upscale_in_train"
        };
        let attrs = [
            attr_float("dropout_prob", DROPOUT),
            attr_text("dropout_implementation", how),
        ];
        self.op("dropout", &[("X", x)], "Out", &attrs)
    }

    /// What a weight behind a dropout is written with.
    fn made_up(&self) -> f32 {
        if self.manner.downgrade {
            1.0 / (1.0 - DROPOUT)
        } else {
            1.0
        }
    }

    fn scale(&mut self, x: &str, scale: f32) -> String {
        self.op("scale", &[("X", x)], "Out", &[attr_float("scale", scale)])
    }

    fn hidden(&self) -> usize {
        self.artifact.plan.hidden_size
    }

    /// The bytes of the `.pdmodel`.
    pub fn model(&self) -> Vec<u8> {
        let vars = self.tensors.iter().map(|(name, (shape, _))| VarDesc {
            name: name.clone(),
            persistable: Some(true),
            r#type: Some(VarType {
                r#type: 7,
                lod_tensor: Some(LodTensorDesc {
                    tensor: Some(description(shape)),
                }),
            }),
        });
        let block = BlockDesc {
            vars: vars.map(|v| v.encode_to_vec()).collect(),
            ops: self.ops.iter().map(Message::encode_to_vec).collect(),
        };
        let blocks = vec![block.encode_to_vec()];
        ProgramDesc { blocks }.encode_to_vec()
    }

    /// The bytes of the `.pdiparams`.
    pub fn params(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (shape, values) in self.tensors.values() {
            bytes.extend(0u32.to_le_bytes());
            bytes.extend(0u64.to_le_bytes());
            bytes.extend(0u32.to_le_bytes());
            let desc = description(shape).encode_to_vec();
            bytes.extend((desc.len() as u32).to_le_bytes());
            bytes.extend(desc);
            values.iter().for_each(|v| bytes.extend(v.to_le_bytes()));
        }
        bytes
    }
}

fn description(shape: &[usize]) -> TensorDesc {
    TensorDesc {
        data_type: 5,
        dims: shape.iter().map(|&d| d as i64).collect(),
    }
}
