"""What a classifier answers, and what it refuses."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from conftest import PAIRS, SINGLE

import act_infer

A, B, C = "花呗怎么还款", "how to pay back the loans?", "可以提前还吗!"


def test_a_text_alone_is_answered_as_in_a_list(single):
    one, many = single(A), single([A, B, ""])
    assert isinstance(one, act_infer.Answer) and isinstance(many, act_infer.Answers)
    assert len(many) == 3 and [a.label for a in many] == many.labels.tolist()
    np.testing.assert_array_equal(one.logits, many.logits[0])
    assert one.label == single.labels[one.class_index] == "not about it"
    assert one.score == pytest.approx(0.5399600863456726, abs=1e-5)  # pipeline.json
    assert many[1:].labels.tolist() == many.labels[1:].tolist()
    with pytest.raises(IndexError):
        many[3]


def test_answers_are_numpy_arrays_that_agree(single):
    answers = single([A, B, C])
    assert answers.logits.dtype == answers.probabilities.dtype == np.float32
    assert answers.logits.shape == answers.probabilities.shape == (3, 4)
    shares = np.exp(answers.logits) / np.exp(answers.logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(answers.probabilities, shares, atol=1e-6)
    np.testing.assert_array_equal(answers.class_indices, answers.logits.argmax(axis=1))
    np.testing.assert_array_equal(answers.scores, answers.probabilities.max(axis=1))


def test_nothing_gives_empty_arrays(single):
    answers = single([])
    assert len(answers) == 0 and answers.logits.shape == (0, 4)
    assert answers.labels.tolist() == [] and answers.top_k(2) == []


def test_top_k_is_in_order(single):
    answers = single([A, B])
    best = answers.top_k(2)
    assert [len(row) for row in best] == [2, 2]
    assert best[0][0] == (answers[0].label, answers[0].score)
    assert best[0][1][1] <= best[0][0][1]
    assert len(answers.top_k()[0]) == 4
    with pytest.raises(ValueError):
        answers.top_k(0)


def test_pairs_are_given_in_three_ways(pairs):
    one = pairs((A, C))
    listed = pairs([(A, C), [B, A]])
    beside = pairs([A, B], [C, A])
    np.testing.assert_array_equal(listed.logits, beside.logits)
    np.testing.assert_array_equal(one.logits, listed.logits[0])
    np.testing.assert_array_equal(pairs(A, C).logits, one.logits)
    assert not np.array_equal(pairs((C, A)).logits, one.logits)


def test_one_text_is_no_pair_and_a_pair_is_not_one_text(single, pairs):
    assert single.takes_pairs is False and pairs.takes_pairs is True
    with pytest.raises(act_infer.UsageError, match="text 0 is a pair"):
        single([(A, C)])
    with pytest.raises(ValueError, match="the model takes two"):
        pairs([A])


def test_a_cut_text_is_told_refused_or_passed_over(single):
    texts = [A, A * 20]
    with pytest.warns(act_infer.TruncationWarning, match=r"1 of 2 texts have more than 32 tokens.*122"):
        warned = single(texts)
    assert warned.tokens.tolist() == [8, 122] and warned.truncated.tolist() == [False, True]
    silent = act_infer.Classifier(SINGLE, truncation="silent")(texts)
    np.testing.assert_array_equal(silent.logits, warned.logits)
    assert silent[1].truncated
    strict = act_infer.Classifier(SINGLE, truncation="error")
    assert strict(A).label == "not about it"
    with pytest.raises(act_infer.UsageError, match="text 1 has 122 tokens, and the model takes 32"):
        strict(texts)


def test_ids_are_answered_as_their_texts(single, pairs):
    encoded = single.encode([A, B])
    ids, types = [e[0] for e in encoded], [e[1] for e in encoded]
    assert len(ids[0]) != len(ids[1])
    expected = single([A, B]).logits
    np.testing.assert_array_equal(single.classify_ids(ids).logits, expected)
    arrays = [np.array(row) for row in ids]
    np.testing.assert_array_equal(single.classify_ids(arrays, types).logits, expected)
    longest = max(map(len, ids))
    padded = np.array([row + [0] * (longest - len(row)) for row in ids])
    mask = np.array([[1] * len(row) + [0] * (longest - len(row)) for row in ids])
    given = single.classify_ids(padded, attention_mask=mask)
    np.testing.assert_array_equal(given.logits, expected)
    [(ids, types)] = pairs.encode([(A, C)])
    np.testing.assert_array_equal(pairs.classify_ids([ids], [types]).logits[0], pairs((A, C)).logits)
    assert not np.array_equal(pairs.classify_ids([ids]).logits[0], pairs((A, C)).logits)
    assert len(single.classify_ids([])) == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (dict(input_ids=[[2, 999, 3]]), "token id 999"),
        (dict(input_ids=[[2, -1, 3]]), "outside 0"),
        (dict(input_ids=[[2.5]]), "not integers"),
        (dict(input_ids=[[]]), "0 tokens"),
        (dict(input_ids=[2, 3]), "0 dimensions"),
        (dict(input_ids=[[2] * 33]), "33 tokens"),
        (dict(input_ids=[[2, 3]], token_type_ids=[[0]]), "other rows"),
        (dict(input_ids=[[2, 3]], token_type_ids=[[0, 7]]), "segment id 7"),
        (dict(input_ids=[[0, 2, 3]], attention_mask=[[0, 1, 1]]), "pad at the end"),
    ],
)
def test_wrong_ids_are_refused_by_name(single, given, message):
    with pytest.raises(ValueError, match=message):
        single.classify_ids(**given)


@pytest.mark.parametrize("texts", [[A, 3], [A, None], [None], 7, [(A, B, C)], [(A, 3)], [b"abc"]])
def test_what_is_no_text_is_a_type_error(single, texts):
    with pytest.raises(TypeError):
        single(texts)


def test_lists_of_other_lengths_are_refused(pairs):
    with pytest.raises(ValueError, match="2 texts and 1 pairs"):
        pairs([A, B], [C])
    with pytest.raises(ValueError):
        pairs(A, [C])
    with pytest.raises(ValueError):
        pairs([A], C)


def test_a_lone_surrogate_is_an_error_and_not_a_crash(single):
    with pytest.raises(UnicodeEncodeError):
        single("\ud800")


def test_files_that_are_no_models(tmp_path):
    with pytest.raises(FileNotFoundError) as missing:
        act_infer.Classifier(tmp_path / "none.act")
    assert missing.value.filename == str(tmp_path / "none.act")
    with pytest.raises(act_infer.UsageError, match="is a directory"):
        act_infer.Classifier(tmp_path)
    data = bytearray(SINGLE.read_bytes())
    data[len(data) // 2] ^= 1
    with pytest.raises(act_infer.RejectedError) as damaged:
        act_infer.Classifier.from_bytes(bytes(data))
    assert isinstance(damaged.value, ValueError) and "\n" not in str(damaged.value)
    with pytest.raises(act_infer.RejectedError):
        act_infer.Classifier.from_bytes(b"")
    with pytest.raises(act_infer.UsageError):
        act_infer.Classifier(SINGLE, threads=-1)
    with pytest.raises(act_infer.UsageError):
        act_infer.Classifier(SINGLE, truncation="no")


def test_bytes_threads_and_kernels_give_the_same_numbers(single):
    texts = [A, B, C, ""] * 300  # More than are answered between two signals.
    expected = single(texts).logits
    copy = act_infer.Classifier.from_bytes(SINGLE.read_bytes(), threads=2)
    assert copy.threads == 2
    np.testing.assert_array_equal(copy(texts).logits, expected)
    assert act_infer.Classifier(str(SINGLE), threads=0).threads == len(os.sched_getaffinity(0))


def test_what_a_model_is(single):
    assert single.task == "sentiment" and single.precision == "f32" and single.max_tokens == 32
    assert single.labels == ("positive", "negative", "neutral", "not about it")
    assert single.synthetic is False and single.kernels
    assert "sentiment" in repr(single)


def test_threads_share_a_model_and_do_not_mix(single):
    expected = {text: single(text).logits for text in (A, B, C)}
    wrong = []

    def ask(text):
        for _ in range(200):
            if not np.array_equal(single(text).logits, expected[text]):
                wrong.append(text)

    threads = [threading.Thread(target=ask, args=(text,)) for text in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_interpreter_runs_while_a_model_computes(single):
    """A thread that counts goes on counting while another is inside one long call."""
    texts, ended = [A * 3] * 40_000, threading.Event()

    def ask():
        act_infer.Classifier(SINGLE)(texts)
        ended.set()

    thread = threading.Thread(target=ask)
    thread.start()
    ticks = 0
    while not ended.is_set():
        ticks += 1
        time.sleep(0.001)
    thread.join()
    # With the lock held for the call there would be one or two.
    assert ticks > 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_fork_after_the_threads_have_started_is_an_error_and_no_hang():
    code = f"""
