#!/usr/bin/env python3
"""Writes a checkpoint of train_base.py as a Hugging Face folder, weights in bf16."""

import argparse
import json
import os
import shutil
import sys

import torch

import llama

# Llama 2's, word for word: programs know a family by its template.
TEMPLATE = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
    "{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}"
    "{% set system_message = false %}{% endif %}{% for message in loop_messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}"
    "{% endif %}{% if loop.index0 == 0 and system_message != false %}"
    "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
    "{% else %}{% set content = message['content'] %}{% endif %}"
    "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}"
    "{% endif %}{% endfor %}")

TOKENIZER = {
    "tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": False,
    "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": None,
    "legacy": True, "clean_up_tokenization_spaces": False, "model_max_length": 2048,
    "sp_model_kwargs": {}, "chat_template": TEMPLATE,
}
GENERATION = {"bos_token_id": 1, "eos_token_id": 2, "do_sample": False, "max_length": 2048}


def write_json(folder, name, value):
    with open(os.path.join(folder, name), "w") as f:
        json.dump(value, f, indent=2)
        f.write("\n")


def export(folder, config, weights, tokenizer):
    llama.save_folder(folder, config, weights)
    write_json(folder, "generation_config.json", GENERATION)
    write_json(folder, "tokenizer_config.json", TOKENIZER)
    shutil.copy(tokenizer, os.path.join(folder, "tokenizer.model"))


def main():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("checkpoint")
    a.add_argument("tokenizer", help="tokenizer.model")
    a.add_argument("output", help="folder")
    o = a.parse_args()
    saved = torch.load(o.checkpoint, weights_only=True)
    export(o.output, saved["config"], saved["weights"], o.tokenizer)


if __name__ == "__main__":
    sys.exit(main())
