"""Archives of packages in the words of sources.list(5), and those that imagekit.yaml names beside the mirror."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imagekit.base.errors import ConfigError
from imagekit.config.settings import Settings

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_BEGIN, _END = "-----BEGIN PGP PUBLIC KEY BLOCK-----", "-----END PGP PUBLIC KEY BLOCK-----"
_MAX_BYTES = 256 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class AptSource:
    """One archive: address, suite and components; `trusted` for a repository of our own, which has no signature.

    `key` is the armoured public key that signs its lists, where these are not the distribution's own.
    """

    uri: str
    suite: str
    components: tuple[str, ...] = ()
    trusted: bool = False
    key: str = ""

    @property
    def line(self) -> str:
        """As sources.list(5) has it; the distribution's own keys count where this machine keeps them apart."""
        option = "[trusted=yes] " if self.trusted else f"[signed-by={_KEYRING}] " if _KEYRING.exists() else ""
        return " ".join((f"deb {option}{self.uri}", self.suite, *self.components))

    @property
    def stanza(self) -> str:
        """In the longer form of sources.list(5), which holds the key itself: no folder's name can stand in its way."""
        key = "".join(f" {line or '.'}\n" for line in self.key.strip().splitlines())
        return f"Types: deb\nURIs: {self.uri}\nSuites: {self.suite}\nComponents: {' '.join(self.components)}\n" + (
            f"Signed-By:\n{key}" if key else ""
        )


def archives_of(root: Path, settings: Settings) -> tuple[AptSource, ...]:
    """Each as a source for apt, with its key's text; raises `ConfigError` for a key that cannot be used as one."""
    return tuple(
        AptSource(
            uri=each.uri.rstrip("/"),
            suite=each.suite,
            components=each.components,
            key=_key(root / each.key) if each.key else "",
        )
        for each in settings.apt_archives
    )


def _key(path: Path) -> str:
    """The armoured text. A binary keyring is refused: a key is reviewed like code, so it is text in the project."""
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"imagekit.yaml: apt_archives: the key {path.name} cannot be read as text: {error}",
            hint="`gpg --armor --export KEY` writes it so.",
        ) from None
    if not (text.startswith(_BEGIN) and text.endswith(_END)):
        raise ConfigError(
            f"imagekit.yaml: apt_archives: {path.name} is no ASCII-armoured public key",
            hint="`gpg --armor --export KEY` writes one.",
        )
    return text
