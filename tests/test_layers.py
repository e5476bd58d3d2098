"""The rooms: who may import whom, and what `import cortexwave` costs."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GLOBAL_SEEDS = ("np.random.seed", "numpy.random.seed", "random.seed", "torch.seed",
                "torch.manual_seed")  # fmt: skip
HEAVY = ("torch", "brian2", "matplotlib", "pynwb", "neo", "sklearn")


def test_import_contracts_hold():
    done = subprocess.run(
        [sys.executable, "-c",
         "from importlinter.cli import lint_imports_command as run; run()"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


HELP = """
import cortexwave.cli as cli
cli.sys.argv = ["cortexwave", "--help"]
try:
    cli.main()
except SystemExit as done:
    assert not done.code
"""


@pytest.mark.parametrize("code", ["import cortexwave", HELP], ids=["import", "--help"])
def test_nothing_heavy_is_loaded_by(code):
    script = (
        f"{code}\nimport sys, json\n"
        f"print('LOADED', json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    loaded = json.loads(done.stdout.split("LOADED")[1])
    assert loaded == []


def test_the_public_names_are_all_there():
    import cortexwave

    assert cortexwave.__all__ == sorted(cortexwave.__all__)
    for name in cortexwave.__all__:
        assert getattr(cortexwave, name) is not None


def test_a_public_function_is_not_hidden_by_a_module_of_its_name():
    script = (
        "import cortexwave.simulation, cortexwave.preparation, cortexwave as cw\n"
        "assert callable(cw.simulate) and callable(cw.prepare) and callable(cw.run)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)


def test_no_star_imports_and_no_random_seeds_of_the_whole_process():
    for file in (ROOT / "cortexwave").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert all(alias.name != "*" for alias in node.names), file
            if isinstance(node, ast.Attribute):
                assert ast.unparse(node) not in GLOBAL_SEEDS, file


def test_no_room_is_called_a_drawer():
    drawers = {"utils", "common", "base", "helpers", "core", "manager", "misc"}
    for file in (ROOT / "cortexwave").rglob("*.py"):
        assert not drawers & {file.stem, *file.parent.relative_to(ROOT).parts}, file
