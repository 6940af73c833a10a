"""What `mbuild image` prints: facts of images as text and as plain data for JSON."""
