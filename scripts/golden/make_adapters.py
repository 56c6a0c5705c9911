#!/usr/bin/env python3
"""Make the small random LoRA adapters of testdata/golden/lora and what they should give.

    python3 scripts/golden/make_adapters.py [testdata/golden]

Needs torch, transformers and peft; the tests read the results and need no Python. Each
folder is an adapter as PEFT saves it (adapter_config.json, adapter_model.safetensors) for one
of the models beside it, with

    expected.json       {"model": folder in ../models, "sequence": [ids]}
    expected.f32        the float32 logits of base and adapter, [positions][vocab_size]
"""
import json
import os
import sys

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

CASES = {
    # name: (model, options of LoraConfig)
    "all-linear": ("llama-plain", dict(r=4, lora_alpha=8, target_modules="all-linear")),
    "rslora": ("qwen2-bias", dict(r=9, lora_alpha=6, use_rslora=True,
                                  target_modules=["q_proj", "v_proj"])),
    "patterns": ("qwen3-norm", dict(r=4, lora_alpha=4, target_modules=["k_proj", "o_proj", "up_proj"],
                                    rank_pattern={"layers.1.self_attn.k_proj": 2, "up_proj": 6},
                                    alpha_pattern={r"layers\.\d+\.mlp\.up_proj": 9})),
    "regex-odd-sizes": ("llama-odd-sizes", dict(r=3, lora_alpha=5,
                                                target_modules=r".*\.(gate|down|o)_proj")),
    "tiny-llama": ("tiny-llama", dict(r=2, lora_alpha=4, target_modules=["q_proj", "down_proj"])),
    "embedding-and-head": ("llama-plain", dict(r=4, lora_alpha=8,
                                               target_modules=["embed_tokens", "lm_head", "q_proj"])),
}


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(
        os.path.dirname(os.path.abspath(__file__)), "..", "..", "testdata", "golden")
    for number, (name, (base, options)) in enumerate(CASES.items()):
        torch.manual_seed(number)
        folder = os.path.join(root, "lora", name)
        model = AutoModelForCausalLM.from_pretrained(
            os.path.join(root, "models", base), dtype=torch.float32, attn_implementation="eager")
        adapted = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **options))
        with torch.no_grad():
            for key, p in adapted.named_parameters():
                if "lora_" in key:     # B too, which PEFT leaves at zero
                    p.copy_(torch.randn(p.shape) * 0.3)
            with open(os.path.join(root, "models", base, "expected.json")) as f:
                ids = json.load(f)["sequences"][0][:12]
            adapted.eval()
            logits = adapted(torch.tensor([ids])).logits[0].float()
        adapted.save_pretrained(folder, save_embedding_layers=False)
        os.remove(os.path.join(folder, "README.md"))
        path = os.path.join(folder, "adapter_config.json")
        with open(path) as f:
            config = json.load(f)
        config["base_model_name_or_path"] = base
        with open(path, "w") as f:
            json.dump(config, f, indent=2, sort_keys=True)
            f.write("\n")
        logits.numpy().astype("<f4").tofile(os.path.join(folder, "expected.f32"))
        with open(os.path.join(folder, "expected.json"), "w") as f:
            json.dump({"model": base, "sequence": ids}, f)
            f.write("\n")


if __name__ == "__main__":
    main()
