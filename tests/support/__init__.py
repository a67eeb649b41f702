"""What several tests need: a real home, databases cloned from it, and people in them."""
