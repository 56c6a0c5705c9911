#!/usr/bin/env python3
"""Checkpoints that the quantizers' own libraries make, as they read them and as we do.

    check_libraries.py MODEL SCRATCH [NAME...]

Has each format's own library quantize MODEL (a Hugging Face folder of a Llama, in floats) on the CPU
into SCRATCH/NAME, and compares logits in float32 of

    theirs   a plain Llama with the weights that the library's own code makes of the packed tensors
    floats   what `convert --dtype f32` makes of the folder
    packed   the folder as it is, run by liblathe (mean KL divergence from theirs)

and besides, where the library's layers run on a CPU, of `module`, the model as transformers runs it.
Exits 1 where floats are more than 1e-4 of the largest logit away, or the divergence is above 1e-3
(activations in signed bytes cost up to half of that, whatever the weights).

Needs torch, transformers, safetensors and, for their formats, gptqmodel, compressed-tensors,
bitsandbytes, hqq and auto-round (PyPI). LATHE_BUILD is the build folder (default: build).
"""
import ctypes
import json
import os
import pathlib
import shutil
import subprocess
import sys

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

BUILD = pathlib.Path(os.environ.get("LATHE_BUILD", "build"))
TEXT = """<svg viewBox="0 0 100 100"> <rect x="22" y="46" width="52" height="42" fill="gray"/>
<polygon points="18,46 78,46 48,24" fill="red"/> <circle cx="50" cy="50" r="20" fill="blue"/></svg>
Question: What color is the roof? A: red B: blue C: gray D: green Answer: A"""


# ---- makers: quantize `model` into `folder`, and return the linear weights as the library reads them

def texts(tokenizer, count=32):
    ids = tokenizer(TEXT * 8)["input_ids"]
    return [ids[i * 7:i * 7 + 256] for i in range(count)]


def gptqmodel(**options):
    def make(model, folder):
        os.cpu_count = lambda: 8  # it wants more workers than it takes for two cores
        from gptqmodel import BACKEND, GPTQModel, QuantizeConfig
        config = QuantizeConfig(**options)
        tokenizer = AutoTokenizer.from_pretrained(model)
        made = GPTQModel.load(str(model), config, device="cpu")
        made.quantize([dict(input_ids=ids, attention_mask=[1] * len(ids)) for ids in texts(tokenizer)],
                      batch_size=1)
        made.save(str(folder))
        del made
        backend = BACKEND.TORCH_AWQ if options.get("method") == "awq" else BACKEND.TORCH
        loaded = GPTQModel.load(str(folder), device="cpu", backend=backend).model
        out = {}
        for name, module in loaded.named_modules():
            if hasattr(module, "dequantize_weight"):
                out[name + ".weight"] = as_rows(module.dequantize_weight(), module)
            elif hasattr(module, "qweight"):
                out[name + ".weight"] = awq_rows(module)
        return out
    return make


def as_rows(w, module):
    """[in, out] as these layers have it, to [out, in]."""
    assert w.shape == (module.in_features, module.out_features), w.shape
    return w.t().float()


def awq_rows(module):
    from gptqmodel.quantization.awq.utils.packing_utils import dequantize_gemm
    return as_rows(dequantize_gemm(module.qweight, module.qzeros, module.scales.float(), module.bits,
                                   module.group_size), module)


def compressed(**weights):
    """`weights` are those of QuantizationArgs, and `form` the name of the format."""
    form = weights.pop("form")

    def make(model, folder):
        from compressed_tensors.compressors import ModelCompressor
        from compressed_tensors.quantization import QuantizationArgs, QuantizationConfig, QuantizationScheme
        from compressed_tensors.quantization import apply_quantization_config
        from compressed_tensors.quantization.lifecycle.forward import fake_quantize
        made = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
        args = QuantizationArgs(**weights)
        apply_quantization_config(made, QuantizationConfig(
            config_groups=dict(group_0=QuantizationScheme(targets=["Linear"], weights=args, format=form)),
            ignore=["lm_head"], format=form))
        for module in made.modules():
            if hasattr(module, "weight_scale"):
                calibrate(module, args)
        out = {name + ".weight": fake_quantize(module.weight.data, module.weight_scale,
                                               getattr(module, "weight_zero_point", None), args,
                                               global_scale=getattr(module, "weight_global_scale", None))
               for name, module in made.named_modules() if hasattr(module, "weight_scale")}
        compressor = ModelCompressor.from_pretrained_model(made, quantization_format=form)
        compressor.compress_model(made)
        made.save_pretrained(folder)
        compressor.update_config(folder)
        return out
    return make


