"""Complete models of a few dozen kilobytes, the same bytes everywhere: random weights (they say
nothing sensible) and a working tokenizer. For tests that need a model of each format rather
than a good one. Python's standard library only.

  gguf(path)             llama, sentencepiece vocabulary, F16 and Q8_0 and F32 tensors
  gguf_bpe(path)         the same with a byte-level BPE vocabulary ("gpt-2")
  hugging_face(folder)   config.json, generation_config.json, tokenizer.json, tokenizer_config.json,
                         model.safetensors
  sharded(folder)        the same in two shards with their index
  llama2c(path)          version 0 .bin; its tokenizer.bin beside it
  altered(source, folder, changes)   a copy of a folder with other numbers in some tensors
  mixture(source, folder, experts)   the same with each feed-forward part so many times, as experts
"""
import json
import pathlib
import random
import struct

HIDDEN, INTER, LAYERS, HEADS, KV_HEADS, CONTEXT = 32, 64, 2, 4, 2, 64
HEAD = HIDDEN // HEADS
WORDS = ["▁t", "he", "▁the", "▁a", "in", "on", "er", "nd", "▁and", "ing", "▁w", "ha", "t", "h", "e",
         "a", "i", "n", "o", "r", "d", "g", "w", "▁"]


def floats(rng, count, scale=0.2):
    return [rng.uniform(-scale, scale) for _ in range(count)]


def f32(values):
    return struct.pack(f"<{len(values)}f", *values)


def f16(values):
    return struct.pack(f"<{len(values)}e", *values)


def q8_0(values):
    out = b""
    for at in range(0, len(values), 32):
        block = values[at:at + 32]
        scale = max(abs(v) for v in block) / 127 or 1.0
        out += struct.pack("<e32b", scale, *(max(-127, min(127, round(v / scale))) for v in block))
    return out


def tensors(vocab):
    """(Hugging Face name, GGUF name, shape, floats)"""
    rng = random.Random(7)
    out = [("model.embed_tokens.weight", "token_embd.weight", [vocab, HIDDEN])]
    for i in range(LAYERS):
        hf, gg = f"model.layers.{i}.", f"blk.{i}."
        out += [(hf + "input_layernorm.weight", gg + "attn_norm.weight", [HIDDEN]),
                (hf + "self_attn.q_proj.weight", gg + "attn_q.weight", [HEADS * HEAD, HIDDEN]),
                (hf + "self_attn.k_proj.weight", gg + "attn_k.weight", [KV_HEADS * HEAD, HIDDEN]),
                (hf + "self_attn.v_proj.weight", gg + "attn_v.weight", [KV_HEADS * HEAD, HIDDEN]),
                (hf + "self_attn.o_proj.weight", gg + "attn_output.weight", [HIDDEN, HEADS * HEAD]),
                (hf + "post_attention_layernorm.weight", gg + "ffn_norm.weight", [HIDDEN]),
                (hf + "mlp.gate_proj.weight", gg + "ffn_gate.weight", [INTER, HIDDEN]),
                (hf + "mlp.up_proj.weight", gg + "ffn_up.weight", [INTER, HIDDEN]),
                (hf + "mlp.down_proj.weight", gg + "ffn_down.weight", [HIDDEN, INTER])]
    out += [("model.norm.weight", "output_norm.weight", [HIDDEN]),
            ("lm_head.weight", "output.weight", [vocab, HIDDEN])]

    def fill(shape):
        if len(shape) == 1:
            return [1 + v for v in floats(rng, shape[0])]
        return floats(rng, shape[0] * shape[1])
    return [(h, g, s, fill(s)) for h, g, s in out]


