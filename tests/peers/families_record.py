"""Models of every family that act imports, made and computed by `transformers`, for the tests of act-convert.

    pip install -r huggingface-requirements.txt
    python families_record.py act-convert/tests/hf/recorded             # small ones, a few kB each
    python families_record.py DIR --published                           # of published sizes, for the opt-in test:
    ACT_FAMILIES=DIR cargo test --release -p act-convert --test hf published

Each model is a folder as `save_pretrained` writes it, in a .tar.gz with expected.json beside it: texts, and for each
its ids and class scores. Weights are random (multiples of 1/64, which compress), vocabularies are made of the texts.
All texts of a model go through it in one padded batch.
"""

import argparse
import gzip
import io
import json
import pathlib
import tarfile
import tempfile

import sentencepiece
import tokenizers
import torch
import transformers

TEXTS = [
    ["The quick brown fox jumps over the lazy dog.", None],
    ["Does the café open at 8?", "Naïve déjà-vu: it opened at 08:00!"],
    ["x", None],
    ["", None],
    ["", "a"],
    [" two  blanks\tand\nlines ", "  "],
    ["花呗怎么还款 and ＦＵＬＬ width ﬁne ½", "emoji 🙂👍🏽 too"],
    ["a <mask> b [MASK] <s> it </s> [SEP]", "<unk> [UNK]"],
    ["Ünïcödé e\u0301 n\u0303 İstanbul ΟΔΟΣ ß", "so\u00adft\u200bzero\ufeff"],
    ["it's we'll I'm they've 12345 3.14 !!! ...", "don't"],
    ["a long review, " * 12, "with a short answer"],
    ["short", "and a long second text " * 9],
]
CORPUS = [text for pair in TEXTS for text in pair if text] * 3


def word_piece(cls, *special):
    letters = sorted({c for text in CORPUS for c in text.lower() if not c.isspace() and c.isprintable()})
    special = special or ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokens = [*special, *letters, *("##" + c for c in letters), "the", "##er", "##ing", "and"]
    return cls(vocab={token: i for i, token in enumerate(dict.fromkeys(tokens))})


def byte_pairs(special):
    """Vocabulary and merges of a byte-level byte-pair encoding."""
    bpe = tokenizers.Tokenizer(tokenizers.models.BPE())
    bpe.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=320, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    bpe.train_from_iterator(CORPUS, trainer)
    model = json.loads(bpe.to_str())["model"]
    return model["vocab"], [tuple(merge) for merge in model["merges"]]


def modern():
    """ModernBERT's kind of tokenizer: byte pairs of composed characters, BERT's special tokens."""
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocab, merges = byte_pairs(names)
    whole = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocab, merges=merges))
    whole.normalizer = tokenizers.normalizers.NFC()
    whole.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    whole.decoder = tokenizers.decoders.ByteLevel()
    ends = [(name, vocab[name]) for name in ["[CLS]", "[SEP]"]]
    whole.post_processor = tokenizers.processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]", ends)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=whole, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]",
        model_input_names=["input_ids", "attention_mask"],
    )


def pieces(rule):
    """Pieces with scores, and the characters' map, of a SentencePiece model trained on the texts."""
    model = io.BytesIO()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as rules:
        # What a published model's map does too, in 2 kB instead of 300.
        for source, target in [("½", "1⁄2"), ("ﬁ", "fi"), ("Ｆ", "F"), ("Ｕ", "U"), ("Ｌ", "L"), ("\u200b", " "), ("\u00ad", "")]:
            rules.write(" ".join(f"{ord(c):X}" for c in source) + "\t" + " ".join(f"{ord(c):X}" for c in target) + "\n")
        rules.flush()
        options = {"normalization_rule_tsv": rules.name} if rule is None else {"normalization_rule_name": rule}
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(CORPUS), model_writer=model, vocab_size=140, model_type="unigram",
            hard_vocab_limit=False, character_coverage=0.98, minloglevel=2, **options,
        )
    from transformers.convert_slow_tokenizer import import_protobuf

    proto = import_protobuf().ModelProto()
    proto.ParseFromString(model.getvalue())
    own = [(piece.piece, round(piece.score, 4)) for piece in proto.pieces if piece.type == 1]
    return own, proto.normalizer_spec.precompiled_charsmap


