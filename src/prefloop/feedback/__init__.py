"""Feedback: who is asked, about what, what they answered, and how far they agree."""
