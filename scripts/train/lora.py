"""A LoRA adapter for llama.py, kept and saved in PEFT's layout."""

import json
import math
import os

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

import llama


class Lora:
    """A and B for all seven matrices of every layer; y += B(A(x)) * alpha / r."""

    def __init__(self, config, r, alpha, seed):
        self.r, self.alpha, self.w = r, alpha, {}
        g = torch.Generator().manual_seed(seed)
        for name, shape in llama.shapes(config).items():
            if len(shape) == 2 and "embed" not in name:
                n = name[:-len(".weight")]
                self.w[n + ".lora_A.weight"] = (torch.rand(r, shape[1], generator=g) * 2 - 1) \
                    * math.sqrt(3 / shape[1])
                self.w[n + ".lora_B.weight"] = torch.zeros(shape[0], r)

    def __call__(self, x, layer, names):
        """The share of the (stacked) matrices `names` of a layer."""
        full = [llama.full_name(layer, n) for n in names]
        low = F.linear(x, torch.cat([self.w[n + ".lora_A.weight"] for n in full]).bfloat16())
        parts = [F.linear(piece, self.w[n + ".lora_B.weight"].bfloat16())
                 for n, piece in zip(full, low.split(self.r, -1))]
        return torch.cat(parts, -1) * (self.alpha / self.r)

    def save(self, folder, base):
        os.makedirs(folder, exist_ok=True)
        save_file({"base_model.model." + n: w.detach().bfloat16().contiguous()
                   for n, w in self.w.items()},
                  os.path.join(folder, "adapter_model.safetensors"), metadata={"format": "pt"})
        with open(os.path.join(folder, "adapter_config.json"), "w") as f:
            json.dump({"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": self.r,
                       "lora_alpha": self.alpha, "lora_dropout": 0.0, "bias": "none",
                       "target_modules": llama.LINEARS, "use_rslora": False,
                       "use_dora": False, "fan_in_fan_out": False, "inference_mode": True,
                       "base_model_name_or_path": base}, f, indent=2)
            f.write("\n")

    def load(self, folder):
        for n, w in load_file(os.path.join(folder, "adapter_model.safetensors")).items():
            self.w[n[len("base_model.model."):]] = w.float()


def merged(weights, low):
    """The weights with the adapter added to them."""
    out = dict(weights)
    for n, a in low.w.items():
        if n.endswith("lora_A.weight"):
            stem = n[:-len(".lora_A.weight")]
            out[stem + ".weight"] = (weights[stem + ".weight"]
                                     + low.w[stem + ".lora_B.weight"] @ a * (low.alpha / low.r))
    return out
