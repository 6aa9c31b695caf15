"""Records what PyTorch makes of the losses in act-nn/src/loss/recorded.rs: of each its value and
its gradient's product with a fixed vector. All values are sines, so that no file is needed.

    python tests/peers/losses_record.py     # with huggingface-requirements.txt's torch
"""

import math

import torch
from torch.nn import functional

torch.set_default_dtype(torch.float64)


def values(seed, rows, columns):
    numbers = [2.0 * math.sin(1.7 * i + seed) for i in range(rows * columns)]
    return torch.tensor(numbers).reshape(rows, columns)


def record(name, loss, student):
    student.requires_grad_()
    value = loss(student)
    value.backward()
    probe = torch.tensor([math.sin(0.9 * i) for i in range(student.numel())])
    print(f'("{name}", {value.item():.12}, {(student.grad.flatten() @ probe).item():.12}),')


LENGTHS = [3, 1, 2]
logits, teacher = values(1, 3, 4), values(2, 3, 4)
classes = torch.tensor([2, 0, 3])


def soft(student, temperature=2.5):
    student, target = student / temperature, functional.softmax(teacher / temperature, 1)
    kl = functional.kl_div(functional.log_softmax(student, 1), target, reduction="sum")
    return kl * temperature**2


def hidden(student):
    pairs = zip(student.split(LENGTHS), values(4, 6, 5).split(LENGTHS))
    return sum(functional.mse_loss(s, t) for s, t in pairs)


def first_hidden(student):
    return sum(functional.mse_loss(s, t) for s, t in zip(student[[0, 3, 4]], values(4, 3, 5)))


def relations(student, heads=2):
    total = 0
    for s, t in zip(student.split(LENGTHS), values(6, 6, 4).split(LENGTHS)):
        split = lambda x: x.reshape(len(x), heads, -1).transpose(0, 1)
        scores = lambda x: x @ x.transpose(1, 2) / math.sqrt(x.shape[2])
        ours, theirs = scores(split(s)), functional.softmax(scores(split(t)), 2)
        kl = functional.kl_div(functional.log_softmax(ours, 2), theirs, reduction="sum")
        total = total + kl / (heads * len(s))
    return total


record("labels", lambda x: functional.cross_entropy(x, classes, reduction="sum"), values(1, 3, 4))
record("logits", lambda x: 3 * functional.mse_loss(x, teacher), values(1, 3, 4))
record("soft labels", soft, values(1, 3, 4))
record("hidden", hidden, values(3, 6, 5))
record("hidden, first tokens", first_hidden, values(3, 6, 5))
record("relations", relations, values(5, 6, 6))

several = torch.tensor([[1.0, 0, 0, 1], [0, 0, 0, 0], [0, 1, 1, 0]], dtype=torch.float64)
weights = torch.tensor([0.5, 2.0, 1.0, 3.0], dtype=torch.float64)


def of_labels(student, **options):
    return functional.binary_cross_entropy_with_logits(student, several, reduction="sum", **options) / 4


def soft_of_each(student, temperature=2.5):
    """Bernoulli KL of each label, the mean over labels."""
    student, target = student / temperature, torch.sigmoid(teacher / temperature)
    entropy = functional.binary_cross_entropy(target, target, reduction="sum")
    cross = functional.binary_cross_entropy_with_logits(student, target, reduction="sum")
    return (cross - entropy) * temperature**2 / 4


def focal(student, gamma=1.5):
    logs = functional.log_softmax(student, 1)
    of_class = logs.gather(1, classes[:, None])
    return -(weights[classes][:, None] * (1 - of_class.exp()) ** gamma * of_class).sum()


def focal_of_each(student, gamma=2.0):
    p = torch.sigmoid(student)
    terms = several * (1 - p) ** gamma * p.log() + (1 - several) * p**gamma * (1 - p).log()
    return -terms.sum() / 4


weighted = lambda x: functional.cross_entropy(x, classes, weight=weights, reduction="sum")
scores = torch.tensor([0.5, -1.0, 3.0], dtype=torch.float64)[:, None]
record("several labels", of_labels, values(1, 3, 4))
record("several labels, weighted", lambda x: of_labels(x, pos_weight=weights), values(1, 3, 4))
record("several labels, focal", focal_of_each, values(1, 3, 4))
record("several soft labels", soft_of_each, values(1, 3, 4))
record("labels, weighted", weighted, values(1, 3, 4))
record("labels, focal and weighted", focal, values(1, 3, 4))
record("score", lambda x: functional.mse_loss(x, scores, reduction="sum"), values(1, 3, 1))
