"""The one provider of machines: QEMU through libvirt. Nothing outside this package imports libvirt."""
