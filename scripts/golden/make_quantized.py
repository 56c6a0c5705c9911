#!/usr/bin/env python3
"""Make the small quantized checkpoints of testdata/golden/quantized and their expected logits.

    python3 scripts/golden/make_quantized.py [--only NAME]... [--check] [testdata/golden/quantized]

Needs torch, transformers, safetensors and numpy. Each folder is a model of one layer in one format of
quantized weights, with the float32 logits of what its tensors stand for, as make_models.py writes them.
Packers and unpackers are written here from the formats' descriptions, apart from each other: a matrix is
packed, read back from the packed tensors alone, and what was read is what the model is run with. --check
besides compares what was read with what the format's own package reads, for those that are installed
(compressed-tensors, bitsandbytes, hqq).
"""
import argparse
import json
import os
import sys

import numpy as np
import torch
from make_models import build, classic_config, write_expected
from safetensors.torch import save_file

OPTIONS = dict(vocab_size=61, hidden_size=64, intermediate_size=128, num_hidden_layers=1, num_attention_heads=4,
               num_key_value_heads=2, head_dim=16)
LENGTHS = (70, 3)


# ---- whole numbers, low bits first, in words of 32 bits

def pack_words(codes, bits):
    """[n, ...] unsigned codes to [n * bits / 32, ...] words: one stream of bits down the first axis."""
    n = codes.shape[0]
    out = np.zeros((n * bits // 32,) + codes.shape[1:], np.uint64)
    for i in range(n):
        word, start = divmod(i * bits, 32)
        value = codes[i].astype(np.uint64) << np.uint64(start)
        out[word] |= value & np.uint64(0xffffffff)
        if start + bits > 32:
            out[word + 1] |= value >> np.uint64(32)
    return torch.from_numpy(out.astype(np.uint32).view(np.int32).copy())


def unpack_words(words, bits, count):
    """The inverse, bit by bit."""
    flat = words.numpy().view(np.uint32).astype(np.uint64)
    bit_lines = np.stack([(flat >> np.uint64(b)) & np.uint64(1) for b in range(32)], axis=1)
    stream = bit_lines.reshape((-1,) + flat.shape[1:])[:count * bits]
    groups = stream.reshape((count, bits) + flat.shape[1:])
    weights = (1 << np.arange(bits, dtype=np.uint64)).reshape((1, bits) + (1,) * (flat.ndim - 1))
    return torch.from_numpy((groups * weights).sum(axis=1).astype(np.int64))


def quantize(w, bits, group, symmetric, scale_type=torch.float16):
    """Codes [out, in], scales and zero points [out, groups], to the nearest."""
    group = w.shape[1] if group <= 0 else group
    blocks = w.reshape(w.shape[0], -1, group)
    top = 2 ** bits - 1
    if symmetric:
        scale = (blocks.abs().amax(-1) / (2 ** (bits - 1) - 0.5)).to(scale_type).float()
        zero = torch.full_like(scale, 2 ** (bits - 1))
    else:
        low, high = blocks.amin(-1).clamp(max=0), blocks.amax(-1).clamp(min=0)
        scale = ((high - low) / top).to(scale_type).float()
        zero = torch.round(-low / scale).clamp(0, top)
    codes = torch.round(blocks / scale.unsqueeze(-1) + zero.unsqueeze(-1)).clamp(0, top)
    return codes.reshape(w.shape).long(), scale, zero.long()


def spread(factors, cols):
    """[out, groups] to [out, cols]."""
    return factors.repeat_interleave(-(-cols // factors.shape[1]), dim=1)[:, :cols]


def order_of(stem, count):
    """The inputs in some order: one for those that meet the same activations, as the quantizers have it."""
    same = stem.replace("k_proj", "q_proj").replace("v_proj", "q_proj").replace("up_proj", "gate_proj")
    return torch.randperm(count, generator=torch.Generator().manual_seed(sum(same.encode())))


plain_spread = spread


class Format:
    """How one matrix is held: its parts by suffix, and what they stand for."""

    def config(self):
        raise NotImplementedError

    def pack(self, stem, w):
        raise NotImplementedError

    def unpack(self, parts, shape):
        raise NotImplementedError


class Gptq(Format):
    def __init__(self, bits, group, symmetric, v2=False, zero_bias=False, dynamic=None, beside=False, order=False):
        self.bits, self.group, self.symmetric, self.v2, self.order = bits, group, symmetric, v2, order
        self.zero_bias, self.dynamic, self.beside = zero_bias, dynamic, beside

    def config(self):
        out = dict(bits=self.bits, group_size=self.group, sym=self.symmetric, desc_act=self.order, damp_percent=0.01,
                   checkpoint_format="gptq_v2" if self.v2 else "gptq")
        if self.dynamic:
            out["dynamic"] = {f"+:.*{key}.*": dict(bits=bits) for key, bits in self.dynamic.items()}
        if not self.beside:
            out["quant_method"] = "gptq"
        return out

    def bits_of(self, stem):
        return next((bits for key, bits in (self.dynamic or {}).items() if key in stem), self.bits)

    def pack(self, stem, w):
        bits = self.bits_of(stem)
        group = w.shape[1] if self.group <= 0 else self.group
        index = torch.arange(w.shape[1]) // group
        if self.order:
            places = order_of(stem, w.shape[1])
            codes, scale, zero = quantize(w[:, places], bits, self.group, self.symmetric)
            codes[:, places], index[places] = codes.clone(), index.clone()
        else:
            codes, scale, zero = quantize(w, bits, self.group, self.symmetric)
        stored = zero if self.v2 else (zero - 1) % 2 ** bits
        out = {"qweight": pack_words(codes.t().numpy(), bits),
               "qzeros": pack_words(stored.numpy(), bits).t().contiguous(),
               "scales": scale.t().to(torch.float16).contiguous(),
               "g_idx": index.int()}
        if self.zero_bias:
            out["bias"] = torch.zeros(w.shape[0], dtype=torch.float16)
        return out

    def unpack(self, parts, shape):
        words = parts["qzeros"].shape[1]
        bits = words * 32 // shape[0]
        codes = unpack_words(parts["qweight"], bits, shape[1]).t()
        zero = unpack_words(parts["qzeros"].t().contiguous(), bits, shape[0])
        if not self.v2:
            zero = (zero + 1) % 2 ** bits
        index = parts["g_idx"].long()
        scale = parts["scales"].float().t()
        return (codes - zero[:, index]).float() * scale[:, index]


ORDER = [0, 2, 4, 6, 1, 3, 5, 7]


class Awq(Format):
    def __init__(self, group, version="gemm", name="awq", beside=False):
        self.group, self.version, self.name, self.beside = group, version, name, beside

    def config(self):
        if self.beside:
            return dict(zero_point=True, q_group_size=self.group, w_bit=4, version=self.version.upper())
        if self.name == "auto-round":
            return dict(quant_method="auto-round", packing_format="auto_round:auto_awq", bits=4, sym=False,
                        group_size=self.group, data_type="int", iters=0)
        return dict(quant_method="awq", bits=4, group_size=self.group, zero_point=True, version=self.version,
                    modules_to_not_convert=["lm_head"])

    def pack(self, stem, w):
        codes, scale, zero = quantize(w, 4, self.group, False)
        if self.version == "gemv":
            groups = scale.shape[1]
            words = -(-groups // 8)
            words = -(-words // (128 // self.group)) * (128 // self.group)
            padded = torch.zeros(w.shape[0], words * 8, dtype=torch.int64)
            padded[:, :groups] = zero
            scales = torch.zeros(w.shape[0], words * 8, dtype=torch.float16)
            scales[:, :groups] = scale.to(torch.float16)
            return {"qweight": pack_words(codes.t().numpy(), 4).t().contiguous(),
                    "qzeros": pack_words(padded.t().numpy(), 4).t().contiguous(), "scales": scales}
        along = lambda m: pack_words(m.reshape(-1, 8, m.shape[1])[:, ORDER].reshape(m.shape).numpy(), 4).t().contiguous()
        return {"qweight": along(codes), "qzeros": along(zero), "scales": scale.t().to(torch.float16).contiguous()}

    def unpack(self, parts, shape):
        if self.version == "gemv":
            groups = shape[1] // self.group
            codes = unpack_words(parts["qweight"].t().contiguous(), 4, shape[1]).t()
            zero = unpack_words(parts["qzeros"].t().contiguous(), 4, groups).t()
            return (codes - spread(zero, shape[1])).float() * spread(parts["scales"][:, :groups].float(), shape[1])
        def along(words):
            nibbles = unpack_words(words.t().contiguous(), 4, shape[0])
            out = torch.empty_like(nibbles)
            for nibble, row in enumerate(ORDER):
                out[row::8] = nibbles[nibble::8]
            return out
        return (along(parts["qweight"]) - spread(along(parts["qzeros"]), shape[1])).float() * spread(
            parts["scales"].float().t(), shape[1])


class AutoRoundGptq(Gptq):
    def config(self):
        out = super().config()
        out.update(quant_method="auto-round", packing_format="auto_round:auto_gptq")
        return out


class CompressedTensors(Format):
    """Whole numbers, packed or as bytes."""

    def __init__(self, bits, group, symmetric, packed=True, scale_type=torch.bfloat16, mixed=None, per_word=0,
                 order=False):
        self.bits, self.group, self.symmetric, self.packed = bits, group, symmetric, packed
        self.scale_type, self.mixed, self.per_word, self.order = scale_type, mixed or {}, per_word, order

    def args(self, bits):
        strategy = "group" if self.group > 0 else "channel"
        return dict(num_bits=bits, type="int", symmetric=self.symmetric, strategy=strategy,
                    group_size=self.group if self.group > 0 else None)

    def config(self):
        groups = {"group_0": dict(targets=["Linear"], weights=self.args(self.bits))}
        for i, (key, bits) in enumerate(self.mixed.items()):
            groups[f"group_{i + 1}"] = dict(targets=[f"re:.*{key}"], weights=self.args(bits))
        return dict(quant_method="compressed-tensors", format="pack-quantized" if self.packed else "int-quantized",
                    config_groups=groups, ignore=["lm_head"])

    def bits_of(self, stem):
        return next((bits for key, bits in self.mixed.items() if key in stem), self.bits)

    def words(self, codes, bits):
        """Rows of codes in words: without gaps, or whole ones."""
        if not self.per_word:
            padded = torch.zeros(codes.shape[0], -(-codes.shape[1] * bits // 32) * 32 // bits + 32, dtype=torch.int64)
            padded[:, :codes.shape[1]] = codes
            count = -(-codes.shape[1] * bits // 32)
            full = padded[:, :padded.shape[1] // 32 * 32]
            return pack_words(full.t().numpy(), bits).t()[:, :count].contiguous()
        count = -(-codes.shape[1] // self.per_word)
        padded = torch.zeros(codes.shape[0], count * self.per_word, dtype=torch.int64)
        padded[:, :codes.shape[1]] = codes
        shifts = torch.arange(self.per_word) * bits
        return (padded.reshape(codes.shape[0], count, -1) << shifts).sum(-1).to(torch.int32)

    def pack(self, stem, w):
        bits = self.bits_of(stem)
        out = {}
        if self.order:
            places = order_of(stem, w.shape[1])
            codes, scale, zero = quantize(w[:, places], bits, self.group, self.symmetric, self.scale_type)
            codes[:, places] = codes.clone()
            index = torch.empty(w.shape[1], dtype=torch.int32)
            index[places] = (torch.arange(w.shape[1]) // self.group).int()
            out["weight_g_idx"] = index
        else:
            codes, scale, zero = quantize(w, bits, self.group, self.symmetric, self.scale_type)
        out["weight_scale"] = scale.to(self.scale_type)
        half = 2 ** (bits - 1)
        if self.packed:
            out["weight_packed"] = self.words(codes, bits)
            out["weight_shape"] = torch.tensor(w.shape)
            if not self.symmetric:
                out["weight_zero_point"] = self.words(zero.t(), bits).t().contiguous()
        else:
            out["weight"] = (codes - half).to(torch.int8)
            if not self.symmetric:
                out["weight_zero_point"] = (zero - half).to(torch.int8)
        return out

    def unpack(self, parts, shape):
        def spread(factors, cols):
            index = parts.get("weight_g_idx")
            return plain_spread(factors, cols) if index is None else factors[:, index.long()]
        scale = spread(parts["weight_scale"].float(), shape[1])
        if not self.packed:
            zero = parts.get("weight_zero_point")
            return (parts["weight"].float() - (0 if zero is None else spread(zero.float(), shape[1]))) * scale
        words = parts["weight_packed"].shape[1]
        if self.per_word:
            bits = 32 // self.per_word
            w = parts["weight_packed"].long() & 0xffffffff
            codes = torch.stack([(w >> (i * bits)) & (2 ** bits - 1) for i in range(self.per_word)], -1)
            codes = codes.reshape(shape[0], -1)[:, :shape[1]]
        else:
            bits = words * 32 // shape[1]
            codes = unpack_words(parts["weight_packed"].t().contiguous(), bits, shape[1]).t()
        zero = 2 ** (bits - 1)
        if not self.symmetric:
            zero = spread(unpack_words(parts["weight_zero_point"], bits, shape[0]), shape[1])
        return (codes - zero).float() * scale

    def check(self, stem, parts, back):
        from compressed_tensors.compressors import BaseCompressor
        from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
        scheme = QuantizationScheme(targets=["Linear"], weights=QuantizationArgs(**self.args(self.bits_of(stem))))
        name = "pack-quantized" if self.packed else "int-quantized"
        got = BaseCompressor.get_value_from_registry(name).decompress(
            {key: value.float() if key == "weight_scale" else value for key, value in parts.items()}, scheme)
        return got["weight"].float()


# The quantiles of a normal distribution that NF4 is made of, as bitsandbytes has them.
NF4 = [-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
       -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634,
       0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0]
FP4 = [0, 0.0625 / 12, 8 / 12, 12 / 12, 4 / 12, 6 / 12, 2 / 12, 3 / 12]


class FourBits(Format):
    """bitsandbytes' NF4 and FP4."""

    def __init__(self, kind, nested=False, block=64):
        self.kind, self.nested, self.block = kind, nested, block
        self.map = torch.tensor(NF4 if kind == "nf4" else FP4 + [-x for x in FP4])

    def config(self):
        return dict(quant_method="bitsandbytes", load_in_4bit=True, load_in_8bit=False, bnb_4bit_quant_type=self.kind,
                    bnb_4bit_use_double_quant=self.nested, bnb_4bit_compute_dtype="bfloat16",
                    llm_int8_skip_modules=["lm_head"])

    def pack(self, stem, w):
        flat = w.reshape(-1, self.block)
        absmax = flat.abs().amax(-1)
        out = {}
        state = dict(quant_type=self.kind, blocksize=self.block, dtype="bfloat16", shape=list(w.shape))
        if self.nested:
            offset = absmax.mean()
            centred = torch.nn.functional.pad(absmax - offset, (0, -len(absmax) % 256)).reshape(-1, 256)
            outer = centred.abs().amax(-1)
            steps = torch.linspace(-1, 1, 256)
            codes = (centred / outer.unsqueeze(-1)).unsqueeze(-1).sub(steps).abs().argmin(-1).reshape(-1)
            codes = codes[:len(absmax)]
            absmax = steps[codes] * outer.repeat_interleave(256)[:len(absmax)] + offset
            out["weight.absmax"] = codes.to(torch.uint8)
            out["weight.nested_absmax"], out["weight.nested_quant_map"] = outer, steps
            state.update(nested_blocksize=256, nested_dtype="float32", nested_offset=offset.item())
        else:
            out["weight.absmax"] = absmax
        codes = (flat / absmax.unsqueeze(-1)).unsqueeze(-1).sub(self.map).abs().argmin(-1).reshape(-1)
        out["weight"] = (codes[0::2] << 4 | codes[1::2]).to(torch.uint8).unsqueeze(-1)
        out["weight.quant_map"] = self.map.clone()
        text = json.dumps(state).encode()
        out[f"weight.quant_state.bitsandbytes__{self.kind}"] = torch.tensor(list(text), dtype=torch.uint8)
        return out

    def unpack(self, parts, shape):
        state = json.loads(bytes(parts[f"weight.quant_state.bitsandbytes__{self.kind}"].tolist()))
        absmax = parts["weight.absmax"]
        if "weight.nested_absmax" in parts:
            outer = parts["weight.nested_absmax"].repeat_interleave(state["nested_blocksize"])[:len(absmax)]
            absmax = parts["weight.nested_quant_map"][absmax.long()] * outer + torch.tensor(state["nested_offset"])
        packed = parts["weight"].reshape(-1).long()
        codes = torch.stack([packed >> 4, packed & 15], -1).reshape(-1, state["blocksize"])
        return (parts["weight.quant_map"][codes] * absmax.unsqueeze(-1)).reshape(shape)

    def check(self, stem, parts, back):
        import bitsandbytes.functional as bnb
        state = bnb.QuantState.from_dict({k[len("weight."):]: v for k, v in parts.items() if k != "weight"},
                                         device=torch.device("cpu"))
        state.dtype = torch.float32
        return bnb.dequantize_4bit(parts["weight"], state).reshape(back.shape)


class Int8(Format):
    """bitsandbytes' LLM.int8."""

    def config(self):
        return dict(quant_method="bitsandbytes", load_in_8bit=True, load_in_4bit=False)

    def pack(self, stem, w):
        most = w.abs().amax(-1)
        return {"weight": torch.round(w * 127 / most.unsqueeze(-1)).to(torch.int8), "SCB": most,
                "weight_format": torch.tensor(0, dtype=torch.uint8)}

    def unpack(self, parts, shape):
        return parts["weight"].float() * (parts["SCB"] / 127).unsqueeze(-1)


class Hqq(Format):
    def __init__(self, bits, group):
        self.bits, self.group = bits, group

    def config(self):
        params = dict(nbits=self.bits, group_size=self.group, axis=1, channel_wise=True, optimize=True)
        return dict(quant_method="hqq", skip_modules=["lm_head"],
                    quant_config=dict(weight_quant_params=params, scale_quant_params=None, zero_quant_params=None))

    def pack(self, stem, w):
        lines = w.reshape(-1, self.group)
        low, high = lines.amin(-1, keepdim=True), lines.amax(-1, keepdim=True)
        top = 2 ** self.bits - 1
        scale = ((high - low) / top).half()
        zero = (-low / scale.float()).half()
        codes = torch.round(lines / scale.float() + zero.float()).clamp(0, top).to(torch.uint8)
        count = 8 // self.bits
        packed = sum(part << (8 - (i + 1) * self.bits) for i, part in enumerate(codes.chunk(count)))
        return {"W_q": packed.to(torch.uint8), "scale": scale, "zero": zero, "shape": torch.tensor(w.shape),
                "nbits": torch.tensor(self.bits), "axis": torch.tensor(1)}

    def unpack(self, parts, shape):
        count = 8 // self.bits
        layers = [(parts["W_q"] >> (8 - (i + 1) * self.bits)) & (2 ** self.bits - 1) for i in range(count)]
        return ((torch.cat(layers).float() - parts["zero"].float()) * parts["scale"].float()).reshape(shape)

    def check(self, stem, parts, back):
        from hqq.core.quantize import Quantizer
        meta = dict(packing=Quantizer.bit_to_packing[self.bits], view_as_float=False, nbits=self.bits, axis=1,
                    group_size=self.group, shape=back.shape, zero=parts["zero"].float(),
                    scale=parts["scale"].float(), compute_dtype=torch.float32)
        return Quantizer.dequantize(parts["W_q"], meta)


class BitNet(Format):
    def config(self):
        return dict(quant_method="bitnet", linear_class="bitlinear", quantization_mode="offline",
                    modules_to_not_convert=["lm_head"])

    def pack(self, stem, w):
        scale = (1 / w.abs().mean()).bfloat16().float()
        codes = torch.round(w * scale).clamp(-1, 1).to(torch.uint8) + 1 & 3
        quarter = w.shape[0] // 4
        packed = sum(codes[i * quarter:(i + 1) * quarter] << 2 * i for i in range(4))
        return {"weight": packed.to(torch.uint8), "weight_scale": scale.bfloat16().reshape(1)}

    def unpack(self, parts, shape):
        layers = [parts["weight"] >> 2 * i & 3 for i in range(4)]
        return (torch.cat(layers).float() - 1) / parts["weight_scale"].float()


E2M1 = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])
F8 = torch.float8_e4m3fn


class Float8(Format):
    """E4M3 with scales of blocks, rows or the whole matrix."""

    def __init__(self, method, block=None, rows=False, exponents=False, name=None):
        self.method, self.block, self.rows, self.exponents = method, block, rows, exponents
        self.name = name or ("weight_scale_inv" if block and method == "fp8" else "weight_scale")

    def config(self):
        if self.method == "compressed-tensors":
            weights = dict(num_bits=8, type="float", symmetric=True,
                           strategy="block" if self.block else "channel" if self.rows else "tensor")
            if self.block:
                weights["block_structure"] = list(self.block)
            return dict(quant_method=self.method, format="float-quantized", ignore=["lm_head"],
                        config_groups={"group_0": dict(targets=["Linear"], weights=weights)})
        if self.method == "modelopt":
            return dict(quant_method="modelopt", quant_algo="FP8", producer=dict(name="modelopt"))
        out = dict(quant_method=self.method, activation_scheme="dynamic", fmt="e4m3")
        if self.block:
            out["weight_block_size"] = list(self.block)
        return out

    def spread(self, scale, shape):
        if self.exponents:
            scale = torch.exp2(scale.float() - 127)
            return scale.repeat_interleave(32, 1)
        if self.block:
            return scale.repeat_interleave(self.block[0], 0).repeat_interleave(self.block[1], 1)[:shape[0], :shape[1]]
        return scale.expand(shape)

    def pack(self, stem, w):
        if self.exponents:
            most = w.reshape(w.shape[0], -1, 32).abs().amax(-1)
            scale = (torch.floor(torch.log2(most)) - 8 + 127).to(torch.uint8)
        elif self.block:
            a, b = self.block
            padded = torch.nn.functional.pad(w, (0, -w.shape[1] % b, 0, -w.shape[0] % a))
            scale = padded.reshape(padded.shape[0] // a, a, -1, b).abs().amax((1, 3)) / 448
        else:
            scale = (w.abs().amax(1, keepdim=True) if self.rows else w.abs().amax().reshape(1)) / 448
        return {"weight": (w / self.spread(scale, w.shape)).to(F8), self.name: scale}

    def unpack(self, parts, shape):
        byte = parts["weight"].view(torch.uint8).long()
        sign, exponent, mantissa = byte >> 7, byte >> 3 & 15, byte & 7
        value = torch.where(exponent == 0, mantissa / 512.0, (1 + mantissa / 8.0) * torch.exp2(exponent.float() - 7))
        return torch.where(sign == 1, -value, value) * self.spread(parts[self.name], shape)


class Float4(Format):
    """NVFP4 and MXFP4."""

    def __init__(self, method, kind):
        self.method, self.kind = method, kind
        self.codes = "weight" if method == "modelopt" else "weight_packed"
        self.whole = "weight_scale_2" if method == "modelopt" else "weight_global_scale"

    def config(self):
        if self.method == "modelopt":
            return dict(producer=dict(name="modelopt"),
                        quantization=dict(quant_algo="NVFP4", group_size=16, exclude_modules=["lm_head"]))
        group = 16 if self.kind == "nvfp4" else 32
        weights = dict(num_bits=4, type="float", symmetric=True, strategy="tensor_group", group_size=group)
        return dict(quant_method=self.method, format=f"{self.kind}-pack-quantized", ignore=["lm_head"],
                    config_groups={"group_0": dict(targets=["Linear"], weights=weights)})

    @property
    def beside(self):
        return self.method == "modelopt"

    def pack(self, stem, w):
        group = 16 if self.kind == "nvfp4" else 32
        blocks = w.reshape(w.shape[0], -1, group)
        most = blocks.abs().amax(-1)
        out = {}
        if self.kind == "nvfp4":
            whole = (448 * 6 / w.abs().max()).reshape(1)
            stored = (most / 6 * whole).to(F8)
            scale = stored.float() / whole
            out[self.whole] = whole if self.method != "modelopt" else (1 / whole).squeeze()
            if self.method == "modelopt":
                scale = stored.float() * out[self.whole]
        else:
            stored = (torch.floor(torch.log2(most)) - 2 + 127).to(torch.uint8)
            scale = torch.exp2(stored.float() - 127)
        codes = (blocks / scale.unsqueeze(-1)).unsqueeze(-1).sub(E2M1).abs().argmin(-1).reshape(w.shape)
        out[self.codes] = (codes[:, 0::2] | codes[:, 1::2] << 4).to(torch.uint8)
        out["weight_scale"] = stored
        return out

    def unpack(self, parts, shape):
        packed = parts[self.codes].long()
        values = E2M1[torch.stack([packed & 15, packed >> 4], -1).reshape(shape)]
        if self.kind == "mxfp4":
            return values * spread(torch.exp2(parts["weight_scale"].float() - 127), shape[1])
        scale = parts["weight_scale"].float()
        scale = scale * parts[self.whole] if self.method == "modelopt" else scale / parts[self.whole]
        return values * spread(scale, shape[1])


FORMATS = {
    "gptq-4": Gptq(4, 32, True),
    "gptq-4-asym": Gptq(4, 16, False, zero_bias=True),
    "gptq-4-v2": Gptq(4, 32, False, v2=True),
    "gptq-4-rows": Gptq(4, -1, True, beside=True),
    "gptq-8": Gptq(8, 64, True),
    "gptq-8-asym": Gptq(8, 32, False),
    "gptq-3": Gptq(3, 32, False),
    "gptq-2": Gptq(2, 16, False),
    "gptq-dynamic": Gptq(4, 32, True, dynamic={"down_proj": 8}),
    "awq": Awq(32),
    "awq-gemv": Awq(32, "gemv", beside=True),
    "auto-round-gptq": AutoRoundGptq(4, 32, True),
    "auto-round-awq": Awq(64, name="auto-round"),
    "compressed-4": CompressedTensors(4, 32, True),
    "compressed-4-asym": CompressedTensors(4, 64, False),
    "compressed-8-mixed": CompressedTensors(8, -1, True, mixed={"down_proj": 4}),
    "compressed-6": CompressedTensors(6, 32, True, scale_type=torch.float16),
    "compressed-3-whole": CompressedTensors(3, 32, True, per_word=10),
    "compressed-int8": CompressedTensors(8, -1, True, packed=False),
    "compressed-int8-asym": CompressedTensors(8, -1, False, packed=False, scale_type=torch.float32),
    "nf4": FourBits("nf4"),
    "nf4-nested": FourBits("nf4", nested=True),
    "fp4": FourBits("fp4"),
    "int8": Int8(),
    "hqq-4": Hqq(4, 64),
    "hqq-2": Hqq(2, 16),
    "hqq-8": Hqq(8, 64),
    "bitnet": BitNet(),
    "fp8-blocks": Float8("fp8", block=(48, 32)),
    "fp8-whole": Float8("fp8", name="qscale_weight"),
    "fp8-rows": Float8("fbgemm_fp8", rows=True),
    "modelopt-fp8": Float8("modelopt"),
    "modelopt-nvfp4": Float4("modelopt", "nvfp4"),
    "compressed-fp8-rows": Float8("compressed-tensors", rows=True),
    "compressed-fp8-blocks": Float8("compressed-tensors", block=(32, 32)),
    "compressed-mxfp8": Float8("compressed-tensors", exponents=True),
    "compressed-nvfp4": Float4("compressed-tensors", "nvfp4"),
    "compressed-mxfp4": Float4("compressed-tensors", "mxfp4"),
    "compressed-4-order": CompressedTensors(4, 32, False, order=True),
    "gptq-4-phi3": Gptq(4, 32, False),
    "awq-glm4": Awq(32),
    "gptq-3-order-asym": Gptq(3, 16, False, order=True),
    "gptq-4-order": Gptq(4, 32, True, order=True),
}


# Families whose files hold several matrices in one, or turn other pairs.
FAMILIES = {
    "gptq-4-phi3": ("phi3", dict(OPTIONS, num_key_value_heads=4, pad_token_id=0, sliding_window=None)),
    "awq-glm4": ("glm4", dict(OPTIONS, partial_rotary_factor=0.5, attention_bias=True, pad_token_id=0)),
}


def write(folder, name, seed, check):
    how = FORMATS[name]
    family, values = FAMILIES.get(name, ("llama", OPTIONS))
    model, config = build(family, values, torch.bfloat16, seed)
    os.makedirs(folder, exist_ok=True)
    tensors = {}
    state = model.state_dict()
    for key, value in state.items():
        if "_proj" not in key or key.endswith(".bias"):
            tensors[key] = value.to(torch.bfloat16).contiguous()
            continue
        stem = key[:-len(".weight")]
        parts = how.pack(stem, value.float())
        back = how.unpack(parts, value.shape).float()
        signal, noise = value.square().sum(), (value - back).square().sum()
        assert noise < (0.5 if name == "bitnet" else 0.2) * signal, (name, key, noise / signal)
        # Packages of 2026 have forgotten weight_g_idx, which folders of 2024 and 2025 hold.
        if check and hasattr(how, "check") and not getattr(how, "order", False):
            theirs = how.check(stem, parts, back)
            print(f"{name} {key}: {(theirs - back).abs().max().item():.3g} from the package's own")
        with torch.no_grad():
            value.copy_(back)
        tensors.update({f"{stem}.{suffix}": part for suffix, part in parts.items()})
    written = classic_config(family, values, "BF16")
    said = how.config()
    if getattr(how, "beside", False):
        file = ("quant_config.json" if "zero_point" in said else "hf_quant_config.json" if "producer" in said
                else "quantize_config.json")
        with open(os.path.join(folder, file), "w") as f:
            json.dump(said, f, indent=2, sort_keys=True)
            f.write("\n")
    else:
        written["quantization_config"] = said
    save_file(tensors, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    os.chmod(os.path.join(folder, "model.safetensors"), 0o644)
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(written, f, indent=2, sort_keys=True)
        f.write("\n")
    return write_expected(folder, model, config.vocab_size, seed, LENGTHS)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--packages", default="", help="where pip --target put those to check with")
    parser.add_argument("folder", nargs="?", default="testdata/golden/quantized")
    options = parser.parse_args()
    sys.path.append(options.packages)
    for seed, name in enumerate(FORMATS):
        if options.only and name not in options.only:
            continue
        largest = write(os.path.join(options.folder, name), name, 500 + seed, options.check)
        print(f"{name}: largest logit {largest:.2f}")


if __name__ == "__main__":
    main()
