"""What there is to use: models, engines, kinds; and whether this machine can."""

from __future__ import annotations

import importlib.util
import shutil
from importlib import metadata
from typing import Any, get_args

from cortexwave.backends import backend_names
from cortexwave.errors import ModelError
from cortexwave.learning.network_documents import NetworkDocument
from cortexwave.learning.tasks import TASKS
from cortexwave.models import model, model_names
from cortexwave.sheet.fields import FieldDocument
from cortexwave.sheet.kernels import Kernel
from cortexwave.sheet.rendering import Stimulus

_ENGINE_MEANINGS = {
    "reference": "NumPy, slow and obvious: the definition of correct",
    "brian2": "a real Brian2 network, coupling in C++; CPU, float64",
    "torch": "torch on CPU or GPU, float64 or float32",
}


def catalogue() -> dict[str, dict[str, str]]:
    """Names and one-line meanings of everything a protocol can name."""
    return {
        "models": {name: _title(name) for name in model_names()},
        "engines": {name: _ENGINE_MEANINGS.get(name, "") for name in backend_names()},
        "stimuli": _kinds(Stimulus),
        "kernels": _kinds(Kernel),
        "fields": _kinds(FieldDocument),
        "networks": _kinds(NetworkDocument),
        "tasks": {kind: _first_line(task) for kind, task in sorted(TASKS.items())},
    }


def _title(name: str) -> str:
    """What a model is; of one that is broken, why: the others are still listed."""
    try:
        return model(name).title
    except ModelError as error:
        return f"cannot be used: {error}"


def _kinds(union: Any) -> dict[str, str]:
    """Kind and first line of the docstring of each member of a tagged union."""
    members = get_args(get_args(union)[0])
    return {member.model_fields["kind"].default: _first_line(member)
            for member in members}  # fmt: skip


def _first_line(described: type) -> str:
    return (described.__doc__ or "").strip().split("\n")[0]


_LAB = {
    "pynwb": "NWB, in and out", "neo": "makers' files", "mne": "BIDS, .fif, .edf",
    "probeinterface": "maps of probes",
}  # fmt: skip


def health() -> list[dict[str, Any]]:
    """What works here; each finding has `what`, `ok`, `found`, `remedy`."""
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    findings = [
        _package("numpy", "pip install 'numpy>=2.1,<2.4'"),
        _package("torch", "pip install -c constraints.txt torch"),
        _brian2(),
        _finding("C++ compiler", compiler,
                 "install g++ (Debian: apt install g++); without it brian2 runs in "
                 "NumPy, some 20 times slower"),
        _gpu(),
        _package("isal", "pip install isal (compression at three times the speed)"),
        _package("scikit-learn", "pip install scikit-learn (the bundled digits)"),
        _finding("ffmpeg", shutil.which("ffmpeg"),
                 "install ffmpeg for .mp4 movies; .html and .gif need nothing"),
        *(_package(name, f"pip install 'cortexwave[lab]' ({what})")
          for name, what in _LAB.items()),
        _package("nbmake", "pip install 'cortexwave[notebook]'"),
        _package("jax", "pip install 'cortexwave[bench]' (only to compare speed)"),
    ]  # fmt: skip
    return findings


def _finding(what: str, found: str | None, remedy: str) -> dict[str, Any]:
    return {"what": what, "ok": found is not None, "found": found or "not found",
            "remedy": "" if found else remedy}  # fmt: skip


def _package(name: str, remedy: str) -> dict[str, Any]:
    try:
        return _finding(name, metadata.version(name), remedy)
    except metadata.PackageNotFoundError:
        return _finding(name, None, remedy)


def _brian2() -> dict[str, Any]:
    """Brian2, really imported: its version does not tell whether NumPy suits it."""
    if importlib.util.find_spec("brian2") is None:
        return _finding("brian2", None, "pip install -c constraints.txt brian2")
    try:
        module = importlib.import_module("brian2")
    except (ImportError, AttributeError) as error:
        remedy = f"it does not import ({error}): pip install 'numpy<2.4'"
        return _finding("brian2", None, remedy)
    return _finding("brian2", module.__version__, "")


def _gpu() -> dict[str, Any]:
    if importlib.util.find_spec("torch") is None:
        return _finding("GPU", None, "pip install torch")
    torch = importlib.import_module("torch")
    name = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    return _finding(
        "GPU", name, "none that torch can use; --device cpu works everywhere"
    )
