"""Fingerprints of short runs: are losses, weights, tasks and scores bit for bit what they were at another commit?

    python benchmarks/fingerprints.py --out before.json --keep runs/before     # at the one commit
    python benchmarks/fingerprints.py --out after.json --against before.json   # at the other, on the same machine

Each run is one family of methods, trained for a few steps, resumed half way, then evaluated. The hashes compare two
commits on one machine with one version of torch: kernels of another processor round differently.
"""

import argparse
import contextlib
import hashlib
import io
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from tokay.cli.main import main as tokay

SMALL = "--meta-batch 2 --steps 6 --validate-every 3 --validation-tasks 4 --save-every 3"
PICTURES = "glyphs --ways 3 --shots 1 --queries 3 --train-queries 3 --filters 4"
RUNS = {
    "reptile": f"reptile {PICTURES} --train-shots 4",
    "maml": f"maml {PICTURES}",
    "maml-sinusoid": "maml sinusoid --inner-lr 0.01",
    "taml": f"taml {PICTURES}",
    "meta-sgd": f"meta-sgd {PICTURES}",
    "maml++": f"maml++ {PICTURES}",
    "imaml": f"imaml {PICTURES}",
    "meta-lstm": f"meta-lstm {PICTURES}",
    "learned-optimizer": f"learned-optimizer {PICTURES}",
    "leo": f"leo {PICTURES}",
    "versa": f"versa {PICTURES}",
    "abml": f"abml {PICTURES}",
    "protonet": f"protonet {PICTURES} --train-ways 4",
    "matching": f"matching {PICTURES} --context full --train-ways 4",
    "relation": f"relation {PICTURES} --train-ways 4 --network conv4-maps",
    "lstm": f"lstm {PICTURES} --cells 8",
    "gru": "gru sinusoid --units 8",
    "mann": f"mann {PICTURES.removesuffix(' --filters 4')} --train-shots 3",
    "ntm-copy": "ntm ntm-copy --shots 4",
    "snail": f"snail {PICTURES} --tc-filters 4",
    "cnp": "cnp gp --width 8 --fewest-shots 3",
    "np": "np completion --size 12 --shots 20 --width 8",
    "anp": "anp gp --width 8",
    "strokes": "strokes glyphs --ways 3 --shots 1 --queries 3",
    "finetune": f"finetune {PICTURES}",
    "scratch": f"scratch {PICTURES}",
}


def fingerprints(folder: Path) -> dict[str, Any]:
    return {name: _fingerprint(folder / name, words) for name, words in RUNS.items()}


def _fingerprint(run: Path, words: str) -> dict[str, Any]:
    learns = not words.startswith("scratch")
    _call(f"train {words} --out {run} {SMALL}" if learns else f"train {words} --out {run}")
    evaluation = json.loads(_call(f"evaluate {run} --tasks 6 --seen-tasks 4 --json"))
    evaluation.pop("seconds")
    log = run / "metrics.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    for line in lines:
        line.pop("tasks_per_second")
    weights = {file.stem: _tensors(file) for file in sorted(run.glob("*.safetensors"))}
    return {"weights": weights, "log": _hash(json.dumps(lines)), "evaluation": _hash(json.dumps(evaluation))}


def _call(words: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = tokay(words.split())
    if code:
        sys.exit(f"tokay {words}: exit code {code}")
    return out.getvalue()


def _tensors(file: Path) -> str:
    with safe_open(file, framework="numpy") as tensors:
        parts = [name.encode() + tensors.get_tensor(name).tobytes() for name in sorted(tensors.keys())]
    return _hash(b"".join(parts))


def _hash(content: str | bytes) -> str:
    return hashlib.blake2b(content.encode() if isinstance(content, str) else content, digest_size=16).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--against", type=Path, help="JSON file to compare with; any difference is listed, exit code 1")
    parser.add_argument("--keep", type=Path, help="folder to keep the run folders in")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        prints = fingerprints(Path(temporary))
        if args.keep:
            shutil.copytree(temporary, args.keep)
    args.out.write_text(json.dumps(prints, indent=1) + "\n")
    if args.against:
        previous = json.loads(args.against.read_text())
        different = [name for name in {**previous, **prints} if previous.get(name) != prints.get(name)]
        print(f"{len(prints) - len(different)} of {len(prints)} runs are equal", *different)
        sys.exit(bool(different))


if __name__ == "__main__":
    main()
