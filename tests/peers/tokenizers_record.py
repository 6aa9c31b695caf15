"""Records the ids that transformers and PaddleNLP give texts that are hard to cut into tokens.

    tokenizers_record.py texts        RECORDED.json.gz    # any Python 3: texts and a vocabulary for them
    tokenizers_record.py transformers RECORDED.json.gz    # huggingface-requirements.txt
    tokenizers_record.py paddlenlp    RECORDED.json.gz    # paddle-requirements.txt, Python 3.11

in this order; the file is act-convert/tests/tokenizers/recorded.json.gz. It holds the folders of some
configurations, and for each text and configuration an FNV-1a of ids and token types; every 97th
text's are there in clear.
"""

import gzip
import json
import os
import random
import struct
import sys
import tempfile

CLEAR = 97
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def pieces():
    """Kinds of text, each a list of parts that texts are put together from."""
    zwj, vs16 = "\u200d", "\ufe0f"
    return {
        "english": "The cat SAT on the mat , hello world ! good-bye isn't it's naïve café résumé Zürich "
        "x86 3.14 e-mail@example.com http://a.b/c?d=e C++ #tag @user it’s “quoted” — dash … ½ 10² H₂O".split(),
        "chinese": list("我你他好不是的了人中国天气很今普通一句话，。！？、；：“”（）《》【】…—～·") + ["提额", "花呗", "借呗还款", "３０天", "㈱", "〇"],
        "japanese": "私はこれを見た とてもよい 映画だった ガギグゲゴ がぎぐげご ﾊﾝｶｸ ｶﾞｷﾞ カ゛ 々〆ヶ ー・「」 東京都".split(),
        "korean": ["안녕하세요", "한국어", "\u1112\u1161\u11ab\u1100\u116e\u11a8", "ㅋㅋㅋ", "ㅠㅠ", "가나다", "\uffa1\uffc2"],
        "thai": ["สวัสดี", "น้ำ", "ที่", "กำ", "เก่ง", "๑๒๓", "ฯ", "฿100"],
        "arabic": ["السلام", "عَلَيْكُم", "مرحبا", "؟", "،", "١٢٣", "ﷺ", "لا", "\u0640\u0640", "\u200fעברית", "שָׁלוֹם"],
        "indic": ["नमस्ते", "हिन्दी", "বাংলা", "தமிழ்", "ಕನ್ನಡ", "।", "₹500", "क़", "ක්‍ෂ"],
        "emoji": ["😀", "👍", "👍🏽", f"👨{zwj}👩{zwj}👧{zwj}👦", f"👩🏿{zwj}🚀", f"❤{vs16}", "🇩🇪", "🏴\U000e0067\U000e0062\U000e007f", f"1{vs16}⃣", "🫠", "🫨", "🥰", "🤣", "\U0001faf6", "☃", f"☺{vs16}"],
        "symbols": "10℃ ¥200 €1.50 £3 $5 ₿0.1 ±2 ×3 ÷4 ≈ ≠ √2 ∞ → ← ★ ☆ ♥ © ® ™ § ¶ † ° º ª µ Ø ø ŋ Ʊ № ℡ ① Ⅳ ⅷ ㎡ ㏑ ｀ ＾ ￥ ＄ ^ ` ~ | < > = + _".split(),
        "full width": ["ＡＢＣ", "ａｂｃ", "１２３", "！？", "（ａ）", "　", "Ａ　Ｂ", "￠", "｡｢｣"],
        "zero width": ["a\u200bb", "\u200c", "\u200dx", "\ufeff", "\u2060word", "so\u00adft", "\u200e", "\u202etxet\u202c", "\u2066a\u2069", "\u180e", "\u034f", "\u061c"],
        "blanks": [" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u2003", "\u2028", "\u2029", "\u0085", "\u000b", "\u000c", "\u1680", "\u202f", "\u205f", "\u3000", "\x1c", "\x1f"],
        "control": ["\x00", "\x01a", "\x07", "\x1b[0m", "\x7f", "\x80", "\x9f", "\ufffd", "\ufffe", "\uffff", "\ue000", "\uf8ff", "\U000f0000", "\U0010ffff"],
        "accents": ["e\u0301", "É", "é", "n\u0303o", "Å", "A\u030a", "\u0301", "q\u0307\u0323", "ộ", "o\u0302\u0323", "ñ", "ß", "ẞ", "ﬁ", "ﬀ", "Ĳ", "Ω", "ΟΔΟΣ", "Σ", "ςΣς", "İstanbul", "ıI", "Ǆ", "ǅ", "ŉ", "ὈΔΥΣΣΕΎΣ", "ΐ", "Й", "Ё", "Ж", "\u212b", "\u2126", "K"],
        "rare": ["㐀", "𠀀", "𪜀", "𫝀", "𫠠", "𬺰", "𰀀", "\U0002fa1e", "豈", "金", "\u9fff", "\u9ffd", "\u2b81f", "\U0002b920", "\U0002b830", "\U0002ceaf", "\U0002a6df", "𝐀𝐛", "𝒜", "𝟘", "Ⓐ", "🄰", "ꭰ", "Ꭰ", "\U00010400", "\U0001e900", "ᲀ", "Ა", "Ⴀ", "ꟊ", "\U00016e40", "Ɤ", "Ʞ"],
        "unassigned": ["\u0378", "\u0530", "\u05ff", "\u1c8a", "\u2e5e", "\ua7f1", "\U0001f8ff", "\U0001fae9", "\U0001fadc", "\U00010d40", "\U000e0fff", "\U00031350", "\U0002ebf0", "\u0cdd", "\u1715", "\u0870", "\u20c0", "\u20c1"],
        "special": ["[SEP]", "[CLS]", "[PAD]", "[MASK]", "[UNK]", "[sep]", "[Sep]", "[ SEP ]", "[SEP", "SEP]", "[[SEP]]", "x[SEP]y", "[SE\u200bP]", "[MASK]good", "[unused1]", "[UNUSED1]", "[E1]", "[/E1]", "[e1]", "@user", "@USER", "@users", "a@user.", "ENT", "ent", "ENTER", "<s>", "</s>", "<pad>", "<S>", " [SEP] ", "\u3000[CLS]\t", "[E1][SEP]", "hot dog", "HOT DOG", "hot  dog", "xhot dogx"],
        "long": ["a" * 99, "a" * 100, "a" * 101, "b" * 120, "supercalifragilistic" * 6, "é" * 100, "e\u0301" * 60, "１" * 101, "ab1" * 40, "好" * 130, "x" * 49, "x" * 51],
        "pieces": "unaffable playing played plays walker walking talk talked jumping unhappiness rewritten prewar ##ing ##s s## a##b".split(),
    }


