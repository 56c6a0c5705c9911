#!/usr/bin/env python3
"""Writes the seed corpora of the container formats to testdata/fuzz/ (they are kept in the tree;
run this again only when a format's seeds should change). Python's standard library and zstd(1).
"""
import json
import pathlib
import struct
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2] / "testdata" / "fuzz"


def write(folder, name, content):
    path = ROOT / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def text(s):
    b = s if isinstance(s, bytes) else s.encode()
    return struct.pack("<Q", len(b)) + b


def gguf(keys, tensors, version=3, alignment=32):
    """keys: (name, type number, bytes); tensors: (name, dims innermost first, type, bytes)."""
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys))
    for name, kind, value in keys:
        out += text(name) + struct.pack("<I", kind) + value
    data = b""
    for name, dims, kind, content in tensors:
        data += bytes(-len(data) % alignment)
        out += text(name) + struct.pack("<I", len(dims)) + struct.pack(f"<{len(dims)}Q", *dims)
        out += struct.pack("<IQ", kind, len(data))
        data += content
    if tensors:
        out += bytes(-len(out) % alignment)
        data += bytes(-len(data) % alignment)
    return out + data


def array(kind, values):
    packed = b"".join(text(v) for v in values) if kind == 8 else struct.pack(
        f"<{len(values)}{ {5: 'i', 6: 'f', 7: '?'}[kind] }", *values)
    return struct.pack("<IQ", kind, len(values)) + packed


def safetensors(header, data):
    raw = json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + data


