"""Builds the shipped encoder: fetch, dequantise, trim the vocabulary, fine-tune, export, quantise.

`python -m classifier_training.encoder --help` lists the commands. `finetune`, `export`, `benchmark`
and `probe` need torch, onnx, onnxruntime, tokenizers, numpy and scikit-learn, for which an
environment of its own is best; there, with this package's parent folder on the path, they run as
`python -m encoder`. Nothing here is imported by the product.
"""