def texts():
    """Texts, and pairs as lists of two."""
    draw = random.Random(7)
    kinds = pieces()
    out = [part for parts in kinds.values() for part in parts]
    names = list(kinds)
    for name in names:
        for _ in range(30):
            glue = draw.choice(["", " ", " ", "\u3000"])
            out.append(glue.join(draw.choices(kinds[name], k=draw.randint(2, 8))))
    for _ in range(380):
        some = draw.sample(names, draw.randint(2, 5))
        parts = [draw.choice(kinds[draw.choice(some)]) for _ in range(draw.randint(2, 14))]
        out.append("".join(part + draw.choice(["", "", " "]) for part in parts))
    blocks = [(0x20, 0x250), (0x250, 0x600), (0x600, 0xE00), (0xE00, 0x1E00), (0x1E00, 0x2C00), (0x2C00, 0x3400), (0xA000, 0xAC00), (0xF900, 0x10000), (0x10000, 0x11000), (0x11000, 0x12000), (0x16000, 0x17000), (0x1D000, 0x1E000), (0x1E000, 0x20000)]
    for i in range(260):
        low, high = blocks[i % len(blocks)]
        out.append("".join(chr(draw.randrange(low, high)) + draw.choice(["", "", "a", " "]) for _ in range(12)))
    words = kinds["english"] + kinds["pieces"] + kinds["chinese"] + kinds["special"][:8] + kinds["emoji"]

    def lengthy(count):
        return " ".join(draw.choices(words, k=count))

    out += [lengthy(draw.randint(5, 120)) for _ in range(70)]
    pairs = [[draw.choice(out[:1300]), draw.choice(out[:1300])] for _ in range(230)]
    for _ in range(330):
        long, short = draw.randint(20, 60), draw.randint(0, 20)
        pairs.append(draw.choice([[lengthy(long), lengthy(short)], [lengthy(short), lengthy(long)], [lengthy(long), lengthy(draw.randint(20, 60))]]))
    pairs += [["", ""], ["a", ""], ["", "a"], ["[SEP]", "[SEP]"]]
    return ["", " "] + out + pairs


