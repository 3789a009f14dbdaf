"""No attack scores, reads, writes, sends, stays or delays; its neighbours keep all points."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from small_course import ASSIGNMENT, Submission, small_course

from attacks.corpus import ALL, ATTACKS, ORACLES, Attack
from autograder import sandbox
from autograder.course import ROOT, Course
from autograder.judge import Judge
from autograder.process import Limits

pytestmark = pytest.mark.attack

LIMITS = Limits(cell=0.6, load=3.0, request=0.6, submission=8.0, grace=0.4, memory=600)
DELAY = 0.5  # seconds that a hostile submission may take beyond its deadline
DECLARED = "COURSE_SANDBOX_LEVEL"  # environment: the level that is known to be all there is
TELLTALES = ("CANARY", "SIZE", "root:x:")


def levels_here() -> list[str]:
    """The levels that this machine can have: from the best, each with one wall less."""
    found = sandbox.probe()
    if found.level not in sandbox.STRICT:
        if os.environ.get(DECLARED) != found.level:
            pytest.fail(f"no strict sandbox here: {found.sentence()}. Declare it with {DECLARED}.")
        return [str(found.level)]
    return list(sandbox.STRICT[sandbox.STRICT.index(found.level) :])


@dataclass
class Prey:
    """What attacks are after: a secret, a folder, a listener, a process; and if they got at it."""

    folder: Path
    secret: str
    port: int = 0
    received: int = 0
    victims: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def victim(self) -> int:
        """A process that only sleeps; a new one where the last one has been ended."""
        if not self.victims or self.state() != "S":
            self.release()
            self.victims.append(subprocess.Popen(["sleep", "900"], start_new_session=True))
            deadline = time.monotonic() + 5.0
            while self.state() != "S" and time.monotonic() < deadline:
                time.sleep(0.01)
        return self.victims[-1].pid

    def state(self) -> str:
        """How the kernel names the state of the victim: S while it sleeps undisturbed."""
        stat = Path(f"/proc/{self.victims[-1].pid}/stat").read_text(encoding="utf-8")
        after = stat.rsplit(")", 1)[1].split()
        return after[0] if after[16] == "0" else "reniced"

    def release(self) -> None:
        """End the victim."""
        for victim in self.victims[-1:]:
            victim.kill()
            victim.wait()

    @property
    def canary(self) -> Path:
        return self.folder / "canary"

    @property
    def listener(self) -> str:
        return str(self.folder / "listener")

    def set_out(self) -> None:
        """Put everything where it belongs, readable and writable for everybody."""
        self.folder.mkdir(exist_ok=True)
        self.folder.chmod(0o777)
        self.canary.write_text(self.secret, encoding="utf-8")
        self.canary.chmod(0o666)
        (self.folder / "read_only").write_text("kept", encoding="utf-8")
        (self.folder / "read_only").chmod(0o644)
        with contextlib.suppress(FileExistsError):
            (self.folder / "link").symlink_to("/" + self.secret)

    def traces(self) -> dict[str, object]:
        """Everything an attack could have changed."""
        return {
            path.name: (path.lstat().st_mode, path.lstat().st_mtime_ns, path.lstat().st_size)
            for path in sorted(self.folder.iterdir())
        }

    def fill_in(self, cell: str) -> str:
        """Tell an attack where its prey is."""
        for word, value in {
            "CANARY_FILE": str(self.canary),
            "FOLDER": str(self.folder),
            "LISTENER": self.listener,
            "PORT": str(self.port),
            "VICTIM": str(self.victim),
            "ROOT": str(ROOT),
        }.items():
            cell = cell.replace(word, value)
        return cell


@pytest.fixture(scope="module")
def prey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prey]:
    """Set out the prey, with listeners that count what they receive."""
    base = tmp_path_factory.getbasetemp()
    for above in (base, *base.parents):  # nothing but the sandbox may be in the way
        with contextlib.suppress(OSError):
            if above.owner() == Path.home().owner() and above != Path("/"):
                above.chmod(above.stat().st_mode | 0o011)
    prey = Prey(tmp_path_factory.mktemp("prey"), f"secret{secrets.token_hex(8)}")
    prey.set_out()
    tcp = socket.create_server(("127.0.0.1", 0))
    prey.port = tcp.getsockname()[1]
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", prey.port))
    by_path, abstract = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    by_path.bind(prey.listener)
    Path(prey.listener).chmod(0o777)
    abstract.bind("\0" + prey.listener)
    open_ends = (tcp, udp, by_path, abstract)
    for end in open_ends:
        end.settimeout(0.1)
    stopped = threading.Event()

    def listen(end: socket.socket) -> None:
        while not stopped.is_set():
            with contextlib.suppress(TimeoutError, OSError):
                if end is udp:
                    end.recv(1)
                else:
                    end.accept()[0].close()
                prey.received += 1

    for end in open_ends[:1] + open_ends[2:]:
        end.listen()
    threads = [threading.Thread(target=listen, args=(end,)) for end in open_ends]
    for thread in threads:
        thread.start()
    yield prey
    stopped.set()
    for thread in threads:
        thread.join()
    for end in open_ends:
        end.close()
    prey.release()


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return small_course(tmp_path_factory.mktemp("course") / "small")


@pytest.fixture(scope="module", params=(*sandbox.STRICT, *filter(None, [os.environ.get(DECLARED)])))
def judge(request: pytest.FixtureRequest, course: Course) -> Iterator[Judge]:
    """A judge at every strict level that this machine can have; the others are skipped by name."""
    level, here = request.param, levels_here()
    if level not in here:
        pytest.skip(f"level {level} cannot be had here, but {', '.join(here)}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_ATTACKS_SECRET", "CANARY")
        patch.setattr(sandbox, "probe", lambda: sandbox.Found(level))
        with Judge(course, LIMITS, allow_limited=level not in sandbox.STRICT) as judge:
            assert judge.level == level
            yield judge


def attacked(course: Course, prey: Prey, attack: Attack) -> Submission:
    """A submission that answers the rest rightly."""
    return Submission(course).solve().write(mul=prey.fill_in(attack.cell))


def descendants() -> set[int]:
    """Processes that this one, or a server of its judge, has started."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
                parents[int(entry.name)] = int(stat.rsplit(")", 1)[1].split()[1])
    found, waiting = set(), [os.getpid()]
    while waiting:
        one = waiting.pop()
        children = {pid for pid, parent in parents.items() if parent == one}
        waiting.extend(children - found)
        found |= children
    return found


