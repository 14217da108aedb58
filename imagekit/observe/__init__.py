"""What nodes say of themselves, asked from outside and kept in a chain of hashes; it confirms or contradicts."""
