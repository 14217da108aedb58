"""A machine as libvirt's domain XML: a pure function from data to text."""

from __future__ import annotations

from pathlib import Path

from imagekit.base.errors import ConfigError
from imagekit.machine.domain import Domain


def domain_xml(domain: Domain, template: Path) -> str:
    """The XML of a domain; the template decides the hardware. Raises `ConfigError` for a template that is wrong."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    try:
        return environment.from_string(template.read_text()).render(
            name=domain.name,
            uuid=domain.uuid,
            genid=domain.genid,
            owner=domain.owner,
            accelerator=domain.accelerator.value,
            emulator=domain.emulator,
            memory_mib=domain.shape.memory_mib,
            cpus=domain.shape.cpus,
            profile=domain.profile,
            tpm=domain.shape.tpm,
            extra_nics=domain.shape.extra_nics,
            state=domain.state,
            machine=domain.machine,
            direct=domain.direct,
            disks=domain.disks,
            console=domain.console,
            netdev=domain.netdev,
            label=domain.label,
            unconfined=domain.unconfined,
            relays=domain.relays,
            incoming=domain.incoming is not None,
            mark=domain.mark,
            mac=domain.mac,
            network=domain.network,
        )
    except (OSError, jinja2.TemplateError) as error:
        raise ConfigError(f"the domain template {template} cannot be used: {error}") from None
