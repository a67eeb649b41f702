"""The door of people's own space: how they come in. A process, a login and an address of its own."""
