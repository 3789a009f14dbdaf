"""Are the checks sound? Wrong answers that must be caught, right ones that must not be rejected.

Nothing here is needed for grading; nothing here is imported by `course_autograd`.
"""
