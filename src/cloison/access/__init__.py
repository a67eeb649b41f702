"""Who works in the register: organisations, accounts, their roles and sessions."""
