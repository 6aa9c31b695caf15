"""The native half, written in Rust."""

import os
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

__version__: str

_Answers = tuple[
    NDArray[np.uintp], NDArray[np.bool_], NDArray[np.float32], NDArray[np.float32], NDArray[np.uintp]
]

@final
class Model:
    labels: Final[list[str]]
    task: Final[str]
    problem: Final[str]
    max_tokens: Final[int]
    takes_pairs: Final[bool | None]
    threads: Final[int]
    kernels: Final[str]
    precision: Final[str]
    synthetic: Final[bool]
    head_trained: Final[bool | None]
    @staticmethod
    def open(path: str | os.PathLike[str], threads: int) -> Model: ...
    @staticmethod
    def from_bytes(data: bytes, threads: int) -> Model: ...
    def classify(self, texts: list[str], pairs: list[str] | None = None) -> _Answers: ...
    def classify_ids(
        self, input_ids: NDArray[np.uint32], token_type_ids: NDArray[np.uint32], lengths: list[int]
    ) -> _Answers: ...
    def encode(
        self, texts: list[str], pairs: list[str] | None = None
    ) -> list[tuple[list[int], list[int], int]]: ...
