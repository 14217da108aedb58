"""imagekit: build, boot, test, sign and publish Kairos OS images."""

__version__ = "0.1.0"
