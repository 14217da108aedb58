"""SCAP content of a node's family, judged by OpenSCAP on the node: what is declared, the scan, and its answer."""
