"""What a script asks of a node and tells it to do, in words that any Kairos node knows."""

from __future__ import annotations

import base64
import re
import shlex

from imagekit.base.process import Completed, now
from imagekit.scenarios.errors import PromiseBrokenError
from imagekit.scenarios.model import GrubEntry, Mode, Shell, Tally, Target
from imagekit.scenarios.variants import SUMS, version_in

STATE = "/run/initramfs/cos-state"
IMAGES = f"{STATE}/cOS"
_LISTING = f"cd {IMAGES} && find . -type f -printf '%p %s %T@\\n' | sort"
_KEY, _TRUST = "/oem/imagekit-lifecycle.pub", "/oem/98_imagekit_trust.yaml"
_UPGRADE_SECONDS = 240.0
# Sectors of 512 bytes behind the partition COS_PERSISTENT, in it, and in the file system on it.
DISK_SPACE = (
    "p=$(basename $(readlink -f $(blkid -L COS_PERSISTENT))); q=/sys/class/block/$p; "
    "d=$(cat $(dirname $(readlink -f $q))/size); "
    "echo $((d - $(cat $q/start) - $(cat $q/size))) $(cat $q/size) $(df -B512 --output=size /usr/local | tail -n 1)"
)
_UNUSED = 4 * 2048  # the table's copy and what alignment leaves, at most 4 MiB


def require(kept: bool, otherwise: str) -> None:
    """Raise `PromiseBrokenError` saying `otherwise`, unless the promise is kept."""
    if not kept:
        raise PromiseBrokenError(otherwise)


def answer(node: Shell, command: str, *, timeout: float = 60.0) -> str:
    """What a command that must succeed says, without the white space around it."""
    done = node.run(command, timeout=timeout)
    require(done.returncode == 0, f"`{command}` ended with {done.returncode}: {_last(done)}")
    return done.stdout.strip()


def version(node: Shell) -> str:
    """The version that the node runs, by its own release file."""
    return version_in(answer(node, "cat /etc/kairos-release"))


def release(node: Shell, key: str) -> str:
    """What the node's release file says of a key; empty when it does not name it."""
    found = re.search(rf'^{key}="?([^"\n]*)"?$', answer(node, "cat /etc/kairos-release"), flags=re.MULTILINE)
    return found.group(1) if found else ""


def mode(node: Shell) -> Mode | None:
    """What the node has booted, by the sentinel in /run/cos; None when there is no such, or more than one."""
    names = set(answer(node, "ls /run/cos").split())
    found = [mode for mode in Mode if mode.sentinel in names]
    return found[0] if len(found) == 1 else None


def stands_on(node: Shell, expected: Mode, running: str) -> None:
    """Demand that sentinel, agent and release file agree on mode and version."""
    found, state = mode(node), answer(node, "kairos-agent state get boot").splitlines()[-1].strip()
    require(found is expected, f"the node came up as {found or 'no single mode'}, not as {expected}")
    require(state == f"{expected.value}_boot", f"`kairos-agent state get boot` says {state!r}, /run/cos says {found}")
    runs = version(node)
    require(runs == running, f"the node came up as {expected} with version {runs!r}, not {running!r}")


def healthy(node: Shell) -> None:
    """Demand that systemd finished starting without a failed unit."""
    node.run("systemctl is-system-running --wait", timeout=180.0)
    failed = answer(node, "systemctl list-units --failed --plain --no-legend --no-pager | cut -d' ' -f1")
    require(not failed, f"units failed: {', '.join(failed.split())}")


def upgrade(node: Shell, target: Target, tally: Tally, *, recovery: bool = False) -> None:
    """Upgrade to an image, which must succeed."""
    begun = now()
    done = node.run(upgrade_command(target, recovery=recovery), timeout=_UPGRADE_SECONDS)
    tally.write_seconds += now() - begun
    tally.writes += 1
    require(done.returncode == 0, f"the upgrade to {target.kind} ended with {done.returncode}: {_last(done)}")


def refused_upgrade(node: Shell, target: Target, tally: Tally, *, because: str) -> None:
    """Try to upgrade to an image, which must be refused, with words that the expression `because` knows."""
    refused = is_refused(node, target, tally, because=because)
    require(refused, f"the upgrade to {target.kind} was done, though it must be refused")


