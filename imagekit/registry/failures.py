"""What an exchange that brought no answer means, and what to do about it."""

from __future__ import annotations

from urllib3.exceptions import ProxyError

from imagekit.registry.address import Place
from imagekit.registry.answer import certificate_problem, words
from imagekit.registry.errors import AccessDeniedError, InsecureAddressError, TransientError


def failure(what: str, place: Place, error: Exception) -> Exception:
    """What a failed exchange is: a refused certificate, a proxy that wants a password, or a failure in passing."""
    refused = certificate_problem(error)
    if refused is not None:
        return InsecureAddressError(
            f"the certificate of {place} is not accepted: {refused.verify_message}",
            hint="Its CA goes into the system's store, the file that SSL_CERT_FILE names, or docker's folder "
            f"/etc/docker/certs.d/{place.authority}.",
        )
    if isinstance(error, ProxyError) and "407" in words(error):
        return AccessDeniedError(
            f"the proxy on the way to {place} wants a password: {words(error)}",
            hint="Write HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT, or name the registry in NO_PROXY.",
        )
    through = " (through the proxy of HTTPS_PROXY)" if isinstance(error, ProxyError) else ""
    return TransientError(f"{what}: {words(error)}{through}")
