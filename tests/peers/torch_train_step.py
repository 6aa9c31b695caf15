"""A training step in PyTorch beside act's, on one GPU.

    python tests/peers/torch_train_step.py [layers] [hidden] [heads] [batch] [steps] [--compile] [--f32] [--forward]

The model, batch and optimiser of `act-nn/examples/throughput.rs`: a post-norm BERT with a vocabulary of
21,128, batches of sequences of 128 tokens, dropout 0.1, cross-entropy of three classes, AdamW, gradients
clipped at norm 1. PyTorch at its best: bfloat16 autocast, fused AdamW, scaled_dot_product_attention, no host
synchronisation in a step, `--compile` for torch.compile. As act does, the last layer computes all that only the
classified token needs for that token alone. `--forward`: the forward pass alone, in float16 instead of bfloat16. Prints the
median milliseconds of a step, sequences a second and the most memory.
"""

import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

VOCABULARY, TOKENS, CLASSES = 21_128, 128, 3


class Layer(nn.Module):
    def __init__(self, hidden: int, heads: int, last: bool):
        super().__init__()
        self.heads, self.last = heads, last
        self.query, self.key, self.value, self.output = (nn.Linear(hidden, hidden) for _ in range(4))
        self.up, self.down = nn.Linear(hidden, 4 * hidden), nn.Linear(4 * hidden, hidden)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(2))

    def forward(self, x):
        batch, _, hidden = x.shape
        asking = x[:, :1] if self.last else x

        def split(y):
            return y.view(batch, -1, self.heads, hidden // self.heads).transpose(1, 2)

        q, k, v = split(self.query(asking)), split(self.key(x)), split(self.value(x))
        dropped = 0.1 if self.training else 0.0
        context = F.scaled_dot_product_attention(q, k, v, dropout_p=dropped)
        context = self.output(context.transpose(1, 2).reshape(batch, -1, hidden))
        x = self.norms[0](asking + F.dropout(context, 0.1, self.training))
        return self.norms[1](x + F.dropout(self.down(F.gelu(self.up(x))), 0.1, self.training))


class Classifier(nn.Module):
    def __init__(self, layers: int, hidden: int, heads: int):
        super().__init__()
        self.words, self.positions = nn.Embedding(VOCABULARY, hidden), nn.Embedding(TOKENS, hidden)
        self.types, self.norm = nn.Embedding(2, hidden), nn.LayerNorm(hidden)
        self.layers = nn.ModuleList(Layer(hidden, heads, i + 1 == layers) for i in range(layers))
        self.pooler, self.classifier = nn.Linear(hidden, hidden), nn.Linear(hidden, CLASSES)

    def forward(self, ids, types, positions):
        x = self.norm(self.words(ids) + self.positions(positions) + self.types(types))
        x = F.dropout(x, 0.1, self.training)
        for layer in self.layers:
            x = layer(x)
        pooled = F.dropout(torch.tanh(self.pooler(x[:, 0])), 0.1, self.training)
        return self.classifier(pooled)


def main():
    flags = [a for a in sys.argv[1:] if a.startswith("--")]
    numbers = [int(a) for a in sys.argv[1:] if not a.startswith("--")]
    layers, hidden, heads, batch, steps = numbers + [6, 768, 12, 32, 50][len(numbers):]
    device, mixed = "cuda", "--f32" not in flags
    low = torch.float16 if "--forward" in flags else torch.bfloat16
    torch.manual_seed(42)
    if not mixed:
        torch.set_float32_matmul_precision("high")
    model = Classifier(layers, hidden, heads).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01, fused=True)
    ids = torch.randint(5, VOCABULARY, (batch * 8, TOKENS), device=device)
    types, positions = torch.zeros_like(ids), torch.arange(TOKENS, device=device)[None]
    labels = torch.arange(batch * 8, device=device) % CLASSES

    def forward(start):
        with torch.autocast(device, low, enabled=mixed):
            logits = model(ids[start:start + batch], types[start:start + batch], positions)
            return F.cross_entropy(logits.float(), labels[start:start + batch])

    run = torch.compile(forward) if "--compile" in flags else forward

    @torch.no_grad()
    def predict(i):
        return run(i % 8 * batch)

    def step(i):
        loss = run(i % 8 * batch)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    forward_only = "--forward" in flags
    if forward_only:
        model.eval()
        step = predict
    began = time.perf_counter()
    for i in range(5):
        step(i)
    torch.cuda.synchronize()
    warm = time.perf_counter() - began
    rounds = []
    for _ in range(5):
        began = time.perf_counter()
        for i in range(steps):
            loss = step(i)
        torch.cuda.synchronize()
        rounds.append((time.perf_counter() - began) / steps)
    taken = statistics.median(rounds)
    name = "compiled" if "--compile" in flags else "eager"
    print(
        f"PyTorch {torch.__version__} {name}, {'forward' if forward_only else 'training'}, "
        f"{str(low).removeprefix('torch.') if mixed else 'f32 (TF32)'}, {layers} x {hidden}, {batch} x {TOKENS}: "
        f"{taken * 1e3:.2f} ms a step, {batch / taken:.0f} sequences/s, "
        f"{torch.cuda.max_memory_allocated() / 1e6:.0f} MB at most, first steps {warm:.1f} s, loss {loss.item():.3f}"
    )


main()
