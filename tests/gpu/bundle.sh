#!/usr/bin/env bash
# Builds and packs what check.sh needs on a machine with an NVIDIA card.
#
#     tests/gpu/bundle.sh FOLDER MODELS DATA CONFIG        # make gpu-bundle runs it
#
# MODELS: a folder with base.act, pruned.act, the student.act that the CPU distilled by CONFIG on DATA, which the
# card is to distil again, and its int8.act. Writes FOLDER and FOLDER.tar.xz, which is what has to travel. Builds into a
# folder of its own, since other features are another build of everything. REHEARSAL=vulkan: Vulkan as well,
# to rehearse check.sh without a card.
set -eu
folder=$1 models=$2 data=$3 config=$4
here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-target}/gpu
features=act-nn/cuda
[ "${REHEARSAL:-}" != vulkan ] || features=$features,act-nn/vulkan
# Always the same packages: others would ask their dependencies for other features, and have them built again.
build() {
    CARGO_TARGET_DIR=$target ${CARGO:-cargo} "$@" ${CARGO_FLAGS:-} --release --features "$features" \
        --package={act-nn,act-distill,act-eval,act-convert}
}
# What cargo built, by its own word: test binaries have a hash in their name.
executables() { build test --lib --test devices --no-run --message-format json | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p'; }

build build --bins --example throughput
rm -rf "$folder" "$folder.tar.xz"
mkdir -p "$folder/data"
executables | while read -r binary; do
    case $(basename "$binary") in
        devices-*) cp "$binary" "$folder/devices" ;;
        act_nn-*) cp "$binary" "$folder/kernels" ;;
    esac
done
cp "$target/release/examples/throughput" "$target/release/act-distill" "$target/release/act-eval" "$folder"
strip "$folder"/{throughput,act-distill,act-eval,devices,kernels}
cp "$here/check.sh" "$here/../peers/torch_train_step.py" "$folder"
cp "$models/base.act" "$models/pruned.act" "$folder"
cp "$config" "$folder/distill.yaml"
find "$data" -maxdepth 1 -type f \( -name 'train*' -o -name 'dev*' -o -name 'labels*' -o -name act-dataset.json \) \
    -exec cp {} "$folder/data" \;
"$target/release/act-convert" export "$models/int8.act" -o "$folder/model.onnx"
"$folder/act-eval" accuracy "$models/student.act" --data "$data" --json >"$folder/cpu.json"
tar -C "$(dirname "$folder")" -cf - "$(basename "$folder")" | xz -T0 -6 >"$folder.tar.xz"
du -h "$folder.tar.xz"
