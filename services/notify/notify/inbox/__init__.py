"""The member's in-app inbox: notices read and marked as read."""
