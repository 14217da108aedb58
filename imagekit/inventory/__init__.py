"""What an image is, as data, and what differs between two of them."""
