"""The trusted side: draws fresh questions, lets the child answer, compares with what is true.

One verdict is one seed from the operating system, drawn questions, and one or more children: what
a student's code does to its process (ends it, hangs it, writes nonsense on the pipe) costs the
exercise at work and no other. Only numbers come back; they are compared here, with the numeric
gradient of the forward rule the package declares. Where an answer is found wrong, the reference
solution is put through the same door with the same question: if it fails as well, the fault is
ours (`TrustedSideError`), and nobody's grade.
"""

from __future__ import annotations

import secrets
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from autograder import sandbox
from autograder.cells import Cell, Notebook, read_notebook, solution_cells
from autograder.closing import Closing
from autograder.course import COURSE, Course
from autograder.errors import AutograderError, NotANotebookError
from autograder.imports import asked_for
from autograder.process import Child, ChildError, HungError, Limits, Loaded, SlowError
from autograder.servers import Kept, ServerError, Servers
from autograder.verdict import ExerciseVerdict, Verdict, evidence_of, exercise_verdict
from course_autograd.exercises import (
    Case,
    Exercise,
    Finding,
    Observation,
    Trouble,
    exercises,
)
from course_autograd.exercises.base import WORKED_OUT

TIME_IS_UP = "the time for this submission was used up"
MEASURED = "Your backward rule seems to measure the derivative instead of computing it"
SECRET = 1  # besides the questions' own stream, which has none
MEASURES = 2  # calls of forward in one call of backward; a single one only saves memory
IMPORTING = 4.0  # seconds, more than a child takes for it at most


class TrustedSideError(AutograderError):
    """The grader itself is at fault; no grade follows from it."""


@dataclass(frozen=True)
class Plan:
    """What an assignment asks, told by its released notebook.

    Attributes
    ----------
    name : str
        The assignment.
    released : Notebook
        The students' notebook as it was handed out.
    points : mapping
        Exercise -> points, in the order of the notebook.
    """

    name: str
    released: Notebook
    points: Mapping[str, float]

    @property
    def setup(self) -> tuple[Cell, ...]:
        """The set-up cells: the only code of the released notebook that is executed."""
        return self.released.by_role("setup")

    @property
    def modules(self) -> tuple[str, ...]:
        """What the set-up imports of Python and of the packages everybody knows."""
        return asked_for(cell.source for cell in self.setup)


def plan(name: str, course: Course = COURSE) -> Plan:
    """Read what the assignment `name` asks.

    Raises
    ------
    TrustedSideError
        If the released notebook is missing, cannot be read, or asks for an unknown exercise.
    """
    path = course.assignment(name)
    try:
        released = read_notebook(path)
    except NotANotebookError as error:
        raise TrustedSideError(
            f"the released notebook of {name} cannot be read: {error} "
            "Run `python -m autograder build`."
        ) from error
    points: dict[str, float] = {}
    for cell in released.by_role("check"):
        if cell.name not in exercises():
            raise TrustedSideError(f"{path.name} asks for the exercise '{cell.name}': unknown.")
        points[cell.name] = float(cell.marks["points"])
    if not points:
        raise TrustedSideError(f"{path.name} has no check cell; is it a released notebook?")
    return Plan(name, released, points)


# --- one verdict ----------------------------------------------------------------------------


