#!/usr/bin/env python3
"""Make the tiny random models of testdata/golden/models and their expected logits.

    python3 scripts/golden/make_models.py [--only NAME]... [testdata/golden/models]

Needs torch, transformers and safetensors (and spm_train of sentencepiece for the tokenizer
of tiny-llama). The tests read the results and need no Python. Each folder is a Hugging Face
checkpoint (config.json, model.safetensors) with

    expected.json       {"sequences": [[ids], ...], "rows": [[position, ...], ...]}
    expected.f32        the float32 logits of those rows, in that order, [rows][vocab_size]

Seeds are fixed; with the versions printed at the end the bytes come out the same. Weights
are drawn so that logits are of order 1 to 10 and every position attends to many others: a
mistake anywhere moves them by far more than the tolerance.
"""
import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile

import torch
import transformers
from safetensors.torch import save_file
from transformers import (Ernie4_5_MoeConfig, Ernie4_5_MoeForCausalLM, GptOssConfig, GptOssForCausalLM,
                          GraniteMoeConfig, GraniteMoeForCausalLM, GraniteMoeSharedConfig,
                          GraniteMoeSharedForCausalLM, HunYuanMoEV1Config, HunYuanMoEV1ForCausalLM,
                          MixtralConfig, MixtralForCausalLM, OlmoeConfig, OlmoeForCausalLM, Qwen2MoeConfig,
                          Qwen2MoeForCausalLM, Qwen3MoeConfig, Qwen3MoeForCausalLM)
from transformers import (ArceeConfig, ArceeForCausalLM, Ernie4_5Config, Ernie4_5ForCausalLM, Exaone4Config,
                          Exaone4ForCausalLM, Glm4Config, Glm4ForCausalLM, HunYuanDenseV1Config,
                          HunYuanDenseV1ForCausalLM, Ministral3Config, Ministral3ForCausalLM, Olmo3Config,
                          Olmo3ForCausalLM, SeedOssConfig, SeedOssForCausalLM)
from transformers import (Gemma2Config, Gemma2ForCausalLM, Gemma3ForCausalLM, Gemma3TextConfig, GraniteConfig,
                          GraniteForCausalLM, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM,
                          Olmo2Config, Olmo2ForCausalLM, Phi3Config, Phi3ForCausalLM, Qwen2Config,
                          Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM, SmolLM3Config, SmolLM3ForCausalLM)

CLASSES = {
    "llama": (LlamaConfig, LlamaForCausalLM),
    "mistral": (MistralConfig, MistralForCausalLM),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM),
    "gemma2": (Gemma2Config, Gemma2ForCausalLM),
    "gemma3_text": (Gemma3TextConfig, Gemma3ForCausalLM),
    "granite": (GraniteConfig, GraniteForCausalLM),
    "olmo2": (Olmo2Config, Olmo2ForCausalLM),
    "smollm3": (SmolLM3Config, SmolLM3ForCausalLM),
    "phi3": (Phi3Config, Phi3ForCausalLM),
    "olmo3": (Olmo3Config, Olmo3ForCausalLM),
    "ministral3": (Ministral3Config, Ministral3ForCausalLM),
    "glm4": (Glm4Config, Glm4ForCausalLM),
    "exaone4": (Exaone4Config, Exaone4ForCausalLM),
    "hunyuan_v1_dense": (HunYuanDenseV1Config, HunYuanDenseV1ForCausalLM),
    # transformers has no class of its own: MiniCPM is Granite in other words (minicpm_as_granite).
    "minicpm": (GraniteConfig, GraniteForCausalLM),
    "ernie4_5": (Ernie4_5Config, Ernie4_5ForCausalLM),
    "seed_oss": (SeedOssConfig, SeedOssForCausalLM),
    "arcee": (ArceeConfig, ArceeForCausalLM),
    "mixtral": (MixtralConfig, MixtralForCausalLM),
    "qwen2_moe": (Qwen2MoeConfig, Qwen2MoeForCausalLM),
    "qwen3_moe": (Qwen3MoeConfig, Qwen3MoeForCausalLM),
    "granitemoe": (GraniteMoeConfig, GraniteMoeForCausalLM),
    "granitemoeshared": (GraniteMoeSharedConfig, GraniteMoeSharedForCausalLM),
    "olmoe": (OlmoeConfig, OlmoeForCausalLM),
    "ernie4_5_moe": (Ernie4_5_MoeConfig, Ernie4_5_MoeForCausalLM),
    "hunyuan_v1_moe": (HunYuanMoEV1Config, HunYuanMoEV1ForCausalLM),
    "gpt_oss": (GptOssConfig, GptOssForCausalLM),
}

