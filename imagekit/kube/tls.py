"""Whom a client of Kubernetes trusts: the authorities of its kubeconfig, be they roots or not."""

from __future__ import annotations

import ssl


def trusting(authority: bytes) -> ssl.SSLContext:
    """A client's TLS settings with the authorities in PEM, else with those of the system.

    An authority that another one signed is enough, as it is for Go's clients, kubelet and kubectl among them: they put
    each certificate of a kubeconfig into the pool of roots (https://pkg.go.dev/crypto/x509#VerifyOptions). Python has
    that as its default since 3.13 (https://docs.python.org/3/library/ssl.html#ssl.create_default_context).
    """
    context = ssl.create_default_context(cadata=authority.decode("ascii", "replace") or None)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
