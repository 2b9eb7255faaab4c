"""Memory that is freed is kept: the second large tensor costs no new pages."""

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
torch.zeros(16 << 20)  # 64 MiB
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.zeros(16 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


PAGES = (64 << 20) // resource.getpagesize()  # of one tensor, each a fault where it is fresh


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator can be told")
def test_freed_memory_is_used_again() -> None:
    def faults(how: str) -> int:
        done = subprocess.run([sys.executable, "-c", COUNT, how], capture_output=True, text=True, check=True)
        return int(done.stdout)

    assert faults("keep") < faults("usual") / 10


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator can be told")
def test_the_program_keeps_freed_memory() -> None:
    code = COUNT.replace("keep_freed_memory()\n", 'main(["list", "networks"]) == 0\n')
    code = code.replace("from tokay.core.engine.allocator import keep_freed_memory", "from tokay.cli.main import main")
    done = subprocess.run([sys.executable, "-c", code, "keep"], capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[-1]) < 20 * PAGES / 10
