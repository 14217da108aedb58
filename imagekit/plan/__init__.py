"""The plan: which stages make an image, and an id for each that names all of its inputs."""
