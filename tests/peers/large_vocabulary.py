"""An XLM-RoBERTa of the published size: 250,002 tokens from texts in many languages, random weights.

    pip install -r huggingface-requirements.txt
    python large_vocabulary.py FOLDER TEXTS...

TEXTS are files in UTF-8, a text a line. Pieces are learnt by SentencePiece as XLM-R's were, by unigrams with XLM-R's characters' map; the
weights are drawn, since what `Prune.vocabulary` keeps depends on the pieces alone.
"""

import argparse
import io
import itertools
import pathlib

import sentencepiece
import tokenizers
import torch
import transformers
from transformers.convert_slow_tokenizer import import_protobuf

ROWS = 250_002
BEFORE, AFTER = ["<s>", "<pad>", "</s>", "<unk>"], ["<mask>"]


def pieces(files):
    """Pieces with their scores, and the characters' map."""
    texts = itertools.chain.from_iterable(open(file, encoding="utf-8") for file in files)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(text.strip() for text in texts), model_writer=model, model_type="unigram",
        # Three of SentencePiece's own are no pieces of the model's.
        vocab_size=ROWS - len(BEFORE) - len(AFTER) + 3, character_coverage=0.9995,
        normalization_rule_name="nmt_nfkc", seed_sentencepiece_size=1_000_000, num_threads=2, minloglevel=1,
    )
    proto = import_protobuf().ModelProto()
    proto.ParseFromString(model.getvalue())
    own = [(piece.piece, piece.score) for piece in proto.pieces if piece.type == 1]
    return own, proto.normalizer_spec.precompiled_charsmap


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("texts", nargs="+")
    args = parser.parse_args()
    own, charsmap = pieces(args.texts)
    vocab = [(token, 0.0) for token in BEFORE] + own + [(token, 0.0) for token in AFTER]
    mask = tokenizers.AddedToken("<mask>", lstrip=True, special=True)
    tokenizer = transformers.XLMRobertaTokenizer(vocab=vocab, _spm_precompiled_charsmap=charsmap, mask_token=mask)
    tokenizer.model_max_length = 128
    torch.manual_seed(1)
    config = transformers.XLMRobertaConfig(
        vocab_size=len(vocab), max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5,
        pad_token_id=1, id2label={0: "0", 1: "1"}, label2id={"0": 0, "1": 1},
    )
    model = transformers.XLMRobertaForSequenceClassification(config).eval()
    model.save_pretrained(args.folder)
    tokenizer.save_pretrained(args.folder)
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{len(vocab):,} tokens, {parameters:,} parameters, of them {len(vocab) * config.hidden_size:,} for the tokens")


main()
