"""What to do about what tools say, where they do not say it themselves (pure); the first that fits counts."""

from __future__ import annotations

import re

_REMEDIES = (
    (
        r"Unable to locate package|has no installation candidate",
        "No source of the distribution has a package of this name: mend the name (`apt-cache search WORD` on such a "
        "machine lists them), or add the repository that has it.",
    ),
    (
        r"No match for argument:|Unable to find a match:|No package .* available",
        "No repository of the distribution has a package of this name: mend the name (`dnf search WORD` on such a "
        "machine lists them), or add the repository that has it.",
    ),
    (
        r"error reading from server: EOF|rpc error: code = Unavailable|Cannot connect to the Docker daemon",
        "The engine ended while it worked: somebody stopped it, or the kernel did for want of memory (`dmesg`). Its "
        "last words are in .imagekit/engine/dockerd.log; run again, what was built until then is kept.",
    ),
    (
        r"PAM does not ask pam_pwquality\.so",
        "On Debian the package libpam-pwquality switches it on: name it in a layer (sssd brings it). Or waive PAM-02 "
        "until a day, with the reason, under `hardening` in a layer.yaml (docs/hardening.md).",
    ),
    (
        r"\bhardening [A-Z]{3}-\d\d, ",
        "Meet it in a layer, or waive it there until a day, with the reason: `hardening` in layer.yaml "
        "(docs/hardening.md).",
    ),
    (
        r"\bopenscap rule_\w+",
        "Meet it in a layer, or waive it there until a day, with the reason: `hardening` in layer.yaml, "
        "`control: rule_NAME` (docs/hardening.md).",
    ),
    (
        r"sshd does not accept its configuration",
        "Mend the line: sshd_config(5) has the words. The next build asks sshd again.",
    ),
    (
        r"passed over: /\S+:\d+: ",
        "Mend the word: systemd.syntax(7), and the page of that file, have those that are read.",
    ),
    (
        r"timesyncd runs, which the profile configures",
        "This image keeps its time with another service: give the profile a file of that one (of chrony in "
        "/etc/chrony/conf.d), and take `timesyncd:` out.",
    ),
    (
        r"visudo does not accept",
        "Mend the line: sudoers(5) has the grammar. The next build asks visudo again.",
    ),
    (
        r": \S+: not found$|: command not found",
        "No program of this name is in the image at that step: mend the name, or let this layer or one below install "
        "the package that has it.",
    ),
    (
        r"\.(?:wants|requires)/\S+ points nowhere",
        "A package that this layer removed or replaced left the link behind: `rm -f` it in the layer's setup.sh. What "
        "a layer below declares of that package is taken back under `replaces` in layer.yaml (docs/layers.md).",
    ),
    (
        r"^\[rule/|sssctl",
        "Mend the word: sssd.conf(5) and the page of its provider have them. The next build asks again.",
    ),
)


def remedy(said: str) -> str:
    """What helps with a telling line; empty when that is not known."""
    return next((text for pattern, text in _REMEDIES if re.search(pattern, said, re.MULTILINE)), "")
