"""Checks docs/config.schema.json with a validator that is not ours: every recipe of configs/ is right by it,
and each mistake below is found.

    pip install jsonschema pyyaml
    python tests/peers/schema_check.py [MORE.yaml ...]
"""

import json
import pathlib
import sys

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).parents[2]
MISTAKES = [
    {"Prun": {}},
    {"Prune": {"pruned_ration": 0.25}},
    {"Prune": {"criterion": "best"}},
    {"TrainConfig": {"epochs": "many"}},
    {"TrainConfig": {"optimizer_builder": {"optimizer": {"type": "Adagrad"}}}},
    {"TrainConfig": {"metric": "precise"}},
    {"HyperParameterOptimization": {"ptq_algo": ["hits"]}},
    {"QuantPost": {"algo": ["hist"]}},
    {"Distillation": {"layers": [[1, 2, 3]]}},
]
RIGHT = [
    None,
    {"Distillation": None, "Prune": {"pruned_ratio": None}},
    {"TransformerPrune": {"pruned_ratio": 0.25}},
    {"TrainConfig": {"learning_rate": {"type": "StepDecay", "learning_rate": 2e-5, "step_size": 9}}},
    {"TrainConfig": {"learning_rate": 2e-5, "class_weights": "balanced", "use_fleet": True}},
    {"TrainConfig": {"class_weights": {"spam": 4}, "optimizer_builder": {
        "grad_clip": {"type": "ClipGradByGlobalNorm", "clip_norm": 1.0}}}},
    {"HyperParameterOptimization": {"ptq_algo": "hist", "max_quant_count": 20}},
    {"Distillation": {"loss": ["l2"], "node": [["a", "b"]], "alpha": 1.0}},
]


def main():
    schema = json.loads((ROOT / "docs" / "config.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    check = jsonschema.Draft202012Validator(schema)
    paths = [*sorted(ROOT.glob("configs/*/*.yaml")), *map(pathlib.Path, sys.argv[1:])]
    files = [(path, yaml.safe_load(path.read_text())) for path in paths]
    wrong = 0
    for name, document in [*files, *enumerate(RIGHT)]:
        for error in check.iter_errors(document or {}):
            wrong += 1
            print(f"{name}: {error.json_path}: {error.message}")
    for mistake in MISTAKES:
        if check.is_valid(mistake):
            wrong += 1
            print(f"not found: {mistake}")
    print(f"{len(files)} files, {len(RIGHT)} right, {len(MISTAKES)} mistakes: {wrong} not as they should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
