"""What a run was made with: the git commit and the hardware."""

import json
import os
import platform
import subprocess
from pathlib import Path

import torch


def git_commit() -> str | None:
    """The commit of the working directory, or None outside a repository."""
    try:
        process = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return process.stdout.strip() if process.returncode == 0 else None


def describe_computation(device: torch.device) -> dict[str, str]:
    """What else, besides the settings, can change the last bits of a result: threads, version of torch, kind of device."""
    return {"threads": str(torch.get_num_threads()), "torch": torch.__version__, "device": device.type}


def describe_change(old: str | None, new: dict[str, str]) -> str:
    """How the computation ``new`` differs from the recorded ``old`` (JSON): empty if it does not, or if ``old`` is no record.

    >>> old = json.dumps({"threads": "1", "torch": "2.6", "device": "cpu"})
    >>> describe_change(old, {"threads": "2", "torch": "2.6", "device": "cpu"})
    'threads 1, now 2'
    """
    try:
        record = json.loads(old or "")
    except (ValueError, RecursionError):
        return ""
    if not isinstance(record, dict):
        return ""
    pairs = [(name, str(record[name])[:40], value) for name, value in new.items() if name in record]
    return "; ".join(f"{name} {old}, now {value}" for name, old, value in pairs if old != value)


def hardware() -> str:
    """The processor, its number of cores, and the accelerator if there is one."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    for line in cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []:
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    accelerator = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{model}, {os.cpu_count()} cores{accelerator}"