def vocabulary(items):
    """A small vocabulary that knows some of everything."""
    counts, flat = {}, []
    for item in items:
        flat += item if isinstance(item, list) else [item]
    for text in flat:
        for c in text + text.lower():
            if not c.isspace() and c.isprintable():
                counts[c] = counts.get(c, 0) + 1
    tokens = ["[PAD]", "[unused1]", "[unused2]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<s>", "</s>", "<pad>", "<unk>"]
    tokens += sorted(c for c, n in counts.items() if n > 2)[::2] + list(LETTERS + LETTERS.upper() + "0123456789!?.,'-")
    tokens += ["##" + c for c in LETTERS + "0123456789éß"] + ["the", "The", "cat", "sat", "mat", "hello", "good", "hot", "dog"]
    tokens += "play walk talk jump un happy re write pre war cafe café naive zurich ##ing ##ed ##s ##er ##aff ##able ##ness ##ten 10 ##00 200 300 ent sep cls user istanbul οδος ##σ σ ς الس ##لام สวัส ##ด ##ี".split()
    tokens += ["한국", "안녕", "##하세요", "\u1112\u1161\u11ab", "\u1112", "##\u1161", "##\u11ab", "ガ", "か", "##き", "か\u3099", "中国", "👍", "😀", "℃", "¥", "é", "e\u0301", "À", "ß"]
    return list(dict.fromkeys(tokens))


def digest(ids, types):
    """FNV-1a, 32 bits folded to 24, of the numbers as four bytes each."""
    value = 0x811C9DC5
    for byte in struct.pack(f"<{len(ids) + len(types)}I", *ids, *types):
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return f"{value >> 24 ^ value & 0xFFFFFF:06x}"


def recorded(name, kind, files, rows, longest, encode, items):
    encoded = [encode(item) for item in items]
    return {
        "name": name,
        "kind": kind,
        "files": files,
        "rows": rows,
        "longest": longest,
        "digests": "".join(digest(*one) for one in encoded),
        "clear": {str(i): encoded[i] for i in range(0, len(items), CLEAR)},
    }


def added(content, normalized=False, lstrip=False, rstrip=False, single_word=False, special=True):
    return {"content": content, "lstrip": lstrip, "normalized": normalized, "rstrip": rstrip, "single_word": single_word, "special": special}