ARCHITECTURES = {"minicpm": "MiniCPMForCausalLM"}


def minicpm_as_granite(values):
    out = dict(values)
    head_dim = values["hidden_size"] // values["num_attention_heads"]
    out["embedding_multiplier"] = out.pop("scale_emb")
    out["residual_multiplier"] = out.pop("scale_depth") / math.sqrt(values["num_hidden_layers"])
    out["logits_scaling"] = values["hidden_size"] / out.pop("dim_model_base")
    out["attention_multiplier"] = 1.0 / math.sqrt(head_dim)
    return out

# What a config.json has in common with every other; the models below say what differs.
BASE = dict(vocab_size=97, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=512, rms_norm_eps=1e-5, rope_theta=10000.0,
            hidden_act="silu", bos_token_id=1, eos_token_id=2, tie_word_embeddings=False)

LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=64)

# What Gemma's have in common; no key says hidden_act.
GEMMA = dict(hidden_act=None, hidden_activation="gelu_pytorch_tanh", head_dim=16, tie_word_embeddings=True,
             rms_norm_eps=1e-6, pad_token_id=0, bos_token_id=2, eos_token_id=1, sliding_window=24)

PHI = dict(head_dim=16, hidden_size=64, partial_rotary_factor=0.75, tie_word_embeddings=True, pad_token_id=0,
           rope_scaling=dict(type="longrope", short_factor=[1.0, 1.1, 1.2, 1.3, 1.5, 1.7],
                             long_factor=[1.0, 1.5, 2.5, 4.0, 8.0, 16.0]))

