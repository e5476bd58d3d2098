"""The command line: each command parses, calls one public function, prints a path.

Data go to stdout, everything else to stderr. Exit codes: 0 done, 2 wrong usage or
invalid input, 3 the run failed, 130 interrupted with a valid file left. A module here
holds the commands of one subject; importing it is what lists them.
"""

from __future__ import annotations

import os
import sys
import warnings

import typer

# in the order in which `cortexwave --help` lists them
from cortexwave.cli import (
    comparing,  # noqa: F401
    describing,  # noqa: F401
    electrodes,  # noqa: F401
    exporting,  # noqa: F401
    lab,  # noqa: F401
    memory,  # noqa: F401
    running,  # noqa: F401
    training,  # noqa: F401
    viewing,  # noqa: F401
    waves,  # noqa: F401
)
from cortexwave.cli.application import app
from cortexwave.errors import CortexwaveError, Interrupted
from cortexwave.terminal import say, show_warning

__all__ = ["app", "main"]


def main() -> None:
    """Entry point: runs a command and turns errors into messages and exit codes."""
    warnings.showwarning = show_warning
    try:
        code = app(standalone_mode=False)  # typer returns what Exit was raised with
        if code == Interrupted.exit_code:  # it also turns Ctrl-C into this, silently
            say("interrupted")
        sys.exit(code if isinstance(code, int) else 0)
    except CortexwaveError as error:
        say(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(130)
    except BrokenPipeError:  # `cortexwave list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except typer.Abort:
        sys.exit(130)
    except Exception as error:
        show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
        if show is None or code is None:
            raise
        show()  # wrong usage: click says what is allowed
        sys.exit(2)
