"""What in a project is written as an earlier imagekit wanted it, and the edits that bring it up to date."""
