"""The register: what its people look like, how they come in, and how they are sealed."""
