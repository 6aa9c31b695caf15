"""Compares the ids of real folders' tokenizers with those of transformers, on the texts of
act-convert/tests/tokenizers/recorded.json.gz (huggingface-requirements.txt):

    cargo build --release -p act-convert --example folder_tokens
    tokenizers_folders.py target/release/examples/folder_tokens FOLDER...

A line a folder: what it is read as and how many texts differ, or why it is refused.
"""

import gzip
import json
import os
import subprocess
import sys

from transformers import AutoTokenizer, logging

logging.set_verbosity_error()
HERE = os.path.dirname(os.path.abspath(__file__))
RECORDED = os.path.join(HERE, "../../act-convert/tests/tokenizers/recorded.json.gz")
LONGEST = 64


def theirs(folder, items):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    out = []
    for item in items:
        one, two = ([item[0]], [item[1]]) if isinstance(item, list) else ([item], None)
        got = tokenizer(one, two, truncation=True, max_length=LONGEST, return_token_type_ids=True)
        out.append([got["input_ids"][0], got["token_type_ids"][0]])
    return type(tokenizer).__name__, out


def main():
    program, folders = sys.argv[1], sys.argv[2:]
    with gzip.open(RECORDED, "rt", encoding="utf-8") as file:
        items = json.load(file)["texts"]
    lines = "".join(json.dumps(item) + "\n" for item in items)
    for folder in folders:
        path = os.path.join(folder, "config.json")
        rows = json.load(open(path)).get("vocab_size", 30522) if os.path.exists(path) else 30522
        ours = subprocess.run([program, "huggingface", folder, str(rows), str(LONGEST)], input=lines, capture_output=True, text=True)
        if ours.returncode:
            print(f"{folder}: refused: {ours.stderr.strip().splitlines()[0]}")
            continue
        try:
            name, right = theirs(folder, items)
        except Exception as e:  # whatever transformers stumbles over
            print(f"{folder}: transformers does not load it: {str(e).splitlines()[0][:100]}")
            continue
        found = [json.loads(line) for line in ours.stdout.splitlines()]
        wrong = [i for i, (a, b) in enumerate(zip(found, right)) if a != b]
        print(f"{folder}: {name}, {ours.stderr.strip()}: {len(wrong)} of {len(items)} differ")
        for i in wrong[:2]:
            print("   ", json.dumps(items[i], ensure_ascii=False)[:200], found[i][0][:20], right[i][0][:20])


main()
