"""The edge of the process: logging set up, signals turned into clean ends, errors into messages and exit codes."""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
from pathlib import Path
from types import FrameType

import click

from imagekit.base.errors import ImagekitError, ToolError
from imagekit.base.text import redacted
from imagekit.cli.screen import say

INTERRUPTED = 130
FAULT = 3


def run_cli(group: click.Group) -> int:
    """Run the command line and return the exit code."""
    # pydantic would look through every installed distribution for plugins, which costs a quarter of a short command.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    _interrupt_on_termination()
    handler = _handler()
    try:
        code = group.main(standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        _quiet_end(handler)
        words = io.StringIO()
        error.show(file=words)
        say(words.getvalue(), err=True, nl=False)
        return error.exit_code
    except ImagekitError as error:
        _quiet_end(handler)
        tell_error(error)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        _quiet_end(handler)
        say("Interrupted; what was started has been stopped and removed.", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (`imagekit ... | head`); nothing is left to tell it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        from imagekit.base.space import lack_of_space, no_space

        if isinstance(error, OSError) and (why := lack_of_space(error)):
            _quiet_end(handler)
            tell_error(no_space("this command", Path(str(error.filename or Path.cwd())), None, why))
            return FAULT
        if (foreign := _of_another_user(error)) is not None:
            _quiet_end(handler)
            tell_error(foreign)
            return FAULT
        _quiet_end(handler)
        import traceback

        say(traceback.format_exc(), err=True, nl=False)
        say("This is a mistake in imagekit, not in your input; please report it with the lines above.", err=True)
        return FAULT
    finally:
        _quiet_end(handler)


def _of_another_user(error: Exception) -> ToolError | None:
    """What to say of a work folder, or something in it, that another user made: root, by sudo, mostly."""
    if not isinstance(error, PermissionError) or ".imagekit" not in Path(str(error.filename)).parts:
        return None
    return ToolError(
        f"{error.filename} belongs to another user",
        hint="Work in one checkout as one user, always or never with sudo: clone it again for yourself, or take its "
        "folder .imagekit over with chown -R.",
    )


def tell_error(error: ImagekitError) -> None:
    """What happened, and what to do next, on stderr."""
    click.secho("error: ", fg="red", bold=True, nl=False, err=True)
    say(redacted(str(error)), err=True)
    for line in redacted(error.hint).splitlines():
        say(f"  {line}", err=True)


def _interrupt_on_termination() -> None:
    """SIGTERM and SIGHUP end the process the way Ctrl-C does, so that every context manager runs."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # under nohup it stays ignored
        signal.signal(signal.SIGHUP, interrupt)


def _handler() -> logging.Handler:
    from imagekit.cli.progress import ProgressHandler

    handler = ProgressHandler()
    logger = logging.getLogger("imagekit")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    return handler


def set_loudness(*, verbose: bool, quiet: bool) -> None:
    """How much is reported on stderr, by the options before the name of the command; its own `-q` does not count."""
    from imagekit.cli.progress import ProgressHandler

    logger = logging.getLogger("imagekit")
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    for handler in logger.handlers:
        if quiet and isinstance(handler, ProgressHandler):
            handler.be_quiet()


def _quiet_end(handler: logging.Handler) -> None:
    handler.close()
    logging.getLogger("imagekit").removeHandler(handler)
