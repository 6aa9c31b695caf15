//! The masks where the tensors are: the same bits as on the CPU, without sending them there.

use burn::tensor::backend::Backend;
use burn::tensor::{DType, FloatDType, Int, Tensor, TensorData};

use super::{Mask, MaskRows};

impl MaskRows {
    /// As [`MaskRows::factors`], computed on the device with integers of 32 bits that wrap: only
    /// three numbers a row are sent there.
    pub(crate) fn factors_on<B: Backend>(&self, width: usize, device: &B::Device) -> Tensor<B, 2> {
        let Some(&(_, of_all)) = self.0.first() else {
            return Tensor::zeros([0, width], device);
        };
        let of_rows = |number: fn(&(u32, Mask)) -> u32| {
            let numbers: Vec<u32> = self.0.iter().map(number).collect();
            let data = TensorData::new(numbers, [self.len(), 1]);
            Tensor::<B, 2, Int>::from_data(data, (device, DType::U32))
        };
        let constant = |number: u32| {
            let data = TensorData::new(vec![number], [1, 1]);
            Tensor::<B, 2, Int>::from_data(data, (device, DType::U32))
        };
        let shifted = |x: &Tensor<B, 2, Int>, bits| x.clone().bitwise_right_shift(constant(bits));
        let columns = Tensor::<B, 1, Int>::arange(0..width as i64, (device, DType::U32));
        let x = of_rows(|row| row.0) + columns.reshape([1, width]);
        let x = x.bitwise_xor(of_rows(|row| row.1.key[0]));
        let x = (x.clone().bitwise_xor(shifted(&x, 16))) * constant(0x7feb_352d);
        let x = x.clone().bitwise_xor(shifted(&x, 15)) + of_rows(|row| row.1.key[1]);
        let x = x * constant(0x846c_a68b);
        let x = x.clone().bitwise_xor(shifted(&x, 16));
        let kept = x.greater_equal(constant(of_all.threshold));
        kept.float().cast(FloatDType::F32) * of_all.scale
    }
}
