"""Builds the shipped encoder: fetch, dequantise, trim the vocabulary, fine-tune, export, quantise.

The commands run as `python -m classifier_training.encoder COMMAND` in an environment of their own
(torch, onnx, onnxruntime, tokenizers, safetensors, numpy); nothing here is imported by the product.
"""
