"""Which stages of a plan have another id than in an earlier one, and because of which input (pure)."""

from __future__ import annotations

from collections.abc import Iterator

from imagekit.plan.model import Plan, Stage

_WORDS = {
    "recipe": "imagekit builds it in another way",
    "folder": "its files changed",
    "scripts": "the shared scripts in images/scripts changed",
    "authorities": "its authorities changed",
    "packages": "its locked packages changed",
}


def changed_stages(old: Plan, new: Plan) -> tuple[str, ...]:
    """A line for every stage that differs, from the bottom up; empty when the plans have the same id."""
    before, after = ({stage.name: stage for stage in plan.stages} for plan in (old, new))
    return tuple(_lines(before, after))


def _lines(before: dict[str, Stage], after: dict[str, Stage]) -> Iterator[str]:
    for name in before.keys() - after.keys():
        yield f"{name}: not in the image any more"
    for name, stage in after.items():
        was = before.get(name)
        if was is None:
            yield f"{name}: new"
        elif was.id != stage.id:
            yield f"{name}: {'; '.join(_reasons(was, stage)) or 'another id'}"


def _reasons(was: Stage, now: Stage) -> Iterator[str]:
    keys = [key for key in {**was.inputs, **now.inputs} if was.inputs.get(key) != now.inputs.get(key)]
    below = [key.removeprefix("stage ") for key in keys if key.startswith("stage ")]
    for key in keys:
        # The framework below the layers names the distribution by its bare name.
        if key.startswith("stage ") or key in was.needs or key in now.needs:
            continue
        yield _reason(key, was.inputs.get(key), now.inputs.get(key))
    below += [key for key in keys if key in was.needs or key in now.needs]
    if below:
        yield f"{', '.join(below)} below it changed"


def _reason(key: str, was: str | None, now: str | None) -> str:
    if key in _WORDS:
        return _WORDS[key]
    name = key.removeprefix("arg ")
    return f"{name} {was or 'unset'} to {now or 'unset'}"
