"""The rendered tree as a signed artifact that Flux's OCIRepository takes, for whoever lets no Git server be read.

Media types and annotations are those of `flux push artifact`: https://fluxcd.io/flux/cheatsheets/oci-artifacts/
"""

from __future__ import annotations

import gzip
import io
import tarfile
from datetime import UTC, datetime

from imagekit.app.provisioning import fleet_root, inputs_of
from imagekit.app.release import registry_client
from imagekit.app.trusted import signer_of, trust_of
from imagekit.base.errors import ConfigError
from imagekit.base.git import Git
from imagekit.base.log import step
from imagekit.config.load import Project
from imagekit.oci.manifest import Descriptor, image_manifest
from imagekit.oci.reference import Reference
from imagekit.provision.flux import ARTIFACT_TAG
from imagekit.provision.render import Tree, render
from imagekit.registry.blobs import BlobSource
from imagekit.registry.errors import VerificationError
from imagekit.registry.referrers import attach_bundle
from imagekit.release.diskartifact import is_signed
from imagekit.trust.evidence.statement import SIGNATURE_TYPE, signature_statement
from imagekit.trust.sign.checked import CheckedSigner
from imagekit.trust.sign.trustfile import Purpose

CONFIG_TYPE = "application/vnd.cncf.flux.config.v1+json"
LAYER_TYPE = "application/vnd.cncf.flux.content.v1.tar+gzip"
_CONFIG = b"{}"


def packed(tree: Tree) -> bytes:
    """A tree as a tar file, gzipped: the same tree, the same bytes."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, data in sorted(tree.items()):
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(data), 0o644
            tar.addfile(info, io.BytesIO(data))
    return gzip.compress(raw.getvalue(), mtime=0)


def push_tree(project: Project) -> Reference:
    """Render, push and sign, and then let the tag point at it; returns the artifact by digest.

    The tag moves last, when the signature was read back: Flux never sees an artifact that does not verify. Raises
    `ConfigError` where no fleet file names a place (`platform.oci`), and what `render` and the registry raise.
    """
    inputs = inputs_of(project)
    if inputs.platform.oci is None:
        raise ConfigError("no fleet file has `platform.oci`", hint="Its `url` is where the artifact goes.")
    target = Reference.parse(inputs.platform.oci.url.removeprefix("oci://"))
    layer = packed(render(inputs))
    verifier = trust_of(project).verifier(Purpose.PROMOTE)
    signer = CheckedSigner(signer_of(project, Purpose.PROMOTE), verifier)
    manifest = image_manifest(
        config=Descriptor.of(_CONFIG, CONFIG_TYPE),
        layers=(Descriptor.of(layer, LAYER_TYPE),),
        artifact_type=CONFIG_TYPE,
        annotations=_annotations(Git(fleet_root(project))),
    )
    found = target.at(manifest.digest)
    with step(f"Pushing the tree to {target.name}"), registry_client(project, target.registry) as client:
        client.put_blob(target.repository, BlobSource.of_bytes(_CONFIG))
        client.put_blob(target.repository, BlobSource.of_bytes(layer))
        client.put_manifest(target.repository, manifest)
        if not is_signed(client, target.repository, manifest.digest, verifier):
            said = signature_statement(manifest.digest, {})
            bundle = signer.sign(said.stamped(datetime.now(UTC)))
            attach_bundle(client, target.repository, manifest.descriptor, bundle, predicate_type=SIGNATURE_TYPE)
        if not is_signed(client, target.repository, manifest.digest, verifier):
            raise VerificationError(f"{found} has no signature that verifies", hint="Run the same command again.")
        client.put_manifest(target.repository, manifest, ARTIFACT_TAG)
    return found


def _annotations(git: Git) -> dict[str, str]:
    """From which commit it was rendered; its date, so that pushing again makes the same artifact."""
    commit, date = git.text("show", "-s", "--format=%H %cI", "HEAD").split()
    branch = git.text("rev-parse", "--abbrev-ref", "HEAD")
    return {
        "org.opencontainers.image.created": datetime.fromisoformat(date).astimezone(UTC).isoformat(),
        "org.opencontainers.image.revision": f"{branch}@sha1:{commit}",
    }
