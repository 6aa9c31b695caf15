"""Unpacks an artifact's four-bit matrices with NumPy, from docs/format.md alone, and compares them with
the int8 constants of its ONNX export; computes the squared error against the float model, if one is given.

    act-quant float.act --data D --bits 4 -o int4.act
    act-convert export int4.act -o int4.onnx
    python tests/peers/four_bits.py int4.act int4.onnx --float float.act

Exits with 1 where an integer differs.
"""

import argparse
import struct
import sys

import numpy as np
import onnx
from onnx import numpy_helper


class Payload:
    """Fields of a section, one behind the other."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        (value,) = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize(form)
        return value

    def text(self):
        length = self.take("Q")
        self.at += length
        return self.data[self.at - length : self.at].decode()


def tensors(path):
    """Name, element type, shape and bytes of every tensor, and QUAN's payload."""
    with open(path, "rb") as file:
        data = file.read()
    data_offset = struct.unpack_from("<Q", data, 0x18)[0]
    sections, at = {}, 64
    for _ in range(struct.unpack_from("<H", data, 0x0E)[0]):
        length = struct.unpack_from("<Q", data, at + 8)[0]
        sections[data[at : at + 4]] = data[at + 16 : at + 16 + length]
        at += 16 + (length + 15) // 16 * 16
    directory, found = Payload(sections[b"TDIR"]), {}
    for _ in range(directory.take("Q")):
        name, dtype = directory.text(), directory.take("H")
        shape = [directory.take("I") for _ in range(directory.take("Q"))]
        offset, length = directory.take("Q"), directory.take("Q")
        directory.at += 32
        start = data_offset + offset
        found[name] = dtype, shape, data[start : start + length]
    return found


def halves(tensor):
    """The numbers of four bits, unsigned, `[rows, columns]`."""
    _, (rows, columns), data = tensor
    both = np.frombuffer(data, np.uint8).reshape(rows, -1)
    return np.stack([both & 15, both >> 4], axis=2).reshape(rows, -1)[:, :columns].astype(int)


def unpacked(found, name):
    q, m = halves(found[name]), halves(found[name + ".multiplier"]) + 1
    q = np.where(q > 7, q - 16, q)
    groups = m.shape[1]
    # Both sizes that exist, told apart by the number of multipliers.
    group = next(g for g in (32, 64) if -(-q.shape[1] // g) == groups)
    return q * np.repeat(m, group, axis=1)[:, : q.shape[1]]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("onnx")
    parser.add_argument("--float", help="the float model")
    args = parser.parse_args()
    found = tensors(args.model)
    constants = {c.name: c for c in onnx.load(args.onnx).graph.initializer}
    before = tensors(args.float) if args.float else None
    matrices = [name for name, (dtype, _, _) in found.items() if dtype == 4]
    different, ratios = 0, []
    for name in matrices:
        integers = unpacked(found, name)
        if name in constants:
            exported = numpy_helper.to_array(constants[name])
        else:
            exported = numpy_helper.to_array(constants[name + ".transposed"]).T
        different += int((integers != exported).sum())
        if before:
            scale = np.frombuffer(found[name + ".scale"][2], np.float32)
            float_ = np.frombuffer(before[name][2], np.float32).reshape(integers.shape)
            off = float_ - integers * scale[:, None].astype(np.float64)
            ratios.append(10 * np.log10((float_.astype(np.float64) ** 2).sum() / (off**2).sum()))
    print(f"{len(matrices)} matrices of four bits, {different} integers differ from the export's")
    if ratios:
        print(f"signal to noise {min(ratios):.2f} to {max(ratios):.2f} dB, mean {np.mean(ratios):.2f}")
    sys.exit(1 if different or not matrices else 0)


if __name__ == "__main__":
    main()