class Judge(Closing):
    """Judges submissions, one after the other; keeps servers and references alive in between.

    Parameters
    ----------
    course : Course
        Where released notebooks and references lie.
    limits : Limits
        Time and memory for each submission.
    allow_limited : bool
        Whether to go on where no strict sandbox can be had.

    Attributes
    ----------
    level : str
        The sandbox around every submission, as `autograder.sandbox` names it.

    Raises
    ------
    TrustedSideError
        If there is no sandbox here that is strict enough.
    """

    def __init__(
        self,
        course: Course = COURSE,
        limits: Limits | None = None,
        *,
        allow_limited: bool = False,
    ) -> None:
        self.course = course
        self.limits = limits or Limits()
        try:
            self.level = sandbox.require(sandbox.probe(), allow_limited=allow_limited)
        except sandbox.UnsafeError as error:
            raise TrustedSideError(str(error)) from error
        self._plans: dict[str, Plan] = {}
        self._servers = Servers(self.level)
        self._references: dict[tuple[str, Kept], Child] = {}

    def plan(self, assignment: str) -> Plan:
        """Return what the assignment asks (read once)."""
        if assignment not in self._plans:
            self._plans[assignment] = plan(assignment, self.course)
        return self._plans[assignment]

    def verdict(self, notebook: Notebook, assignment: str, *, seed: int | None = None) -> Verdict:
        """Judge one notebook.

        Parameters
        ----------
        notebook : Notebook
            As read by `autograder.cells`.
        assignment : str
            Name, such as ``"01_chain_rule"``.
        seed : int, optional
            To replay a verdict; by default fresh from the operating system.

        Returns
        -------
        Verdict
            Always, whatever the notebook holds.

        Raises
        ------
        TrustedSideError
            If the grader itself is at fault.
        """
        begun = time.monotonic()
        chosen = secrets.randbits(63) if seed is None else seed
        hearing = _Hearing(self, self.plan(assignment), notebook, chosen)
        judged = hearing.hold()
        return Verdict(
            assignment=assignment,
            seed=chosen,
            exercises=judged,
            level=self.level,
            notes=tuple(hearing.notes),
            milliseconds=round(1000 * (time.monotonic() - begun)),
        )

    def child(self, asked: Plan, kept: Kept, modules: Sequence[str] = ()) -> Child:
        """Begin a child with the backward rules of `kept`, or with all of them for None.

        Raises
        ------
        TrustedSideError
            If its server has failed twice in a row.
        """
        try:
            return self._servers.use(
                kept, asked.modules, lambda server: Child(server, self.limits, self.level, modules)
            )
        except ServerError as error:
            raise TrustedSideError(f"{error}.") from error

    def restart(self, kept: Kept) -> None:
        """End a server that has failed; the next child comes from another."""
        self._servers.forget(kept)

    def confirm(self, asked: Plan, exercise: Exercise, case: Case) -> None:
        """Put a question that was answered wrongly to the reference solution as well.

        Raises
        ------
        TrustedSideError
            If the reference is missing, does not answer, or is found wrong, too.
        """
        where = f"{exercise.name} in {asked.name}"
        try:
            observation = self._answer_of_reference(asked, exercise, case)
        except (ChildError, ServerError):
            # It answers for a whole class: its processor time adds up, and a submission's process
            # may have ended it. A fresh one decides.
            try:
                observation = self._answer_of_reference(asked, exercise, case)
            except (ChildError, ServerError) as error:
                raise TrustedSideError(
                    f"the reference of {where} gives no answer: {error}."
                ) from error
        finding = judged_by(exercise, case, observation)
        if not finding.right:
            raise TrustedSideError(
                f"the reference of {where} is itself found wrong on the case '{case.label}': "
                f"{' '.join(finding.facts)}"
            )

    def _answer_of_reference(self, asked: Plan, exercise: Exercise, case: Case) -> Observation:
        """Ask the reference; end its process if it gives no answer."""
        reference = self._reference(asked, exercise.needs)
        try:
            patience = self.limits.submission
            (answer,) = reference.ask(exercise, [case], time.monotonic() + patience, patience)
        except (ChildError, ServerError):
            self._forget(asked.name, exercise.needs)
            raise
        return answer

    def _reference(self, asked: Plan, kept: Kept) -> Child:
        if (asked.name, kept) in self._references:
            return self._references[asked.name, kept]
        path = self._newest_reference(asked.name)
        solutions = solution_cells(path)
        cells = [*asked.setup]
        cells += [
            Cell(index, "code", code, name) for index, (name, code) in enumerate(solutions.items())
        ]
        child = self.child(asked, kept, asked_for(cell.source for cell in cells))
        self._references[asked.name, kept] = child
        try:
            loaded = child.load(cells, time.monotonic() + self.limits.load)
        except ChildError as error:
            self._forget(asked.name, kept)
            raise TrustedSideError(f"{path.name} cannot be loaded: {error}.") from error
        except ServerError:
            self._forget(asked.name, kept)
            self.restart(kept)
            raise
        if loaded.troubles:
            index, trouble = min(loaded.troubles.items())
            self._forget(asked.name, kept)
            raise TrustedSideError(
                f"{path.name}: the cell {cells[index].grade_id} fails: {trouble['message']}."
            )
        return child

    def _newest_reference(self, assignment: str) -> Path:
        """Return the notebook built from the text source, unless the source is newer.

        They say the same, and the notebook is read 50 times as fast.
        """
        source, built = self.course.source(assignment), self.course.reference(assignment)
        try:
            return built if built.stat().st_mtime_ns >= source.stat().st_mtime_ns else source
        except FileNotFoundError:
            return source

    def _forget(self, assignment: str, kept: Kept) -> None:
        child = self._references.pop((assignment, kept), None)
        if child is not None:
            child.close()

    def close(self) -> None:
        """End all processes: the references' and the servers."""
        for assignment, kept in list(self._references):
            self._forget(assignment, kept)
        self._servers.close()


