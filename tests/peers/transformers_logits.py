"""Ids and class scores of an exported folder as `transformers` computes them, for the opt-in test
of act-convert (it calls this script itself):

    pip install -r huggingface-requirements.txt
    ACT_TRANSFORMERS=python3 cargo test --release -p act-convert transformers

Reads a JSON list of [text, pair or null] from standard input; prints the version of transformers,
the model's class and labels, and for each text its ids and scores, as one JSON object. A folder
that does not load ends it with exit code 1.
"""

import json
import pathlib
import sys

import tokenizers
import torch
import transformers

transformers.logging.set_verbosity_error()


def main():
    folder = sys.argv[1]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    # As servers and browsers read it, which know no class.
    file = tokenizers.Tokenizer.from_file(str(pathlib.Path(folder) / "tokenizer.json"))
    answers = []
    for text, pair in json.load(sys.stdin):
        encoding = tokenizer(text, pair, return_tensors="pt")
        ids = encoding["input_ids"][0].tolist()
        alone = file.encode(text, pair).ids
        if alone != ids:
            sys.exit(f"tokenizer.json alone gives {alone}, the class {ids}: {text!r}")
        with torch.no_grad():
            logits = model(**encoding).logits[0]
        answers.append({"input_ids": ids, "logits": logits.tolist()})
    print(json.dumps({
        "version": transformers.__version__,
        "class": type(model).__name__,
        "labels": [model.config.id2label[i] for i in range(model.config.num_labels)],
        "answers": answers,
    }))


if __name__ == "__main__":
    main()
