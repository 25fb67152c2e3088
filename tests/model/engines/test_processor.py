"""Cores under quotas of fake cgroup trees, and bfloat16 under oneDNN's caps."""

import os

import pytest

from model.engines import processor
from model.engines.processor import cores, no_bfloat16


def kernel(root, groups, files):
    """Writes `proc/self/cgroup`, and files of `sys/fs/cgroup` with their content."""
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "self" / "cgroup").write_text("\n".join(groups) + "\n")
    for name, content in files.items():
        path = root / "sys" / "fs" / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")
    return root


@pytest.fixture
def eight(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.mark.parametrize(
    "files, expected",
    [
        ({"cpu.max": "max 100000"}, 8),
        ({"cpu.max": "200000 100000"}, 2),
        ({"cpu.max": "150000 100000"}, 2),
        ({"cpu.max": "10000 100000"}, 1),
        ({"cpu.max": "6400000 100000"}, 8),  # fewer cores than the quota
        ({}, 8),
        ({"pod/cpu.max": "300000 100000", "pod/one/cpu.max": "max 100000"}, 3),
        ({"pod/cpu.max": "300000 100000", "pod/one/cpu.max": "25000 12500"}, 2),
        ({"pod/cpu.max": "300000 100000", "pod/other/cpu.max": "100000 100000"}, 3),
    ],
)
def test_the_narrowest_quota_of_version_2_counts(files, expected, tmp_path, eight):
    # A container sees its own group as the top; below systemd or Kubernetes it is a path.
    assert cores(kernel(tmp_path, ["0::/pod/one"], files)) == expected


@pytest.mark.parametrize(
    "folder, quota, period, expected",
    [
        ("cpu/docker/12ab/", "-1", "100000", 8),
        ("cpu/docker/12ab/", "300000", "100000", 3),
        ("cpu/docker/", "300000", "100000", 3),
        ("cpu/", "50000", "25000", 2),  # as the container itself sees it
        ("memory/docker/12ab/", "100000", "100000", 8),
    ],
)
def test_the_narrowest_quota_of_version_1_counts(folder, quota, period, expected, tmp_path, eight):
    groups = ["4:memory:/docker/12ab", "1:cpuacct,cpu:/docker/12ab", "0::/"]
    files = {f"{folder}cpu.cfs_quota_us": quota, f"{folder}cpu.cfs_period_us": period}
    assert cores(kernel(tmp_path, groups, files)) == expected


def test_without_cgroups_affinity_alone_counts(tmp_path, eight):
    assert cores(tmp_path) == 8
    assert 1 <= cores() <= 8


@pytest.fixture
def flags(monkeypatch, tmp_path):
    """Sets what the processor seems to have."""

    def has(text):
        (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags\t\t: fpu sse2 {text} md_clear\n")
        monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")

    for name in processor.CAPS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(processor.platform, "node", lambda: "here")
    return has


def test_bfloat16_is_the_processors(flags):
    flags("avx2 avx512f avx512_bf16")
    assert no_bfloat16() is None
    flags("amx_bf16 amx_tile")
    assert no_bfloat16() is None
    flags("avx2 avx512f avx512_bf16x")
    assert no_bfloat16() == ("the processor of here has no bfloat16 units (AVX512-BF16 or AMX)")


@pytest.mark.parametrize(
    "cap, is_kept",
    [
        ({"ONEDNN_MAX_CPU_ISA": "AVX2"}, True),
        ({"ONEDNN_MAX_CPU_ISA": "avx512_core_vnni"}, True),
        ({"DNNL_MAX_CPU_ISA": "AVX512_CORE"}, True),
        ({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16", "DNNL_MAX_CPU_ISA": "AVX2"}, False),
        ({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_AMX"}, False),
        ({"ONEDNN_MAX_CPU_ISA": "DEFAULT"}, False),
        ({"ONEDNN_MAX_CPU_ISA": ""}, False),
    ],
)
def test_a_cap_keeps_it_from_being_used(cap, is_kept, flags, monkeypatch):
    flags("avx512_bf16")
    for name, value in cap.items():
        monkeypatch.setenv(name, value)
    said = "; ".join(
        f"{name}={value} on here keeps bfloat16 from being used" for name, value in cap.items()
    )
    assert no_bfloat16() == (said if is_kept else None)
