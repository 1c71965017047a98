"""Writes a llama model with random weights as GGUF, with the tokenizer of another GGUF.

Its cost in memory, load time and compute is that of a real model of its shape; its words are noise.
Usage: random_llama.py TOKENIZER.gguf OUT.gguf EMBEDDING LAYERS FEED_FORWARD HEADS KV_HEADS NAME
"""

import sys

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, LlamaFileType
from gguf.quants import quantize


def copy_tokenizer(reader, writer):
    """Copies every tokenizer.* field, and returns the number of tokens."""
    tokens = 0
    for field in reader.fields.values():
        if not field.name.startswith("tokenizer."):
            continue
        kind = field.types[0]
        value = field.contents()
        if field.name == "tokenizer.ggml.tokens":
            tokens = len(value)
        item_kind = field.types[-1] if kind == GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, value, kind, sub_type=item_kind)
    return tokens


def main():
    source, out, embedding, layers, feed_forward, heads, kv_heads, name = sys.argv[1:]
    embedding, layers, feed_forward, heads, kv_heads = map(int, (embedding, layers, feed_forward, heads, kv_heads))
    head = embedding // heads
    numbers = np.random.default_rng(1)

    writer = GGUFWriter(out, "llama")
    writer.add_name(name)
    writer.add_description("Random weights: real cost, noise for text")
    writer.add_context_length(8192)
    writer.add_embedding_length(embedding)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(feed_forward)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_rope_dimension_count(head)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(LlamaFileType.MOSTLY_Q4_0)
    tokens = copy_tokenizer(GGUFReader(source), writer)
    writer.add_vocab_size(tokens)

    # One random block per shape, its rows shifted from tensor to tensor: drawing each anew takes far longer.
    blocks = {}

    def matrix(tensor, rows, columns):
        shape = (rows, columns)
        if shape not in blocks:
            values = numbers.standard_normal(shape, dtype=np.float32) * np.float32(0.02)
            blocks[shape] = quantize(values, GGMLQuantizationType.Q4_0)
        rolled = np.roll(blocks[shape], len(writer.tensors[0]), axis=0)
        writer.add_tensor(tensor, rolled, raw_dtype=GGMLQuantizationType.Q4_0)

    def norm(tensor):
        writer.add_tensor(tensor, np.ones(embedding, dtype=np.float32))

    matrix("token_embd.weight", tokens, embedding)
    for layer in range(layers):
        block = f"blk.{layer}"
        norm(f"{block}.attn_norm.weight")
        matrix(f"{block}.attn_q.weight", heads * head, embedding)
        matrix(f"{block}.attn_k.weight", kv_heads * head, embedding)
        matrix(f"{block}.attn_v.weight", kv_heads * head, embedding)
        matrix(f"{block}.attn_output.weight", embedding, heads * head)
        norm(f"{block}.ffn_norm.weight")
        matrix(f"{block}.ffn_gate.weight", feed_forward, embedding)
        matrix(f"{block}.ffn_up.weight", feed_forward, embedding)
        matrix(f"{block}.ffn_down.weight", embedding, feed_forward)
    norm("output_norm.weight")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