def byte_characters():
    """GPT-2's printable stand-ins for the 256 bytes."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {b: chr(b) for b in kept}
    for b in range(256):
        if b not in table:
            table[b] = chr(256 + sum(1 for c in range(b) if c not in kept))
    return [table[b] for b in range(256)]


def spm_vocabulary():
    """(piece, score, type)"""
    pieces = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3)]
    pieces += [(f"<0x{b:02X}>", 0.0, 6) for b in range(256)]
    return pieces + [(w, -1.0 - i, 1) for i, w in enumerate(WORDS)]


def bpe_vocabulary():
    merges = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("i", "n"), ("e", "r"), ("Ġ", "a")]
    tokens = ["<|end|>"] + byte_characters() + [a + b for a, b in merges]
    return tokens, merges


def text(s):
    b = s.encode()
    return struct.pack("<Q", len(b)) + b


def write_gguf(path, vocabulary_keys, vocab, more_tensors=()):
    keys = [("general.architecture", 8, text("llama")), ("general.name", 8, text("tiny")),
            ("llama.context_length", 4, CONTEXT), ("llama.embedding_length", 4, HIDDEN),
            ("llama.block_count", 4, LAYERS), ("llama.feed_forward_length", 4, INTER),
            ("llama.attention.head_count", 4, HEADS), ("llama.attention.head_count_kv", 4, KV_HEADS),
            ("llama.attention.layer_norm_rms_epsilon", 6, 1e-5),
            ("llama.rope.dimension_count", 4, HEAD), ("llama.rope.freq_base", 6, 10000.0),
            ("llama.vocab_size", 4, vocab)] + vocabulary_keys
    models = [*tensors(vocab), *((None, *t) for t in more_tensors)]
    out = b"GGUF" + struct.pack("<IQQ", 3, len(models), len(keys))
    for name, kind, value in keys:
        packed = value if isinstance(value, bytes) else struct.pack({4: "<I", 6: "<f"}[kind], value)
        out += text(name) + struct.pack("<I", kind) + packed
    data = b""
    for _, name, shape, values in models:
        kind, packed = ((0, f32(values)) if len(shape) == 1 else
                        (1, f16(values)) if "token" in name else (8, q8_0(values)))
        out += text(name) + struct.pack("<I", len(shape))
        out += struct.pack(f"<{len(shape)}Q", *reversed(shape))
        out += struct.pack("<IQ", kind, len(data))
        data += packed + bytes(-len(packed) % 32)
    pathlib.Path(path).write_bytes(out + bytes(-len(out) % 32) + data)


def strings(values):
    return struct.pack("<IQ", 8, len(values)) + b"".join(map(text, values))


def gguf(path, more_keys=(), more_tensors=()):
    pieces = spm_vocabulary()
    n = len(pieces)
    write_gguf(path, [
        ("tokenizer.ggml.model", 8, text("llama")),
        ("tokenizer.ggml.tokens", 9, strings([p[0] for p in pieces])),
        ("tokenizer.ggml.scores", 9, struct.pack(f"<IQ{n}f", 6, n, *(p[1] for p in pieces))),
        ("tokenizer.ggml.token_type", 9, struct.pack(f"<IQ{n}i", 5, n, *(p[2] for p in pieces))),
        ("tokenizer.ggml.bos_token_id", 4, 1), ("tokenizer.ggml.eos_token_id", 4, 2),
        ("tokenizer.ggml.unknown_token_id", 4, 0), ("tokenizer.ggml.add_bos_token", 7, b"\1"),
        *more_keys], n, more_tensors)


def gguf_bpe(path):
    tokens, merges = bpe_vocabulary()
    n = len(tokens)
    write_gguf(path, [
        ("tokenizer.ggml.model", 8, text("gpt2")), ("tokenizer.ggml.pre", 8, text("gpt-2")),
        ("tokenizer.ggml.tokens", 9, strings(tokens)),
        ("tokenizer.ggml.token_type", 9, struct.pack(f"<IQ{n}i", 5, n, 3, *[1] * (n - 1))),
        ("tokenizer.ggml.merges", 9, strings([f"{a} {b}" for a, b in merges])),
        ("tokenizer.ggml.bos_token_id", 4, 0), ("tokenizer.ggml.eos_token_id", 4, 0)], n)


def write_safetensors(path, entries):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, shape, values in entries:
        packed = f32(values)
        header[name] = {"dtype": "F32", "shape": shape,
                        "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    raw = json.dumps(header).encode()
    raw += b" " * (-len(raw) % 8)
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + data)


def write_folder_files(folder):
    tokens, merges = bpe_vocabulary()
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN,
              "intermediate_size": INTER, "num_hidden_layers": LAYERS,
              "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS,
              "max_position_embeddings": CONTEXT, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
              "hidden_act": "silu", "tie_word_embeddings": False, "vocab_size": len(tokens),
              "bos_token_id": 0, "eos_token_id": 0, "torch_dtype": "float32"}
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": 0, "content": "<|end|>", "single_word": False, "lstrip": False,
                          "rstrip": False, "normalized": False, "special": True}],
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                          "use_regex": True},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True,
                    "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "fuse_unk": False,
                  "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "byte_fallback": False, "vocab": {t: i for i, t in enumerate(tokens)},
                  "merges": [f"{a} {b}" for a, b in merges]}}
    files = {"config.json": config, "generation_config.json": {"bos_token_id": 0, "eos_token_id": [0]},
             "tokenizer.json": tokenizer,
             "tokenizer_config.json": {"bos_token": "<|end|>", "eos_token": "<|end|>",
                                       "tokenizer_class": "PreTrainedTokenizerFast"}}
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return len(tokens)


def hugging_face(folder):
    folder = pathlib.Path(folder)
    vocab = write_folder_files(folder)
    write_safetensors(folder / "model.safetensors", [(h, s, v) for h, _, s, v in tensors(vocab)])


def sharded(folder):
    folder = pathlib.Path(folder)
    entries = [(h, s, v) for h, _, s, v in tensors(write_folder_files(folder))]
    weight_map = {}
    for i, part in enumerate((entries[:9], entries[9:])):
        name = f"model-{i + 1:05}-of-00002.safetensors"
        write_safetensors(folder / name, part)
        weight_map |= {h: name for h, _, _ in part}
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": 0}, "weight_map": weight_map}))


def altered(source, folder, changes):
    """A copy of a Hugging Face folder whose named tensors are filled with these bytes."""
    folder = pathlib.Path(folder)
    folder.mkdir()
    for file in pathlib.Path(source).iterdir():
        content = bytearray(file.read_bytes())
        if file.name == "model.safetensors":
            begin = 8 + int.from_bytes(content[:8], "little")
            header = json.loads(content[8:begin])
            for name, filling in changes.items():
                first, last = header[name]["data_offsets"]
                content[begin + first:begin + last] = filling * ((last - first) // len(filling))
        (folder / file.name).write_bytes(content)
    return folder


def mixture(source, folder, experts=6, used=2):
    """A copy of a llama's folder (BF16) in which every expert is its feed-forward part, so that it says
    the same whoever is chosen; the router is random."""
    folder = pathlib.Path(folder)
    folder.mkdir()
    for file in pathlib.Path(source).iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "mixtral", "architectures": ["MixtralForCausalLM"],
               "num_local_experts": experts, "num_experts_per_tok": used}
    (folder / "config.json").write_text(json.dumps(config))
    content = (folder / "model.safetensors").read_bytes()
    begin = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:begin])
    header.pop("__metadata__", None)
    rng = random.Random(11)
    data, out = b"", {}

    def add(name, entry, raw):
        nonlocal data
        out[name] = {"dtype": "BF16", "shape": entry, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw

    renamed = {"gate_proj": "w1", "up_proj": "w3", "down_proj": "w2"}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        raw = content[begin + first:begin + last]
        layer, _, part = name.partition(".mlp.")
        if not part:
            add(name, entry["shape"], raw)
            continue
        for e in range(experts):
            matrix = renamed[part.partition(".")[0]]
            add(f"{layer}.block_sparse_moe.experts.{e}.{matrix}.weight", entry["shape"], raw)
        if part.startswith("gate"):
            values = floats(rng, experts * config["hidden_size"], 1.0)
            router = b"".join(struct.pack("<f", v)[2:] for v in values)
            add(f"{layer}.block_sparse_moe.gate.weight", [experts, config["hidden_size"]], router)
    text = json.dumps(out).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    return folder


def llama2c(path):
    path = pathlib.Path(path)
    pieces = [("<unk>", 0.0), ("\n<s>\n", 0.0), ("\n</s>\n", 0.0)]
    pieces += [(f"<0x{b:02X}>", 0.0) for b in range(256)]
    pieces += [(w.replace("▁", " "), -1.0 - i) for i, w in enumerate(WORDS)]
    vocab = len(pieces)
    by_name = {h: v for h, _, _, v in tensors(vocab)}
    out = struct.pack("<7i", HIDDEN, INTER, LAYERS, HEADS, KV_HEADS, -vocab, CONTEXT)
    out += f32(by_name["model.embed_tokens.weight"])
    for part in ("input_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
                 "self_attn.o_proj", "post_attention_layernorm", "mlp.gate_proj", "mlp.down_proj",
                 "mlp.up_proj"):
        for i in range(LAYERS):
            out += f32(by_name[f"model.layers.{i}.{part}.weight"])
    out += f32(by_name["model.norm.weight"])
    out += bytes(4 * CONTEXT * HEAD)
    out += f32(by_name["lm_head.weight"])
    path.write_bytes(out)
    encoded = [(p.encode(), s) for p, s in pieces]
    tokenizer = struct.pack("<I", max(len(p) for p, _ in encoded))
    for p, s in encoded:
        tokenizer += struct.pack("<fi", s, len(p)) + p
    (path.parent / "tokenizer.bin").write_bytes(tokenizer)
