#!/usr/bin/env python3
"""Folders that quantize writes, run by the programs that they are for, beside our own reading.

    check_folders.py MODEL [SCHEME...]

Quantizes MODEL (a Hugging Face folder) to each scheme, lets transformers with the format's own
library compute logits from the folder in float32 on the CPU, and the same from the floats that
`convert --dtype f32` makes of it: their largest difference must be small. Where a library does not
run, the tensors are decoded here by the published formulas instead.

Needs torch, transformers, safetensors and numpy (PyPI); compressed-tensors for that format, and
gptqmodel with optimum for GPTQ and AWQ.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import numpy as np
import torch
from safetensors.numpy import load_file
from transformers import AutoModelForCausalLM

BIN = pathlib.Path(os.environ.get("LATHE_BIN", "build/bin"))
IDS = torch.tensor([[1, 50, 208, 28, 9, 314, 260, 102, 335, 48, 77, 123, 5, 99, 43, 17]])
AWQ_PLACE = [0, 4, 1, 5, 2, 6, 3, 7]  # of each row of eight


def run(tool, *arguments):
    subprocess.run([BIN / tool, "-q", *map(str, arguments)], check=True)


def unpack(words, bits):
    """Codes of the last axis' words, low bits first."""
    words = words.view(np.uint32)[..., None] >> np.arange(0, 32, bits, dtype=np.uint32)
    return (words & (2 ** bits - 1)).reshape(*words.shape[:-2], -1).astype(np.float32)


def by_formula(folder):
    """Weights of a folder as float32, by what is published of each format."""
    config = json.loads((folder / "config.json").read_text())["quantization_config"]
    tensors, out = load_file(folder / "model.safetensors"), {}
    for name, t in tensors.items():
        stem = name.rsplit(".", 1)[0]
        get = lambda part: tensors[f"{stem}.{part}"]
        if name.endswith(".weight_packed"):
            bits = config["config_groups"]["group_0"]["weights"]["num_bits"]
            codes = unpack(t, bits) - 2 ** (bits - 1)
            scale = np.repeat(get("weight_scale").astype(np.float32), codes.shape[1] // get("weight_scale").shape[1], 1)
            out[stem + ".weight"] = codes * scale
        elif name.endswith(".qweight"):
            bits, group = config["bits"], config["group_size"]
            if config["quant_method"] == "gptq":
                codes = unpack(np.ascontiguousarray(t.T), bits).T
                zeros = unpack(get("qzeros"), bits) + 1
                index = get("g_idx")
            else:
                order = lambda x: x.reshape(*x.shape[:-1], -1, 8)[..., AWQ_PLACE].reshape(x.shape)
                codes, zeros = order(unpack(t, bits)), order(unpack(get("qzeros"), bits))
                index = np.arange(codes.shape[0]) // group
            out[stem + ".weight"] = ((codes - zeros[index]) * get("scales").astype(np.float32)[index]).T
    return {name: torch.from_numpy(np.ascontiguousarray(w)) for name, w in out.items()}


def logits(model):
    with torch.no_grad():
        return model.eval()(IDS % model.config.vocab_size).logits.float()


def check(model, scheme, scratch):
    folder, floats = scratch / scheme, scratch / (scheme + "-floats")
    run("quantize", "-m", model, "-s", scheme, "-o", folder)
    run("convert", folder, "--dtype", "f32", "-o", floats)
    ours = AutoModelForCausalLM.from_pretrained(floats, dtype=torch.float32)
    mine = dict(ours.named_parameters())
    worst = max(float((mine[name] - w).abs().max() / w.abs().max()) for name, w in by_formula(folder).items())
    print(f"{scheme}: weights by the formulas differ by {worst:.2e} of the largest", flush=True)
    expected = logits(ours)
    try:
        theirs = logits(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, device_map="cpu"))
    except Exception as problem:  # any library's reason to decline
        print(f"{scheme}: its own library does not run here: {str(problem).splitlines()[0]}", flush=True)
        return worst < 1e-6
    lost = float((theirs - expected).abs().max())
    print(f"{scheme}: logits by transformers differ by {lost:.2e}, the largest is {float(expected.abs().max()):.1f}",
          flush=True)
    return worst < 1e-6 and lost < 1e-3


if __name__ == "__main__":
    chosen = sys.argv[2:] or ["gptq", "gptq8g32", "awq", "compressed-tensors", "w8a16g64"]
    with tempfile.TemporaryDirectory() as scratch:
        fine = [check(sys.argv[1], scheme, pathlib.Path(scratch)) for scheme in chosen]
    sys.exit(0 if all(fine) else 1)
