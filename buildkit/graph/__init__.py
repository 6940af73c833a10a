"""Declarations become targets, targets become actions; nothing is read but the workspace's own files."""
