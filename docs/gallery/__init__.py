"""The drawings of the lectures, drawn by the course: ``python -m docs.gallery``."""
