"""The audit log as a log that strangers can check: entries, tree, checkpoints, witnesses."""
