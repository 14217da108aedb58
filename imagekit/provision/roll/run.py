"""Carrying out a roll: before each wave its checks, one commit, then waiting until its nodes are well, and the soak.

All that is known of a roll is committed with its last wave, so that whoever comes after a kill goes on from there; a
soak that was interrupted begins anew, for nobody watched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from imagekit.base.errors import ImagekitError
from imagekit.base.log import step
from imagekit.fleet.cluster import Strategy
from imagekit.provision.names import host_name
from imagekit.provision.roll.around import Around, described, question, some, standing
from imagekit.provision.roll.health import Seen, unwell
from imagekit.provision.roll.hooks import seconds
from imagekit.provision.roll.model import Change, RollError, RollRecord, Wave
from imagekit.provision.roll.windows import is_open, next_opening

_POLL = 15.0  # seconds between two looks at the nodes
_MADE = (Change.CREATE, Change.UPGRADE)


def advance(record: RollRecord, around: Around) -> RollRecord:
    """Go on with a roll to its end. Raises `RollError` where it must stop; what is committed stays committed.

    Going back waits for no window and no soak, and is not stopped by nodes that are unwell: they are the reason.
    """
    if record.current is not None and record.current.back == record.back:
        _settle(record, record.current, around)
    while (wave := record.next) is not None:
        if not wave.back:
            _require_window(wave, around)
            require_no_worse(record, wave.cluster, around)
            around.permit(record)
        record = _committed(record, wave, around)
        _settle(record, wave, around)
    return record


def _committed(record: RollRecord, wave: Wave, around: Around) -> RollRecord:
    """The record that is committed with a wave; where it is not, machines that were to go take pods again."""
    made = record.advanced()
    number = made.undone if wave.back else made.done
    try:
        _prepare(record, wave, around)
        with step(f"Wave {number} of {len(made.waves)}: {described(wave)}"):
            under = f", {made.change}" if made.change and not wave.back else ""
            around.commit(made, f"fleet: {described(wave)} (wave {number} of {len(made.waves)}{under})")
    except BaseException:
        undrain = around.undrains.get(wave.cluster)
        if undrain is not None:
            undrain(sorted(around.hosts(wave, Change.REMOVE)))
        raise
    return made


def _require_window(wave: Wave, around: Around) -> None:
    windows = around.roll(wave).windows
    while not is_open(windows, around.clock.now()):
        opening = next_opening(windows, around.clock.now())
        if opening is None or not around.wait_for_window:
            raise RollError(
                f"{wave.cluster} is outside its maintenance windows; the next one begins {opening or 'never'}",
                hint="`imagekit provision roll --resume` then, or now with --wait.",
            )
        around.clock.sleep(max(1.0, min((opening - around.clock.now()).total_seconds(), 600.0)))


def require_no_worse(record: RollRecord, cluster: str, around: Around) -> None:
    """Stop where more nodes are unwell than before the roll, beyond what the cluster allows. Raises `RollError`."""
    current = record.current
    moving = around.hosts(current, *Change) if current is not None and current.cluster == cluster else set()
    hosts = standing(record, cluster, around) - moving
    bad = [host for host in unwell(around.health.look(cluster), hosts) if host not in record.unwell]
    allowed = around.fleet.clusters[cluster].roll.unhealthy
    if len(bad) > allowed:
        raise RollError(
            f"{cluster} is worse than before the roll: {some(bad)} not well, and {allowed} may be",
            hint="Look at the nodes, then `imagekit provision roll --resume`, or go back with --back.",
        )


def _prepare(record: RollRecord, wave: Wave, around: Around) -> None:
    """What comes before a commit: the hooks, then pods leave the machines that go."""
    for hook in around.roll(wave).hooks.before:
        around.hooks.ask(hook, "before", question(record, wave, around))
    leaving = sorted(around.hosts(wave, Change.REMOVE))
    empty = around.drains.get(wave.cluster)
    if leaving and empty is not None:
        with step(f"Draining {some(leaving)}"):
            empty(leaving)


def _settle(record: RollRecord, wave: Wave, around: Around) -> None:
    """Wait until a wave's nodes are as they should be, ask the hooks, and watch them for the soak."""
    if not wave.nodes(*_MADE):
        _await_gone(wave, around)
        return
    _await_ready(wave, around)
    for hook in around.roll(wave).hooks.after:
        around.hooks.ask(hook, "after", question(record, wave, around))
    if not wave.back:
        _soak(record, wave, around)


def _await_ready(wave: Wave, around: Around) -> None:
    strict = around.roll(wave).strategy is Strategy.IN_PLACE
    version, hosts = around.version(wave), sorted(around.hosts(wave, *_MADE))

    def lacking(seen: Mapping[str, Seen]) -> list[str]:
        said = ((host, _lack(seen.get(host), version, strict=strict)) for host in hosts)
        return [f"{host}: {lack}" for host, lack in said if lack]

    _await(around, wave, lacking)


def _lack(seen: Seen | None, version: str, *, strict: bool) -> str:
    """What a node lacks; nothing when it is well. In place the node has to say the new version: it was ready before."""
    if seen is None:
        return "not seen"
    if not seen.ready:
        return f"not ready {seen.detail}".rstrip()
    if seen.version and seen.version != version:
        return f"says that it runs {seen.version}"
    return "does not say which version it runs" if strict and not seen.version else ""


def _await_gone(wave: Wave, around: Around) -> None:
    """Wait until no machine of this wave is seen to be well any more: its address is the next one's."""
    hosts = sorted(around.hosts(wave, Change.REMOVE))
    _await(around, wave, lambda seen: [f"{host}: still there" for host in hosts if host in seen and seen[host].ready])


def _await(around: Around, wave: Wave, lacking: Callable[[Mapping[str, Seen]], list[str]]) -> None:
    """Look until nothing is lacking; an API server may be away for a while, and nothing is known then."""
    limit = seconds(around.roll(wave).ready_within)
    end = around.clock.now().timestamp() + limit
    while True:
        try:
            left = lacking(around.health.look(wave.cluster))
        except RollError:
            raise
        except ImagekitError as error:
            left = [f"{error}"]
        if not left:
            return
        if around.clock.now().timestamp() >= end:
            raise RollError(
                f"{wave.cluster}: the wave is not there after {limit} s: {'; '.join(left[:5])}",
                hint="Look at the machines and at Flux, then `imagekit provision roll --resume`, or --back.",
            )
        around.clock.sleep(_POLL)


def _soak(record: RollRecord, wave: Wave, around: Around) -> None:
    roll = around.roll(wave)
    end = around.clock.now().timestamp() + seconds(roll.soak)
    hosts = around.hosts(wave, *_MADE)
    while True:
        require_no_worse(record, wave.cluster, around)
        bad = unwell(around.health.look(wave.cluster), hosts)
        if bad:
            raise RollError(
                f"{some(bad)} went down within the soak time of {roll.soak}",
                hint="`imagekit provision roll --back` goes back, --resume goes on when they are well.",
            )
        left = end - around.clock.now().timestamp()
        if left <= 0:
            return
        around.clock.sleep(min(_POLL, left))


def first_unwell(around: Around, clusters: Sequence[str]) -> tuple[str, ...]:
    """The hosts that are not well before a roll begins, which it does not answer for."""
    found: list[str] = []
    for cluster in clusters:
        hosts = {host_name(node.name, node.slot) for node in around.fleet.members(cluster) if not node.absent}
        found += unwell(around.health.look(cluster), hosts)
    return tuple(sorted(found))
