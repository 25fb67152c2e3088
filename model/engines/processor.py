"""What this machine computes with: its cores, its bfloat16 units, its GPU."""

import math
import os
import platform
from collections.abc import Iterator
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
CAPS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")  # oneDNN takes the first that is set
# What oneDNN calls the instruction sets that have no bfloat16 products; more come behind them.
WITHOUT_BFLOAT16 = (
    *("sse41", "avx", "avx2", "avx2_vnni", "avx2_vnni_2"),
    *("avx512_core", "avx512_core_vnni"),
)


def cores(root: Path = Path("/")) -> int:
    """The cores that this process may use, by its affinity and its cgroup's quota.

    A quota of one core and a half counts as two: three quarters of each are better than one.

    Args:
        root: where the kernel's folders `proc` and `sys` are.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    usable = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return min([usable, *(max(1, math.ceil(quota)) for quota in _quotas(root))])


def _quotas(root: Path) -> Iterator[float]:
    """How many cores the process' cgroups, and those around them, may use at a time.

    A container often sees its own group as the top of `/sys/fs/cgroup`, under whatever name the
    host knows it by; so folders that aren't there are passed over.
    """
    try:
        groups = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in groups:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue  # version 2 names none
        top = root / "sys/fs/cgroup" / ("cpu" if controllers else "")  # version 2 has one tree
        group = top / path.lstrip("/")
        for folder in (group, *group.parents):
            try:
                if controllers:
                    quota = (folder / "cpu.cfs_quota_us").read_text()
                    period = (folder / "cpu.cfs_period_us").read_text()
                else:
                    quota, period = (folder / "cpu.max").read_text().split()
                if float(quota) > 0:  # version 1 says -1 for no quota, version 2 "max"
                    yield float(quota) / float(period)
            except (OSError, ValueError):
                pass
            if folder == top:
                break


def no_bfloat16() -> str | None:
    """Why this processor doesn't multiply bfloat16 matrices itself; None if it does.

    It needs AVX512-BF16 or AMX, and nobody may have kept oneDNN, with which OpenVINO computes,
    from using them. OpenVINO itself claims bfloat16 on all of these, and then takes five times as
    long or doesn't compile.
    """
    try:
        with CPUINFO.open() as stream:
            flags = next((line for line in stream if line.startswith("flags")), "").split()
    except OSError:
        flags = []
    if "avx512_bf16" not in flags and "amx_bf16" not in flags:
        return f"the processor of {platform.node()} has no bfloat16 units (AVX512-BF16 or AMX)"
    cap = next((name for name in CAPS if os.environ.get(name)), None)
    if cap is not None and os.environ[cap].lower() in WITHOUT_BFLOAT16:
        return f"{cap}={os.environ[cap]} on {platform.node()} keeps bfloat16 from being used"
    return None


def has_gpu() -> bool:
    """Whether an NVIDIA driver sees a card."""
    return os.path.exists("/dev/nvidia0")