def judged_by(exercise: Exercise, case: Case, observation: Observation) -> Finding:
    """Compare on the trusted side; an exception there is the trusted side's fault."""
    try:
        with np.errstate(all="ignore"):
            return exercise.judge(case, observation)
    except Exception as error:
        raise TrustedSideError(
            f"judging {exercise.name} on the case '{case.label}' failed: "
            f"{type(error).__name__}: {error}"
        ) from error


@dataclass(frozen=True)
class _Asked:
    """One question, its answer, and what follows."""

    case: Case
    observation: Observation
    finding: Finding
    milliseconds: float

    @property
    def silent(self) -> bool:
        """Whether no answer came back."""
        error = self.observation.error
        return error is not None and error.kind == "missing"


def _silence(asked: Sequence[_Asked]) -> str:
    """Return why no question was answered, as a sentence; empty if one was."""
    if not asked or not all(one.silent for one in asked):
        return ""
    error = asked[0].observation.error
    assert error is not None
    return sentence(error.message)


def sentence(words: str) -> str:
    """Begin with a capital and end with a full stop (or a question mark)."""
    return f"{words[:1].upper()}{words[1:]}{'' if words.endswith(('.', '?', '!')) else '.'}"


def _right_answers(asked: Iterable[_Asked]) -> int:
    return sum(sum(one.finding.passed.values()) for one in asked)


