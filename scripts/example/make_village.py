#!/usr/bin/env python3
"""Train the example model, testdata/examples/village: 60 thousand parameters that tell of a village.

    python3 scripts/example/make_village.py [testdata/examples/village]

Needs torch, transformers, sentencepiece and safetensors; a minute or two on one core. Building,
testing and the demo use the result and need no Python package. The sentences come from a small
grammar in which one continuation is mostly much likelier than the others, so that greedy text does
not hang on the last bits of a float. The tokenizer is that of testdata/golden/models/tiny-llama,
which was trained on the same words. The seed is fixed; with the versions printed at the end the
bytes come out the same.
"""
import json
import os
import random
import shutil
import sys

import sentencepiece
import torch
import transformers
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
SOURCE = os.path.join(ROOT, "testdata/golden/models/tiny-llama")
WHO = ["the miller", "a heron", "my aunt", "the younger clerk", "an old ferryman", "the gardener",
       "her brother", "the night watchman", "a travelling tinker", "the baker's daughter"]
DID = ["counted", "carried", "mended", "forgot", "painted", "weighed", "found", "sold", "measured",
       "borrowed"]
WHAT = ["seven apples", "the blue lantern", "a coil of rope", "the broken clock",
        "two wooden spoons", "the river map", "a sack of barley", "the copper kettle",
        "nine letters", "the garden gate"]
WHERE = ["by the bridge", "under the stairs", "near the harbour", "behind the mill",
         "in the orchard", "at the ford", "on the hill", "beside the well", "along the wall",
         "inside the chapel"]
WHEN = ["before sunrise", "on Tuesday", "after the rain", "in early March", "at noon",
        "during the fair", "last winter", "when the bell rang", "every evening", "once a year"]
STEPS, BATCH, LENGTH = 1400, 9, 208


def usually(expected, rng):
    """The expected index, three times in four; else any."""
    return expected % 10 if rng.random() < 0.75 else rng.randrange(10)


def story(rng):
    """Sentences about one villager after another, until the baker's daughter has had hers."""
    who, sentences = rng.randrange(10) if rng.random() < 0.5 else 0, []
    while len(sentences) < 12:
        did = usually(3 * who + 1, rng)
        what = usually(7 * did + 2, rng)
        where = usually(who + what, rng)
        when = usually(9 * where + 4, rng)
        text = f"{WHO[who]} {DID[did]} {WHAT[what]} {WHERE[where]} {WHEN[when]}."
        sentences.append(text[0].upper() + text[1:])
        if who == 9:
            break
        who = usually(who + 1, rng)
    return " ".join(sentences)


def main():
    output = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "testdata/examples/village")
    os.makedirs(output, exist_ok=True)
    torch.manual_seed(7)
    torch.set_num_threads(1)
    rng = random.Random(7)
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=os.path.join(SOURCE, "tokenizer.model"))
    config = LlamaConfig(vocab_size=400, hidden_size=48, intermediate_size=96, num_hidden_layers=2,
                         num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512,
                         rms_norm_eps=1e-5, rope_theta=10000.0, bos_token_id=1, eos_token_id=2,
                         tie_word_embeddings=True, attn_implementation="eager")
    model = LlamaForCausalLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=STEPS)
    stream = []
    for step in range(STEPS):
        while len(stream) < BATCH * LENGTH:
            stream += [1, *tokenizer.encode(story(rng)), 2]
        batch = torch.tensor(stream[:BATCH * LENGTH]).view(BATCH, LENGTH)
        stream = stream[BATCH * LENGTH:]
        loss = model(input_ids=batch, labels=batch).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step} loss {loss.item():.3f}", file=sys.stderr)
    weights = {name: tensor.detach().to(torch.bfloat16).contiguous()
               for name, tensor in model.state_dict().items() if name != "lm_head.weight"}
    save_file(weights, os.path.join(output, "model.safetensors"), metadata={"format": "pt"})
    with open(os.path.join(SOURCE, "config.json"), encoding="utf-8") as file:
        fields = json.load(file)
    fields.update(hidden_size=48, intermediate_size=96, tie_word_embeddings=True)
    with open(os.path.join(output, "config.json"), "w", encoding="utf-8") as file:
        json.dump(fields, file, indent=2)
        file.write("\n")
    for name in ("tokenizer.model", "tokenizer_config.json", "generation_config.json"):
        shutil.copy(os.path.join(SOURCE, name), output)
    print(f"torch {torch.__version__}, transformers {transformers.__version__}", file=sys.stderr)


if __name__ == "__main__":
    main()