#    name: (family, dtype, differences from BASE)
MODELS = {
    "llama-plain": ("llama", "F32", {}),
    "llama-tied": ("llama", "BF16", dict(tie_word_embeddings=True)),
    "llama-mha-f16": ("llama", "F16", dict(num_key_value_heads=4, rms_norm_eps=1e-2)),
    "llama-one-kv-head": ("llama", "BF16", dict(num_key_value_heads=1, vocab_size=101)),
    "llama-odd-sizes": ("llama", "BF16", dict(hidden_size=60, intermediate_size=172, vocab_size=131,
                                              num_attention_heads=5, num_key_value_heads=5, head_dim=12,
                                              num_hidden_layers=1)),
    "llama-wide-head": ("llama", "BF16", dict(hidden_size=36, head_dim=10, num_attention_heads=6,
                                              num_key_value_heads=3)),
    "llama-biases": ("llama", "BF16", dict(attention_bias=True, mlp_bias=True)),
    "llama-rope-linear": ("llama", "BF16", dict(rope_scaling=dict(type="linear", factor=4.0))),
    "llama-rope-llama3": ("llama", "BF16", dict(rope_theta=500000.0, head_dim=16, rope_scaling=LLAMA3)),
    "llama-rope-yarn": ("llama", "BF16", dict(rope_scaling=dict(
        rope_type="yarn", factor=4.0, original_max_position_embeddings=64))),
    "qwen2-rope-yarn-all": ("qwen2", "BF16", dict(head_dim=16, rope_theta=1000.0, rope_scaling=dict(
        rope_type="yarn", factor=8.0, original_max_position_embeddings=64, attention_factor=1.1,
        beta_fast=24.0, beta_slow=1.5, truncate=False))),
    "mistral-window": ("mistral", "BF16", dict(sliding_window=24)),
    "mistral-full": ("mistral", "BF16", dict(sliding_window=None, num_key_value_heads=1)),
    "qwen2-bias": ("qwen2", "BF16", dict(tie_word_embeddings=True, rope_theta=1000000.0)),
    "qwen3-norm": ("qwen3", "BF16", dict(head_dim=16, tie_word_embeddings=True, rope_theta=1000000.0)),
    "qwen3-attention-bias": ("qwen3", "BF16", dict(head_dim=10, attention_bias=True)),
    # SmolLM-135M's proportions (9 heads, 3 KV heads, tied) and TinyLlama-1.1B's (8 queries per KV head).
    "smollm-like": ("llama", "BF16", dict(hidden_size=54, intermediate_size=144, num_attention_heads=9,
                                          num_key_value_heads=3, tie_word_embeddings=True, vocab_size=110,
                                          num_hidden_layers=1)),
    "tinyllama-like": ("llama", "BF16", dict(hidden_size=64, intermediate_size=96, num_attention_heads=8,
                                             num_key_value_heads=1, num_hidden_layers=1, vocab_size=128)),
    # Caps that are felt, and a scale that is not the head's.
    "gemma2": ("gemma2", "BF16", dict(GEMMA, query_pre_attn_scalar=24, attn_logit_softcapping=2.0,
                                      final_logit_softcapping=6.0)),
    "gemma3": ("gemma3_text", "BF16", dict(GEMMA, query_pre_attn_scalar=16, rope_theta=1000000.0,
                                           rope_local_base_freq=5000.0, sliding_window_pattern=3,
                                           num_hidden_layers=4, rope_scaling=dict(rope_type="linear", factor=8.0))),
    # As published from 4B up: the text in a wrapper, beside another part.
    "gemma3-wrapped": ("gemma3_text", "F16", dict(GEMMA, query_pre_attn_scalar=20, rope_theta=1000000.0,
                                                  rope_local_base_freq=10000.0, sliding_window_pattern=2)),
    "granite": ("granite", "BF16", dict(embedding_multiplier=3.0, residual_multiplier=0.5, attention_multiplier=0.25,
                                        logits_scaling=0.8, tie_word_embeddings=True)),
    "olmo2": ("olmo2", "BF16", dict(rope_theta=500000.0, pad_token_id=1)),
    "smollm3": ("smollm3", "BF16", dict(num_hidden_layers=4, no_rope_layer_interval=3, pad_token_id=4)),
    "phi3-window": ("phi3", "BF16", dict(sliding_window=30, num_key_value_heads=4, pad_token_id=0)),
    # The long factors beyond 40 positions; the short ones where the context ends with the original.
    "phi3-long": ("phi3", "BF16", dict(PHI, original_max_position_embeddings=40)),
    "phi3-short": ("phi3", "BF16", dict(PHI, original_max_position_embeddings=512)),
    "smollm3-tied": ("smollm3", "BF16", dict(num_hidden_layers=4, tie_word_embeddings=True, pad_token_id=4)),
    "olmo3": ("olmo3", "BF16", dict(num_hidden_layers=4, rope_theta=500000.0, pad_token_id=1, sliding_window=24,
                                    rope_scaling=dict(rope_type="yarn", factor=8.0,
                                                      original_max_position_embeddings=64))),
    # As published: the text in a wrapper. Three warm spans.
    "ministral3": ("ministral3", "BF16", dict(head_dim=16, rope_theta=1000000.0, pad_token_id=0, rope_scaling=dict(
        rope_type="yarn", factor=8.0, original_max_position_embeddings=64, beta_fast=32.0, beta_slow=1.0,
        mscale=1.0, mscale_all_dim=1.0, llama_4_scaling_beta=0.4))),
    "glm4": ("glm4", "BF16", dict(head_dim=16, partial_rotary_factor=0.5, attention_bias=True, pad_token_id=0)),
    "exaone4": ("exaone4", "BF16", dict(num_hidden_layers=4, sliding_window=24, sliding_window_pattern=4)),
    "exaone4-full": ("exaone4", "BF16", dict(sliding_window=None, layer_types=["full_attention"] * 2, head_dim=10,
                                             rope_theta=500000.0, tie_word_embeddings=True, rope_scaling=LLAMA3)),
    "hunyuan": ("hunyuan_v1_dense", "BF16", dict(head_dim=12, tie_word_embeddings=True, pad_token_id=0,
                                                 rope_scaling=dict(type="dynamic", alpha=50.0, factor=1.0))),
    "minicpm": ("minicpm", "BF16", dict(scale_emb=3.0, scale_depth=1.4, dim_model_base=40, tie_word_embeddings=True)),
    "ernie": ("ernie4_5", "BF16", dict(head_dim=12, tie_word_embeddings=True, rope_theta=500000.0, pad_token_id=0)),
    "ernie-bias": ("ernie4_5", "BF16", dict(head_dim=8, use_bias=True, rope_theta=500000.0, pad_token_id=0)),
    "seed-oss": ("seed_oss", "BF16", dict(head_dim=12, attention_bias=True, attention_out_bias=False, pad_token_id=1)),
    "arcee": ("arcee", "BF16", dict(hidden_act="relu2", rope_scaling=dict(
        rope_type="yarn", factor=4.0, original_max_position_embeddings=64))),
}

