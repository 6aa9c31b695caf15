//! Parameters by name.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::tensor::{DType, Tensor, TensorData};

/// The tensors of a model by parameter name. Getters return errors, not panics: what is missing
/// or of another type is named.
#[derive(Clone, Default)]
pub struct Params(BTreeMap<String, Tensor>);

impl Params {
    /// No tensors yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a tensor.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) {
        self.0.insert(name.into(), tensor);
    }

    /// Takes a tensor out.
    pub fn remove(&mut self, name: &str) -> Option<Tensor> {
        self.0.remove(name)
    }

    /// The tensor of that name.
    pub fn get(&self, name: &str) -> Result<&Tensor> {
        self.0
            .get(name)
            .ok_or_else(|| Error::rejected(format!("the model has no tensor {name}")))
    }

    /// The numbers of a single-precision tensor.
    pub fn f32(&self, name: &str) -> Result<&[f32]> {
        match self.get(name)?.data() {
            TensorData::F32(b) => Ok(b),
            _ => Err(self.wrong_type(name, DType::F32)),
        }
    }

    /// The numbers of a signed-byte tensor.
    pub fn i8(&self, name: &str) -> Result<&[i8]> {
        match self.get(name)?.data() {
            TensorData::I8(b) => Ok(b),
            _ => Err(self.wrong_type(name, DType::I8)),
        }
    }

    /// Names and tensors, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Number of tensors.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True without any tensor.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn wrong_type(&self, name: &str, wanted: DType) -> Error {
        let got = self.0[name].dtype().name();
        Error::usage(format!(
            "tensor {name} is {got}, this needs {}: give the float model, not the quantised one",
            wanted.name()
        ))
    }
}

impl FromIterator<(String, Tensor)> for Params {
    fn from_iter<I: IntoIterator<Item = (String, Tensor)>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_of_another_type_is_named() {
        let mut params = Params::new();
        params.insert("w", Tensor::i8([2], vec![1, -1]));
        params.insert("b", Tensor::f32([1], vec![0.5]));
        assert_eq!(params.i8("w").unwrap(), [1, -1]);
        assert_eq!(params.f32("b").unwrap(), [0.5]);
        assert_eq!(
            params.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            ["b", "w"]
        );
        let wrong = params.f32("w").unwrap_err().to_string();
        assert!(wrong.contains("tensor w is i8, this needs f32"), "{wrong}");
        let missing = params.i8("x").unwrap_err().to_string();
        assert!(missing.contains("no tensor x"), "{missing}");
        assert!(params.remove("w").is_some() && params.remove("w").is_none());
        assert_eq!((params.len(), params.is_empty()), (1, false));
    }
}
