"""apt as a resolver: its own solver on lists and a status file of ours, so that this machine plays no part."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote

from imagekit.base.errors import ToolError
from imagekit.base.log import step
from imagekit.base.process import Completed, ProcessError, run
from imagekit.base.reason import summary
from imagekit.config.packagelock import LockedPackage
from imagekit.packages.aptsource import AptSource
from imagekit.packages.interface import Ask, Keep, MirrorError, ResolveError
from imagekit.packages.pins import Freed, pins_text, stuck_sources

_TIMEOUT = 600.0
_HELPER = "/usr/lib/apt/apt-helper"
_BATCH = 40  # files a call of apt-helper: a command line has an end
# Inst libc6 [2.40-1] (2.41-12 Debian:13.1/stable, Debian-Security:13/stable-security [amd64]) []
_INST = re.compile(r"Inst (?P<name>[^ :]+)\S* (?:\[[^\]]*\] )?\((?P<version>\S+) .*\[(?P<arch>[a-z0-9-]+)\]\)")
_FAILED = re.compile(r"^E: Failed to fetch (\S+)\s+(\S.*)$", re.MULTILINE)
_GONE = ("404", "Failed to stat")  # in the words of http: and of copy:
_REMOVED = re.compile(r"Remv (\S+)")
_SOLVER = (
    *("-o", "APT::Default-Release=", "-o", "APT::Install-Recommends=false", "-o", "APT::Install-Suggests=false"),
    *("-o", "APT::Get::Download-Only=false", "-o", "APT::Ignore-Hold=true"),
    # Images for containers keep no caches: then each call parses all lists anew, and there is a dozen of them.
    *("-o", "Dir::Cache::pkgcache=pkgcache.bin", "-o", "Dir::Cache::srcpkgcache=srcpkgcache.bin"),
)
_Stanzas = dict[tuple[str, str, str], str]  # the index's paragraphs, by name, version and architecture
_KEPT = "Imagekit"  # the label of the repository with the files of an earlier lock


@dataclass(slots=True)
class Apt:
    """See `imagekit.packages.interface.Manager`; `folder` is where its lists and caches are kept."""

    folder: Path
    arch: str
    sources: tuple[AptSource, ...]
    suffix: str = "deb"
    _labels: dict[tuple[str, str], str] = field(default_factory=dict)

    def resolve(self, asks: Sequence[Ask], keep: Keep) -> tuple[LockedPackage, ...]:
        """Everything the stages install; see the interface."""
        self._update(keep.repository)
        kept = {(each.name, each.version, each.arch): each for each in keep.packages}
        freed = Freed(keep.packages)
        while (found := self._all_solved(asks, freed)) is None:
            continue  # something was let go, so what is below is looked at anew; that ends, for it is never held again
        origins = self._origins({key[0] for _, stanzas in found for key in stanzas})
        return tuple(row for stage, stanzas in found for row in _rows(stage, stanzas, kept, origins))

    def security(self, packages: Sequence[LockedPackage]) -> tuple[str, ...]:
        """Names of those whose newest version stands in a security archive. Raises `MirrorError` without such one.

        Holds after `resolve`, which reads the lists.
        """
        labels = {label for label in self._labels.values() if label.lower().endswith("-security")}
        if not labels:
            raise MirrorError(
                "none of the archives here is a security archive, so nothing tells which versions are security updates",
                hint="Configure one for apt on this machine, or move packages by name with `--only`.",
            )
        names = sorted({package.name for package in packages})
        rows = self._madison(names)
        newest: dict[str, str] = {}
        for name, version, _ in rows:
            newest.setdefault(name, version)  # madison lists the newest first
        return tuple(
            name
            for name in names
            if any(r[:2] == (name, newest.get(name, "")) and r[2].split("/")[0] in labels for r in rows)
        )

    def fetch(self, packages: Sequence[LockedPackage], into: Path) -> Mapping[str, str]:
        """Get files from the archives by apt's own means (its proxies, its credentials)."""
        failed: dict[str, str] = {}
        # A security update that went into a point release stands in both lists, and its file may be in either archive.
        for place in range(len({source.uri for source in self.sources})):
            left = [package for package in packages if not (into / package.sha256).is_file()]
            for start in range(0, len(left), _BATCH):
                failed |= self._download(left[start : start + _BATCH], place, into)
        return {sha256: why for sha256, why in failed.items() if not (into / sha256).is_file()}

    def _download(self, packages: Sequence[LockedPackage], place: int, into: Path) -> dict[str, str]:
        words: list[str | Path] = []
        addresses: dict[str, str] = {}
        for package in packages:
            archive = self._archives(package)[place]
            if archive.startswith("file:"):
                archive = f"copy:{archive.removeprefix('file:')}"  # file: only says where it is
            words += [f"{archive}/{package.path}", into / package.sha256, ""]
            addresses[unquote(f"{archive}/{package.path}")] = package.sha256
        if not words:
            return {}
        # With a sum apt would remove what is to be told.
        done = run([_HELPER, "-o", "Acquire::Retries=2", "download-file", *words], timeout=_TIMEOUT, ok=(0, 100))
        failed = [(unquote(found[1]), found[2].strip()) for found in _FAILED.finditer(done.stderr)]  # + is %2b to apt
        return {addresses[at]: why for at, why in failed if at in addresses and not why.startswith(_GONE)}

    def index(self, folder: Path, files: Sequence[tuple[str, LockedPackage]]) -> None:
        """``Packages`` and ``Release``, from what the packages themselves say."""
        write_index(folder, files, suite=self.sources[0].suite if self.sources else "imagekit")

    def _update(self, repository: Path | None) -> None:
        for name in ("lists/partial", "cache/archives/partial", "state", "sources.d"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        own = [AptSource(uri=f"file:{quote(str(repository))}", suite="./", trusted=True)] if repository else []
        lines = [each.line for each in self.sources if not each.key]
        (self.folder / "sources.list").write_text("".join(f"{each}\n" for each in lines))
        keyed = "\n".join(each.stanza for each in self.sources if each.key)
        (self.folder / "sources.d/archives.sources").write_text(keyed)
        # The last by its name: of one version apt shows first what the first of its sources says, and a lock names
        # where an archive has a file, which our own repository does not know.
        (self.folder / "sources.d/kept.list").write_text("".join(f"{each.line}\n" for each in own))
        (self.folder / "preferences").write_text("")
        (self.folder / "status").write_text("")
        (self.folder / "apt.conf").write_text(_configuration(self.folder.resolve(), self.arch))
        with step("Lists of packages"):
            try:
                self._apt("apt-get", "-qq", "update")
            except ProcessError as error:
                raise MirrorError(
                    f"the mirror does not serve whole lists of packages: {summary(error.stderr or error.stdout)}",
                    hint="This is the mirror, not the distribution: try again, or another one "
                    "(`debian_mirror` in imagekit.yaml).",
                ) from None
        self._labels = dict(self._targets())

    def _targets(self) -> Iterator[tuple[tuple[str, str], str]]:
        form = "$(REPO_URI)|$(RELEASE)|$(LABEL)"
        for line in self._apt("apt-get", "indextargets", "--format", form, "Created-By: Packages").stdout.splitlines():
            uri, suite, label = line.split("|", 2)
            yield (uri.rstrip("/"), suite), re.sub(r"[^A-Za-z0-9+._-]", "-", label) or "unknown"

    def _all_solved(self, asks: Sequence[Ask], freed: Freed) -> list[tuple[str, _Stanzas]] | None:
        """The paragraphs of what each stage installs; None when held packages stood in the way and were let go."""
        found: list[tuple[str, _Stanzas]] = []
        installed: dict[str, str] = {"": ""}
        (self.folder / "preferences").write_text(pins_text(freed.pinned()))
        for ask in asks:
            (self.folder / "status").write_text(installed[ask.on])
            stanzas = self._solved(ask, freed)
            if stanzas is None:
                return None
            installed[ask.stage] = installed[ask.on] + "".join(_as_installed(text) for text in stanzas.values())
            found.append((ask.stage, stanzas))
        return found

    def _solved(self, ask: Ask, freed: Freed) -> _Stanzas | None:
        words = [*ask.selectors, *ask.packages]
        if not words:
            return {}
        try:
            reported = self._apt("apt-get", "-s", "-q", "-y", "--no-install-recommends", "install", *words).stdout
        except ProcessError as error:
            # What is held back may be too old for what may move: then its source moves with it, and no more.
            if freed.also(stuck_sources(error.stdout + error.stderr)):
                return None
            raise ResolveError(
                f"{ask.stage}: {summary(error.stderr or error.stdout)}",
                hint="Correct `packages` in the layer.yaml. When the names are right, the mirror may be in the "
                "middle of an update: try again.",
            ) from None
        if removed := _REMOVED.findall(reported):
            raise ResolveError(
                f"{ask.stage}: its packages would remove {', '.join(removed)} of a stage below it",
                hint="Packages of layers must be installable together; see `packages` in each layer.yaml.",
            )
        found = (_INST.match(line) for line in reported.splitlines())
        return self._stanzas([(each["name"], each["version"], each["arch"]) for each in found if each])

    def _stanzas(self, wanted: Sequence[tuple[str, str, str]]) -> _Stanzas:
        """The index's own paragraph of each package."""
        if not wanted:
            return {}
        shown = self._apt("apt-cache", "show", *(f"{name}={version}" for name, version, _ in wanted)).stdout
        found: _Stanzas = {}
        for text in re.split(r"\n\n+", shown.strip()):
            fields = stanza_fields(text)
            key = (fields.get("package", ""), fields.get("version", ""), fields.get("architecture", ""))
            if "sha256" in fields:  # the installed ones' paragraphs have none
                found.setdefault(key, text)
        if lost := [key for key in wanted if key not in found]:
            name, version, arch = lost[0]
            raise MirrorError(f"the list of packages has no checksum of {name} {version} ({arch})")
        return {key: found[key] for key in wanted}

    def _origins(self, names: Iterable[str]) -> dict[tuple[str, str], list[str]]:
        found: dict[tuple[str, str], list[str]] = {}
        for name, version, origin in self._madison(sorted(names)):
            found.setdefault((name, version), []).append(origin)
        return found

    def _madison(self, names: Sequence[str]) -> list[tuple[str, str, str]]:
        """Name, version and origin (label/suite/component) of all versions that the archives have."""
        rows = []
        for line in self._apt("apt-cache", "madison", *names).stdout.splitlines() if names else []:
            name, version, where = (part.strip() for part in line.split("|", 2))
            uri, place, *_ = where.split()
            suite, _, component = place.partition("/")
            label = self._labels.get((uri.rstrip("/"), suite))
            if label and component:
                rows.append((name, version, f"{label}/{suite}/{component}"))
        return rows

    def _archives(self, package: LockedPackage) -> list[str]:
        """Addresses of all archives, the likeliest for this package first."""
        security = package.path.startswith("pool/updates/")
        ranked = sorted(self.sources, key=lambda each: each.suite.endswith("-security") != security)
        return list(dict.fromkeys(each.uri.rstrip("/") for each in ranked))

    def _apt(self, *argv: str) -> Completed:
        program, *words = argv
        # Files of /etc/apt/apt.conf.d are read after ours (apt.conf(5)): proxies count, what steers the solver may not.
        return run([program, *_SOLVER, *words], timeout=_TIMEOUT, env={"APT_CONFIG": str(self.folder / "apt.conf")})


def _rows(
    stage: str,
    stanzas: _Stanzas,
    kept: Mapping[tuple[str, str, str], LockedPackage],
    origins: Mapping[tuple[str, str], Sequence[str]],
) -> Iterator[LockedPackage]:
    for key, text in stanzas.items():
        fields = stanza_fields(text)
        known = origins.get(key[:2], [])
        if not known and key in kept and kept[key].sha256 == fields["sha256"]:
            yield kept[key]._replace(stage=stage)  # only our own repository has it still
            continue
        # A security archive says most about a version; then the plain suite before its updates.
        origin = min(known, key=lambda each: ("-Security/" not in each, each)) if known else "unknown"
        path = fields["filename"].removeprefix("./")
        yield LockedPackage(stage, *key, fields["sha256"], int(fields["size"]), origin, path)


def write_index(folder: Path, files: Sequence[tuple[str, LockedPackage]], *, suite: str) -> None:
    """``Packages`` and ``Release`` of a flat repository; the suite's name is what mmdebstrap looks for."""
    listing = "".join(f"{_control(folder / name)}\n{_place(name, each)}\n" for name, each in files).encode()
    (folder / "Packages").write_bytes(listing)
    release = (
        f"Origin: imagekit\nLabel: {_KEPT}\nSuite: {suite}\nCodename: {suite}\nDate: Thu, 01 Jan 1970 00:00:01 UTC\n"
        f"SHA256:\n {hashlib.sha256(listing).hexdigest()} {len(listing)} Packages\n"
    )
    (folder / "Release").write_text(release, encoding="utf-8")


def stanza_fields(text: str) -> dict[str, str]:
    """First lines of the fields of one paragraph, names in lower case."""
    rows = (line.partition(":") for line in text.splitlines() if line and not line[0].isspace())
    return {name.strip().lower(): value.strip() for name, _, value in rows}


def _control(file: Path) -> str:
    """What a package says of itself; raises `ToolError` for a file that is no package."""
    try:
        return run(["dpkg-deb", "--field", file], timeout=60).stdout.strip()
    except ProcessError as error:
        raise ToolError(f"{file.name} is no Debian package: {summary(error.stderr)}") from None


def _place(name: str, package: LockedPackage) -> str:
    return f"Filename: ./{name}\nSize: {package.size}\nSHA256: {package.sha256}\n"


def _as_installed(stanza: str) -> str:
    """A paragraph of the index as one of the status file."""
    return f"{stanza.rstrip()}\nStatus: install ok installed\n\n"


def _configuration(folder: Path, arch: str) -> str:
    return f"""\
Dir::Etc::SourceList "{folder}/sources.list";
Dir::Etc::SourceParts "{folder}/sources.d";
Dir::Etc::Preferences "{folder}/preferences";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "{folder}/state";
Dir::State::Lists "{folder}/lists";
Dir::State::Status "{folder}/status";
Dir::State::Extended_States "{folder}/extended_states";
Dir::Cache "{folder}/cache";
APT::Architecture "{arch}";
APT::Architectures {{ "{arch}"; }};
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Update::Error-Mode "any";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
"""
