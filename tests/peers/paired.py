"""Whether one of two int8 models is closer to the float model: their divergences on the same texts, in pairs.

    python tests/peers/paired.py base.act first.act second.act TEXTS.jsonl [--bin FOLDER]

Prints the mean KL of both from the float model's class probabilities, in thousandths of a nat, and the mean of (first -
second) with its standard error as a share of the second. TEXTS may be what ptq.py left in its WORK.
"""

import argparse
import math
import pathlib

import numpy as np
from ptq import act_logits, log_softmax


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs=3, type=pathlib.Path)
    parser.add_argument("texts", type=pathlib.Path)
    parser.add_argument("--bin", type=pathlib.Path, help="folder of the act programs")
    args = parser.parse_args()
    program = str(args.bin / "act-eval") if args.bin else "act-eval"
    float_, *int8 = (log_softmax(act_logits(program, model, args.texts)) for model in args.models)
    first, second = ((np.exp(float_) * (float_ - logits)).sum(1) for logits in int8)
    difference = first - second
    error = difference.std() / math.sqrt(len(difference))
    print(f"{len(difference)} texts: {1e3 * first.mean():.3g} and {1e3 * second.mean():.3g}, the first costs "
          f"{100 * difference.mean() / second.mean():.1f} ± {100 * error / second.mean():.1f} %")


if __name__ == "__main__":
    main()
