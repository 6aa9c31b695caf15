//! Mean squared error between hidden states of the same width, example by example.

use burn::tensor::Tensor;

use crate::backend::Ops;
use crate::objective::Rows;
use crate::tensors::tensor;

/// The mean over an example's rows and columns, summed over the examples, so that a long example
/// counts as much as a short one. `student` has the `rows` of examples of these `lengths`; a
/// student with all rows is cut to the first ones where those are wanted.
pub(crate) fn squared_error<B: Ops>(
    student: Tensor<B, 2>,
    teacher: Tensor<B, 2>,
    rows: Rows,
    lengths: &[usize],
) -> Tensor<B, 1> {
    let [count, width] = student.dims();
    let difference = student - teacher;
    let squares = difference.clone() * difference;
    let share = |&length: &usize| match rows {
        Rows::All => vec![1.0 / (length * width) as f32; length],
        Rows::First => vec![1.0 / width as f32],
    };
    let shares: Vec<f32> = lengths.iter().flat_map(share).collect();
    let device = squares.device();
    (squares * tensor::<B, 2>(shares, [count, 1], &device)).sum()
}
