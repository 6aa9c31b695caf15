"""Models and what `transformers` answered with them; tests/peers/pipeline_record.py made both."""

import json
from pathlib import Path

import pytest

import act_infer

HERE = Path(__file__).parent
SINGLE, PAIRS = HERE / "single.act", HERE / "pairs.act"


@pytest.fixture
def single():
    return act_infer.Classifier(SINGLE)


@pytest.fixture
def pairs():
    return act_infer.Classifier(PAIRS)


@pytest.fixture
def several():
    return act_infer.Classifier(HERE / "several.act")


@pytest.fixture
def score():
    return act_infer.Classifier(HERE / "score.act")


@pytest.fixture(scope="session")
def recorded():
    return json.loads((HERE / "pipeline.json").read_text(encoding="utf-8"))
