"""The rendered zones and records on a name server: by dynamic update (RFC 2136) signed with TSIG, and by bindcar."""