# Small, since experts are many.
MOE = dict(num_hidden_layers=2, hidden_size=32, vocab_size=61)

MODELS.update({
    "mixtral": ("mixtral", "BF16", dict(MOE, intermediate_size=24, num_local_experts=4, num_experts_per_tok=2,
                                        sliding_window=None)),
    "qwen2-moe": ("qwen2_moe", "BF16", dict(MOE, moe_intermediate_size=16, num_experts=6, num_experts_per_tok=3,
                                            shared_expert_intermediate_size=40)),
    "qwen3-moe": ("qwen3_moe", "BF16", dict(MOE, moe_intermediate_size=16, num_experts=8, num_experts_per_tok=3,
                                            head_dim=12, norm_topk_prob=True)),
    "qwen3-moe-dense-layer": ("qwen3_moe", "BF16", dict(MOE, num_hidden_layers=3, moe_intermediate_size=12,
                                                        num_experts=4, num_experts_per_tok=2, head_dim=8,
                                                        mlp_only_layers=[1], norm_topk_prob=False)),
    "granite-moe": ("granitemoe", "BF16", dict(MOE, intermediate_size=20, num_local_experts=5, num_experts_per_tok=2,
                                               embedding_multiplier=3.0, residual_multiplier=0.5,
                                               attention_multiplier=0.25, logits_scaling=0.8,
                                               tie_word_embeddings=True)),
    "granite-moe-shared": ("granitemoeshared", "BF16", dict(
        MOE, intermediate_size=20, num_local_experts=5, num_experts_per_tok=2, shared_intermediate_size=28,
        embedding_multiplier=3.0, residual_multiplier=0.5, attention_multiplier=0.25, logits_scaling=0.8)),
    "olmoe": ("olmoe", "BF16", dict(MOE, intermediate_size=16, num_experts=8, num_experts_per_tok=4, pad_token_id=1)),
    "ernie-moe": ("ernie4_5_moe", "BF16", dict(MOE, num_hidden_layers=3, moe_intermediate_size=12, moe_num_experts=6,
                                               moe_k=2, moe_num_shared_experts=2, moe_layer_start_index=1,
                                               intermediate_size=48, rope_theta=500000.0, tie_word_embeddings=True,
                                               pad_token_id=0)),
    "hunyuan-moe": ("hunyuan_v1_moe", "BF16", dict(MOE, intermediate_size=16, moe_intermediate_size=[16, 16],
                                                   num_experts=4, moe_topk=[2, 2], num_shared_expert=[1, 1],
                                                   head_dim=8, pad_token_id=0)),
})

# Its experts' weights are what MXFP4 gives back.
MODELS["gpt-oss"] = ("gpt_oss", "BF16", dict(
    num_hidden_layers=2, hidden_size=64, intermediate_size=32, vocab_size=61, head_dim=16, num_local_experts=4,
    num_experts_per_tok=2, sliding_window=24, attention_bias=True, rope_theta=150000.0, rope_scaling=dict(
        rope_type="yarn", factor=8.0, beta_fast=32.0, beta_slow=1.0, original_max_position_embeddings=64,
        truncate=False)))
# The same with its experts as floats, turned.
MODELS["gpt-oss-bf16"] = ("gpt_oss", "BF16", dict(MODELS["gpt-oss"][2], hidden_size=32, intermediate_size=20))

CODES = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])


def to_mxfp4(value):
    """Of [experts, in, out] the blocks and scales of [experts, out, in], and what they give back."""
    turned = value.transpose(1, 2).contiguous()
    blocks = turned.reshape(*turned.shape[:2], -1, 32)
    exponent = torch.floor(torch.log2(blocks.abs().amax(-1, keepdim=True).clamp(min=1e-20))) - 2
    scaled = blocks / torch.exp2(exponent)
    codes = (scaled.unsqueeze(-1) - CODES).abs().argmin(-1)
    back = (CODES[codes] * torch.exp2(exponent)).reshape(turned.shape).transpose(1, 2)
    packed = (codes[..., 0::2] | codes[..., 1::2] << 4).to(torch.uint8)
    return packed, (exponent.squeeze(-1) + 127).to(torch.uint8), back