class _Hearing:
    """One submission before the judge: children, deadlines, and what was found."""

    def __init__(self, judge: Judge, asked: Plan, notebook: Notebook, seed: int) -> None:
        self.judge, self.asked, self.seed = judge, asked, seed
        self.limits = judge.limits
        self.deadline = time.monotonic() + self.limits.submission
        self.cells = [*asked.setup, *student_cells(notebook)]
        self.modules = asked_for(cell.source for cell in self.cells)
        self.left_out: dict[int, str] = {}
        self.late_loads = 0  # how often the cells together took too long
        self.drawn: dict[str, list[Case]] = {}
        self.asked_of: dict[str, list[_Asked]] = {}
        self.put_off: dict[str, list[_Asked]] = {}  # answers to the first of the questions
        self.milliseconds: dict[str, float] = {}
        self.remarks: dict[str, list[str]] = {name: [] for name in asked.points}
        self.notes: list[str] = []
        self.later = 0  # exercises that are not among those asked at present
        self.asked_again: set[str] = set()
        self.has_failed = False  # a server, once

    def hold(self) -> tuple[ExerciseVerdict, ...]:
        """Ask every exercise; return one verdict for each, in the order of the notebook."""
        known = exercises()
        waiting = [known[name] for name in self.asked.points]
        order = np.random.default_rng(self.seed).permutation(len(waiting))
        groups: dict[Kept, list[Exercise]] = {}
        for position in order:
            groups.setdefault(waiting[position].needs, []).append(waiting[position])
        stopped: list[Exercise] = []
        self.later = len(waiting)
        for kept, group in sorted(groups.items(), key=lambda one: one[0] or ()):
            self.later -= len(group)
            loaded = self._children(group, kept)
            self._remark(loaded, group)
            if loaded is not None and loaded.missed_rule:
                names = {
                    self.cells[index].name
                    for index, trouble in loaded.troubles.items()
                    if trouble["kind"] == "exception"
                }
                stopped += [one for one in group if one.name in names]
        self._ask_values_again(stopped)
        self._confirm_wrong(waiting)
        return tuple(
            exercise_verdict(
                exercise,
                self.asked.points[exercise.name],
                [one.finding for one in self.asked_of[exercise.name]],
                silence=_silence(self.asked_of[exercise.name]),
                remarks=tuple(self.remarks[exercise.name]),
                milliseconds=round(self.milliseconds.get(exercise.name, 0.0)),
                evidence=tuple(
                    evidence_of(one.case, one.observation, one.finding, one.milliseconds)
                    for one in self.asked_of[exercise.name]
                ),
            )
            for exercise in waiting
        )

    def _ask_values_again(self, waiting: Iterable[Exercise]) -> None:
        """Ask for values once more where the package has its rules, and keep the better result.

        Values are numbers: whoever found them with the engine's help has found them. Nothing but
        values is asked in this second child.
        """
        before = {
            exercise.name: self.asked_of[exercise.name]
            for exercise in waiting
            if exercise.kind in WORKED_OUT
            and not all(one.finding.right for one in self.asked_of[exercise.name])
        }
        again = [exercise for exercise in waiting if exercise.name in before]
        if again:
            self._children(again, None)
        for name, earlier in before.items():
            if _right_answers(self.asked_of[name]) > _right_answers(earlier):
                self.remarks[name].clear()
            else:
                self.asked_of[name] = earlier

    def _children(self, waiting: Sequence[Exercise], kept: Kept) -> Loaded | None:
        """Start children until every exercise is asked or time is up."""
        waiting = list(waiting)
        loaded = None
        while waiting:
            if time.monotonic() >= self.deadline:
                self._lose(waiting, TIME_IS_UP)
                break
            cells = {i: cell for i, cell in enumerate(self.cells) if i not in self.left_out}
            positions = list(cells)
            # Towards the end there is no time left for what a notebook wants to have imported.
            modules = self.modules if self.deadline - time.monotonic() > IMPORTING else ()
            with self.judge.child(self.asked, kept, modules) as child:
                try:
                    result = child.load(list(cells.values()), self.deadline)
                    loaded = Loaded(
                        {positions[i]: trouble for i, trouble in result.troubles.items()},
                        result.missed_rule,
                    )
                    while waiting:
                        if not self._ask(child, waiting.pop(0), waiting):
                            break
                except ServerError as error:
                    if self.has_failed:
                        raise TrustedSideError(f"{error}.") from error
                    self.has_failed = True
                    self.judge.restart(kept)
                except ChildError as error:
                    if time.monotonic() >= self.deadline:
                        self._lose(waiting, TIME_IS_UP)
                        break
                    # The set-up runs before anything of the student's.
                    if child.at_cell is None or cells[positions[child.at_cell]].role == "setup":
                        raise TrustedSideError(f"the set-up did not run: {error}.") from error
                    self._leave_out(child, positions, str(error))
        return loaded

    def _ask(self, child: Child, exercise: Exercise, waiting: list[Exercise]) -> bool:
        """Put all questions of one exercise; return whether the child can go on.

        A slow answer must not use up the time of the others: after its share the exercise goes to
        the end of those that are waiting, with what it has answered. Each answer is judged while
        the child is at work on the next.
        """
        begun = time.monotonic()
        others = len(waiting) + self.later
        budget = (self.deadline - begun) / (others + 1) if others else self.limits.submission
        cases = self._draw(exercise)
        observed = self.put_off.pop(exercise.name, [])
        reason, goes_on, asked = "", True, time.monotonic()
        try:
            answers = child.ask(exercise, cases[len(observed) :], self.deadline, budget)
            if waiting:  # while the child is at work
                self._draw(waiting[0])
            for one in answers:
                waited = 1000 * (time.monotonic() - asked)
                case = cases[len(observed)]
                observed.append(_Asked(case, one, judged_by(exercise, case, one), waited))
                asked = time.monotonic()
        except ServerError:
            self._put_off(exercise, observed, waiting)
            raise
        except ChildError as error:
            # What ruined the conversation may have been asked before: once more, in a fresh child.
            is_clear = observed or isinstance(error, HungError | SlowError)
            if not is_clear and exercise.name not in self.asked_again:
                self.asked_again.add(exercise.name)
                self._put_off(exercise, observed, waiting)
                return False
            reason, goes_on = self._reason(error), isinstance(error, SlowError)
        self._count_time(exercise, begun)
        calls = child.forward_calls.get(exercise.name, 0)
        known = any(one.startswith(MEASURED) for one in self.remarks[exercise.name])
        if calls >= MEASURES and not known:
            self.remarks[exercise.name].append(
                f"{MEASURED} ({calls} calls of forward in one call of backward); it is counted as "
                "what it gives, and noted here for those who grade."
            )
        if not reason and len(observed) < len(cases) and (waiting or self.later):
            self._put_off(exercise, observed, waiting)
        else:
            self._close(exercise, cases, observed, reason)
        return goes_on

    def _put_off(self, exercise: Exercise, observed: list[_Asked], waiting: list[Exercise]) -> None:
        self.put_off[exercise.name] = observed
        waiting.append(exercise)

    def _count_time(self, exercise: Exercise, begun: float) -> None:
        spent = 1000 * (time.monotonic() - begun)
        self.milliseconds[exercise.name] = self.milliseconds.get(exercise.name, 0.0) + spent

    def _reason(self, error: ChildError) -> str:
        return TIME_IS_UP if time.monotonic() >= self.deadline else str(error)

    def _draw(self, exercise: Exercise) -> list[Case]:
        """Draw the questions: from the seed and the name, whatever the order of asking.

        What the judge draws for itself comes from another stream: whoever knows the questions
        does not know it.
        """
        if exercise.name not in self.drawn:
            own = [self.seed, zlib.crc32(exercise.name.encode())]
            cases = exercise.cases(np.random.default_rng(own))
            own_seeds = np.random.default_rng([*own, SECRET]).integers(2**63, size=len(cases))
            self.drawn[exercise.name] = [
                replace(case, secret=int(secret))
                for case, secret in zip(cases, own_seeds, strict=True)
            ]
        return self.drawn[exercise.name]

    def _close(
        self,
        exercise: Exercise,
        cases: Sequence[Case],
        observed: Sequence[_Asked],
        reason: str,
    ) -> None:
        """Keep what was observed; questions without an answer count as answered wrongly."""
        silent = Observation(error=Trouble("missing", reason))
        self.asked_of[exercise.name] = [
            *observed,
            *(
                _Asked(case, silent, judged_by(exercise, case, silent), 0.0)
                for case in cases[len(observed) :]
            ),
        ]
        if reason and observed:
            self.remarks[exercise.name].append(sentence(f"while it was tried: {reason}"))

    def _lose(self, waiting: Iterable[Exercise], reason: str) -> None:
        for exercise in waiting:
            observed = self.put_off.pop(exercise.name, [])
            self._close(exercise, self._draw(exercise), observed, reason)

    def _leave_out(self, child: Child, positions: Sequence[int], reason: str) -> None:
        """Leave out the cell at work when loading failed, and free cells that had been slow.

        Where that has not been enough once, all free cells are left out: the answers are what is
        graded, and there must be time left for them.
        """
        at_work = child.at_cell
        assert at_work is not None
        self.left_out[positions[at_work]] = reason
        for number, seconds in child.seconds_of_cell.items():
            cell = self.cells[positions[number]]
            if seconds > self.limits.cell / 4 and cell.role == "free":
                self.left_out[positions[number]] = f"took {seconds:.0f} seconds"
        self.late_loads += sum(child.seconds_of_cell.values()) > self.limits.load / 2
        if self.late_loads > 1:
            for index, cell in enumerate(self.cells):
                if cell.role == "free":
                    self.left_out.setdefault(index, "the cells of this notebook took too long")

    def _remark(self, loaded: Loaded | None, group: Sequence[Exercise]) -> None:
        """Say what happened to cells: beside their exercise, or among the notes."""
        names = {exercise.name for exercise in group}
        troubles = {
            index: {"kind": "left out", "message": why} for index, why in self.left_out.items()
        }
        troubles |= loaded.troubles if loaded is not None else {}
        for index, trouble in sorted(troubles.items()):
            cell = self.cells[index]
            kind, message = trouble["kind"], trouble["message"]
            if cell.role == "solution" and cell.name in self.remarks:
                if kind != "undone" and cell.name in names:
                    self.remarks[cell.name].append(
                        sentence(f"your cell did not run to its end: {message}")
                    )
            elif kind not in ("exception", "undone"):
                note = sentence(f"cell {cell.index + 1} was passed over: {message}")
                if note not in self.notes:
                    self.notes.append(note)

    def _confirm_wrong(self, asked: Iterable[Exercise]) -> None:
        """Hold every wrong answer against the reference, with the same question."""
        for exercise in asked:
            for one in self.asked_of[exercise.name]:
                if not (one.finding.right or one.finding.undone or one.silent):
                    self.judge.confirm(self.asked, exercise, one.case)


def student_cells(notebook: Notebook) -> list[Cell]:
    """Return the code cells of a submission that are executed: answers and free cells.

    Check cells, set-up (taken from the released notebook), demonstrations and worked solutions
    are not.
    """
    return [cell for cell in notebook.code() if cell.role in ("solution", "free")]
