"""Attacks on our own grader: harmless, bounded, aimed at folders made for them and at 127.0.0.1.

Each is a record: what a student's cell does, and how many points the submission deserves. The names
in capitals are filled in by the runner: CANARY_FILE (a file with a secret), FOLDER (a folder with
the secret's neighbours), PORT, LISTENER (its path), VICTIM (the number of a process that only
sleeps). Signals are aimed at the victim, and at everybody only with number 0, which does nothing: a
sandbox that fails must not cost anybody's work.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

OTHERS = 6.0  # by_hand and power, which every submission answers rightly
ALL = 9.0
RIGHT_RULE = "x, y = ctx\nreturn grad_output * y, grad_output * x"


@dataclass(frozen=True)
class Attack:
    """One attack.

    Attributes
    ----------
    name, group : str
    cell : str
        Code of the cell that should hold the rule of mul.
    deserved : float
        Points of the whole submission.
    works_without : bool
        Whether it does what it wants where nothing but time and memory is limited (level D).
    harms_itself : bool
        Whether it may also cost the points of its own other answers: who spoils the tools, or
        ruins the conversation under the right name, spoils them for the whole submission.
    """

    name: str
    group: str
    cell: str
    deserved: float
    works_without: bool = False
    harms_itself: bool = False


def rule(body: str) -> str:
    """Return the rule of mul with this body."""
    return (
        "@backward_of(ops.mul)\ndef mul_backward(ctx, grad_output):\n"
        + textwrap.indent(textwrap.dedent(body).strip(), "    ")
        + "\n"
    )


def telling(name: str, group: str, loot: str, *, works: bool = False) -> Attack:
    """Get something when the cell runs, and tell it through the error of the rule.

    Whatever `loot` returns is loot, unless it is empty.
    """
    cell = (
        "import os, sys, socket, ctypes, subprocess, gc, inspect, linecache, signal, threading\n"
        "def get():\n"
        + textwrap.indent(textwrap.dedent(loot).strip(), "    ")
        + "\ntry:\n    loot = get()\n    got = f'CANARY {loot}' if loot else 'nothing'\n"
        "except BaseException as error:\n    got = f'refused: {type(error).__name__}'\n"
        + rule("raise RuntimeError(str(got)[:280])")
    )
    return Attack(name, group, cell, OTHERS, works)


def doing(name: str, group: str, code: str, *, works: bool = False) -> Attack:
    """Do what leaves no trace outside, and tell through the error of the rule if it went well."""
    return telling(
        name, group, textwrap.dedent(code).strip() + "\nreturn 'went through'", works=works
    )


def beside(name: str, group: str, code: str, *, works: bool = False) -> Attack:
    """Do something when the cell runs, and then answer rightly: the points are earned."""
    cell = (
        "import os, sys, socket, ctypes, subprocess, gc, inspect, signal, threading, time\n"
        "def attack():\n"
        + textwrap.indent(textwrap.dedent(code).strip(), "    ")
        + "\ntry:\n    attack()\nexcept BaseException:\n    pass\n"
        + rule(RIGHT_RULE)
    )
    return Attack(name, group, cell, ALL, works)


def forging(
    name: str, group: str, code: str, deserved: float = OTHERS, *, harms_itself: bool = False
) -> Attack:
    """Try to be given points for mul without an answer."""
    cell = textwrap.dedent(code).strip() + "\n"
    return Attack(name, group, cell, deserved, harms_itself=harms_itself)


LIBC = "libc = ctypes.CDLL(None, use_errno=True)\n"

READING = [
    telling("open a file", "reading", "return open('CANARY_FILE').read()", works=True),
    telling(
        "os.open", "reading", "return os.read(os.open('CANARY_FILE', os.O_RDONLY), 99)", works=True
    ),
    telling(
        "np.fromfile", "reading", "return bytes(np.fromfile('CANARY_FILE', np.uint8))", works=True
    ),
    telling(
        "np.memmap", "reading", "return bytes(np.memmap('CANARY_FILE', np.uint8, 'r'))", works=True
    ),
    telling(
        "openat by number",
        "reading",
        LIBC
        + "fd = libc.syscall(257, -100, b'CANARY_FILE', 0)\n"
        + "if fd < 0: raise OSError(ctypes.get_errno())\nreturn os.read(fd, 99)",
        works=True,
    ),
    telling("linecache", "reading", "return linecache.getline('CANARY_FILE', 1)", works=True),
    telling("list a folder", "reading", "return os.listdir('FOLDER')", works=True),
    telling(
        "scan a folder", "reading", "return [e.name for e in os.scandir('FOLDER')]", works=True
    ),
    telling("glob", "reading", "import glob\nreturn glob.glob('FOLDER/*')", works=True),
    telling(
        "size by stat", "reading", "return f'SIZE{os.stat(\"CANARY_FILE\").st_size}'", works=True
    ),
    telling(
        "existence by access",
        "reading",
        "return os.access('CANARY_FILE', os.R_OK)",
        works=True,
    ),
    telling("readlink", "reading", "return os.readlink('FOLDER/link')", works=True),
    telling("own environment", "reading", "return dict(os.environ)"),
    telling(
        "environment of another process",
        "reading",
        "return open('/proc/VICTIM/environ').read()",
        works=True,
    ),
    telling(
        "environment through C",
        "reading",
        LIBC
        + "libc.getenv.restype = ctypes.c_char_p\nreturn libc.getenv(b'COURSE_ATTACKS_SECRET') or libc.getenv(b'HOME')",
    ),
    telling(
        "command line of another process",
        "reading",
        "return open('/proc/VICTIM/cmdline').read()",
        works=True,
    ),
    telling(
        "memory of another process",
        "reading",
        "at = int(open('/proc/VICTIM/maps').read(12).split('-')[0], 16)\n"
        "f = open('/proc/VICTIM/mem', 'rb')\nf.seek(at)\nreturn f.read(10)",
        works=True,
    ),
    telling(
        "memory of the server",
        "reading",
        "return open(f'/proc/{os.getppid()}/maps').read()",
        works=True,
    ),
    telling(
        "process_vm_readv",
        "reading",
        LIBC + "return libc.syscall(310, VICTIM, 0, 0, 0, 0, 0) == 0",
        works=True,
    ),
    telling(
        "ptrace", "reading", LIBC + "return libc.ptrace(0x4206, VICTIM, 0, 0) == 0", works=True
    ),
    telling(
        "inherited descriptors",
        "reading",
        """
        found = []
        for number in range(3, 60):
            try:
                found.append((number, os.get_blocking(number), os.pread(number, 99, 0)))
            except OSError:
                pass
        return found
        """,
    ),
    telling("descriptors in /proc", "reading", "return os.listdir('/proc/self/fd')", works=True),
    telling("users", "reading", "return open('/etc/passwd').read()", works=True),
    telling(
        "home",
        "reading",
        "return os.listdir('/root' if os.getuid() == 0 else os.path.expanduser('~'))",
    ),
    telling(
        "the text sources",
        "reading",
        "return open('ROOT/solutions/01_chain_rule.py').read()",
        works=True,
    ),
    telling(
        "the package's rules",
        "reading",
        "return open('ROOT/course_autograd/ops/arithmetic.py').read()",
        works=True,
    ),
    telling("mount table", "reading", "return open('/proc/mounts').read()", works=True),
    telling(
        "exec of a copy of cat",
        "reading",
        "return subprocess.check_output(['cat', 'CANARY_FILE'])",
        works=True,
    ),
    telling(
        "io_uring",
        "reading",
        LIBC + "return libc.syscall(425, 8, ctypes.create_string_buffer(120)) >= 0",
    ),
    telling(
        "name_to_handle_at",
        "reading",
        LIBC
        + "handle = ctypes.create_string_buffer(bytes([64, 0, 0, 0]), 80)\n"
        + "return libc.syscall(303, -100, b'CANARY_FILE', handle, ctypes.byref(ctypes.c_int()), 0) == 0",
        works=True,
    ),
]

WRITING = [
    beside("create", "writing", "open('FOLDER/made', 'w').write('x')", works=True),
    beside("overwrite", "writing", "open('CANARY_FILE', 'w').write('x')", works=True),
    doing("append", "writing", "open('CANARY_FILE', 'a')", works=True),
    beside(
        "O_TRUNC on a read-only file",
        "writing",
        "os.open('FOLDER/read_only', os.O_RDONLY | os.O_TRUNC)",
        works=True,
    ),
    beside("truncate", "writing", "os.truncate('CANARY_FILE', 0)", works=True),
    beside("chmod", "writing", "os.chmod('CANARY_FILE', 0o777)", works=True),
    beside("utime", "writing", "os.utime('CANARY_FILE', (1, 1))", works=True),
    doing("setxattr", "writing", "os.setxattr('CANARY_FILE', 'user.x', b'x')", works=True),
    beside("rename", "writing", "os.rename('CANARY_FILE', 'FOLDER/gone')", works=True),
    beside("unlink", "writing", "os.unlink('CANARY_FILE')", works=True),
    beside("symbolic link", "writing", "os.symlink('/', 'FOLDER/s')", works=True),
    beside("hard link", "writing", "os.link('CANARY_FILE', 'FOLDER/h')", works=True),
    beside("folder", "writing", "os.mkdir('FOLDER/made')", works=True),
    beside("pipe in the file system", "writing", "os.mkfifo('FOLDER/made')", works=True),
    beside(
        "temporary file", "writing", "import tempfile\ntempfile.mkstemp(dir='FOLDER')", works=True
    ),
    beside("np.save", "writing", "np.save('FOLDER/made.npy', np.ones(3))"),
    doing(
        "shared memory",
        "writing",
        LIBC
        + "if libc.shm_open(b'/course-attack-VICTIM', 66, 511) < 0: raise OSError\nlibc.shm_unlink(b'/course-attack-VICTIM')",
        works=True,
    ),
    doing("memfd", "writing", "os.memfd_create('x')", works=True),
    doing("chroot", "writing", "os.chroot('FOLDER')"),
    beside("disk full", "writing", "f = open('FOLDER/big', 'wb')\nf.write(bytes(1 << 22))"),
]

NETWORK = [
    beside(
        "TCP", "network", "socket.create_connection(('127.0.0.1', PORT)).send(b'x')", works=True
    ),
    beside(
        "UDP",
        "network",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', PORT))",
        works=True,
    ),
    beside(
        "Unix socket by path",
        "network",
        "s = socket.socket(socket.AF_UNIX)\ns.connect('LISTENER')\ns.send(b'x')",
        works=True,
    ),
    beside(
        "Unix socket by abstract name",
        "network",
        "s = socket.socket(socket.AF_UNIX)\ns.connect('\\0' + 'LISTENER')\ns.send(b'x')",
        works=True,
    ),
    beside(
        "datagrams through a socket pair",
        "network",
        "a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\na.sendto(b'x', 'LISTENER')",
    ),
    doing("raw socket", "network", "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)", works=True),
    doing(
        "listen", "network", "s = socket.socket()\ns.bind(('127.0.0.1', 0))\ns.listen()", works=True
    ),
    doing("netlink", "network", "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)", works=True),
    beside("urllib", "network", "import urllib.request as u\nu.urlopen('http://127.0.0.1:PORT')"),
]

PROCESSES = [
    doing("fork", "processes", "os.fork() or time.sleep(30)", works=True),
    doing("vfork by number", "processes", LIBC + "if libc.syscall(58) < 0: raise OSError"),
    doing(
        "clone by number",
        "processes",
        LIBC
        + "pid = libc.syscall(56, 17, 0, 0, 0, 0)\nif pid == 0: time.sleep(30)\nif pid < 0: raise OSError",
    ),
    doing(
        "clone3",
        "processes",
        LIBC
        + "pid = libc.syscall(435, ctypes.create_string_buffer(88), 88)\nif pid == 0: time.sleep(30)\nif pid < 0: raise OSError",
    ),
    doing(
        "posix_spawn", "processes", "os.posix_spawn('/bin/sleep', ['sleep', '30'], {})", works=True
    ),
    doing("subprocess", "processes", "subprocess.Popen(['sleep', '30'])", works=True),
    doing("shell", "processes", "if os.system('sleep 30 &'): raise OSError", works=True),
    doing(
        "double fork",
        "processes",
        "if os.fork() == 0:\n    os.setsid()\n    os.fork()\n    time.sleep(30)",
    ),
    doing(
        "multiprocessing",
        "processes",
        "import multiprocessing as m\nm.get_context('fork').Process(target=time.sleep, args=(30,)).start()",
    ),
    beside("fork bomb", "processes", "for _ in range(50):\n    os.fork() or time.sleep(30)"),
    Attack(
        "exec in place of the child",
        "processes",
        "import os\nos.execv('/bin/true', ['true'])\n" + rule(RIGHT_RULE),
        OTHERS,  # it is refused, which ends the cell before there is a rule
    ),
    doing("kill another process", "processes", "os.kill(VICTIM, 9)", works=True),
    doing("kill the server", "processes", "os.kill(os.getppid(), 0)", works=True),
    doing("kill everybody", "processes", "os.kill(-1, 0)", works=True),
    doing("stop another process", "processes", "os.kill(VICTIM, signal.SIGSTOP)", works=True),
    doing("kill another group", "processes", "os.killpg(os.getpgid(VICTIM), 9)", works=True),
    doing(
        "F_SETOWN",
        "processes",
        "import fcntl\na, b = socket.socketpair()\nfcntl.fcntl(a, fcntl.F_SETOWN, VICTIM)\n"
        "fcntl.fcntl(a, 10, 9)\nfcntl.fcntl(a, fcntl.F_SETFL, 0x2000)\nb.send(b'x')",
        works=True,
    ),
    doing(
        "prlimit on another process",
        "processes",
        "import resource\nresource.prlimit(VICTIM, 0)",
        works=True,
    ),
    doing("pidfd", "processes", "signal.pidfd_send_signal(os.pidfd_open(VICTIM), 9)", works=True),
    doing("priority", "processes", "os.setpriority(os.PRIO_PROCESS, VICTIM, 19)", works=True),
    beside(
        "threads that spin",
        "processes",
        "def spin():\n    while True: pass\n"
        "for _ in range(3): threading.Thread(target=spin, daemon=True).start()",
    ),
]

EXHAUSTION = [
    forging("endless loop", "exhaustion", rule("while True: pass")),
    forging("endless loop in the cell", "exhaustion", "while True: pass"),
    forging(
        "loop that swallows the alarm",
        "exhaustion",
        rule("while True:\n    try:\n        while True: pass\n    except BaseException: pass"),
    ),
    forging(
        "the alarm switched off",
        "exhaustion",
        "import signal\n"
        + rule(
            "signal.setitimer(signal.ITIMER_REAL, 0)\nsignal.pthread_sigmask(0, range(1, 64))\nwhile True: pass"
        ),
    ),
    forging("sleeping", "exhaustion", "import time\n" + rule("time.sleep(60)")),
    forging("all the memory", "exhaustion", rule("return np.ones(1 << 40), 0")),
    forging(
        "memory bit by bit", "exhaustion", rule("m = []\nwhile True: m.append(bytes(1 << 24))")
    ),
    forging("recursion", "exhaustion", rule("return mul_backward(ctx, grad_output)")),
    forging(
        "the C stack",
        "exhaustion",
        "import sys\nsys.setrecursionlimit(10**9)\nclass C:\n    def __getattr__(self, n): return getattr(self, n + 'x')\n"
        + rule("return repr(C().a)"),
    ),
    forging("a huge whole number", "exhaustion", rule("return 10 ** 10 ** 9, 0")),
    forging("a huge text", "exhaustion", rule("return 'x' * (1 << 40)")),
    forging("printing for ever", "exhaustion", rule("while True: print('spam' * 10000)")),
    forging("a huge message", "exhaustion", rule("raise ValueError('x' * (1 << 26))")),
    forging(
        "an error that hangs when shown",
        "exhaustion",
        "class Slow(Exception):\n    def __str__(self):\n        while True: pass\n"
        + rule("raise Slow"),
    ),
    forging("a segmentation fault", "exhaustion", "import ctypes\n" + rule("ctypes.string_at(1)")),
    forging("os._exit", "exhaustion", "import os\n" + rule("os._exit(0)")),
    forging("os.abort", "exhaustion", "import os\n" + rule("os.abort()")),
    forging("suicide", "exhaustion", "import os\n" + rule("os.kill(os.getpid(), 9)")),
    forging("sys.exit", "exhaustion", "import sys\n" + rule("sys.exit(0)")),
]

PIPE = """
import os, struct, json, gc, stat
def ends():
    found = []
    for number in range(3, 60):
        try:
            os.set_blocking(number, True)
            found.append(number)
        except OSError:
            pass
    return found
