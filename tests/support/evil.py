"""A folder's name with everything that some tool reads as a language of its own (W5)."""

from __future__ import annotations

import pytest

# comma: CSV of buildx, options of QEMU; $: compose, HCL, sh; %: ssh_config; ?: libext2fs; @@: mtools; =: xorriso;
# :: and [: pytest; : : lists of paths; the others: sh, XML, fstab.
EVIL = "a,b $HOME ${x} %h %{y} ?z=1 @@9 c=d e::f g:h [i] #j 'k' \"l\" <m> &n ;o \\p üñ ☃"
# One name for each kind of trouble, so that a failure says which.
KINDS = [
    pytest.param("comma,name", id="comma"),
    pytest.param("white space", id="space"),
    pytest.param("$HOME ${HOME}", id="dollar"),
    pytest.param("100% %h %{if}", id="percent"),
    pytest.param("what?offset=4096", id="question-mark"),
    pytest.param("at@@4096", id="at"),
    pytest.param("colon:name", id="colon"),
    pytest.param("double::colon", id="double-colon"),
    pytest.param("hash#name", id="hash"),
    pytest.param("quote'\"name", id="quotes"),
    pytest.param("equals=name [x]*", id="pattern"),
    pytest.param("back\\slash", id="backslash"),
    pytest.param("grün ☃ 名 😀", id="not-ascii"),
    pytest.param(EVIL, id="all"),
]
