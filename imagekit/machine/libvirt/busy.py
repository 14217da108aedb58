"""The reason to keep libvirtd running although no imagekit uses it: somebody else's machines."""

from __future__ import annotations

from imagekit.base.process import now

OWN_PREFIX = "imagekit-"
URI = "qemu:///system"
_TRUST_SECONDS = 5.0
_busy_until = 0.0


def busy() -> bool:
    """Whether domains run that are not imagekit's; a yes is good for five seconds."""
    global _busy_until
    if now() < _busy_until:
        return True
    found = bool(foreign_domains())
    if found:
        _busy_until = now() + _TRUST_SECONDS
    return found


def foreign_domains() -> list[str]:
    """Names of running domains on the system libvirt that imagekit did not make; empty when libvirt does not answer."""
    import libvirt

    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    try:
        connection = libvirt.openReadOnly(URI)
    except libvirt.libvirtError:
        return []
    try:
        names = [domain.name() for domain in connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)]
    except libvirt.libvirtError:
        return []
    finally:
        connection.close()
    return [name for name in names if not name.startswith(OWN_PREFIX)]
