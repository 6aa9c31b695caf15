//! A Paddle program as a graph: operators in order of execution, who writes each variable, which
//! variables are parameters.
//!
//! Reading checks that the graph is one: every variable has one writer, and it stands before all
//! readers. So no walk back through it can go in a circle. What the operators mean is not known here.

use std::collections::{BTreeMap, HashMap};

use act_core::{Error, Result};
use prost::Message;

use super::op::{Op, Slots, Value, name};
use super::proto::{
    BlockDesc, OpAttr, OpDesc, OpSlot, ProgramDesc, TensorDesc, VarDesc, data_type,
};

/// Largest `.pdmodel`; exports of BERT-base have 0.1 to 2 MB, call stacks included.
pub const MAX_BYTES: u64 = 16 << 20;
/// Most operators and most variables; 48 layers of 40 operators are 2,000.
const MAX_ITEMS: usize = 1 << 15;
/// Most slots of an operator, variables in one, and attributes.
const MAX_PARTS: usize = 256;

/// The main block of a program.
#[derive(Debug)]
pub struct Program {
    ops: Vec<Op>,
    /// Which operator writes a variable.
    writers: HashMap<String, usize>,
    /// Parameters by name, in byte order of the names: the order of the parameter stream.
    parameters: BTreeMap<String, TensorDesc>,
}

impl Program {
    /// Decodes the bytes of a `.pdmodel`.
    ///
    /// # Errors
    /// Rejected: not such a file, too many parts, or a variable read before it is written.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Error::rejected(format!("more than {MAX_BYTES} bytes")));
        }
        let program: ProgramDesc = decode(bytes, || "the program".into())?;
        let block = program
            .blocks
            .first()
            .ok_or_else(|| Error::rejected("no Paddle program: it has no block"))?;
        let block: BlockDesc = decode(block, || "block 0".into())?;
        at_most("operators", block.ops.len(), MAX_ITEMS)?;
        at_most("variables", block.vars.len(), MAX_ITEMS)?;
        let mut graph = Self::new(parameters(&block.vars)?);
        for (index, bytes) in block.ops.iter().enumerate() {
            let op = read_op(index, bytes).map_err(|e| e.context(format!("operator {index}")))?;
            graph.push(op)?;
        }
        Ok(graph)
    }

    /// The graph of operators that were read, each at its index.
    ///
    /// # Errors
    /// Rejected: as [`Program::read`].
    pub(super) fn of(ops: Vec<Op>, parameters: BTreeMap<String, TensorDesc>) -> Result<Self> {
        at_most("operators", ops.len(), MAX_ITEMS)?;
        let mut graph = Self::new(parameters);
        ops.into_iter().try_for_each(|op| graph.push(op))?;
        Ok(graph)
    }

    fn new(parameters: BTreeMap<String, TensorDesc>) -> Self {
        Self {
            ops: Vec::new(),
            writers: HashMap::new(),
            parameters,
        }
    }

    /// Adds an operator whose inputs are all there.
    fn push(&mut self, op: Op) -> Result<()> {
        if op.kind() != "feed" {
            for variable in op.all_inputs() {
                if !self.writers.contains_key(variable) && !self.parameters.contains_key(variable) {
                    return Err(op.refuse(format!(
                        "reads {variable:?}, which no operator before it writes"
                    )));
                }
            }
        }
        if op.kind() != "fetch" {
            for variable in op.all_outputs() {
                let taken = self.parameters.contains_key(variable)
                    || self.writers.insert(variable.into(), op.index()).is_some();
                if taken {
                    return Err(op.refuse(format!("writes {variable:?} a second time")));
                }
            }
        }
        self.ops.push(op);
        Ok(())
    }

    /// The operators in order of execution.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// The parameters, in the order of their stream.
    pub fn parameters(&self) -> &BTreeMap<String, TensorDesc> {
        &self.parameters
    }

    /// The operator that writes a variable; none writes a parameter.
    pub fn writer(&self, variable: &str) -> Option<&Op> {
        self.writers.get(variable).map(|&i| &self.ops[i])
    }

    /// True for a name of [`Program::parameters`].
    pub fn is_parameter(&self, variable: &str) -> bool {
        self.parameters.contains_key(variable)
    }

    /// Operators that what `op` reads depends on, itself among them, in order of execution.
    pub fn ancestors(&self, op: &Op) -> Vec<&Op> {
        let mut needed = vec![false; self.ops.len()];
        needed[op.index()] = true;
        // Writers stand before readers, so one pass from the end finds all.
        for op in self.ops[..=op.index()].iter().rev() {
            if needed[op.index()] {
                for variable in op.all_inputs() {
                    if let Some(writer) = self.writers.get(variable) {
                        needed[*writer] = true;
                    }
                }
            }
        }
        self.ops.iter().filter(|op| needed[op.index()]).collect()
    }
}

/// Persistable dense tensors, by name.
fn parameters(vars: &[Vec<u8>]) -> Result<BTreeMap<String, TensorDesc>> {
    let mut parameters = BTreeMap::new();
    for (i, bytes) in vars.iter().enumerate() {
        let var: VarDesc = decode(bytes, || format!("variable {i}"))?;
        let kind = var.r#type.unwrap_or_default();
        if var.persistable != Some(true) || kind.r#type != data_type::LOD_TENSOR {
            continue;
        }
        let tensor = kind.lod_tensor.and_then(|t| t.tensor).unwrap_or_default();
        let name = name(var.name)?;
        at_most("dimensions", tensor.dims.len(), MAX_PARTS)?;
        if parameters.insert(name.clone(), tensor).is_some() {
            return Err(Error::rejected(format!(
                "parameter {name:?} is declared twice"
            )));
        }
    }
    Ok(parameters)
}

fn read_op(index: usize, bytes: &[u8]) -> Result<Op> {
    let op: OpDesc = decode(bytes, || "it".into())?;
    let mut attrs = BTreeMap::new();
    at_most("attributes", op.attrs.len(), MAX_PARTS)?;
    for bytes in &op.attrs {
        let attr: OpAttr = decode(bytes, || "an attribute".into())?;
        attrs.insert(name(attr.name.clone())?, Value::of(attr));
    }
    let (inputs, outputs) = (slots(&op.inputs)?, slots(&op.outputs)?);
    Ok(Op::new(index, name(op.r#type)?, inputs, outputs, attrs))
}

fn slots(list: &[Vec<u8>]) -> Result<Slots> {
    at_most("slots", list.len(), MAX_PARTS)?;
    let mut slots = Slots::new();
    for bytes in list {
        let slot: OpSlot = decode(bytes, || "a slot".into())?;
        at_most("variables in a slot", slot.arguments.len(), MAX_PARTS)?;
        let arguments: Result<_> = slot.arguments.into_iter().map(name).collect();
        slots.insert(name(slot.parameter)?, arguments?);
    }
    Ok(slots)
}

fn decode<M: Message + Default>(bytes: &[u8], what: impl Fn() -> String) -> Result<M> {
    M::decode(bytes)
        .map_err(|e| Error::rejected(format!("{} is damaged or no Paddle program: {e}", what())))
}

fn at_most(what: &str, count: usize, most: usize) -> Result<()> {
    if count <= most {
        return Ok(());
    }
    Err(Error::rejected(format!(
        "{count} {what}; {most} are allowed"
    )))
}
