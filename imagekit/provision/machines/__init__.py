"""Machines on a hypervisor at hand, made of what was rendered for VirtRigaud."""
