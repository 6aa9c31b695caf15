//! One step of an optimiser. A launch costs more than the work on a bias, so one kernel works on [`TOGETHER`]
//! parameters.

use burn_cubecl::CubeRuntime;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::{input, of_elements, own, sent_floats};
use crate::update::{AdamStep, MomentumStep, SgdStep, Shared, Update};

/// Tensors that one launch works on.
pub(super) const TOGETHER: usize = 4;
/// Threads of a cube.
pub(super) const UNITS: u32 = 256;
/// Elements of a tensor that one thread works on.
pub(super) const EACH: u32 = 32;

/// Cubes that work on a tensor.
pub(super) fn cubes_of<R: CubeRuntime>(x: &CubeTensor<R>) -> u32 {
    (x.meta.num_elements() as u32).div_ceil(UNITS * EACH)
}

/// Up to [`TOGETHER`] of them, the last one again where there are fewer.
pub(super) fn filled<T: Clone>(some: &[T]) -> [T; TOGETHER] {
    std::array::from_fn(|i| some[i.min(some.len() - 1)].clone())
}

/// A cube for every part of the largest of some tensors, for each of them.
pub(super) fn grid<R: CubeRuntime>(tensors: &[CubeTensor<R>]) -> CubeCount {
    let most = tensors.iter().map(cubes_of).max().unwrap_or(1);
    CubeCount::Static(most, tensors.len() as u32, 1)
}

/// The gradient of an element with clipping and penalties. `clip` 0: none.
#[cube]
fn gradient(g: f32, value: f32, squares: f32, clip: f32, l1: f32, l2: f32) -> f32 {
    let norm = f32::sqrt(squares);
    let mut scale = 1.0f32;
    if clip > 0.0f32 && norm > clip {
        scale = clip / norm;
    }
    let sign = select(value > 0.0f32, l1, select(value < 0.0f32, -l1, 0.0f32));
    g * scale + value * l2 + sign
}

/// Numbers of a step of Adam, in the order in which [`adam_numbers`] sends them.
const NUMBERS: usize = 10;

#[cube]
fn adam_part(
    g: &Array<f32>,
    value: &mut Array<f32>,
    first: &mut Array<f32>,
    second: &mut Array<f32>,
    squares: &Array<f32>,
    numbers: &Array<f32>,
    kind: u32,
    clip: f32,
) {
    let base = (kind * 10u32) as usize;
    let mut i = 0u32;
    while i < EACH {
        let place = (CUBE_POS_X * UNITS * EACH + i * UNITS + UNIT_POS_X) as usize;
        if place < value.len() {
            let v = value[place];
            let (l1, l2) = (numbers[base], numbers[base + 1]);
            let g = gradient(g[place], v, squares[0], clip, l1, l2);
            let m = first[place] * numbers[base + 2] + g * numbers[base + 4];
            let s = second[place] * numbers[base + 3] + g * g * numbers[base + 5];
            first[place] = m;
            second[place] = s;
            let root = f32::sqrt(s * numbers[base + 8]) + numbers[base + 6];
            value[place] = v * numbers[base + 9] - m / root * numbers[base + 7];
        }
        i += 1u32;
    }
}

#[cube(launch)]
fn adam_kernel(
    g0: &Array<f32>,
    g1: &Array<f32>,
    g2: &Array<f32>,
    g3: &Array<f32>,
    value0: &mut Array<f32>,
    value1: &mut Array<f32>,
    value2: &mut Array<f32>,
    value3: &mut Array<f32>,
    first0: &mut Array<f32>,
    first1: &mut Array<f32>,
    first2: &mut Array<f32>,
    first3: &mut Array<f32>,
    second0: &mut Array<f32>,
    second1: &mut Array<f32>,
    second2: &mut Array<f32>,
    second3: &mut Array<f32>,
    squares: &Array<f32>,
    numbers: &Array<f32>,
    kind0: u32,
    kind1: u32,
    kind2: u32,
    kind3: u32,
    clip: f32,
) {
    let which = CUBE_POS_Y;
    if which == 0u32 {
        adam_part(g0, value0, first0, second0, squares, numbers, kind0, clip);
    } else if which == 1u32 {
        adam_part(g1, value1, first1, second1, squares, numbers, kind1, clip);
    } else if which == 2u32 {
        adam_part(g2, value2, first2, second2, squares, numbers, kind2, clip);
    } else {
        adam_part(g3, value3, first3, second3, squares, numbers, kind3, clip);
    }
}

fn adam_numbers(step: &AdamStep) -> [f32; NUMBERS] {
    let Shared { l1, l2, .. } = step.shared;
    [
        l1,
        l2,
        step.beta1,
        step.beta2,
        step.rest1,
        step.rest2,
        step.eps,
        step.rate,
        step.correction2,
        step.keep,
    ]
}

/// A parameter with its gradient and the optimiser's state of it.
#[derive(Clone)]
pub(crate) struct Parameter<R: CubeRuntime> {
    pub(crate) value: CubeTensor<R>,
    pub(crate) gradient: CubeTensor<R>,
    pub(crate) moments: Vec<CubeTensor<R>>,
    pub(crate) decayed: bool,
}

