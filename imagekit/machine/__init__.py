"""Virtual machines: domain, accelerator, SSH, console."""
