//! Losses between the student's and the teacher's class scores, `[sequences, classes]`.

use burn::tensor::Tensor;
use burn::tensor::activation::log_softmax;
use burn::tensor::backend::Backend;

/// Squared error, the mean over classes, summed over the rows (Ba & Caruana 2014, section 2.2).
pub(crate) fn squared_error<B: Backend>(
    student: Tensor<B, 2>,
    teacher: Tensor<B, 2>,
) -> Tensor<B, 1> {
    let classes = student.dims()[1];
    let difference = student - teacher;
    (difference.clone() * difference).sum() / classes as f64
}

/// `T^2 KL(softmax(teacher / T) || softmax(student / T))`, summed over the rows. The factor keeps
/// gradients of about the same size whatever the temperature (Hinton et al. 2015, section 2); the
/// divergence has the gradients of their cross-entropy and is 0 where the two agree.
pub(crate) fn divergence<B: Backend>(
    student: Tensor<B, 2>,
    teacher: Tensor<B, 2>,
    temperature: f64,
) -> Tensor<B, 1> {
    let student = log_softmax(student / temperature, 1);
    let teacher = log_softmax(teacher / temperature, 1);
    let divergence = teacher.clone().exp() * (teacher - student);
    divergence.sum() * (temperature * temperature)
}