/// One step of all parameters, in their memory where nobody else holds it. Gradients are scaled so that
/// a norm, the root of `squares`, above `clip` becomes it (0: never); [`Shared::gradient_scale`] is not read.
/// The updates are of parameters that are not decayed, and of those that are.
pub(crate) fn step<R: CubeRuntime>(
    mut parameters: Vec<Parameter<R>>,
    (squares, clip): (&CubeTensor<R>, f32),
    updates: &[Update; 2],
) -> Vec<Parameter<R>> {
    for parameter in &mut parameters {
        let Parameter { value, moments, .. } = parameter;
        own(value);
        moments.iter_mut().for_each(own);
    }
    if let [Update::Adam(plain), Update::Adam(decaying)] = updates {
        let numbers = [adam_numbers(plain), adam_numbers(decaying)].concat();
        let numbers = sent_floats(squares, &numbers);
        for some in parameters.chunks(TOGETHER) {
            adam(some, (squares, clip), &numbers);
        }
    } else {
        for parameter in &parameters {
            one(
                parameter,
                (squares, clip),
                &updates[usize::from(parameter.decayed)],
            );
        }
    }
    parameters
}

fn adam<R: CubeRuntime>(
    some: &[Parameter<R>],
    (squares, clip): (&CubeTensor<R>, f32),
    numbers: &CubeTensor<R>,
) {
    let values: Vec<_> = some.iter().map(|p| p.value.clone()).collect();
    let all = filled(some);
    let of = |take: fn(&Parameter<R>) -> &CubeTensor<R>| {
        all.each_ref().map(|p| take(p).clone().into_array_arg())
    };
    let [g0, g1, g2, g3] = all.each_ref().map(|p| input(p.gradient.clone()));
    let [value0, value1, value2, value3] = of(|p| &p.value);
    let [first0, first1, first2, first3] = of(|p| &p.moments[0]);
    let [second0, second1, second2, second3] = of(|p| &p.moments[1]);
    let [kind0, kind1, kind2, kind3] = all.each_ref().map(|p| u32::from(p.decayed));
    adam_kernel::launch::<R>(
        &squares.client,
        grid(&values),
        CubeDim::new_1d(UNITS),
        g0,
        g1,
        g2,
        g3,
        value0,
        value1,
        value2,
        value3,
        first0,
        first1,
        first2,
        first3,
        second0,
        second1,
        second2,
        second3,
        squares.clone().into_array_arg(),
        numbers.clone().into_array_arg(),
        kind0,
        kind1,
        kind2,
        kind3,
        clip,
    );
}

#[cube(launch)]
fn momentum_kernel(
    g: &Array<f32>,
    squares: &Array<f32>,
    value: &mut Array<f32>,
    velocity: &mut Array<f32>,
    clip: f32,
    l1: f32,
    l2: f32,
    momentum: f32,
    rate: f32,
    #[comptime] nesterov: bool,
) {
    if ABSOLUTE_POS >= value.len() {
        terminate!();
    }
    let v = value[ABSOLUTE_POS];
    let g = gradient(g[ABSOLUTE_POS], v, squares[0], clip, l1, l2);
    let m = velocity[ABSOLUTE_POS] * momentum + g;
    velocity[ABSOLUTE_POS] = m;
    if comptime!(nesterov) {
        value[ABSOLUTE_POS] = v - (g + m * momentum) * rate;
    } else {
        value[ABSOLUTE_POS] = v - m * rate;
    }
}

#[cube(launch)]
fn sgd_kernel(
    g: &Array<f32>,
    squares: &Array<f32>,
    value: &mut Array<f32>,
    clip: f32,
    l1: f32,
    l2: f32,
    rate: f32,
) {
    if ABSOLUTE_POS >= value.len() {
        terminate!();
    }
    let v = value[ABSOLUTE_POS];
    value[ABSOLUTE_POS] = v - gradient(g[ABSOLUTE_POS], v, squares[0], clip, l1, l2) * rate;
}

/// One step of one parameter by another rule than Adam's.
fn one<R: CubeRuntime>(
    parameter: &Parameter<R>,
    (squares, clip): (&CubeTensor<R>, f32),
    update: &Update,
) {
    let client = squares.client.clone();
    let (count, dim) = of_elements(parameter.value.meta.num_elements());
    let (g, squares) = (
        input(parameter.gradient.clone()),
        squares.clone().into_array_arg(),
    );
    let value = parameter.value.clone().into_array_arg();
    let Shared { l1, l2, .. } = *update.shared();
    match update {
        Update::Adam(_) => unreachable!("all parameters have one rule"),
        Update::Momentum(MomentumStep {
            momentum,
            nesterov,
            rate,
            ..
        }) => {
            let velocity = parameter.moments[0].clone().into_array_arg();
            momentum_kernel::launch::<R>(
                &client, count, dim, g, squares, value, velocity, clip, l1, l2, *momentum, *rate,
                *nesterov,
            );
        }
        Update::Sgd(SgdStep { rate, .. }) => {
            sgd_kernel::launch::<R>(&client, count, dim, g, squares, value, clip, l1, l2, *rate);
        }
    }
}
