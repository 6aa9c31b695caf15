//! Sums of chosen rows: the gradient of looking rows up.
//!
//! Which rows are added where is sorted on the host, which has the ids anyway; so every element is
//! written by one thread, and the sum is the same whenever it is computed. (burn's own operation is
//! a single loop over all rows in each column.)

use std::collections::BTreeMap;

use burn::tensor::DType;
use burn_cubecl::CubeRuntime;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::{empty, input, of_rows, sent, size};

/// Rows that one thread adds up at most.
const CHUNK: usize = 32;

/// For each of some results, which rows are added up: `rows[starts[i]..starts[i + 1]]`.
struct Groups {
    starts: Vec<u32>,
    rows: Vec<u32>,
    /// Where each result belongs.
    targets: Vec<u32>,
}

impl Groups {
    fn new(groups: impl IntoIterator<Item = (u32, Vec<u32>)>) -> Self {
        let mut all = Self {
            starts: vec![0],
            rows: Vec::new(),
            targets: Vec::new(),
        };
        for (target, rows) in groups {
            all.rows.extend(rows);
            all.starts.push(all.rows.len() as u32);
            all.targets.push(target);
        }
        all
    }
}

/// Rows `0..ids.len()` by their id, in chunks of at most [`CHUNK`], and then the chunks by theirs.
fn chunked(ids: &[u32]) -> (Groups, Groups) {
    let mut by_id: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (row, &id) in ids.iter().enumerate() {
        by_id.entry(id).or_default().push(row as u32);
    }
    let mut chunks = Vec::new();
    let mut of_ids = Vec::with_capacity(by_id.len());
    for (id, rows) in by_id {
        let first = chunks.len() as u32;
        for rows in rows.chunks(CHUNK) {
            chunks.push((chunks.len() as u32, rows.to_vec()));
        }
        of_ids.push((id, (first..chunks.len() as u32).collect()));
    }
    (Groups::new(chunks), Groups::new(of_ids))
}

/// `sums[targets[i]] = sum of the group's rows`, or `+=`.
#[cube(launch)]
fn add_groups_kernel(
    rows: &Array<f32>,
    starts: &Array<u32>,
    which: &Array<u32>,
    targets: &Array<u32>,
    sums: &mut Array<f32>,
    groups: u32,
    width: u32,
    #[comptime] add: bool,
) {
    let group = CUBE_POS as u32 * CUBE_DIM_Y + UNIT_POS_Y;
    if group >= groups {
        terminate!();
    }
    let first = starts[group as usize];
    let last = starts[(group + 1u32) as usize];
    let target = targets[group as usize] * width;
    let mut column = UNIT_POS_X;
    while column < width {
        let mut sum = 0.0f32;
        let mut i = first;
        while i < last {
            sum += rows[(which[i as usize] * width + column) as usize];
            i += 1u32;
        }
        let place = (target + column) as usize;
        if comptime!(add) {
            sums[place] = sums[place] + sum;
        } else {
            sums[place] = sum;
        }
        column += CUBE_DIM_X;
    }
}

fn add_groups<R: CubeRuntime>(
    rows: CubeTensor<R>,
    groups: &Groups,
    sums: CubeTensor<R>,
    add: bool,
) {
    let client = rows.client.clone();
    let count = groups.targets.len();
    let [starts, which, targets] =
        [&groups.starts, &groups.rows, &groups.targets].map(|numbers| sent(&rows, numbers));
    let width = size(&rows)[1] as u32;
    let (cubes, dim) = of_rows(count);
    add_groups_kernel::launch::<R>(
        &client,
        cubes,
        dim,
        input(rows),
        starts.into_array_arg(),
        which.into_array_arg(),
        targets.into_array_arg(),
        sums.into_array_arg(),
        count as u32,
        width,
        add,
    );
}

/// `table` with `rows[i]` added to its row `ids[i]`, in its memory where nobody else holds it.
pub(crate) fn add<R: CubeRuntime>(
    mut table: CubeTensor<R>,
    ids: &[u32],
    rows: CubeTensor<R>,
) -> CubeTensor<R> {
    super::own(&mut table);
    if ids.is_empty() {
        return table;
    }
    let (chunks, of_ids) = chunked(ids);
    let width = size(&rows)[1];
    let parts = empty(&rows, [chunks.targets.len(), width], DType::F32);
    add_groups(rows, &chunks, parts.clone(), false);
    add_groups(parts, &of_ids, table.clone(), true);
    table
}
