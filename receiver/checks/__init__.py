"""What `fsck` looks at, a part a module; each goes on after what it finds."""