def calibrate(module, args):
    """Scales by the largest of each group, as the library computes them."""
    from compressed_tensors.quantization.utils import calculate_qparams, generate_gparam
    w = module.weight.data
    if args.strategy in ("group", "tensor_group"):
        blocks = w.reshape(w.shape[0], -1, args.group_size)
        low, high = blocks.amin(-1), blocks.amax(-1)
    elif args.strategy == "channel":
        low, high = w.amin(-1, keepdim=True), w.amax(-1, keepdim=True)
    elif args.strategy == "block":
        b = args.block_structure
        blocks = w.reshape(w.shape[0] // b[0], b[0], w.shape[1] // b[1], b[1])
        low, high = blocks.amin((1, 3)), blocks.amax((1, 3))
    else:
        low, high = w.amin().reshape(1), w.amax().reshape(1)
    more = {}
    if hasattr(module, "weight_global_scale"):
        module.weight_global_scale.data = more["global_scale"] = generate_gparam(w.amin(), w.amax())
    scale, zero = calculate_qparams(low, high, args, **more)
    module.weight_scale.data = scale.to(module.weight_scale.dtype)
    if hasattr(module, "weight_zero_point"):
        module.weight_zero_point.data = zero.to(module.weight_zero_point.dtype)


def bitsandbytes(**options):
    def make(model, folder):
        import bitsandbytes as bnb
        from transformers import BitsAndBytesConfig
        made = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32, device_map="cpu",
                                                    quantization_config=BitsAndBytesConfig(**options))
        out = {}
        for name, module in made.named_modules():
            if isinstance(module, bnb.nn.Linear4bit):
                out[name + ".weight"] = bnb.functional.dequantize_4bit(module.weight.data,
                                                                       module.weight.quant_state).float()
            elif isinstance(module, bnb.nn.Linear8bitLt):
                w = module.weight
                out[name + ".weight"] = bnb.functional.int8_vectorwise_dequant(
                    w.data, w.SCB if w.SCB is not None else module.state.SCB).float()
        made.save_pretrained(folder)
        return out
    return make


def hqq(bits, group):
    def make(model, folder):
        from hqq.core.quantize import BaseQuantizeConfig, HQQLinear
        made = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
        params = BaseQuantizeConfig(nbits=bits, group_size=group, axis=1)
        state, out = dict(made.state_dict()), {}
        state.pop("lm_head.weight", None)
        for name, module in list(made.named_modules()):
            if isinstance(module, torch.nn.Linear) and name != "lm_head":
                layer = HQQLinear(module, params, compute_dtype=torch.float32, device="cpu", del_orig=False)
                out[name + ".weight"] = layer.dequantize()
                del state[name + ".weight"]
                state.update({f"{name}.{key}": torch.as_tensor(value) if not isinstance(value, torch.Tensor) else value
                              for key, value in layer.state_dict().items()
                              if not isinstance(value, (str, bytes)) and value is not None})
        config = dict(quant_method="hqq", skip_modules=["lm_head"], quant_config=params)
        save(made, folder, state, config)
        return out
    return make


def fp8(model, folder):
    """By the function with which transformers' own layers quantize what they load."""
    from transformers import FineGrainedFP8Config
    made = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32, device_map="cpu",
                                                quantization_config=FineGrainedFP8Config())
    out = {}
    for name, module in made.named_modules():
        if hasattr(module, "weight_scale_inv"):
            scale = module.weight_scale_inv.float()
            rows, cols = module.weight.shape
            wide = scale.repeat_interleave(128, 0)[:rows].repeat_interleave(128, 1)[:, :cols]
            out[name + ".weight"] = module.weight.float() * wide
    made.save_pretrained(folder)
    return out


