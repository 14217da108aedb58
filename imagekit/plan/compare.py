"""Which stages of a plan have another id than in an earlier one, and because of which input (pure)."""

from __future__ import annotations

from collections.abc import Iterator

from imagekit.plan.model import Plan, Stage

_WORDS = {
    "recipe": "imagekit builds it in another way",
    "folder": "its files changed",
    "scripts": "the shared scripts in images/scripts changed",
    "authorities": "its authorities changed",
}
_SHORT = 12


def changed_stages(old: Plan, new: Plan) -> tuple[str, ...]:
    """A line for every stage that differs, from the bottom up; empty when the plans have the same id."""
    before, after = ({stage.name: stage for stage in plan.stages} for plan in (old, new))
    return tuple(_lines(before, after))


def only_the_commit(old: Plan, new: Plan) -> bool:
    """Whether the plans differ in the commit and its date alone, and so in nothing that a layer is made of.

    Where the date of the bottom layers differs too, file times do, and the layers are made anew.
    """
    before, after = ({stage.name: stage.inputs for stage in plan.stages} for plan in (old, new))
    return before.keys() == after.keys() and {
        key
        for name, inputs in after.items()
        for key in {*inputs, *before[name]}
        if inputs.get(key) != before[name].get(key)
    } in ({"revision"}, {"revision", "date"})


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
    if key == "revision":
        return f"commit {_commit(was)} to {_commit(now)}"
    if key in ("date", "epoch"):
        return f"{'date of the sources' if key == 'date' else 'date of the bottom layers'} changed"
    name = key.removeprefix("arg ")
    return f"{name} {was or 'unset'} to {now or 'unset'}"


def _commit(revision: str | None) -> str:
    base, dirty, _ = (revision or "none").partition("-dirty")
    return base[:_SHORT] + dirty
