"""`act_infer.pipeline` answers as that of `transformers` did (pipeline.json)."""

import pytest
from conftest import SINGLE

import act_infer

A, B = "花呗怎么还款", "how to pay back the loans?"


def same(ours, theirs):
    """Equal nesting and labels, and scores but for what act's shorter `exp` and `tanh` leave out."""
    if isinstance(theirs, list):
        assert isinstance(ours, list) and len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
    else:
        assert ours == {"label": theirs["label"], "score": pytest.approx(theirs["score"], abs=5e-5)}
        assert list(ours) == list(theirs)


def test_every_recorded_call_is_answered_the_same(single, pairs, several, score, recorded):
    models = {"single": single, "pairs": pairs, "several": several, "score": score}
    for name, model in models.items():
        pipe = act_infer.pipeline("text-classification", model=model)
        assert len(recorded[name]) > 2
        for call in recorded[name]:
            same(pipe(call["input"], **call["options"]), call["answer"])


def test_what_is_said_when_it_is_made_holds_for_every_call(recorded):
    assert len(recorded["made"]) > 3
    for call in recorded["made"]:
        pipe = act_infer.pipeline("text-classification", model=str(SINGLE), **call["options"])
        same(pipe(call["input"]), call["answer"])


def test_a_generator_is_answered_as_it_comes(single):
    seen = []

    def texts():
        for text in (A, B, A):
            seen.append(text)
            yield text

    pipe = act_infer.pipeline("sentiment-analysis", model=single, batch_size=2)
    answers = pipe(texts())
    assert seen == []
    assert next(answers) == pipe([A])[0] and seen == [A, B]
    assert list(answers) == pipe([B, A])


def test_a_long_text_is_told_unless_truncation_is_asked_for(single):
    pipe = act_infer.pipeline("text-classification", model=single)
    with pytest.warns(act_infer.TruncationWarning):
        told = pipe(A * 20)
    assert told == pipe(A * 20, truncation=True)


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        ([3], {}, "give a text"),
        ({"txt": "a"}, {}, "give a text"),
        ([["a", "b"]], {}, "give a text"),
        ("a", {"top_k": 0}, "at least 1"),
        ("a", {"batch_size": 0}, "at least 1"),
        ("a", {"function_to_apply": "tanh"}, "one of"),
        ("a", {"max_length": 512}, "max_length"),
    ],
)
def test_what_cannot_be_done_is_refused(single, inputs, options, message):
    pipe = act_infer.pipeline("text-classification", model=single)
    with pytest.raises(act_infer.UsageError, match=message):
        pipe(inputs, **options)


def test_what_pads_or_cuts_in_transformers_is_accepted(single):
    pipe = act_infer.pipeline("text-classification", model=single)
    assert pipe(A, padding=True, truncation=True, max_length=32) == pipe(A)


def test_other_tasks_are_refused(single):
    with pytest.raises(act_infer.UsageError, match="translation"):
        act_infer.pipeline("translation", model=single)
