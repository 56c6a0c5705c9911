"""A Llama in plain torch, made for training on a few CPU cores.

Weights are f32 under the names that a Hugging Face folder has; the arithmetic is
bf16 (twice as fast here as f32, where the processor has AVX512-BF16). Rows of a
batch are one text each, padded on the right.
"""

import json
import math
import os

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 1280,
    "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 6,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64, "hidden_act": "silu",
    "max_position_embeddings": 2048, "rope_theta": 10000.0, "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True, "attention_bias": False, "mlp_bias": False,
    "attention_dropout": 0.0, "initializer_range": 0.02, "use_cache": True,
    "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": None, "torch_dtype": "bfloat16",
}
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def full_name(layer, short):
    block = "self_attn" if short in ("q_proj", "k_proj", "v_proj", "o_proj") else "mlp"
    return "model.layers.%d.%s.%s" % (layer, block, short)


def shapes(c):
    """Name -> shape of every weight."""
    h, f, d = c["hidden_size"], c["intermediate_size"], c["head_dim"]
    q, kv = c["num_attention_heads"] * d, c["num_key_value_heads"] * d
    out = {"model.embed_tokens.weight": (c["vocab_size"], h), "model.norm.weight": (h,)}
    for i in range(c["num_hidden_layers"]):
        for short, shape in (("q_proj", (q, h)), ("k_proj", (kv, h)), ("v_proj", (kv, h)),
                             ("o_proj", (h, q)), ("gate_proj", (f, h)), ("up_proj", (f, h)),
                             ("down_proj", (h, f))):
            out[full_name(i, short) + ".weight"] = shape
        for norm in ("input_layernorm", "post_attention_layernorm"):
            out["model.layers.%d.%s.weight" % (i, norm)] = (h,)
    return out


def fresh_weights(c, seed):
    g = torch.Generator().manual_seed(seed)
    out = {}
    for name, shape in shapes(c).items():
        if len(shape) == 1:
            w = torch.ones(shape)
        else:
            scale = 0.02 if "embed" in name else 1 / math.sqrt(shape[1])
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                scale /= math.sqrt(2 * c["num_hidden_layers"])
            w = torch.randn(shape, generator=g) * scale
        out[name] = w
    return out


def rope(c, length):
    d = c["head_dim"]
    angle = torch.arange(length)[:, None] / c["rope_theta"] ** (torch.arange(0, d, 2) / d)
    return (torch.cat([angle.cos()] * 2, -1).bfloat16(),
            torch.cat([-angle.sin(), angle.sin()], -1).bfloat16())


def turn(x, cos, sin):
    half = x.shape[-1] // 2
    return x * cos + torch.cat([x[..., half:], x[..., :half]], -1) * sin


class Llama:
    """`weights`: name -> f32 tensor; `low`: a LoRA (see lora.py) or None."""

    def __init__(self, config, weights, low=None):
        self.c, self.w, self.low = config, weights, low
        self.tables = rope(config, config["max_position_embeddings"])

    def linear(self, x, layer, *names):
        """x times the (stacked) weights of one layer, plus the adapter's share."""
        w = torch.cat([self.w[full_name(layer, n) + ".weight"].bfloat16() for n in names])
        y = F.linear(x, w)
        return y if self.low is None else y + self.low(x, layer, names)

    def hidden(self, ids, positions=None, mask=None, hints=None):
        """The last layer's states. With `hints`, also adds to their losses (hints.py)."""
        c = self.c
        b, t = ids.shape
        heads, kv, d = c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"]
        eps = c["rms_norm_eps"]
        if mask is None:
            mask = torch.full((t, t), float("-inf"), dtype=torch.bfloat16).triu(1)
        cos, sin = ((x[:t] if positions is None else x[positions][:, None]) for x in self.tables)
        h = F.embedding(ids, self.w["model.embed_tokens.weight"]).bfloat16()

        def norm(x, name):
            return F.rms_norm(x, (c["hidden_size"],), self.w[name + ".weight"].bfloat16(), eps)

        for i in range(c["num_hidden_layers"]):
            name = "model.layers.%d." % i
            if hints is not None:
                hints.say(i, h, lambda x: self.logits(norm(x, "model.norm")))
            qkv = self.linear(norm(h, name + "input_layernorm"), i, "q_proj", "k_proj", "v_proj")
            qkv = qkv.view(b, t, heads + 2 * kv, d).transpose(1, 2)
            qk = turn(qkv[:, :heads + kv], cos, sin)
            k = qk[:, heads:].repeat_interleave(heads // kv, 1)
            v = qkv[:, heads + kv:].repeat_interleave(heads // kv, 1)
            # Spelled out: at these lengths twice as fast as torch's fused attention.
            scores = (qk[:, :heads] / math.sqrt(d)) @ k.transpose(2, 3) + mask
            if hints is not None:
                hints.look(i, scores)
            a = torch.softmax(scores, -1) @ v
            h = h + self.linear(a.transpose(1, 2).reshape(b, t, heads * d), i, "o_proj")
            gate, up = self.linear(norm(h, name + "post_attention_layernorm"), i,
                                   "gate_proj", "up_proj").chunk(2, -1)
            h = h + self.linear(F.silu(gate) * up, i, "down_proj")
        return norm(h, "model.norm")

    def logits(self, hidden):
        return F.linear(hidden, self.w["model.embed_tokens.weight"].bfloat16())

    def loss(self, ids, weights, hints=None):
        """(sum of weighted losses, …): each token given those before it.

        Also every token's loss and weight, flat.
        """
        h = self.hidden(ids[:, :-1], hints=hints)
        logits = self.logits(h.reshape(-1, h.shape[-1])).float()
        w = weights[:, 1:].reshape(-1)
        losses = F.cross_entropy(logits, ids[:, 1:].reshape(-1), reduction="none")
        return (losses * w).sum(), w.sum(), losses.detach(), w


def load_folder(folder):
    with open(os.path.join(folder, "config.json")) as f:
        config = json.load(f)
    weights = load_file(os.path.join(folder, "model.safetensors"))
    return config, {k: v.float() for k, v in weights.items()}


def save_folder(folder, config, weights, dtype=torch.bfloat16):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config, f, indent=2)
        f.write("\n")
    save_file({k: v.detach().to(dtype).contiguous() for k, v in weights.items()},
              os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