@pytest.fixture(scope="module")
def settled(judge: Judge, course: Course, prey: Prey) -> set[int]:
    """The processes there are when every server has been started."""
    assert prey.victim
    assert judge.verdict(Submission(course).solve().notebook(), ASSIGNMENT).score == ALL
    return descendants()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda one: f"{one.group}: {one.name}")
def test_an_attack_gets_nothing(
    attack: Attack, judge: Judge, course: Course, prey: Prey, settled: set[int]
) -> None:
    prey.set_out()
    before, received = prey.traces(), prey.received
    begun = time.monotonic()
    verdict = judge.verdict(attacked(course, prey, attack).notebook(), ASSIGNMENT)
    took = time.monotonic() - begun
    told = json.dumps(verdict.to_json())
    assert not [word for word in (*TELLTALES, prey.secret) if word in told]
    assert prey.traces() == before
    assert prey.received == received
    assert prey.state() == "S"
    assert took <= LIMITS.submission + DELAY
    assert verdict["by_hand"].score <= 3.0
    if attack.harms_itself:
        assert verdict["mul"].score == 0.0
        assert verdict.score <= attack.deserved
    else:
        assert verdict.score == attack.deserved
    new = descendants() - settled
    deadline = time.monotonic() + 2.0  # a reference's child may have been started meanwhile
    while new and time.monotonic() < deadline:
        new &= {pid for pid in new if b"sleep" in command_of(pid)}
        time.sleep(0.05)
    assert not new


def command_of(pid: int) -> bytes:
    """The command line of a process; empty when it has gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_who_hands_in_beside_an_attacker_keeps_all_points(
    judge: Judge, course: Course, prey: Prey
) -> None:
    for attack in ATTACKS[::8]:
        judge.verdict(attacked(course, prey, attack).notebook(), ASSIGNMENT)
        assert judge.verdict(Submission(course).solve().notebook(), ASSIGNMENT).score == ALL


@pytest.mark.parametrize("attack", ORACLES, ids=lambda one: one.name)
def test_what_only_measures_is_right_and_named_in_security_md(
    attack: Attack, judge: Judge, course: Course, prey: Prey
) -> None:
    verdict = judge.verdict(attacked(course, prey, attack).notebook(), ASSIGNMENT)
    assert verdict.score in (attack.deserved, attack.deserved - 3.0)
    assert "Numeric differentiation" in (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def test_the_corpus_succeeds_where_there_are_no_walls(
    course: Course, prey: Prey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is refused above is refused by the walls, and not because the attack is a bad one."""
    weak = sandbox.Found("D", {"seccomp": "left out by this test"})
    monkeypatch.setattr(sandbox, "probe", lambda: weak)
    failed, succeeded = [], Counter[str]()
    with Judge(course, LIMITS, allow_limited=True) as judge:
        assert judge.level == "D"
        for attack in (one for one in ATTACKS if one.works_without):
            clear(prey)
            submission = attacked(course, prey, attack).notebook()
            before, received = prey.traces(), prey.received
            told = json.dumps(judge.verdict(submission, ASSIGNMENT).to_json())
            deadline = time.monotonic() + 1.0
            while not (done := achieved(prey, told, before, received)):
                if time.monotonic() > deadline:
                    break
                time.sleep(0.02)
            succeeded[attack.group] += done
            if not done:
                failed.append(f"{attack.group}: {attack.name}")
    clear(prey)
    assert not failed
    assert succeeded == Counter(one.group for one in ATTACKS if one.works_without)
    assert succeeded.total() >= 60


def achieved(prey: Prey, told: str, before: dict[str, object], received: int) -> bool:
    """Whether an attack can be seen to have got what it wanted."""
    leaked = any(word in told for word in (*TELLTALES, prey.secret))
    changed = prey.traces() != before or prey.received != received
    return leaked or changed or prey.state() != "S"


def clear(prey: Prey) -> None:
    """Put everything back, whatever an attack has made of it."""
    for path in prey.folder.iterdir():
        if path.name != "listener":
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    prey.set_out()