def is_refused(node: Shell, target: Target, tally: Tally, *, because: str) -> bool:
    """Whether an upgrade to an image is refused; if so, it must be with words that the expression `because` knows."""
    begun = now()
    done = node.run(upgrade_command(target), timeout=_UPGRADE_SECONDS)
    tally.write_seconds += now() - begun
    if done.returncode == 0:
        return False
    said = re.search(because, done.stdout + done.stderr, flags=re.IGNORECASE)
    require(said is not None, f"the upgrade to {target.kind} failed for another reason than expected: {_last(done)}")
    return True


def upgrade_command(target: Target, *, recovery: bool = False) -> str:
    """The command line of an upgrade; the supply speaks plain HTTP."""
    more = " --recovery" if recovery else ""
    return f"kairos-agent upgrade --source {shlex.quote(target.source)} --allow-insecure-registries{more}"


def select(node: Shell, entry: GrubEntry) -> None:
    """Choose the entry of the next boot, that one alone."""
    answer(node, f"kairos-agent bootentry --select {entry}")


def write(node: Shell, path: str, text: str) -> None:
    """Write a file on the node and have it on the disk before this returns."""
    data = base64.b64encode(text.encode()).decode()
    quoted = shlex.quote(path)
    answer(node, f"mkdir -p $(dirname {quoted}) && echo {data} | base64 -d > {quoted} && sync {quoted}")


def reads(node: Shell, path: str, expected: str) -> None:
    """Demand that a file is there with this text."""
    done = node.run(f"cat {shlex.quote(path)}")
    require(done.returncode == 0, f"{path} is gone")
    require(done.stdout == expected, f"{path} says {done.stdout[:80]!r}, not {expected[:80]!r}")


def gone(node: Shell, path: str) -> None:
    """Demand that a file is not there."""
    require(node.run(f"test -e {shlex.quote(path)}").returncode != 0, f"{path} is still there")


def images(node: Shell) -> str:
    """The files beside the image that runs: names, sizes, times; equal texts mean that nothing was changed."""
    return answer(node, _LISTING)


def fills_disk(node: Shell) -> None:
    """Demand that the persistent partition reaches to the end of the disk, and its file system to the end of it."""
    behind, partition, usable = (int(word) for word in answer(node, DISK_SPACE).split())
    require(behind <= _UNUSED, f"{behind >> 11} MiB behind COS_PERSISTENT are not used: it did not grow with the disk")
    # What ext4 keeps for itself is less than a tenth of 1 GiB and more.
    require(usable > partition * 0.9, f"the file system has {usable >> 11} of the partition's {partition >> 11} MiB")


def off_trial(node: Shell) -> None:
    """Demand that the boot assessment holds nothing against the image that runs: its next start is no trial."""
    done = node.run(f"grep -aE '^(enable_boot_assessment|boot_assessment_tentative)=yes' {STATE}/boot_assessment")
    require(done.returncode != 0, f"the image that runs is still on trial: {done.stdout.strip()}")


def image_version(node: Shell, name: str) -> str:
    """The version in an image, looked up in the file itself, whether it runs or not."""
    # Not mounted: what is called passive.img after an upgrade is the root that runs, and the kernel mounts that no
    # second time ("Can't open blockdev", Linux 6.12).
    done = node.run(f"debugfs -R 'cat /etc/kairos-release' {IMAGES}/{name}")  # it ends with 0, whatever it finds
    found = version_in(done.stdout)
    require(bool(found), f"{name} names no version: {_last(done)}")
    return found


def whole(node: Shell) -> None:
    """Demand that every file of the image that runs has the content it was made with; each byte is read."""
    done = node.run(f"cd / && md5sum --quiet --check {SUMS}", timeout=180.0)
    require(done.returncode == 0, f"the image that runs is damaged: {_last(done)}")


def require_signatures(node: Shell, public_key: str) -> None:
    """Tell the node to take only images that the holder of this key signed, in Kairos's own words."""
    write(node, _KEY, public_key)
    write(node, _TRUST, f"#cloud-config\ncosign: true\ncosign-key: {_KEY}\n")


def begin(node: Shell, command: str) -> None:
    """Start a command on the node and do not wait for its end."""
    answer(node, f"systemd-run --quiet --collect -- sh -c {shlex.quote(command)}")


def _last(done: Completed) -> str:
    text = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return " / ".join(text[-3:])[:400] or "it said nothing"