# Shorter texts would turn by the short factors, which Lathe does for no model of long contexts.
LENGTHS_OF = {"phi3-long": (151, 70, 44)}

# Longer than one page of the KV cache (64) and than two, and no multiple of it.
LENGTHS = (151, 70, 3)


# Families that multiply by one more than the weights of their norms.
LESS_ONE = {"gemma2", "gemma3_text"}


def build(family, options, dtype, seed):
    config_class, model_class = CLASSES[family]
    torch.manual_seed(seed)
    values = {**BASE, **options}
    if family == "minicpm":
        values = minicpm_as_granite(values)
    rope = dict(rope_theta=values.pop("rope_theta"))
    scaling = values.pop("rope_scaling", None)
    if scaling:
        rope.update(scaling)
        rope["rope_type"] = rope.pop("rope_type", None) or rope.pop("type")
        rope.pop("type", None)
    else:
        rope["rope_type"] = "default"
    values = {k: v for k, v in values.items() if v is not None or k == "sliding_window"}
    if "partial_rotary_factor" in values:
        rope["partial_rotary_factor"] = values.pop("partial_rotary_factor")
    if "original_max_position_embeddings" in values:
        rope["original_max_position_embeddings"] = values["original_max_position_embeddings"]
    if "rope_local_base_freq" in values:
        local = dict(rope_type="default", rope_theta=values.pop("rope_local_base_freq"))
        rope = dict(full_attention=rope, sliding_attention=local)
    if family == "olmo3":
        local = dict(rope_type="default", rope_theta=rope["rope_theta"])
        rope = dict(full_attention=rope, sliding_attention=local)
    if family == "hunyuan_v1_moe":
        values.pop("moe_intermediate_size"), values.pop("num_shared_expert")
    config = config_class(**values, rope_parameters=rope)
    config._attn_implementation = "eager"
    model = model_class(config).float().eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith("proj_bias"):
                p.normal_(0.0, 0.5)
            elif "e_score_correction_bias" in name:
                p.normal_(0.0, 0.1)
            elif p.dim() >= 2:
                fan_in = p.shape[1] if family == "gpt_oss" and p.dim() == 3 else p.shape[-1]
                if "embed_tokens" in name:
                    scale = 1.0 if not config.tie_word_embeddings else 2.0 / math.sqrt(fan_in)
                elif "q_proj" in name or "k_proj" in name:
                    scale = 1.2 / math.sqrt(fan_in)
                elif name.endswith(("mlp.gate.weight", "router.weight", "gate.wg.weight")):
                    scale = 3.0 / math.sqrt(fan_in)
                elif "lm_head" in name:
                    scale = 2.0 / math.sqrt(fan_in)
                else:
                    scale = 1.0 / math.sqrt(fan_in)
                p.normal_(0.0, scale)
            elif name.endswith(("bias", "sinks")):
                p.normal_(0.0, 0.5)
            elif family in LESS_ONE:
                p.uniform_(-0.5, 0.5)
            else:  # norms
                p.uniform_(0.5, 1.5)
            # The stored type is what the model is: expectations are of the rounded weights.
            p.copy_(p.to(dtype).float())
            if family == "gpt_oss" and p.dim() == 3 and p.shape[1] % 32 == 0 and config.hidden_size == 64:
                p.copy_(to_mxfp4(p)[2])
    return model, config


def classic_config(family, options, dtype):
    """config.json as published checkpoints have it: rope_theta and rope_scaling."""
    values = {**BASE, **options}
    architecture = ARCHITECTURES.get(family, CLASSES[family][1].__name__)
    out = dict(architectures=[architecture], model_type=family, **values)
    out["torch_dtype"] = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}[dtype]
    return {k: v for k, v in out.items() if v is not None or k == "sliding_window"}


def new_config(config, family, dtype):
    """The same in the form that transformers 5 writes: rope_parameters."""
    out = {k: v for k, v in config.to_dict().items() if v is not None and not k.startswith("_")}
    out["architectures"] = [CLASSES[family][1].__name__]
    out["dtype"] = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}[dtype]
    return out


NEW_STYLE = {"llama-rope-llama3", "qwen2-rope-yarn-all", "llama-tied", "gemma3-wrapped", "ministral3", "exaone4"}

