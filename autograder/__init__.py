"""For staff: building the assignments, judging submissions, nbgrader's plug-in.

Used from a checkout of the repository, never installed, never imported by `course_autograd`.
"""
