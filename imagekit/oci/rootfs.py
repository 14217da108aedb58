"""The root file system that an image's layers make, as a tree in memory: paths and what is kept of each, no data.

Layers are applied from the bottom up as containerd applies them (pkg/archive, `Apply`) with its overlayfs snapshotter,
which is what Kubernetes nodes run. Where that and unpacking into one folder, as other tools do, end differently, the
layer is refused. Rules: https://github.com/opencontainers/image-spec/blob/main/layer.md#representing-changes
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from imagekit.oci.errors import ImageContentError
from imagekit.oci.tarstream import FOLDER, HARD_LINK, SYMLINK, TarMember

WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_MARK = ".wh..wh."  # with another end AUFS's bookkeeping
_MAX_LINKS = 40  # as the kernel's own limit, path_resolution(7)
_LATEST = (1 << 31) - 1  # in 2038; mke2fs writes no later time, so no boot path keeps one
_MOST_ATTRIBUTES = 4000  # bytes at one file; ext2 has one block of 4096 for them
_ATTRIBUTE = re.compile(r"[!#-~]{1,200}")
_KEPT_XATTRS = ("user.", "security.")
# containerd skips these as an unpacking host would; POSIX ACLs no squashfs can hold, so no boot path keeps them.
_ACLS = "system.posix_acl_"


def attributes_size(attributes: Mapping[str, bytes]) -> int:
    """What extended attributes take in an ext2 file system, in bytes: an entry of 16 bytes each, all in fours."""
    return sum(16 + len(name) + 3 + len(value) + 3 for name, value in attributes.items())


_PLAIN = (0o755, 0, 0)


class Where(NamedTuple):
    """Where the data of a file stands: the layer, lowest first, and its entry."""

    layer: int
    entry: int


@dataclass(slots=True, eq=False)
class Inode:
    """What one or more paths name; `entry.path` and `entry.link` of files count for nothing here."""

    entry: TarMember
    where: Where


@dataclass(slots=True, eq=False)
class TreeNode:
    """A place in the tree.

    `fresh` is the layer that made it, `put` the last one with an entry for it, `named` the last one with an entry for
    it or for what is below. A folder that no layer has an entry for was `put` by none, -1.
    """

    inode: Inode
    named: int
    fresh: int
    put: int = -1
    children: dict[str, TreeNode] = field(default_factory=dict)

    @property
    def is_folder(self) -> bool:
        """Whether this is a folder."""
        return self.inode.entry.is_directory


class Tree:
    """The root file system while layer after layer is applied; each method raises `ImageContentError`."""

    def __init__(self) -> None:
        self.root = TreeNode(_made_folder(0), 0, 0)
        self.acls = 0
        self._layer = 0
        self._opaque: set[TreeNode] = set()  # folders that this layer has made opaque
        # Folders that this layer has taken away, by folder and name: mode and owner, None where a whiteout did it;
        self._gone: dict[tuple[TreeNode, str], tuple[int, int, int] | None] = {}
        # and its whiteouts, each of which is a file until an entry takes its place.
        self._whiteouts: set[tuple[TreeNode, str]] = set()

    def begin(self, layer: int) -> None:
        """What follows is of this layer."""
        self._layer = layer
        self._opaque.clear()
        self._gone.clear()
        self._whiteouts.clear()

    def apply(self, entry: TarMember, number: int) -> None:
        """Apply one entry of the current layer, its `number`th."""
        *folders, name = entry.path.split("/")
        if not name or any(part.startswith(_MARK) for part in folders):
            return  # the root keeps what is made for it; bookkeeping of AUFS
        if any(part.startswith(WHITEOUT) for part in folders):
            raise ImageContentError(f"a layer holds {entry.path[:200]!a} below a name for what is removed")
        parent = self._folder(folders, entry.path)
        if name == _OPAQUE:
            self._hide_lower(parent)
        elif name.startswith(WHITEOUT):
            self._remove(parent, name, entry.path)
        else:
            self._put(parent, name, entry, number)

    def walk(self) -> Iterator[tuple[str, TreeNode]]:
        """Every path with its node, a folder before what is in it, in order of names; the root is left out."""
        waiting = [("", self.root)]
        while waiting:
            path, node = waiting.pop()
            if path:
                yield path, node
            below = sorted(node.children.items(), reverse=True)
            waiting += [(f"{path}/{name}" if path else name, child) for name, child in below]

    def find(self, path: str) -> TreeNode | None:
        """The node of a path, links not followed."""
        node: TreeNode | None = self.root
        for part in path.split("/"):
            node = node.children.get(part) if node is not None else None
        return node

    def make_folder(self, path: str, mode: int) -> None:
        """Make a folder, and those it is in, where nothing stands; does nothing below what is no folder."""
        node = self.root
        parts = path.split("/")
        for depth, part in enumerate(parts):
            if not node.is_folder:
                return
            mine = mode if depth == len(parts) - 1 else 0o755
            node = node.children.setdefault(part, TreeNode(_made_folder(mine), self._layer, self._layer))

    def remove(self, path: str) -> None:
        """Take a path out, whatever it is."""
        parent, _, name = path.rpartition("/")
        node = self.find(parent) if parent else self.root
        if node is not None:
            node.children.pop(name, None)

    def _folder(self, parts: list[str], path: str, *, make: bool = True) -> TreeNode:
        """The folder that holds an entry: links of this layer are followed, missing folders made, root's and 0755."""
        trail, waiting, budget = [self.root], parts[::-1], _MAX_LINKS
        while waiting:
            part = waiting.pop()
            if part in ("", "."):
                continue
            if part == "..":
                trail = trail[:-1] or [self.root]
                continue
            child = trail[-1].children.get(part)
            if child is None:
                child = self._new_folder(trail[-1], part, path, make=make)
            if child.inode.entry.kind == SYMLINK and child.fresh == self._layer:
                budget -= 1
                target = child.inode.entry.link
                trail = [self.root] if target.startswith("/") else trail
                waiting += target.split("/")[::-1]
            elif not child.is_folder:
                # With a link below, overlayfs hides it under a new folder, and an unpacking into one folder follows it.
                raise ImageContentError(
                    f"a layer puts files into /{_named(trail, part)}, which is no folder in another layer",
                    hint="Build the image so that each layer names the real path.",
                )
            else:
                trail.append(child)
            if not budget:
                raise ImageContentError(f"a layer holds {path[:200]!a} below a circle of links")
        if make:
            for node in trail:
                node.named = self._layer
        return trail[-1]

    def _new_folder(self, parent: TreeNode, name: str, path: str, *, make: bool) -> TreeNode:
        if not make:
            raise ImageContentError(f"a layer links to {path[:200]!a}, which is not in its layer")
        if self._gone.get((parent, name), _PLAIN) != _PLAIN or (parent, name) in self._whiteouts:
            raise _ambiguous(path)
        parent.children[name] = made = TreeNode(_made_folder(0o755), self._layer, self._layer)
        return made

    def _hide_lower(self, folder: TreeNode) -> None:
        """An opaque folder keeps what this layer put into it, before or after."""
        if folder in self._opaque:
            return
        self._opaque.add(folder)
        for name, child in list(folder.children.items()):
            if child.named < self._layer:
                del folder.children[name]
                if child.is_folder:
                    entry = child.inode.entry
                    self._gone[folder, name] = (entry.mode, entry.uid, entry.gid)
            elif child.is_folder and child.put < self._layer:
                raise _ambiguous(name)
            else:
                self._hide_lower(child)

    def _remove(self, parent: TreeNode, whiteout: str, path: str) -> None:
        name = whiteout[len(WHITEOUT) :]
        if name in ("", ".", ".."):
            raise ImageContentError(f"a layer holds {path[:200]!a}, which removes nothing that has a name")
        found = parent.children.get(name)
        twice = (parent, name) in self._whiteouts
        self._whiteouts.add((parent, name))
        if not twice and (found is None or name.startswith(WHITEOUT)):
            return
        if found is None or found.named == self._layer:
            # The specification lets it stay, an unpacking into one folder removes it, overlayfs fails.
            raise ImageContentError(
                f"a layer removes what it holds itself, or twice: {path[:200]!a}",
                hint="Do not use this image; build it again.",
            )
        del parent.children[name]
        if found.is_folder:
            self._gone[parent, name] = None

    def _put(self, parent: TreeNode, name: str, entry: TarMember, number: int) -> None:
        old = parent.children.get(name)
        inode = self._linked(entry) if entry.kind == HARD_LINK else Inode(entry, Where(self._layer, number))
        self._keep_attributes(inode, entry)
        inode.entry.mtime = min(inode.entry.mtime, _LATEST)
        if old is not None and old.is_folder and entry.is_directory:
            old.inode, old.named, old.put = inode, self._layer, self._layer
            return
        if entry.is_directory and self._gone.get((parent, name), _PLAIN) is None:
            raise _ambiguous(entry.path)
        if old is not None and _has_folder_of(old, self._layer):
            raise ImageContentError(
                f"a layer puts {entry.path[:200]!a} in the place of a folder of its own",
                hint="containerd refuses this image, too; build it again.",
            )
        if old is not None and old.fresh == self._layer and entry.is_directory:
            raise ImageContentError(
                f"a layer holds the path {entry.path[:200]!a} twice, as a folder after something else",
                hint="Builders that unpack it end with different folders; build the image again.",
            )
        self._whiteouts.discard((parent, name))
        parent.children[name] = TreeNode(inode, self._layer, self._layer, self._layer)

    def _linked(self, entry: TarMember) -> Inode:
        """The inode of a hard link, which takes what the link's own entry says of it, as where it is unpacked."""
        *folders, name = entry.link.split("/")
        target = self._folder(folders, entry.link, make=False).children.get(name)
        if target is None or target.fresh != self._layer or target.is_folder or entry.link == entry.path:
            raise ImageContentError(
                f"hard link {entry.path[:200]!a} names {entry.link[:200]!a}, not in its layer before it",
                hint="containerd refuses this image, too; build it again.",
            )
        inode = target.inode
        for reported in ("uid", "gid", "mtime"):
            setattr(inode.entry, reported, getattr(entry, reported))
        if inode.entry.kind != SYMLINK:
            inode.entry.mode = entry.mode
        return inode

    def _keep_attributes(self, inode: Inode, entry: TarMember) -> None:
        """Extended attributes that each boot path can keep; the others are dropped here, for all of them alike."""
        self.acls += any(name.startswith(_ACLS) for name in entry.xattrs)
        kept = {name: value for name, value in entry.xattrs.items() if name.startswith(_KEPT_XATTRS)}
        # Only files and folders can have attributes of users, xattr(7).
        if inode.entry.kind not in (b"0", FOLDER):
            kept = {name: value for name, value in kept.items() if not name.startswith("user.")}
        inode.entry.xattrs = {**(inode.entry.xattrs if entry.kind == HARD_LINK else {}), **kept}
        if attributes_size(inode.entry.xattrs) > _MOST_ATTRIBUTES or not all(map(_ATTRIBUTE.fullmatch, kept)):
            named = ", ".join(map(ascii, kept))[:200]
            raise ImageContentError(
                f"{entry.path[:200]!a} has extended attributes that no disk can keep: {named}",
                hint=f"ext2 holds {_MOST_ATTRIBUTES} bytes of them at one file. Take them off in the image.",
            )


def _ambiguous(path: str) -> ImageContentError:
    return ImageContentError(
        f"a layer takes away {path[:200]!a} and makes it again in a way that ends differently with each snapshotter",
        hint="Build the image again, with an entry for each folder, or with layers squashed.",
    )


def _has_folder_of(node: TreeNode, layer: int) -> bool:
    """Whether a layer has an entry for this folder or one below."""
    if not node.is_folder or node.named < layer:
        return False
    return node.put == layer or any(_has_folder_of(child, layer) for child in node.children.values())


def _named(trail: list[TreeNode], last: str) -> str:
    """The path of a child of the last of these nodes, each of which is a child of the one before."""
    steps = pairwise(trail)
    names = [next(name for name, child in node.children.items() if child is below) for node, below in steps]
    return "/".join([*names, last])[:200]


def _made_folder(mode: int) -> Inode:
    return Inode(TarMember(path="", kind=FOLDER, mode=mode or 0o755), Where(-1, -1))