def unigram(cls, before, after, rule=None, **options):
    own, charsmap = pieces(rule)
    vocab = [(token, 0.0) for token in before] + own + [(token, 0.0) for token in after]
    return cls(vocab=vocab, _spm_precompiled_charsmap=charsmap, **options)


def families(rule):
    t = transformers
    small = dict(hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20)
    roberta = dict(small, type_vocab_size=1, max_position_embeddings=50, layer_norm_eps=1e-5)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    vocab, merges = byte_pairs(special)
    mask = tokenizers.AddedToken("<mask>", lstrip=True, special=True)
    return {
        "bert": (t.BertConfig(**small, max_position_embeddings=48), word_piece(t.BertTokenizer)),
        "distilbert": (
            t.DistilBertConfig(dim=12, n_layers=2, n_heads=3, hidden_dim=20, max_position_embeddings=48),
            word_piece(t.DistilBertTokenizer),
        ),
        "electra": (
            t.ElectraConfig(**small, embedding_size=7, max_position_embeddings=48),
            word_piece(t.ElectraTokenizer),
        ),
        "electra_wide": (
            t.ElectraConfig(**small, embedding_size=12, hidden_act="relu", max_position_embeddings=48),
            word_piece(t.ElectraTokenizer),
        ),
        "roberta": (t.RobertaConfig(**roberta), t.RobertaTokenizer(vocab=vocab, merges=merges, mask_token=mask)),
        "xlm_roberta": (
            t.XLMRobertaConfig(**roberta),
            unigram(t.XLMRobertaTokenizer, ["<s>", "<pad>", "</s>", "<unk>"], ["<mask>"], rule, mask_token=mask),
        ),
        "camembert": (
            t.CamembertConfig(**roberta),
            unigram(t.CamembertTokenizer, ["<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED", "<s>", "</s>"], ["<mask>"], rule),
        ),
        "albert": (
            t.AlbertConfig(**small, embedding_size=7, max_position_embeddings=48),
            unigram(t.AlbertTokenizer, ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"], [], rule),
        ),
        "mpnet": (
            t.MPNetConfig(**small, max_position_embeddings=50),
            word_piece(t.MPNetTokenizer, "<s>", "<pad>", "</s>", "[UNK]", "<mask>"),
        ),
        "modernbert": (
            t.ModernBertConfig(**dict(small, num_hidden_layers=4), local_attention=8, max_position_embeddings=48),
            modern(),
        ),
        # What the first leaves out: biases, the mean, layers of any order, other activations.
        "modernbert_mean": (
            t.ModernBertConfig(
                **small, local_attention=5, layer_types=["sliding_attention", "full_attention"], classifier_pooling="mean",
                attention_bias=True, mlp_bias=True, norm_bias=True, classifier_bias=True, classifier_activation="relu",
                hidden_activation="gelu_pytorch_tanh", max_position_embeddings=48,
            ),
            modern(),
        ),
        "albert_groups": (
            t.AlbertConfig(**dict(small, num_hidden_layers=4), num_hidden_groups=2, inner_group_num=2, embedding_size=7, hidden_act="relu", max_position_embeddings=48),
            unigram(t.AlbertTokenizer, ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"], [], rule, do_lower_case=False, keep_accents=True),
        ),
    }


PUBLISHED = {
    "bert": {},
    "distilbert": {},
    "electra": {"embedding_size": 128, "hidden_size": 256, "num_attention_heads": 4, "intermediate_size": 1024, "num_hidden_layers": 12},
    "roberta": {"max_position_embeddings": 514},
    "xlm_roberta": {"max_position_embeddings": 514},
    "camembert": {"max_position_embeddings": 514},
    "mpnet": {"max_position_embeddings": 514},
    "modernbert": {},
    "albert": {"embedding_size": 128, "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072, "num_hidden_layers": 12},
}


def published(name, config):
    """The same family with its published sizes, but for the vocabulary."""
    kept = {key: getattr(config, key) for key in ["vocab_size", "pad_token_id", "bos_token_id", "eos_token_id", "type_vocab_size", "hidden_act", "layer_norm_eps"] if hasattr(config, key)}
    return type(config)(**{**kept, **PUBLISHED[name]})


def randomise(model, seed, grid):
    draw = torch.Generator().manual_seed(seed)
    for name, value in sorted(model.named_parameters()):
        noise = torch.randn(value.shape, generator=draw)
        if "norm" in name.lower() and name.endswith("weight"):
            noise = 1 + 0.2 * noise
        elif value.dim() == 2 and "embedding" not in name.replace("embedding_hidden", "").replace("embeddings_project", ""):
            noise = noise * (0.8 / value.shape[1] ** 0.5)
        else:
            noise = 0.3 * noise
        value.data = (noise * grid).round() / grid if grid else noise


def save(name, config, tokenizer, directory, grid):
    config.vocab_size = max(config.vocab_size if grid is None else 0, len(tokenizer)) + 3
    config.pad_token_id = tokenizer.pad_token_id
    config.id2label = {0: "bad", 1: "good", 2: "neither"}
    config.label2id = {label: i for i, label in config.id2label.items()}
    model = transformers.AutoModelForSequenceClassification.from_config(config).eval()
    randomise(model, 7, grid)
    longest, texts = 40, TEXTS
    if grid is None and hasattr(config, "local_attention"):
        # Longer than a window.
        longest, texts = 500, [*TEXTS, ["a long review, " * 90, "with a short answer"]]
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder, max_shard_size="6KB" if name == "distilbert" else "5GB")
        tokenizer.model_max_length = longest
        tokenizer.save_pretrained(folder)
        # As a user's program loads them.
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
        # One list each: a second text may be missing.
        rows = [tokenizer([a], None if b is None else [b], truncation=True, max_length=longest) for a, b in texts]
        rows = [{key: values[0] for key, values in row.items()} for row in rows]
        batch = tokenizer.pad(rows, return_tensors="pt")
        with torch.no_grad():
            logits = model(**batch).logits.tolist()
        answers = [
            {"text": text, "pair": pair, "input_ids": row["input_ids"], "logits": [float(f"{x:.8g}") for x in scores]}
            for (text, pair), row, scores in zip(texts, rows, logits)
        ]
        path = pathlib.Path(folder)
        said = {"version": transformers.__version__, "answers": answers}
        (path / "expected.json").write_text(json.dumps(said, ensure_ascii=False, separators=(",", ":")))
        if grid is None:
            path.rename(directory / name)
            path.mkdir()
            return
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for file in sorted(path.iterdir()):
                info = tarfile.TarInfo(f"{name}/{file.name}")
                info.size = file.stat().st_size
                tar.addfile(info, io.BytesIO(file.read_bytes()))
        with open(directory / f"{name}.tar.gz", "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as out:
            out.write(archive.getvalue())
        print(name, (directory / f"{name}.tar.gz").stat().st_size, "bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--only", metavar="NAME", help="this model alone")
    parser.add_argument("--published", action="store_true", help="published sizes and the published characters' map")
    args = parser.parse_args()
    args.directory.mkdir(parents=True, exist_ok=True)
    for name, (config, tokenizer) in families("nmt_nfkc" if args.published else None).items():
        if args.only not in (None, name):
            continue
        if not args.published:
            save(name, config, tokenizer, args.directory, 64)
        elif name in PUBLISHED:
            save(name, published(name, config), tokenizer, args.directory, None)


main()