def huggingface(vocab):
    """Folders by name: files and longest sequence."""
    bert = {"tokenizer_class": "BertTokenizer", "do_lower_case": True}
    lines = "\n".join(vocab) + "\n"
    n = len(vocab)
    base = {vocab.index(t): added(t) for t in ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]}
    flags = {n: added("[E1]", normalized=True, special=False), n + 1: added("[/E1]", normalized=True, special=False), n + 2: added("@user"), n + 3: added("ENT", normalized=True, single_word=True, special=False), n + 4: added("hot dog", lstrip=True, rstrip=True)}
    ids = {str(k): v for k, v in {**base, **flags}.items()}
    names = {"unk_token": "<unk>", "sep_token": "</s>", "pad_token": "<pad>", "cls_token": "<s>"}
    without = "\n".join(t for t in vocab if t != "[MASK]") + "\n"
    return {
        "uncased": ({"vocab.txt": lines, "tokenizer_config.json": bert}, 64),
        "cased": ({"vocab.txt": lines, "tokenizer_config.json": {**bert, "do_lower_case": False}}, 63),
        "silent": ({"vocab.txt": lines}, 32),
        "accents kept": ({"vocab.txt": lines, "tokenizer_config.json": {**bert, "strip_accents": False, "tokenize_chinese_chars": False}}, 48),
        "cased without accents": ({"vocab.txt": lines, "tokenizer_config.json": {**bert, "do_lower_case": False, "strip_accents": True}}, 16),
        "left": ({"vocab.txt": lines, "tokenizer_config.json": {**bert, "truncation_side": "left"}}, 16),
        "left odd": ({"vocab.txt": lines, "tokenizer_config.json": {**bert, "truncation_side": "left"}}, 17),
        "names": ({"vocab.txt": lines, "tokenizer_config.json": {**bert, **names}}, 24),
        "no mask": ({"vocab.txt": without, "tokenizer_config.json": bert}, 20),
        "extra": ({"vocab.txt": lines, "tokenizer_config.json": {**bert, "additional_special_tokens": ["[E1]", "[/E1]", "@user"]}}, 40),
        "added": ({"vocab.txt": lines, "tokenizer_config.json": {**bert, "added_tokens_decoder": ids}}, 40),
        "added cased": ({"vocab.txt": lines, "tokenizer_config.json": {**bert, "do_lower_case": False, "added_tokens_decoder": ids}}, 33),
        "old files": ({"vocab.txt": lines, "tokenizer_config.json": bert, "added_tokens.json": {"[E1]": n, "[/E1]": n + 1}, "special_tokens_map.json": {"cls_token": "[CLS]", "additional_special_tokens": ["@user"], "mask_token": {k: v for k, v in added("[MASK]", lstrip=True).items() if k != "special"}}}, 25),
    }


