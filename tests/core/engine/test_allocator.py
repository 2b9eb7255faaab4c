"""The process reuses freed memory: a second large tensor needs no new pages."""

import platform
import resource
import subprocess
import sys

import pytest

COUNT = """
import resource, sys
import torch
from tokay.core.engine.allocator import keep_freed_memory
torch.set_num_threads(1)
if sys.argv[1] == "keep":
    assert keep_freed_memory()
for _ in range(20):  # warm-up: small allocations can split the first free blocks
    torch.zeros(16 << 20)  # 64 MiB
initial = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.zeros(16 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - initial)
"""


PAGES = (64 << 20) // resource.getpagesize()  # pages of one tensor; each new page is a page fault


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc's allocator")
def test_freed_memory_is_used_again() -> None:
    def faults(mode: str) -> int:
        process = subprocess.run([sys.executable, "-c", COUNT, mode], capture_output=True, text=True, check=True)
        return int(process.stdout)

    assert faults("keep") < faults("default") / 10


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc's allocator")
def test_the_program_keeps_freed_memory() -> None:
    code = COUNT.replace("keep_freed_memory()\n", 'main(["list", "networks"]) == 0\n')
    code = code.replace("from tokay.core.engine.allocator import keep_freed_memory", "from tokay.cli.main import main")
    process = subprocess.run([sys.executable, "-c", code, "keep"], capture_output=True, text=True, check=True)
    assert int(process.stdout.split()[-1]) < 20 * PAGES / 10
