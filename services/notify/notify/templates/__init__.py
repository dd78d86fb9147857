"""What notices say: versioned texts with placeholders, per occasion, channel and language."""
