"""Which known vulnerabilities an image has, by its distribution's own data, offline."""