"""


def frame(header: str, body: str = "b''") -> str:
    """Code that makes the bytes of a frame."""
    return (
        f"head = json.dumps({header}).encode()\nbody = {body}\n"
        "data = struct.pack('<4sIQ', b'CAg1', len(head), len(body)) + head + body\n"
    )


def sending(name: str, code: str) -> Attack:
    """Write something on whatever descriptors there are, from within the rule."""
    body = (
        code + "for number in ends():\n    try:\n        os.write(number, data)\n"
        "    except OSError:\n        pass\nreturn 0.0, 0.0"
    )
    return forging(name, "forging", PIPE + rule(body))


OBSERVED = (
    "{'kind': 'observed', 'nonce': '0' * 32, 'arrays': [], 'observation': {'output': None, "
    "'gradients': [], 'raw': [], 'ones': [], 'answers': {}, 'error': None, 'flags': [], "
    "'printed': ''}}"
)
NONCE = """
import sys
def nonce():
    at = sys._getframe()
    while at is not None:
        for value in list(at.f_locals.values()):
            header = getattr(value, 'header', None)
            if isinstance(header, dict) and 'nonce' in header:
                return header['nonce']
        at = at.f_back
    for value in gc.get_objects():
        if isinstance(value, dict) and isinstance(value.get('nonce'), str):
            return value['nonce']
    return '0' * 32
