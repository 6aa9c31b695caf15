"""`pipeline`, for a service that calls that of `transformers` today."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from types import GeneratorType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .answers import Answers
from .classifier import Classifier, Truncation
from .errors import UsageError

__all__ = ["TextClassificationPipeline", "pipeline"]

TASKS = ("text-classification", "sentiment-analysis")
_UNSET: Any = object()


def pipeline(
    task: str,
    model: str | os.PathLike[str] | Classifier,
    *,
    threads: int = 1,
    top_k: int | None = _UNSET,
    function_to_apply: str | None = None,
    truncation: bool | None = None,
    batch_size: int = 256,
) -> TextClassificationPipeline:
    """A pipeline that answers as that of `transformers` does for the task `"text-classification"`."""
    if task not in TASKS:
        raise UsageError(f"task={task!r}: act's models are for {TASKS[0]!r}")
    classifier = model if isinstance(model, Classifier) else Classifier(model, threads=threads)
    return TextClassificationPipeline(
        classifier,
        top_k=top_k,
        function_to_apply=function_to_apply,
        truncation=truncation,
        batch_size=batch_size,
    )


class TextClassificationPipeline:
    """Answers texts, `{"text": .., "text_pair": ..}`, lists and generators of either, in the nesting of
    `transformers`: a text gives `[{"label": .., "score": ..}]`, a list gives one such object a text, and
    with `top_k` (`None`: all) each answer is a list of them, the most probable first.

    Unlike there, a text that is longer than the model takes is cut with a warning, not refused;
    `truncation=True` cuts without one."""

    def __init__(
        self,
        model: Classifier,
        *,
        top_k: int | None = _UNSET,
        function_to_apply: str | None = None,
        truncation: bool | None = None,
        batch_size: int = 256,
    ) -> None:
        self.model = model
        self._defaults = {
            "top_k": top_k,
            "function_to_apply": function_to_apply,
            "truncation": truncation,
            "batch_size": batch_size,
        }

    def __call__(
        self,
        inputs: str | dict[str, str] | Iterable[str | dict[str, str]],
        *,
        top_k: int | None = _UNSET,
        function_to_apply: str | None = _UNSET,
        truncation: bool | None = _UNSET,
        batch_size: int = _UNSET,
        padding: bool | str = True,
        max_length: int | None = None,
    ) -> Any:
        """Answers; `padding` changes nothing, because nothing is padded."""
        if max_length not in (None, self.model.max_tokens):
            raise UsageError(
                f"max_length={max_length}: the model's file says {self.model.max_tokens}; leave it out"
            )
        given = {
            "top_k": top_k,
            "function_to_apply": function_to_apply,
            "truncation": truncation,
            "batch_size": batch_size,
        }
        given = {key: value for key, value in given.items() if value is not _UNSET}
        options = self._defaults | given
        batches = self._batches(inputs, options)
        if isinstance(inputs, GeneratorType):
            return (answer for batch in batches for answer in batch)
        answers = [answer for batch in batches for answer in batch]
        if not isinstance(inputs, str | dict):
            return answers
        # A text alone is answered by a list unless this very call has said how many labels it wants.
        return answers if isinstance(inputs, str) and "top_k" not in given else answers[0]

    def _batches(self, inputs: Any, options: dict[str, Any]) -> Iterator[list[Any]]:
        if isinstance(inputs, str | dict):
            inputs = [inputs]
        if options["batch_size"] < 1:
            raise UsageError(f"batch_size={options['batch_size']}: at least 1")
        truncation: Truncation = "silent" if options["truncation"] else "warn"
        rest = iter(inputs)
        while batch := list(islice(rest, options["batch_size"])):
            for texts in _alike(batch):
                answers = self.model.classify(texts, truncation=truncation)
                assert isinstance(answers, Answers)
                scores = _scores(answers, options["function_to_apply"])
                yield _dictionaries(answers.names, scores, options["top_k"])


def _alike(batch: list[Any]) -> Iterator[list[Any]]:
    """Texts as they come, in runs of single texts or of pairs."""
    run: list[Any] = []
    for item in map(_text, batch):
        if run and isinstance(run[0], str) != isinstance(item, str):
            yield run
            run = []
        run.append(item)
    yield run


def _text(item: Any) -> str | tuple[str, str]:
    if isinstance(item, str):
        return item
    if isinstance(item, dict) and "text" in item and item.keys() <= {"text", "text_pair"}:
        pair = item.get("text_pair")
        return item["text"] if pair is None else (item["text"], pair)
    raise UsageError(
        f'{type(item).__name__}: give a text, or {{"text": "..", "text_pair": ".."}} for a pair'
    )


def _scores(answers: Answers, function: str | None) -> NDArray[np.float32]:
    if function is None or function == "default":
        return answers.logits if answers.problem == "regression" else answers.probabilities
    logits = answers.logits.astype(np.float64)
    match function:
        case "none":
            return answers.logits
        case "sigmoid":
            odds: NDArray[np.float32] = (1 / (1 + np.exp(-logits))).astype(np.float32)
            return odds
        case "softmax":
            shares = np.exp(logits - logits.max(axis=1, keepdims=True))
            shares /= shares.sum(axis=1, keepdims=True)
            probabilities: NDArray[np.float32] = shares.astype(np.float32)
            return probabilities
    raise UsageError(
        f"function_to_apply={function!r}: one of 'default', 'softmax', 'sigmoid', 'none'"
    )


def _dictionaries(
    names: tuple[str, ...], scores: NDArray[np.float32], top_k: int | None
) -> list[Any]:
    if top_k is not _UNSET and top_k is not None and top_k < 1:
        raise UsageError(f"top_k={top_k}: at least 1, or None for all")
    wanted = 1 if top_k is _UNSET else top_k
    order = np.argsort(-scores, axis=1, kind="stable")[:, :wanted]
    answers = [
        [{"label": names[i], "score": float(row[i])} for i in best]
        for row, best in zip(scores, order, strict=True)
    ]
    return [answer[0] for answer in answers] if top_k is _UNSET else answers