def pipelines(vocab, items):
    """tokenizer.json files that only PreTrainedTokenizerFast runs."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    corpus = [text for item in items for text in (item if isinstance(item, list) else [item])]
    latin = [text for text in corpus if text.isascii()]
    words = {token: i for i, token in enumerate(vocab)}
    plain = Tokenizer(models.WordPiece(words, unk_token="[UNK]", max_input_chars_per_word=50))
    plain.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents()])
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    plain.post_processor = processors.TemplateProcessing(single="[CLS] $A", pair="[CLS] $A [SEP] $B:1", special_tokens=[("[CLS]", words["[CLS]"]), ("[SEP]", words["[SEP]"])])
    plain.add_special_tokens(["[CLS]", "[SEP]", "[PAD]"])
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    around = [("</s>", 2), ("<s>", 0)]
    pairs = Tokenizer(models.BPE(unk_token=None))
    pairs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pairs.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=500, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    pairs.post_processor = processors.RobertaProcessing(*around)
    unigram = Tokenizer(models.Unigram())
    unigram.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace("``", '"')])
    unigram.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    unigram.train_from_iterator(latin, trainers.UnigramTrainer(vocab_size=400, special_tokens=special, unk_token="<unk>", show_progress=False))
    unigram.post_processor = processors.BertProcessing(*around)
    level = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    level.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.Digits(True)])
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<pad>"}
    return {
        "template": (plain, {**config, "pad_token": "[PAD]"}, 30),
        "byte pairs": (pairs, {**config, "unk_token": "<unk>"}, 64),
        "unigram": (unigram, {**config, "truncation_side": "left", "additional_special_tokens": ["[E1]"]}, 40),
        "words": (level, {**config, "pad_token": "[PAD]", "cls_token": "[CLS]"}, 12),
    }


def with_transformers(data):
    from transformers import AutoTokenizer

    items, vocab = data["texts"], data["vocabulary"]
    folders = {name: (files, longest, len(vocab) + 8) for name, (files, longest) in huggingface(vocab).items()}
    for name, (tokenizer, config, longest) in pipelines(vocab, items).items():
        file = json.loads(tokenizer.to_str())
        size = max(tokenizer.get_vocab(with_added_tokens=True).values()) + 9
        folders[name] = ({"tokenizer.json": file, "tokenizer_config.json": config}, longest, size)
    out = []
    for name, (files, longest, rows) in folders.items():
        with tempfile.TemporaryDirectory() as path:
            write(path, {**files, "config.json": {"model_type": "bert"}})
            tokenizer = AutoTokenizer.from_pretrained(path)
            if name == "uncased":
                saved = tempfile.mkdtemp()
                tokenizer.save_pretrained(saved)
                again = {file: json.load(open(os.path.join(saved, file))) for file in ["tokenizer.json", "tokenizer_config.json"]}

            def encode(item, tokenizer=tokenizer, longest=longest):
                # A list, since transformers takes a lone empty second text for none.
                one = [item[0]] if isinstance(item, list) else [item]
                two = [item[1]] if isinstance(item, list) else None
                got = tokenizer(one, two, truncation=True, max_length=longest, return_token_type_ids=True)
                return got["input_ids"][0], got["token_type_ids"][0]

            out.append(recorded(name, "huggingface", files, rows, longest, encode, items))
            if name == "uncased":
                out.append(recorded("saved again", "huggingface", again, rows, longest, encode, items))
    return out


def with_paddlenlp(data):
    from paddlenlp import transformers

    items, vocab = data["texts"], data["vocabulary"]
    lines, n = "\n".join(vocab) + "\n", len(vocab)
    names = {"unk_token": "<unk>", "sep_token": "</s>", "pad_token": "<pad>", "cls_token": "<s>"}
    folders = {
        "ernie": ("ErnieTokenizer", {}, {}, 64),
        "ernie cased": ("ErnieTokenizer", {"do_lower_case": False}, {}, 33),
        "ernie left": ("ErnieTokenizer", {"truncation_side": "left"}, {}, 17),
        "ernie added": ("ErnieTokenizer", {"additional_special_tokens": ["[E1]"]}, {"added_tokens.json": {"[E1]": n, "[/E1]": n + 1}}, 32),
        "paddle bert": ("BertTokenizer", {}, {}, 63),
        "paddle bert cased": ("BertTokenizer", {"do_lower_case": False}, {}, 16),
        "paddle bert accents": ("BertTokenizer", {"strip_accents": False, "tokenize_chinese_chars": False}, {}, 40),
        "paddle names": ("BertTokenizer", names, {}, 24),
        "minilm": ("PPMiniLMTokenizer", {}, {}, 48),
    }
    out = []
    for name, (kind, config, more, longest) in folders.items():
        files = {"vocab.txt": lines, **more}
        if name != "ernie":
            files["tokenizer_config.json"] = {"tokenizer_class": kind, **config}
        with tempfile.TemporaryDirectory() as path:
            write(path, files)
            tokenizer = getattr(transformers, kind).from_pretrained(path)

            def encode(item, tokenizer=tokenizer, longest=longest):
                one, two = item if isinstance(item, list) else (item, None)
                got = tokenizer(one, text_pair=two, max_seq_len=longest)
                return got["input_ids"], got["token_type_ids"]

            out.append(recorded(name, "paddle", files, n + 8, longest, encode, items))
    return out


def write(path, files):
    for name, content in files.items():
        with open(os.path.join(path, name), "w", encoding="utf-8", newline="") as file:
            file.write(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False))


def main():
    what, path = sys.argv[1:]
    if what == "texts":
        items = texts()
        data = {"texts": items, "vocabulary": vocabulary(items), "configurations": []}
    else:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            data = json.load(file)
        made = {"transformers": with_transformers, "paddlenlp": with_paddlenlp}[what](data)
        kept = [one for one in data["configurations"] if one["name"] not in {new["name"] for new in made}]
        data["configurations"] = kept + made
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
        file.write(text.encode())
    print(len(data["texts"]), "texts,", len(data["vocabulary"]), "tokens,", len(data["configurations"]), "configurations,", os.path.getsize(path), "bytes")


main()
