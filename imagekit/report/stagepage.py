"""Which page of the runbook helps with a stage that failed without a check; a check names its own (pure)."""

from __future__ import annotations

SPOKEN_OF = (
    (("No space left on device", "Disk quota exceeded", "not enough to begin", " GiB free at "), "disk-full"),
    (("nothing was judged", "has no profile xccdf_", "openscap-results.xml"), "openscap"),
    (("may not enter ",), "gate"),
    (
        (
            "trusts no key of this clone",
            "cosign key file",
            "no password for ",
            ": the password is wrong",
            "cannot read the public key",
        ),
        "signature",
    ),
    (("declared authorities",), "ca-trust"),
    (("cloud-config/",), "cloud-config"),
    (("registry ",), "registry"),
    (("the build engine",), "engine"),
    (("libvirt", "QEMU", "qemu-system"), "libvirt"),
)
PAGES = {
    "needs": "host",
    "lint": "harness",
    "build": "build",
    "proof": "build",
    "disks": "host",
    "boot": "boot",
    "checks": "harness",
    "lifecycle": "lifecycle",
    "publish": "registry",
}


def page_of_stage(stage: str, text: str) -> str:
    """The page of what the error speaks of, else of the stage."""
    for words, name in SPOKEN_OF:
        if any(word in text for word in words):
            return f"docs/runbook/{name}.md"
    page = PAGES.get(stage.split()[0] if stage.split() else "")
    return f"docs/runbook/{page}.md" if page else ""
