"""BuildKit's events become steps of layers, whichever way buildx writes them."""

import json
from base64 import b64encode
from typing import Any

from imagekit.build.progress import Progress


def vertex(digest: str, name: str, **more: Any) -> dict[str, Any]:
    return {"vertexes": [{"digest": digest, "name": name, **more}]}


def log(digest: str, text: str | bytes, stream: int = 1) -> dict[str, Any]:
    data = text.encode() if isinstance(text, str) else text
    return {"logs": [{"vertex": digest, "stream": stream, "data": b64encode(data).decode()}]}


def reported(*events: dict[str, Any], indent: int | None = None) -> Progress:
    progress = Progress({"base": "FROM x AS base\nRUN one", "k0s": "FROM y AS k0s\nRUN --mount=a \\\n    two  # x"})
    for event in events:
        for line in json.dumps(event, indent=indent).splitlines():
            progress.take(line)
    return progress


TIMES = {"started": "2026-11-22T18:00:00.000000001Z", "completed": "2026-11-22T18:00:02.500000001Z"}


def test_steps_belong_to_the_stage_that_names_them() -> None:
    progress = reported(
        vertex("a", "[stamp base 1/2] RUN one", **TIMES), vertex("b", "[k0s 2/3] COPY x y", **TIMES), indent=2
    )
    assert progress.layers["base"].done == {1}
    assert progress.layers["base"].steps == 2
    assert progress.layers["base"].seconds == 2.5
    assert progress.layers["k0s"].done == {2}


def test_a_layer_is_reused_when_every_step_was_cached() -> None:
    progress = reported(
        vertex("a", "[base 1/2] RUN one", cached=True, **TIMES),
        vertex("b", "[base 2/2] RUN two", cached=True, **TIMES),
        vertex("c", "[k0s 1/2] RUN one", cached=True, **TIMES),
        vertex("d", "[k0s 2/2] RUN two", **TIMES),
    )
    assert progress.layers["base"].reused
    assert not progress.layers["k0s"].reused


def test_the_failing_layer_is_named_with_the_end_of_its_output() -> None:
    progress = reported(
        vertex("a", "[stamp k0s 2/3] RUN false"),
        log("a", "fetching\nE: no such package\n"),
        vertex("a", "[stamp k0s 2/3] RUN false", error="exit code: 100", **TIMES),
        vertex("b", "[base 1/1] RUN x", error="context canceled"),
    )
    layer, text = progress.failure()
    assert layer == "k0s"
    assert text.splitlines() == ["fetching", "E: no such package", "exit code: 100"]


def test_an_error_outside_of_any_layer_is_kept() -> None:
    progress = reported(vertex("x", "exporting to oci image format", error="write: no space left on device"))
    progress.take("ERROR: failed to solve")
    layer, text = progress.failure()
    assert layer == ""
    assert "no space left on device" in text
    assert "failed to solve" in text


def test_a_dockerfile_of_one_stage_is_known_by_its_instruction() -> None:
    progress = reported(vertex("a", "[stamp 1/1] RUN --mount=a     two  # x", **TIMES))
    assert progress.layers["k0s"].done == {1}


def test_instructions_that_write_are_counted_in_the_last_stage() -> None:
    text = "ARG A\nFROM x AS one\nRUN a\nFROM y AS two\nARG B\nRUN a \\\n  && b\nCOPY c d\nLABEL e=f\n# RUN no\n"
    assert Progress({"two": text}).layers["two"].writes == 2
    assert Progress({"two": f"{text}\nWORKDIR /\nWORKDIR /srv"}).layers["two"].writes == 3


def test_two_targets_of_one_stage_are_told_apart() -> None:
    text = "FROM x AS base\nRUN one"
    progress = Progress({"base-1": text, "base-2": text}, {"base-1": "base", "base-2": "base"})
    for event in (
        vertex("a", "[base-2 base 1/2] RUN one", **TIMES),
        vertex("b", "[base-2 base 2/2] RUN two", error="exit code: 1"),
    ):
        progress.take(json.dumps(event))
    assert progress.layers["base-1"].done == set()
    assert progress.layers["base-2"].done == {1}
    assert progress.failure()[0] == "base-2"


def failed(*logs: dict[str, Any]) -> list[str]:
    """The lines of a step that failed."""
    step = "[stamp k0s 2/3] RUN false"
    return (
        reported(vertex("a", step), *logs, vertex("a", step, error="exit code: 1", **TIMES)).failure()[1].splitlines()
    )


def test_pieces_of_lines_are_joined_by_step_and_stream() -> None:
    """W32: an unbuffered program writes a character at a time, and another step between them."""
    pieces = [log("a", letter) for letter in "one\ntwo"]
    between = [log("b", "other\n"), log("a", "error ", stream=2), log("a", "text\n", stream=2)]
    assert failed(*pieces[:2], *between, *pieces[2:]) == ["error text", "one", "two", "exit code: 1"]


def test_a_character_may_be_cut_between_pieces() -> None:
    whole = "größe\n".encode()
    assert failed(*(log("a", whole[at : at + 1]) for at in range(len(whole)))) == ["größe", "exit code: 1"]


def test_a_line_without_an_end_is_not_kept_for_ever() -> None:
    lines = failed(*(log("a", "x" * 50_000) for _ in range(10)))
    assert {len(line) for line in lines[:-1]} == {400}


def test_colours_and_what_is_written_over_are_left_out() -> None:
    """K18: kairos-init writes in colours; curl writes over its own line."""
    text = "\x1b[36mINFO\x1b[0m \x1b[1mhello\x1b]0;title\x07\n 10%\r 50%\r100% done\r\n"
    assert failed(log("a", text)) == ["INFO hello", "100% done", "exit code: 1"]


def test_the_reason_is_told_though_much_came_after_it() -> None:
    """W31"""
    lines = failed(log("a", "E: Unable to locate package nope\n" + "removing what was begun\n" * 60))
    assert lines[0] == "E: Unable to locate package nope"
    assert lines[-1] == "exit code: 1"
