"""The edge of the process: logging set up, signals turned into clean ends, errors into messages and exit codes."""

from __future__ import annotations

import errno
import io
import logging
import os
import signal
import sys
from pathlib import Path
from types import FrameType

import click

from imagekit.base.errors import ImagekitError, ToolError
from imagekit.base.signals import hear_always
from imagekit.base.text import redacted
from imagekit.cli.screen import say

INTERRUPTED = 130
FAULT = 3
# A file that may not be touched, whose name the system does not take, or whose disk fails.
_REFUSED = frozenset(
    {
        *(errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG),
        *(errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.EMFILE, errno.ENFILE),
    }
)


def run_cli(group: click.Group) -> int:
    """Run the command line and return the exit code."""
    # pydantic would look through every installed distribution for plugins, which costs a quarter of a short command.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    _have_streams()
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
        _nowhere()
        return 0
    except Exception as error:
        from imagekit.base.space import lack_of_space, no_space

        if isinstance(error, OSError) and (why := lack_of_space(error)):
            _quiet_end(handler)
            where = (
                no_space("this command", Path(str(error.filename)), None, why) if error.filename else _no_output(why)
            )
            tell_error(where)
            return FAULT
        if (foreign := _of_another_user(error) or _of_the_host(error)) is not None:
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


def _of_the_host(error: Exception) -> ToolError | None:
    """What to say of a file that the system does not give: it is named, and is no mistake of imagekit."""
    if not isinstance(error, OSError) or error.errno not in _REFUSED or error.filename is None:
        return None
    return ToolError(
        f"{error.filename}: {error.strerror}",
        hint="May this user read and write it, and is its disk there and well? `ls -ld` and `findmnt -T` with it tell.",
    )


def _nowhere() -> None:
    """What is still in the buffer of the output goes nowhere, or the interpreter fails over it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _no_output(why: str) -> ToolError:
    _nowhere()
    return ToolError(
        f"what this command writes finds no space: {why}",
        hint="Is the disk full that its output goes to (`> FILE`), or that of the folder in TMPDIR?",
    )


def _have_streams() -> None:
    """Streams that a daemon closed lead to /dev/null; one that knows few characters shows `?` in place of others."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number is this one
    sys.stdin, sys.stdout, sys.stderr = (
        stream or open(number, mode, closefd=False)  # noqa: SIM115 - it stays open as long as the process
        for number, (stream, mode) in enumerate(((sys.stdin, "r"), (sys.stdout, "w"), (sys.stderr, "w")))
    )
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def tell_error(error: ImagekitError) -> None:
    """What happened, and what to do next, on stderr."""
    click.secho("error: ", fg="red", bold=True, nl=False, err=True)
    say(redacted(str(error)), err=True)
    for line in redacted(error.hint).splitlines():
        say(f"  {line}", err=True)


def _interrupt_on_termination() -> None:
    """SIGTERM and SIGHUP end the process the way Ctrl-C does, so that every context manager runs; none goes unheard."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # under nohup it stays ignored
        signal.signal(signal.SIGHUP, interrupt)
    hear_always()


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