# name: (model_type, class, what stands before the text's tensors, another part's tensor)
WRAPPED = {
    "gemma3-wrapped": ("gemma3", "Gemma3ForConditionalGeneration", "language_model.", "vision_tower.patch.weight"),
    "ministral3": ("mistral3", "Mistral3ForConditionalGeneration", "language_model.", "vision_tower.patch.weight"),
}


def wrap(name, config, tensors):
    model_type, architecture, prefix, other = WRAPPED[name]
    config.pop("architectures")
    outer = dict(architectures=[architecture], model_type=model_type, text_config=config, image_token_index=9,
                 vision_config=dict(hidden_size=8), dtype=config.pop("dtype"))
    outer["eos_token_id"] = config.pop("eos_token_id")
    renamed = {prefix + key: value for key, value in tensors.items()}
    renamed[other] = torch.zeros(2, 3, dtype=torch.float16)
    return outer, renamed


def published(family, tensors, mxfp4):
    """The names and forms that files have: transformers 5 puts experts together as it reads them."""
    out = {}
    for key, value in tensors.items():
        stem, _, last = key.rpartition(".")
        if family.startswith("granitemoe"):
            key = (key.replace("mlp.gate.weight", "block_sparse_moe.router.layer.weight")
                   .replace("mlp.experts.gate_up_proj", "block_sparse_moe.input_linear.weight")
                   .replace("mlp.experts.down_proj", "block_sparse_moe.output_linear.weight")
                   .replace("block_sparse_moe.experts.gate_up_proj", "block_sparse_moe.input_linear.weight")
                   .replace("block_sparse_moe.experts.down_proj", "block_sparse_moe.output_linear.weight")
                   .replace("block_sparse_moe.router.weight", "block_sparse_moe.router.layer.weight"))
        elif family == "gpt_oss":
            if value.dim() == 3 and mxfp4:
                out[key + "_blocks"], out[key + "_scales"], _ = to_mxfp4(value.float())
                continue
        elif last in ("gate_up_proj", "down_proj") and value.dim() == 3:
            names = dict(gate="w1", up="w3", down="w2") if family == "mixtral" else dict(
                gate="gate_proj", up="up_proj", down="down_proj")
            stem = stem.replace("mlp.experts", "block_sparse_moe.experts") if family == "mixtral" else stem
            for e in range(value.shape[0]):
                if last == "down_proj":
                    out[f"{stem}.{e}.{names['down']}.weight"] = value[e].contiguous()
                else:
                    gate, up = value[e].chunk(2, dim=0)
                    out[f"{stem}.{e}.{names['gate']}.weight"] = gate.contiguous()
                    out[f"{stem}.{e}.{names['up']}.weight"] = up.contiguous()
            continue
        elif family == "mixtral":
            key = key.replace("mlp.gate.weight", "block_sparse_moe.gate.weight")
        elif family == "ernie4_5_moe":
            key = key.replace("mlp.gate.moe_statics", "mlp.moe_statics")
        out[key] = value
    return out