"""
FORGING = [
    sending("garbage", "data = os.urandom(4000)\n"),
    sending("text", "data = b'1.0\\n' * 100\n"),
    sending("an answer made before", frame(OBSERVED)),
    sending("a giant length", "data = struct.pack('<4sIQ', b'CAg1', 2**32 - 1, 2**63)\n"),
    sending("half a frame", frame(OBSERVED) + "data = data[:25]\n"),
    sending("a deep header", "data = struct.pack('<4sIQ', b'CAg1', 90000, 0) + b'[' * 90000\n"),
    sending("a pickle", "data = b'\\x80\\x04cos\\nsystem\\n(S\"true\"\\ntR.'\n"),
    sending("too many arrays", frame("{'arrays': [{'dtype': 'bool', 'shape': [0]}] * 5000}")),
    sending(
        "an unknown dtype",
        frame("{'arrays': [{'dtype': 'object', 'shape': [1]}], 'kind': 'observed'}", "bytes(8)"),
    ),
    sending(
        "an overflowing shape",
        frame("{'arrays': [{'dtype': 'float64', 'shape': [2**62, 8]}], 'kind': 'observed'}"),
    ),
    sending("NaN in the header", "data = struct.pack('<4sIQ', b'CAg1', 9, 0) + b'{\"a\":NaN}'\n"),
    sending("a thousand frames", frame(OBSERVED) + "data *= 1000\n"),
    forging(
        "a slow drip",
        "forging",
        PIPE
        + "import time\n"
        + rule(
            frame(OBSERVED)
            + "for byte in data:\n    for number in ends():\n        try: os.write(number, bytes([byte]))\n"
            "        except OSError: pass\n    time.sleep(0.05)\nreturn 0.0, 0.0"
        ),
    ),
    forging(
        "the right nonce, wrong numbers",
        "forging",
        PIPE
        + NONCE
        + rule(
            frame(OBSERVED.replace("'0' * 32", "nonce()"))
            + "for number in ends():\n    try: os.write(number, data)\n    except OSError: pass\n"
            "return 0.0, 0.0"
        ),
    ),
    forging(
        "a 'loaded' that never was",
        "forging",
        PIPE
        + NONCE
        + frame(
            "{'kind': 'loaded', 'nonce': nonce(), 'troubles': [], 'missed_rule': False, 'arrays': []}"
        )
        + "for number in ends():\n    try: os.write(number, data)\n    except OSError: pass\n",
        harms_itself=True,
    ),
    forging(
        "the pipes closed",
        "forging",
        PIPE + rule("for number in ends(): os.close(number)\nreturn 0.0, 0.0"),
    ),
]

VALUES = [
    forging("NaN", "values", rule("return np.nan * ctx[0] * grad_output, np.nan * grad_output")),
    forging("infinite", "values", rule("return np.inf + ctx[0], np.inf + ctx[1]")),
    forging("zeros", "values", rule("return np.zeros_like(ctx[0]), np.zeros_like(ctx[1])")),
    forging("scalars for arrays", "values", rule("return 0.0, 0.0")),
    forging("texts", "values", rule("return '1', '2'")),
    forging("booleans", "values", rule("return ctx[1] > 0, ctx[0] > 0")),
    forging("complex", "values", rule("return grad_output * 1j, grad_output * 1j")),
    forging(
        "objects", "values", rule("return np.array(None, object), np.array([None], dtype=object)")
    ),
    forging(
        "a float that equals everything",
        "values",
        "class Same(float):\n    def __eq__(s, o): return True\n    def __sub__(s, o): return Same(0)\n"
        "    def __rsub__(s, o): return Same(0)\n    def __abs__(s): return Same(0)\n"
        "    def __le__(s, o): return True\n    __hash__ = None\n"
        + rule("return Same(1), Same(1)"),
    ),
    forging(
        "an array that equals everything",
        "values",
        "class Same(np.ndarray):\n    def __array_ufunc__(self, *a, **k): return np.float64(0)\n"
        "    def __array_function__(self, *a, **k): return True\n"
        + rule("return np.zeros(ctx[0].shape).view(Same), np.zeros(ctx[1].shape).view(Same)"),
    ),
    forging(
        "an object with an array interface",
        "values",
        "class Liar:\n    @property\n    def __array_interface__(self): raise SystemExit\n"
        + rule("return Liar(), Liar()"),
    ),
    forging(
        "an object that is another array each time",
        "values",
        "class Moody:\n    n = 0\n    def __array__(self, dtype=None, copy=None):\n"
        "        Moody.n += 1\n        return np.full((3, 4), Moody.n, float)\n"
        + rule("return Moody(), Moody()"),
    ),
    forging("a million axes", "values", rule("return np.zeros((1,) * 32), np.zeros((1,) * 32)")),
    forging("masked", "values", rule("return np.ma.masked_all(ctx[0].shape), np.ma.masked")),
    forging("a generator", "values", rule("return (g for g in (grad_output, grad_output))")),
    forging("itself", "values", rule("a = []\na.append(a)\nreturn a, a")),
]

PATCHING = [
    forging(
        f"patched {name}",
        "patching",
        f"{code}\n" + rule("return np.zeros(ctx[0].shape), np.zeros(ctx[1].shape)"),
        harms_itself=True,
    )
    for name, code in {
        "allclose": "np.allclose = np.array_equal = lambda *a, **k: True",
        "testing": "np.testing.assert_allclose = lambda *a, **k: None",
        "asarray": "old = np.asarray\nnp.asarray = lambda *a, **k: old(0.0)",
        "abs and max": "np.abs = np.max = lambda *a, **k: 0.0",
        "json": "import json\njson.dumps = lambda *a, **k: '{}'",
        "struct": "import struct\nstruct.pack = lambda *a: b''",
        "os.write": "import os\nos.write = lambda fd, data: len(data)",
        "Observation": "import course_autograd.exercises.base as b\nb.Observation.error = None",
        "Exercise.run": (
            "import course_autograd.exercises as e\n"
            "for x in e.exercises().values(): type(x).run = lambda *a: None"
        ),
        "Exercise.judge": (
            "import course_autograd.exercises as e\n"
            "for x in e.exercises().values(): type(x).judge = lambda *a: True"
        ),
        "the forward rule": "ops.mul.forward = staticmethod(lambda ctx, x, y: 0.0 * x * y)",
        "the exercise's points": (
            "import course_autograd.exercises as e\nfor x in e.exercises().values(): x.facets = ()"
        ),
        "builtins": "import builtins\nbuiltins.isinstance = lambda *a: True",
        "abs, min, sum": "import builtins\nbuiltins.abs = builtins.sum = lambda *a: 0",
        "sys.modules": "import sys\nsys.modules['numpy'] = sys",
        "the tracer": "import sys\nsys.settrace(lambda f, e, a: f.f_locals.clear())",
        "the profiler": "import sys\nsys.setprofile(lambda *a: None)",
        "atexit": "import atexit\natexit.register(lambda: print('1.0'))",
        "signals": "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)",
        "the collector": "import gc\ngc.callbacks.append(lambda *a: 1 / 0)",
        "imports": "import sys\nsys.meta_path.insert(0, None)",
        "check": "import course_autograd.checking as c\nc.check = lambda *a, **k: None",
        "IPython": "get_ipython().ast_transformers.append(None)",
        "the display hook": "import sys\nsys.displayhook = lambda *a: print('1.0')",
    }.items()
]


def heist(name: str, code: str) -> Attack:
    """Look for somebody else's right answer, and give it as one's own."""
    body = textwrap.indent(textwrap.dedent(code).strip(), "    ")
    cell = f"import gc, sys, inspect, types, ast, linecache\ndef steal():\n{body}\n"
    cell += "try:\n    found = steal()\nexcept BaseException:\n    found = None\n"
    cell += rule("return found(ctx, grad_output)")
    return forging(name, "finding", cell)


FINDING = [
    heist(
        "the reference in memory",
        """
        for one in gc.get_objects():
            if isinstance(one, types.FunctionType) and one.__name__ == 'mul_backward':
                return one
    """,
    ),
    heist(
        "the reference in a frame",
        """
        at = sys._getframe()
        while at:
            for one in at.f_locals.values():
                if callable(one) and getattr(one, '__name__', '') == 'mul_backward': return one
            at = at.f_back
    """,
    ),
    heist("the rule of divide", "return lambda c, g: ops.divide.backward([1 / c[1], c[0]], g)"),
    heist(
        "any rule with two inputs",
        """
        for one in gc.get_objects():
            if isinstance(one, types.FunctionType) and one.__name__ == 'backward':
                if 'grad_output * y' in inspect.getsource(one): return one
    """,
    ),
    heist(
        "sources kept by Python",
        """
        for name, entry in linecache.cache.items():
            if 'mul_backward' in ''.join(entry[2]) and 'steal' not in ''.join(entry[2]):
                names = {'backward_of': lambda o: lambda f: f, 'ops': ops}
                exec(''.join(entry[2]), names)
                return names['mul_backward']
    """,
    ),
    heist("the loader's data", "return __loader__.get_data('course_autograd/ops/arithmetic.py')"),
    heist(
        "pkgutil",
        """
        import pkgutil
        return pkgutil.get_data('course_autograd', 'ops/arithmetic.py')
    """,
    ),
    heist(
        "the autograder",
        """
        import autograder.judge
        return autograder.judge
    """,
    ),
    heist(
        "solutions as a module",
        """
        sys.path.insert(0, 'ROOT')
        import solutions
        return solutions
    """,
    ),
    heist(
        "code objects with the formula",
        """
        for one in gc.get_objects():
            code = getattr(one, '__code__', None)
            if code and code.co_name == 'backward' and code.co_argcount == 2:
                if 'y' in code.co_varnames and len(code.co_code) < 80: return one
    """,
    ),
]

# What only asks the engine, or measures: right numbers, by whatever way. See SECURITY.md.
ORACLES = [
    forging(
        "differences within the rule",
        "oracle",
        rule(
            """
            x, y = (np.array(one, dtype=float) for one in ctx)
            h = 1e-6
            f = lambda a, b: ops.mul.forward([], a, b)
            return (grad_output * (f(x + h, y) - f(x - h, y)) / (2 * h),
                    grad_output * (f(x, y + h) - f(x, y - h)) / (2 * h))
            """
        ),
        ALL,
    ),
]

ATTACKS = [
    *READING,
    *WRITING,
    *NETWORK,
    *PROCESSES,
    *EXHAUSTION,
    *FORGING,
    *VALUES,
    *PATCHING,
    *FINDING,
]
