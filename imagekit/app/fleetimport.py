"""A fleet file out of a table, a list of nodes or a live cluster; read back before anybody gets it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from imagekit.base.errors import ConfigError
from imagekit.config.yamlfile import file_text
from imagekit.fleet.imports import rows_of_csv, rows_of_nodes
from imagekit.fleet.source import parse_source
from imagekit.fleet.write import Row, fleet_text

_NODES = "/api/v1/nodes"


def imported_text(
    table: Path | None, listing: Path | None, kubeconfig: Path | None, defaults: Mapping[str, str]
) -> str:
    """The text of a fleet file for the nodes of just one source. Raises `ConfigError`, and `ApiError` of a cluster."""
    named = [each for each in (table, listing, kubeconfig) if each is not None]
    if len(named) != 1:
        raise ConfigError("one source is wanted", hint="Give one of --csv, --nodes and --kubeconfig.")
    rows = _rows(table, listing, kubeconfig, defaults)
    if not rows:
        raise ConfigError(f"{named[0]} has no nodes")
    text = fleet_text(rows, head=f"Imported from {named[0].name} by `imagekit fleet import`.")
    parse_source(Path(f"(import of {named[0]})"), text)
    return text


def _rows(table: Path | None, listing: Path | None, kubeconfig: Path | None, defaults: Mapping[str, str]) -> list[Row]:
    if table is not None:
        return rows_of_csv(file_text(table), table, defaults)
    if listing is not None:
        return rows_of_nodes(listing.read_bytes(), str(listing), defaults)
    assert kubeconfig is not None
    from imagekit.kube.client import session
    from imagekit.kube.kubeconfig import read_kubeconfig

    with session(read_kubeconfig(kubeconfig)) as api:
        return rows_of_nodes(json.dumps(api.get(_NODES)), f"{kubeconfig}: {_NODES}", defaults)
