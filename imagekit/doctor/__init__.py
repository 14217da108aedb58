"""What imagekit needs from this machine: what was found, whether that is enough, and the command that helps."""
