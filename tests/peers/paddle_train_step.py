"""Seconds per training step of a BERT classifier with PaddlePaddle on CPU: AdamW, dropout 0.1,
batches of random tokens. The peer of `cargo run --release -p act-nn --example throughput`.

    pip install -r paddle-requirements.txt
    OMP_NUM_THREADS=1 python paddle_train_step.py [threads] [steps] [layers] [hidden] [heads]

Prints the seconds of every step after one for warm-up, and the least.
"""
import sys
import time

import numpy as np
import paddle
from paddle import nn

BATCH, TOKENS, VOCABULARY, CLASSES = 16, 128, 21128, 15


class Classifier(nn.Layer):
    def __init__(self, layers, hidden, heads):
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, hidden)
        self.positions = nn.Embedding(512, hidden)
        self.types = nn.Embedding(2, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.dropout = nn.Dropout(0.1)
        layer = nn.TransformerEncoderLayer(
            hidden, heads, 4 * hidden, dropout=0.1, activation="gelu", attn_dropout=0.1, act_dropout=0.0
        )
        self.encoder = nn.TransformerEncoder(layer, layers)
        self.pooler = nn.Linear(hidden, hidden)
        self.classifier = nn.Linear(hidden, CLASSES)

    def forward(self, ids):
        positions = paddle.arange(ids.shape[1]).unsqueeze(0)
        x = self.words(ids) + self.positions(positions) + self.types(paddle.zeros_like(ids))
        x = self.encoder(self.dropout(self.norm(x)))
        return self.classifier(self.dropout(paddle.tanh(self.pooler(x[:, 0]))))


def main():
    given = [int(word) for word in sys.argv[1:]]
    threads, steps, layers, hidden, heads = given + [1, 5, 4, 256, 4][len(given):]
    paddle.set_device("cpu")
    paddle.seed(1)
    model = Classifier(layers, hidden, heads)
    model.train()
    clip = nn.ClipGradByGlobalNorm(1.0)
    optimizer = paddle.optimizer.AdamW(1e-4, parameters=model.parameters(), weight_decay=0.01, grad_clip=clip)
    random = np.random.RandomState(1)
    taken = []
    for _ in range(steps + 1):
        ids = paddle.to_tensor(random.randint(5, VOCABULARY, (BATCH, TOKENS)))
        labels = paddle.to_tensor(random.randint(0, CLASSES, (BATCH,)))
        start = time.perf_counter()
        loss = nn.functional.cross_entropy(model(ids), labels)
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        float(loss)
        taken.append(time.perf_counter() - start)
    taken = taken[1:]
    print(" ".join(f"{t:.3f}" for t in taken))
    print(f"paddle {paddle.__version__}, {layers} x {hidden}, {threads} thread(s): {min(taken):.3f} s a step at best")


main()
