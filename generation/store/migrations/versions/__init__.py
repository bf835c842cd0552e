"""One file per revision, oldest first by name. Never edited once released."""
