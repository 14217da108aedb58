"""A cloud-config in the forms in which platforms hand it to a machine, the text itself unchanged."""

from __future__ import annotations

import base64
import json
from enum import StrEnum

from imagekit.base.errors import ConfigError


class Form(StrEnum):
    """Where the text goes."""

    FILE = "file"
    NOCLOUD = "nocloud"
    GUESTINFO = "guestinfo"
    SECRET = "secret"


# The most that each carries: the configuration file of a virtual machine, an object of Kubernetes (etcd takes 1.5 MiB
# of a request, https://etcd.io/docs/v3.6/dev-guide/limit/; a Secret 1 MiB).
_GUESTINFO_MAX = 64 * 1024
_SECRET_MAX = 1024 * 1024


def rendered(text: str, form: Form, *, name: str) -> dict[str, str]:
    """Files by name for one machine called `name`. Raises `ConfigError` where the text is too large for the form.

    - ``file``: the text, for ``/oem``;
    - ``nocloud``: ``user-data`` and ``meta-data``, for an ISO labelled ``cidata``. Without a local-hostname: the
      name is the cloud-config's;
    - ``guestinfo``: the keys of a VMware machine's ``extraConfig`` as JSON, the text as base64;
    - ``secret``: a Secret as VirtRigaud reads it, key ``userdata``; Flux is told to substitute nothing in it.
    """
    match form:
        case Form.FILE:
            return {"90_custom.yaml": text}
        case Form.NOCLOUD:
            return {"user-data": text, "meta-data": f"instance-id: {name}\n"}
        case Form.GUESTINFO:
            data = base64.b64encode(text.encode()).decode()
            _require_fits(len(data), _GUESTINFO_MAX, form)
            keys = {"guestinfo.userdata": data, "guestinfo.userdata.encoding": "base64"}
            return {"guestinfo.json": json.dumps(keys, indent=2) + "\n"}
        case Form.SECRET:
            _require_fits(len(text.encode()), _SECRET_MAX, form)
            return {f"{name}-config.yaml": _secret(text, name)}


def _require_fits(size: int, most: int, form: Form) -> None:
    if size > most:
        raise ConfigError(
            f"the cloud-config is {size} bytes as {form}, at most {most} are carried",
            hint="Put large files into a layer of the image; a cloud-config is for what differs from node to node.",
        )


def _secret(text: str, name: str) -> str:
    body = "".join(f"    {line}\n" if line else "\n" for line in text.removesuffix("\n").split("\n"))
    return (
        f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: {json.dumps(f'{name}-config')}\n  annotations:\n"
        "    kustomize.toolkit.fluxcd.io/substitute: disabled\n"
        f"type: Opaque\nstringData:\n  userdata: |\n{body}"
    )
