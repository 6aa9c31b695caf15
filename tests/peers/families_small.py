"""Small encoders of two families, untrained, for a whole recipe on data of one's own: folders as `save_pretrained` writes
them, weights drawn by `transformers`, and a byte-level byte-pair tokenizer trained on the texts of a CSV file.

    pip install -r huggingface-requirements.txt
    python families_small.py DIR banking77/train.csv text               # DIR/roberta, DIR/modernbert

docs/benchmarks/families.md has the commands that train and compress them.
"""

import argparse
import csv
import json
import pathlib

import tokenizers
import torch
import transformers

SHAPE = dict(hidden_size=128, num_hidden_layers=4, num_attention_heads=4)
LONGEST = 64


def byte_pairs(texts, special):
    """Byte pairs of the texts, with the special tokens first."""
    bpe = tokenizers.Tokenizer(tokenizers.models.BPE())
    bpe.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=3000, special_tokens=special, show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )
    bpe.train_from_iterator(texts, trainer)
    return bpe


def roberta(texts):
    """Positions behind the pad, one token type, norms behind the blocks, RoBERTa's head."""
    bpe = byte_pairs(texts, ["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    saved = json.loads(bpe.to_str())["model"]
    tokenizer = transformers.RobertaTokenizer(vocab=saved["vocab"], merges=[tuple(pair) for pair in saved["merges"]])
    config = transformers.RobertaConfig(
        **SHAPE, intermediate_size=512, type_vocab_size=1, max_position_embeddings=LONGEST + 2, layer_norm_eps=1e-5,
        vocab_size=len(tokenizer), pad_token_id=1, bos_token_id=0, eos_token_id=2,
    )
    return transformers.RobertaModel(config, add_pooling_layer=False), tokenizer


def modernbert(texts):
    """Rotary positions, norms before the blocks, gated blocks, two local layers between two global ones."""
    bpe = byte_pairs(texts, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    bpe.normalizer = tokenizers.normalizers.NFC()
    ends = [(name, bpe.token_to_id(name)) for name in ["[CLS]", "[SEP]"]]
    bpe.post_processor = tokenizers.processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]", ends)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=bpe, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]",
        model_input_names=["input_ids", "attention_mask"],
    )
    config = transformers.ModernBertConfig(
        **SHAPE, intermediate_size=256, max_position_embeddings=LONGEST, local_attention=16, global_attn_every_n_layers=3,
        vocab_size=len(tokenizer), pad_token_id=0, cls_token_id=2, sep_token_id=3, bos_token_id=2, eos_token_id=3,
    )
    return transformers.ModernBertModel(config), tokenizer


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("csv", type=pathlib.Path, help="a CSV file with a header")
    parser.add_argument("column", help="its column of texts")
    args = parser.parse_args()
    with open(args.csv, newline="", encoding="utf-8") as file:
        texts = [row[args.column] for row in csv.DictReader(file)]
    for make in [roberta, modernbert]:
        torch.manual_seed(7)
        model, tokenizer = make(texts)
        tokenizer.model_max_length = LONGEST
        folder = args.directory / make.__name__
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        lengths = sorted(len(ids) for ids in tokenizer(texts)["input_ids"])
        numbers = sum(p.numel() for p in model.parameters())
        print(f"{folder}: {numbers:,} numbers, {len(tokenizer)} tokens, texts of {lengths[len(lengths) // 2]} tokens (median), {lengths[-1]} (longest)")


main()
