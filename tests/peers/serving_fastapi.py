"""A classifier behind FastAPI as a service in Python runs it: onnxruntime and `tokenizers` in process, TEI's JSON.

    MODEL=int8.onnx VOCAB=vocab.txt LABELS=a,b LONGEST=128 THREADS=2 uvicorn serving_fastapi:app

What is computed is FastAPI's thread pool's, so that the event loop goes on; requests are not batched.
"""

import os

import numpy as np
import onnxruntime
import tokenizers
from fastapi import FastAPI
from pydantic import BaseModel

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(os.environ["THREADS"])
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["MODEL"], options, ["CPUExecutionProvider"])
names = [value.name for value in session.get_inputs()]
tokenizer = tokenizers.BertWordPieceTokenizer(os.environ["VOCAB"], lowercase=True)
tokenizer.enable_truncation(int(os.environ["LONGEST"]))
labels = os.environ["LABELS"].split(",")
app = FastAPI()


class Request(BaseModel):
    inputs: str


@app.post("/predict")
def predict(request: Request):
    encoded = tokenizer.encode(request.inputs)
    arrays = {
        "input_ids": np.array([encoded.ids], np.int64),
        "token_type_ids": np.array([encoded.type_ids], np.int64),
        "attention_mask": np.array([encoded.attention_mask], np.int64),
    }
    [[logits]] = [session.run(None, {name: arrays[name] for name in names})[0]]
    scores = np.exp(logits - logits.max())
    scores /= scores.sum()
    order = np.argsort(-scores)
    return [{"score": float(scores[i]), "label": labels[i]} for i in order]
