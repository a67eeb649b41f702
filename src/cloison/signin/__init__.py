"""The sign-in door: who comes in, and what takes more than one person. A process, a login and an address of its own."""