def make_foreign():
    """Folders that came quantized: the method's configuration, a NUL, and the weights."""
    def seed(name, config, tensors):
        header, data = {}, b""
        for part, (dtype, shape, content) in tensors.items():
            header["m." + part] = dict(dtype=dtype, shape=shape, data_offsets=[len(data), len(data) + len(content)])
            data += content
        write("foreign", name, json.dumps(config).encode() + b"\0" + safetensors(header, data))

    def words(count):
        return struct.pack(f"<{count}I", *(i * 0x9e3779b9 & 0xffffffff for i in range(1, count + 1)))
    halves = lambda count: struct.pack(f"<{count}e", *(0.5 + i / 64 for i in range(count)))
    floats = lambda count: struct.pack(f"<{count}f", *(0.5 + i / 64 for i in range(count)))
    gptq = dict(quant_method="gptq", bits=4, group_size=32)
    order = struct.pack("<64i", *(i // 32 for i in range(64)))
    seed("gptq", gptq, dict(qweight=("I32", [8, 8], words(64)), qzeros=("I32", [2, 1], words(2)),
                            scales=("F16", [2, 8], halves(16)), g_idx=("I32", [64], order)))
    seed("gptq3", dict(gptq, bits=3), dict(qweight=("I32", [6, 32], words(192)), qzeros=("I32", [2, 3], words(6)),
                                           scales=("F16", [2, 32], halves(64))))
    awq = dict(quant_method="awq", bits=4, group_size=32, version="gemm")
    seed("awq", awq, dict(qweight=("I32", [32, 1], words(32)), qzeros=("I32", [1, 1], words(1)),
                          scales=("F16", [1, 8], halves(8))))
    seed("gemv", dict(awq, version="gemv"), dict(qweight=("I32", [3, 8], words(24)), qzeros=("I32", [3, 1], words(3)),
                                                 scales=("F16", [3, 8], halves(24))))
    compressed = dict(quant_method="compressed-tensors")
    shape = struct.pack("<2q", 8, 32)
    seed("packed", compressed, dict(weight_packed=("I32", [8, 4], words(32)), weight_scale=("F16", [8, 1], halves(8)),
                                    weight_zero_point=("I32", [1, 1], words(1)), weight_shape=("I64", [2], shape)))
    seed("int8", compressed, dict(weight=("I8", [2, 16], words(8)), weight_scale=("F32", [2, 1], floats(2))))
    seed("nvfp4", compressed, dict(weight_packed=("U8", [2, 16], words(8)), weight_scale=("F8_E4M3", [2, 2], b"\x30" * 4),
                                   weight_global_scale=("F32", [1], floats(1))))
    seed("fp8", dict(quant_method="fp8", weight_block_size=[2, 32]),
         dict(weight=("F8_E4M3", [4, 32], bytes(range(1, 65)) * 2), weight_scale_inv=("F32", [2, 1], floats(2))))
    state = json.dumps(dict(shape=[2, 64], blocksize=64, nested_blocksize=256, nested_offset=0.5)).encode()
    seed("nf4", dict(quant_method="bitsandbytes"), {
        "weight": ("U8", [64, 1], words(16)), "weight.absmax": ("U8", [2], b"\1\2"),
        "weight.nested_absmax": ("F32", [1], floats(1)), "weight.nested_quant_map": ("F32", [256], floats(256)),
        "weight.quant_map": ("F32", [16], floats(16)), "weight.quant_state.bitsandbytes__nf4": ("U8", [len(state)], state)})
    params = dict(weight_quant_params=dict(nbits=4, group_size=32, axis=1))
    seed("hqq", dict(quant_method="hqq", quant_config=params), dict(
        W_q=("U8", [2, 32], words(16)), scale=("F16", [4, 1], halves(4)), zero=("F16", [4, 1], halves(4)),
        shape=("I64", [2], struct.pack("<2q", 4, 32))))
    seed("bitnet", dict(quant_method="bitnet"), dict(weight=("U8", [2, 16], words(8)),
                                                     weight_scale=("BF16", [1], b"\x80\x3f")))


def make_gguf():
    scalars = [("general.architecture", 8, text("llama")), ("u8", 0, b"\1"), ("i8", 1, b"\xff"),
               ("u16", 2, b"\1\0"), ("i16", 3, b"\1\0"), ("u32", 4, b"\1\0\0\0"),
               ("i32", 5, b"\1\0\0\0"), ("f32", 6, struct.pack("<f", 1e-5)), ("bool", 7, b"\1"),
               ("u64", 10, bytes(8)), ("i64", 11, bytes(8)), ("f64", 12, bytes(8))]
    arrays = [("tokens", 9, array(8, ["a", "", "<0x0A>"])), ("scores", 9, array(6, [0, -1, 2.5])),
              ("types", 9, array(5, [1, 3, 6])), ("flags", 9, array(7, [True, False]))]
    floats = struct.pack("<12f", *range(12))
    blocks = [("q4_0", 2, 32, 18), ("q4_1", 3, 32, 20), ("q5_0", 6, 32, 22), ("q5_1", 7, 32, 24),
              ("q8_0", 8, 32, 34), ("q4_k", 12, 256, 144), ("q5_k", 13, 256, 176),
              ("q6_k", 14, 256, 210)]
    more = [("q2_k", 10, 256, 84), ("q3_k", 11, 256, 110), ("iq2_xxs", 16, 256, 66), ("iq2_xs", 17, 256, 74),
            ("iq3_xxs", 18, 256, 98), ("iq1_s", 19, 256, 50), ("iq4_nl", 20, 32, 18), ("iq3_s", 21, 256, 110),
            ("iq2_s", 22, 256, 82), ("iq4_xs", 23, 256, 136), ("iq1_m", 29, 256, 56), ("tq1_0", 34, 256, 54),
            ("tq2_0", 35, 256, 66), ("mxfp4", 39, 32, 17), ("nvfp4", 40, 64, 36), ("q1_0", 41, 128, 18),
            ("q2_0", 42, 64, 18)]
    write("gguf", "scalars", gguf(scalars, []))
    write("gguf", "vocabulary_v2", gguf(scalars[:1] + arrays, [], version=2))
    write("gguf", "floats", gguf(arrays, [("x", [4, 3], 0, floats), ("y", [24], 1, floats)]))
    write("gguf", "aligned", gguf([("general.alignment", 4, b"\x40\0\0\0")],
                                  [("x", [2, 2, 3], 0, floats), ("z", [1, 1, 1, 6], 27, floats)],
                                  alignment=64))
    write("gguf", "blocks", gguf([], [(n, [e], t, bytes(range(b))) for n, t, e, b in blocks]))
    write("gguf", "more_blocks", gguf([], [(n, [e], t, bytes(range(b))) for n, t, e, b in more]))
    write("gguf", "split", gguf([("split.no", 2, b"\1\0"), ("split.count", 2, b"\2\0"),
                                 ("split.tensors.count", 5, b"\2\0\0\0")], [("x", [12], 0, floats)]))


def make_safetensors():
    def tensor(dtype, shape, begin, end):
        return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    write("safetensors", "empty", safetensors({}, b""))
    write("safetensors", "metadata", safetensors({"__metadata__": {"format": "pt", "é": "\n"}}, b""))
    write("safetensors", "types", safetensors(
        {"f": tensor("F32", [2, 1], 0, 8), "h": tensor("F16", [2], 8, 12),
         "b": tensor("BF16", [0, 9], 12, 12), "s": tensor("I64", [], 12, 20),
         "o": tensor("BOOL", [3], 20, 23), "d": tensor("F64", [1], 23, 31)}, bytes(range(31))))
    write("safetensors", "padded", safetensors(
        {"a": tensor("U8", [3], 0, 3), "__pad.0__": tensor("U8", [61], 3, 64),
         "b": tensor("F32", [4], 64, 80)}, bytes(80)))
    write("safetensors_index", "two", json.dumps(
        {"metadata": {"total_size": 12}, "weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}
    ).encode())
    write("safetensors_index", "nested", json.dumps(
        {"other": [{"weight_map": {"x": 1}}, None, 1.5], "weight_map": {"é": "é.safetensors"}}
    ).encode())


def make_llama2c():
    def model(dim, hidden, layers, heads, kv_heads, vocab, length):
        head, v = dim // heads, abs(vocab)
        n = v * dim + layers * (2 * dim + 2 * dim * dim + 2 * kv_heads * head * dim
                                + 3 * hidden * dim) + dim + length * head
        n += v * dim if vocab < 0 else 0
        return struct.pack("<7i", dim, hidden, layers, heads, kv_heads, vocab, length) + bytes(4 * n)
    write("llama2c", "shared", model(4, 6, 2, 2, 1, 5, 3))
    write("llama2c", "separate", model(4, 3, 1, 1, 1, -3, 2))


def make_json():
    write("json", "values", rb'{"a":[1,-2,3.5e2,true,false,null,"\u00e9\ud83d\ude00\n"],"b":{"c":{}}}')
    write("json", "numbers", b"[0,-0,1e308,0.1,18446744073709551615,-9223372036854775808,1E-9]")
    write("json", "deep", b"[" * 150 + b"{}" + b"]" * 150)
    write("json", "twice", b'{"a":1,"a":2}')


def make_zstd():
    def frame(content, *options):
        return subprocess.run(["zstd", "-c", *options], input=content, stdout=subprocess.PIPE,
                              check=True).stdout
    plain = b" ".join(str(i * i).encode() for i in range(300))
    skippable = b"\x50\x2a\x4d\x18\x03\0\0\0abc"
    write("zstd", "text", frame(plain, "--check"))
    write("zstd", "unchecked", frame(plain, "--no-check", "-19"))
    write("zstd", "empty", frame(b""))
    write("zstd", "zeros", frame(bytes(100000)))
    write("zstd", "frames", skippable + frame(b"one") + skippable + frame(b"two"))
    write("zstd", "window", b"\x28\xb5\x2f\xfd\x00" + bytes([21 << 3]) + b"\1\0\0")


def make_page_file():
    """Checksums are zeros: the target makes the header's right."""
    for name, tokens, page in (("whole", [1, 2, 3, 4], bytes(range(64))), ("part", [1, 2], bytes(64))):
        header = b"LTHKVPG1" + struct.pack("<IIQ", 4, len(tokens), 64) + bytes(range(16))
        header += struct.pack("<4i", *tokens, *[0] * (4 - len(tokens)))
        write("page_file", name, header + bytes(4096 - len(header)) + page)


def make_sequence_file():
    """Changes to a good file: flags, where it is cut, then (offset, byte) for each."""
    whole = 0xffff
    for name, flags, cut, changes in (
            ("good", 0, whole, []), ("cut", 3, 1000, []), ("tokens", 1, whole, [(8, 65)]),
            ("first_page", 1, whole, [(16, 1)]), ("pages", 1, whole, [(24, 3)]),
            ("page_bytes", 1, whole, [(33, 9)]), ("text", 1, whole, [(40, 1)]),
            ("page", 3, whole, [(1500, 0x7c), (1501, 0x7c)]),
            ("no_pages", 1, 535, [(16, 2), (24, 0)])):  # cut behind the header
        write("sequence_file", name, struct.pack("<BH", flags, cut)
              + b"".join(struct.pack("<HB", *change) for change in changes))


def make_importance():
    def dat(entries, tail=b""):
        return struct.pack("<i", len(entries)) + b"".join(
            struct.pack("<i", len(name)) + name.encode() + struct.pack("<ii", calls, len(values))
            + struct.pack(f"<{len(values)}f", *values) for name, calls, values in entries) + tail
    write("importance", "dat", dat([("blk.0.attn_q.weight", 2, [0.5, 1, 2, 0]),
                                    ("output.weight", 1, [4, 4])]))
    write("importance", "dat_with_text", dat([("blk.0.ffn_up.weight", 1, [1.0] * 3)],
                                             struct.pack("<ii", 7, 4) + b"text"))
    # Two experts of two inputs; nothing met the second.
    write("importance", "dat_with_experts", dat([("blk.0.ffn_down_exps.weight", 1, [3, 4, 5, 1, 1, 1]),
                                                 ("blk.0.ffn_gate_exps.weight", 1, [2, 3, 1, 1]),
                                                 ("blk.0.ffn_gate_inp.weight", 1, [2, 2])]))
    floats = struct.pack("<4f", 1, 2, 3, 4)
    write("importance", "gguf_with_experts", gguf(
        [("general.type", 8, text("imatrix"))],
        [("blk.0.ffn_up_exps.weight.in_sum2", [2, 2], 0, floats),
         ("blk.0.ffn_up_exps.weight.counts", [1, 2], 0, struct.pack("<2f", 2, 0))]))
    write("importance", "gguf", gguf(
        [("general.type", 8, text("imatrix")), ("imatrix.chunk_count", 4, b"\2\0\0\0"),
         ("imatrix.chunk_size", 4, b"\0\2\0\0"), ("imatrix.datasets", 9, array(8, ["a.txt"]))],
        [("blk.0.attn_q.weight.in_sum2", [4, 1], 0, floats),
         ("blk.0.attn_q.weight.counts", [1, 1], 0, struct.pack("<f", 2))]))


def make_adapter():
    """[u16: size of the configuration] configuration, then the matrices."""
    def adapter(pairs, **said):
        config = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj", "down_proj"],
                  "bias": "none"} | said
        header, data = {}, b""
        for name, shape in pairs:
            packed = struct.pack(f"<{shape[0] * shape[1]}f", *[0.5] * (shape[0] * shape[1]))
            header["base_model.model." + name] = {"dtype": "F32", "shape": shape,
                                                  "data_offsets": [len(data), len(data) + len(packed)]}
            data += packed
        raw = json.dumps(config).encode()
        return struct.pack("<H", len(raw)) + raw + safetensors(header, data)
    q = [("model.layers.0.self_attn.q_proj.lora_A.weight", [2, 24]),
         ("model.layers.0.self_attn.q_proj.lora_B.weight", [24, 2])]
    down = [("model.layers.1.mlp.down_proj.lora_A.weight", [2, 40]),
            ("model.layers.1.mlp.down_proj.lora_B.weight", [24, 2])]
    write("adapter", "two", adapter(q + down))
    write("adapter", "rslora", adapter(q, use_rslora=True, target_modules="q_proj"))
    write("adapter", "ranks", adapter(q, r=8, rank_pattern={"q_proj": 2}, alpha_pattern={"q_proj": 3}))
    write("adapter", "half", adapter(q[:1]))
    write("adapter", "dora", adapter(q, use_dora=True))


def make_worker_message():
    """Kinds 0 to 11 of lib/workers/message.h, with their fields."""
    def q(number):
        return struct.pack("<Q", number)

    def t(content):
        return q(len(content)) + content

    def message(name, kind, fields):
        write("worker_message", name, b"LATHEwk\4" + bytes([kind]) + fields)
    identity = q(77) + t(b"f16") + q(256)
    probe = q(40) + q(5) + q(6)
    message("hello", 0, identity + probe)
    message("welcome", 1, q(5) + identity + b"\2" + q(4) + b"\1" + probe)
    message("refusal", 2, t(b"no"))
    sampling = struct.pack("<dqdddqQ", 0.5, 3, 0.9, 0.1, 1.1, 64, 7)
    options = sampling + q(20) + q(1) + t(b"the") + q(1) + struct.pack("<ibiq", 2, 0, 2, 0)
    marks = t(b"<think>") + t(b"</think>") + q(0) + b"\0" + t(b"")
    grammar = b"\1" + t(b"[a-z]+") + q(0) + b"\0"
    request = (q(2) + struct.pack("<ii", 3, 4) + options + struct.pack("<i", 1) + q(1) + q(1) +
               struct.pack("<id", 5, 0.0) + q(64))
    message("row", 3, q(5) + q(9) + b"\1\0\0\1" +
            t(request + b"\1" + marks + b"\1" + grammar + b"\1\0" + marks))
    timings = struct.pack("<ddddd", 0, 0, 0, 0, 0)
    sample = (t(b"text") + t(b"") + q(1) + struct.pack("<i", 3) + q(1) +
              struct.pack("<id", 3, -1.5) + q(1) + struct.pack("<id", 4, -2.0) + b"\0" + t(b"the") +
              struct.pack("<i", -1) + q(2) + q(0) + b"\1" + timings[:24])
    score = q(2) + struct.pack("<ddd", -1, -2, -3) + b"\1"
    numbers = q(2) + q(1) + q(0) + timings
    message("result_prompt", 4, q(5) + b"\1" + q(9) + q(0) + q(0) + numbers + b"\0")
    message("result", 4, q(5) + b"\0" + q(9) + q(1) + sample + q(1) + score + numbers + b"\0")
    message("result_failed", 4, q(5) + b"\0" + q(9) + q(0) + q(0) + numbers + b"\1\3" + t(b"no"))
    message("back", 5, q(5) + q(9))
    message("cancel", 6, q(5) + q(9))
    message("ping", 7, q(5) + q(2))
    message("pong", 8, q(5) + q(2) + q(2) + q(9) + q(10))
    message("stranger", 9, b"")
    message("piece", 10, q(5) + q(9) + q(7) + struct.pack("<i", 1) + t(b"ab") + b"\0")
    part = q(5) + q(9) + q(0) + t(b"model") + q(64) + q(7)
    message("part", 11, part + b"\0" + t(b"page"))
    message("part_in_memory", 11, part + b"\1" + q(40) + q(5) + q(0) + q(4096))


if __name__ == "__main__":
    make_foreign()
    make_gguf()
    make_safetensors()
    make_llama2c()
    make_json()
    make_zstd()
    make_page_file()
    make_sequence_file()
    make_importance()
    make_adapter()
    make_worker_message()
