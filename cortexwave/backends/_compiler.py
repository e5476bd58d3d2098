"""The C++ compiler that Brian2 would call, looked for without importing Brian2."""

from __future__ import annotations

import os
import shlex
import shutil
import sysconfig


def compiler() -> str | None:
    """Path of the C++ compiler, or None if there is none.

    As Python's own build of extensions does: CC and CXX of the environment first,
    then the compilers that Python was built with.
    """
    settings = [os.environ.get(name) or sysconfig.get_config_var(name) or fallback
                for name, fallback in (("CC", "cc"), ("CXX", "c++"))]  # fmt: skip
    found = [shutil.which(shlex.split(setting)[0]) for setting in settings]
    # extensions are compiled by one and linked by the other
    return found[1] if all(found) else None
