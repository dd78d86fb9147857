"""What is known of a member here: whether and where they want to hear, and their sealed contact."""