import os, sys, act_infer
model = act_infer.Classifier({str(SINGLE)!r}, threads=2)
alone = act_infer.Classifier({str(SINGLE)!r})
fresh = act_infer.Classifier({str(SINGLE)!r}, threads=2)
model(["a", "b"]), alone("a")
if os.fork() == 0:
    alone("a"), fresh(["a", "b"])
    try:
        model(["a", "b"])
    except act_infer.UsageError as error:
        os._exit(0 if "fork" in str(error) else 1)
    os._exit(2)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    ended = subprocess.run([sys.executable, "-W", "ignore", "-c", code], timeout=60)
    assert ended.returncode == 0


def test_the_other_model_is_there():
    assert act_infer.Classifier(PAIRS).labels == ("0", "1")


def test_several_labels_are_those_that_reach_their_threshold(several):
    assert several.problem == "multi-label"
    answers = several([A, B, C])
    np.testing.assert_allclose(answers.probabilities, 1 / (1 + np.exp(-answers.logits)), atol=1e-6)
    np.testing.assert_array_equal(answers.given, answers.probabilities >= 0.5)
    names = np.array(several.labels)
    assert answers.label_sets == [tuple(names[row]) for row in answers.given]
    assert [a.labels for a in answers] == answers.label_sets
    assert answers[1:].label_sets == answers.label_sets[1:]
    assert answers.top_k(1)[0][0][1] == pytest.approx(answers.probabilities[0].max())


def test_a_regression_gives_a_score_and_no_label(score):
    assert score.problem == "regression"
    answers = score([A, B])
    np.testing.assert_array_equal(answers.scores, answers.logits[:, 0])
    assert not answers.given.any() and answers.label_sets == [(), ()]
    assert answers[0].score == pytest.approx(float(answers.logits[0, 0])) and answers[0].labels == ()
    with pytest.raises(ValueError, match="gives a score"):
        answers.top_k(1)


def test_one_label_a_text_is_a_set_of_one(single):
    answers = single([A, B, ""])
    assert single.problem == "single-label"
    assert answers.label_sets == [(label,) for label in answers.labels]