def write_model(folder, name, seed):
    family, dtype_name, options = MODELS[name]
    dtype = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}[dtype_name]
    model, config = build(family, options, dtype, seed)
    os.makedirs(folder, exist_ok=True)
    tensors = {}
    for key, value in model.state_dict().items():
        if key == "lm_head.weight" and config.tie_word_embeddings:
            continue
        tensors[key] = value.to(dtype).contiguous()
    tensors = published(family, tensors, config.hidden_size == 64)
    written = new_config(config, family, dtype_name) if name in NEW_STYLE else classic_config(family, options, dtype_name)
    if name in WRAPPED:
        written, tensors = wrap(name, written, tensors)
    save_file(tensors, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    os.chmod(os.path.join(folder, "model.safetensors"), 0o644)
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(written, f, indent=2, sort_keys=True)
        f.write("\n")
    return write_expected(folder, model, config.vocab_size, seed, LENGTHS_OF.get(name, LENGTHS))


def write_expected(folder, model, vocab_size, seed, lengths):
    generator = torch.Generator().manual_seed(1000 + seed)
    sequences, rows, blobs = [], [], []
    largest = 0.0
    for length in lengths:
        ids = torch.randint(0, vocab_size, (length,), generator=generator).tolist()
        with torch.no_grad():
            logits = model(torch.tensor([ids]), use_cache=False).logits[0].float()
        # A few rows are enough: around the page borders, the window and the ends.
        wanted = sorted({p for p in (0, 1, 24, 63, 64, 65, 128, length - 1) if p < length})
        sequences.append(ids)
        rows.append(wanted)
        blobs.append(logits[wanted].contiguous().numpy().astype("<f4").tobytes())
        largest = max(largest, logits.abs().max().item())
    with open(os.path.join(folder, "expected.json"), "w") as f:
        json.dump({"sequences": sequences, "rows": rows}, f, separators=(",", ":"))
        f.write("\n")
    with open(os.path.join(folder, "expected.f32"), "wb") as f:
        f.write(b"".join(blobs))
    return largest


# ---- tiny-llama: a model with a tokenizer, for tests of the command line ----

WORDS = dict(
    who=["the miller", "a heron", "my aunt", "the younger clerk", "an old ferryman", "the gardener", "her brother",
         "the night watchman", "a travelling tinker", "the baker's daughter"],
    did=["counted", "carried", "mended", "forgot", "painted", "weighed", "found", "sold", "measured", "borrowed"],
    what=["seven apples", "the blue lantern", "a coil of rope", "the broken clock", "two wooden spoons", "the river map",
          "a sack of barley", "the copper kettle", "nine letters", "the garden gate"],
    where=["by the bridge", "under the stairs", "near the harbour", "behind the mill", "in the orchard", "at the ford",
           "on the hill", "beside the well", "along the wall", "inside the chapel"],
    when=["before sunrise", "on Tuesday", "after the rain", "in early March", "at noon", "during the fair",
          "last winter", "when the bell rang", "every evening", "once a year"],
)


def training_text():
    import random
    rng = random.Random(7)
    lines = []
    for _ in range(600):
        who, did, what, where, when = (rng.choice(WORDS[k]) for k in ("who", "did", "what", "where", "when"))
        line = rng.choice([f"{who} {did} {what} {where} {when}.", f"{when}, {who} {did} {what} {where}.",
                           f"{where} {who} {did} {what}; nobody asked why.",
                           f'"{who} {did} {what}," she said, "{when}."'])
        lines.append(line[0].upper() + line[1:])
    return "\n".join(lines) + "\n"


def write_tiny_llama(folder, seed):
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        with open(os.path.join(work, "text.txt"), "w") as f:
            f.write(training_text())
        subprocess.run(
            ["spm_train", "--input=text.txt", "--model_prefix=tokenizer", "--vocab_size=400", "--model_type=bpe",
             "--byte_fallback=true", "--character_coverage=1.0", "--normalization_rule_name=identity",
             "--remove_extra_whitespaces=false", "--split_digits=true", "--num_threads=1",
             "--allow_whitespace_only_pieces=true", "--minloglevel=2"],
            check=True, cwd=work)  # the names it is given are written into the model
        shutil.copy(os.path.join(work, "tokenizer.model"), os.path.join(folder, "tokenizer.model"))
    MODELS["tiny-llama"] = ("llama", "BF16", dict(vocab_size=400, hidden_size=40, intermediate_size=80,
                                                  num_attention_heads=4, num_key_value_heads=2))
    largest = write_model(folder, "tiny-llama", seed)
    with open(os.path.join(folder, "tokenizer_config.json"), "w") as f:
        json.dump({"add_bos_token": True, "add_eos_token": False, "bos_token": "<s>", "eos_token": "</s>",
                   "unk_token": "<unk>", "legacy": True, "tokenizer_class": "LlamaTokenizer"}, f, indent=2)
        f.write("\n")
    with open(os.path.join(folder, "generation_config.json"), "w") as f:
        json.dump({"bos_token_id": 1, "eos_token_id": 2}, f, indent=2)
        f.write("\n")
    return largest


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", nargs="?", default="testdata/golden/models")
    parser.add_argument("--only", action="append", metavar="NAME", help="make this one and no other")
    arguments = parser.parse_args()
    output = arguments.output
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    names = list(MODELS)
    for seed, name in enumerate(names):
        if arguments.only and name not in arguments.only:
            continue
        largest = write_model(os.path.join(output, name), name, seed)
        print(f"{name}: largest logit {largest:.2f}", file=sys.stderr)
    if not arguments.only or "tiny-llama" in arguments.only:
        print(f"tiny-llama: largest logit {write_tiny_llama(os.path.join(output, 'tiny-llama'), 99):.2f}",
              file=sys.stderr)
    print(f"torch {torch.__version__}, transformers {transformers.__version__}", file=sys.stderr)


if __name__ == "__main__":
    main()
