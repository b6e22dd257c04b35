"""What trains and serves: one backend a file or folder, found by name in :mod:`.registry`."""
