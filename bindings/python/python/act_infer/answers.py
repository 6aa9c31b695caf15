"""What a model answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray

__all__ = ["Answer", "Answers", "Problem"]

Problem = Literal["single-label", "multi-label", "regression"]
"""What a model's answers are: one label a text, any number of them, or a score."""


@dataclass(frozen=True, eq=False)
class Answer:
    """The answer to one text or pair."""

    label: str
    """The most probable label; of a regression the name of its score."""
    labels: tuple[str, ...]
    """What the text is given: the one label; of several those whose probability reaches their threshold, maybe
    none; none of a regression."""
    score: float
    """The label's probability; of a regression the score."""
    class_index: int
    """Its place among the model's labels."""
    probabilities: NDArray[np.float32]
    """`[labels]`; they add up to 1, of several labels each is one for itself, of a regression they are 0."""
    logits: NDArray[np.float32]
    """`[labels]`: the class scores."""
    tokens: int
    """Tokens of the text before it was cut, special tokens counted."""
    truncated: bool
    """Whether it was cut; then this is the answer to what was left of it."""


@dataclass(frozen=True, eq=False)
class Answers(Sequence[Answer]):
    """Answers to texts, in their order: a sequence of `Answer`, and the same as arrays."""

    names: tuple[str, ...] = field(repr=False)
    """The model's labels."""
    problem: Problem
    """What the answers are."""
    class_indices: NDArray[np.intp]
    """`[texts]`: the most probable class."""
    given: NDArray[np.bool_]
    """`[texts, labels]`: whether the text is given the label; of a regression none is."""
    probabilities: NDArray[np.float32]
    """`[texts, labels]`; rows add up to 1, of several labels each is one for itself, of a regression they are 0."""
    logits: NDArray[np.float32]
    """`[texts, labels]`: the class scores."""
    tokens: NDArray[np.intp]
    """`[texts]`: tokens before anything was cut, special tokens counted."""
    truncated: NDArray[np.bool_]
    """`[texts]`: whether it was cut."""

    @property
    def labels(self) -> NDArray[np.str_]:
        """`[texts]`: the most probable label."""
        return np.asarray(self.names, dtype=np.str_)[self.class_indices]

    @property
    def scores(self) -> NDArray[np.float32]:
        """`[texts]`: its probability; of a regression the score."""
        if self.problem == "regression":
            return self.logits[:, 0]
        rows = np.arange(len(self))
        scores: NDArray[np.float32] = self.probabilities[rows, self.class_indices]
        return scores

    @property
    def label_sets(self) -> list[tuple[str, ...]]:
        """The labels that each text is given: one, or of a model of several labels any number."""
        return [tuple(self.names[i] for i in np.flatnonzero(row)) for row in self.given]

    def top_k(self, k: int | None = None) -> list[list[tuple[str, float]]]:
        """The `k` most probable labels of each text with their probabilities, the first of equals first;
        all of them with `None`."""
        if k is not None and k < 1:
            raise ValueError(f"top_k={k}: at least 1")
        if self.problem == "regression":
            raise ValueError("top_k: the model gives a score, which has no labels to choose from")
        order = np.argsort(-self.probabilities, axis=1, kind="stable")[:, :k]
        return [
            [(self.names[i], float(row[i])) for i in best]
            for row, best in zip(self.probabilities, order, strict=True)
        ]

    def __len__(self) -> int:
        return len(self.class_indices)

    def __iter__(self) -> Iterator[Answer]:
        return (self[i] for i in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> Answer: ...
    @overload
    def __getitem__(self, index: slice) -> Answers: ...
    def __getitem__(self, index: int | slice) -> Answer | Answers:
        if isinstance(index, slice):
            return Answers(
                self.names,
                self.problem,
                self.class_indices[index],
                self.given[index],
                self.probabilities[index],
                self.logits[index],
                self.tokens[index],
                self.truncated[index],
            )
        best = int(self.class_indices[index])
        return Answer(
            label=self.names[best],
            labels=tuple(self.names[i] for i in np.flatnonzero(self.given[index])),
            score=float(self.scores[index]),
            class_index=best,
            probabilities=self.probabilities[index],
            logits=self.logits[index],
            tokens=int(self.tokens[index]),
            truncated=bool(self.truncated[index]),
        )