def bitnet(model, folder):
    from transformers.integrations.bitnet import pack_weights, unpack_weights
    made = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    state, out = dict(made.state_dict()), {}
    state.pop("lm_head.weight", None)
    for name, module in list(made.named_modules()):
        if isinstance(module, torch.nn.Linear) and name != "lm_head":
            scale = (1 / module.weight.data.abs().mean()).reshape(1)
            codes = (module.weight.data * scale).round().clamp(-1, 1)
            state[name + ".weight"], state[name + ".weight_scale"] = pack_weights(codes), scale
            out[name + ".weight"] = unpack_weights(state[name + ".weight"], dtype=torch.float32) / scale
    save(made, folder, state, dict(quant_method="bitnet", linear_class="bitlinear", quantization_mode="offline",
                                   modules_to_not_convert=["lm_head"]))
    return out


def auto_round(form, **options):
    def make(model, folder):
        from auto_round import AutoRound
        tokenizer = AutoTokenizer.from_pretrained(model)
        made = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
        AutoRound(made, tokenizer, iters=0, device_map="cpu", **options).quantize_and_save(str(folder), format=form)
        found = sorted(folder.glob("**/config.json"))
        if found[0].parent != folder:
            for file in found[0].parent.iterdir():
                shutil.move(str(file), folder)
        return None
    return make


def save(model, folder, state, quantization):
    folder.mkdir(parents=True)
    save_file({name: value.contiguous().clone() for name, value in state.items()}, folder / "model.safetensors")
    config = model.config.to_dict() | dict(quantization_config=quantization)
    (folder / "config.json").write_text(json.dumps(config, default=str))


FOUR_BITS = dict(load_in_4bit=True, bnb_4bit_compute_dtype=torch.float32)
INT = dict(type="int", symmetric=True, form="pack-quantized")
FP8 = dict(num_bits=8, type="float", symmetric=True, form="float-quantized")
MAKERS = {
    "gptq-4": gptqmodel(bits=4, group_size=64, desc_act=False),
    "gptq-4-asym": gptqmodel(bits=4, group_size=64, sym=False, desc_act=False),
    "gptq-4-v2": gptqmodel(bits=4, group_size=64, sym=False, desc_act=False, format="gptq_v2"),
    "gptq-4-order": gptqmodel(bits=4, group_size=64, desc_act=True),
    "gptq-8": gptqmodel(bits=8, group_size=64, desc_act=False),
    "gptq-3": gptqmodel(bits=3, group_size=64, desc_act=False),
    "gptq-2": gptqmodel(bits=2, group_size=32, desc_act=False),
    "gptq-4-rows": gptqmodel(bits=4, group_size=-1, desc_act=False),
    "awq": gptqmodel(bits=4, group_size=64, method="awq", format="gemm"),
    "awq-gemv": gptqmodel(bits=4, group_size=64, method="awq", format="gemv"),
    "compressed-4": compressed(num_bits=4, strategy="group", group_size=64, **INT),
    "compressed-4-asym": compressed(num_bits=4, strategy="group", group_size=64, **(INT | dict(symmetric=False))),
    "compressed-8": compressed(num_bits=8, strategy="channel", **INT),
    "compressed-int8": compressed(num_bits=8, strategy="channel", **(INT | dict(form="int-quantized"))),
    "compressed-fp8-rows": compressed(strategy="channel", **FP8),
    "compressed-fp8-blocks": compressed(strategy="block", block_structure=[128, 128], **FP8),
    "compressed-fp8-whole": compressed(strategy="tensor", **FP8),
    "compressed-nvfp4": compressed(num_bits=4, type="float", symmetric=True, strategy="tensor_group", group_size=16,
                                   form="nvfp4-pack-quantized", scale_dtype=torch.float8_e4m3fn),
    "compressed-mxfp4": compressed(num_bits=4, type="float", symmetric=True, strategy="group", group_size=32,
                                   form="mxfp4-pack-quantized", scale_dtype=torch.uint8),
    "fp8-blocks": fp8,
    "nf4": bitsandbytes(bnb_4bit_quant_type="nf4", **FOUR_BITS),
    "nf4-nested": bitsandbytes(bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, **FOUR_BITS),
    "fp4": bitsandbytes(bnb_4bit_quant_type="fp4", **FOUR_BITS),
    "int8": bitsandbytes(load_in_8bit=True),
    "hqq-4": hqq(4, 64),
    "hqq-8": hqq(8, 64),
    "hqq-2": hqq(2, 16),
    "bitnet": bitnet,
    "auto-round": auto_round("auto_round", bits=4, group_size=64),
    "auto-round-gptq": auto_round("auto_gptq", bits=4, group_size=64),
    "auto-round-awq": auto_round("auto_awq", bits=4, group_size=64, sym=False),
    "auto-round-compressed": auto_round("llm_compressor", scheme="FP8_STATIC"),
}


