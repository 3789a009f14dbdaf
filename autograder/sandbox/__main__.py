"""``python -m autograder.sandbox``: the walls of this machine, and what they keep out."""

from __future__ import annotations

from autograder.sandbox.levels import PROTECTS, STRICT, probe


def main() -> None:
    """Print the walls and the level."""
    found = probe()
    for wall in ("limits", "rights", "seccomp", "landlock", "bubblewrap"):
        print(
            f"{wall:<11} {'missing: ' + found.missing[wall] if wall in found.missing else 'there'}"
        )
    if found.level is None:
        print("\nNo sandbox: submissions cannot be run here.")
        return
    strict = "strict" if found.level in STRICT else "not strict: only with --allow-limited"
    print(f"\nlevel {found.level} ({strict}): {PROTECTS[found.level]}.")


if __name__ == "__main__":
    main()