# ---- logits

def logits_of(model, ids):
    with torch.no_grad():
        return model.eval()(torch.tensor([ids])).logits[0].float()


def ours(path, ids):
    """Of each prefix, by the library's interface for C."""
    lathe = ctypes.CDLL(str(BUILD / "lib/liblathe.so"))
    lathe.lathe_message.restype = ctypes.c_char_p
    lathe.lathe_vocab_size.restype = ctypes.c_int64
    for f in (lathe.lathe_vocab_size, lathe.lathe_session_free, lathe.lathe_model_free):
        f.argtypes = [ctypes.c_void_p]

    def call(name, *arguments):
        if getattr(lathe, name)(*arguments):
            raise RuntimeError(lathe.lathe_message().decode())
    class Options(ctypes.Structure):
        _fields_ = [("threads", ctypes.c_int), ("kv_type", ctypes.c_int), ("max_tokens", ctypes.c_int64)]
    options = Options(0, 1, 0)  # keys and values in f32
    model, session, out = ctypes.c_void_p(), ctypes.c_void_p(), []
    call("lathe_model_open", str(path).encode(), None, ctypes.byref(model))
    call("lathe_session_new", model, ctypes.byref(options), ctypes.byref(session))
    vocab = lathe.lathe_vocab_size(model)
    for count in range(1, len(ids) + 1):
        row = ctypes.POINTER(ctypes.c_float)()
        call("lathe_read", session, (ctypes.c_int32 * count)(*ids[:count]), ctypes.c_size_t(count), ctypes.byref(row))
        out.append(torch.tensor(row[:vocab]))
    lathe.lathe_session_free(session)
    lathe.lathe_model_free(model)
    return torch.stack(out)


def divergence(p, q):
    p, q = torch.log_softmax(p.double(), -1), torch.log_softmax(q.double(), -1)
    return float((p.exp() * (p - q)).sum(-1).mean())


def far(a, b):
    return float((a - b).abs().max() / b.abs().max())


def check(name, model, scratch, ids):
    folder, weights = scratch / name, scratch / f"{name}.theirs.safetensors"
    if not folder.exists():
        made = MAKERS[name](model, folder)
        if made:
            save_file({key: w.detach().float().contiguous().clone() for key, w in made.items()}, weights)
        for file in model.glob("token*"):
            shutil.copy(file, folder)
    subprocess.run([BUILD / "bin/convert", "-q", "-f", folder, "--dtype", "f32", "-o", scratch / "f32.lathe"], check=True)
    floats = ours(scratch / "f32.lathe", ids)
    packed = ours(folder, ids)
    said = []
    theirs = None
    if weights.exists():
        plain = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
        state = load_file(weights)
        missing = plain.load_state_dict(state, strict=False)
        assert not missing.unexpected_keys and len(state) == 7 * plain.config.num_hidden_layers, len(state)
        theirs = logits_of(plain, ids)
    try:
        module = logits_of(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, device_map="cpu"), ids)
        said.append(f"module {far(module, floats):.1e}")
    except Exception as problem:  # any library's reason to decline
        module = None
        said.append(f"module declined: {type(problem).__name__}: {(str(problem).splitlines() or [''])[0][:90]}")
    if theirs is None:
        theirs = module
    if theirs is None:
        print(name, *said, sep="\t", flush=True)
        return False
    kl = divergence(theirs, packed)
    print(name, f"floats {far(floats, theirs):.1e}", f"packed KL {kl:.1e} (floats {divergence(theirs, floats):.1e})",
          *said, sep="\t", flush=True)
    return far(floats, theirs) <= 1e-4 and kl <= 1e-3


if __name__ == "__main__":
    source, scratch = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    text = AutoTokenizer.from_pretrained(source)(TEXT)["input_ids"][:48]
    fine = [check(name, source, scratch, text) for name in sys.argv[3:] or MAKERS]
    sys.exit(0 if all(fine) else 1)
