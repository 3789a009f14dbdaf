"""Correct answers to the exercises in which a wrong rule is broken."""

CELLS = """
# %% break_power: floats, other inputs
break_power = {
    "probe 1": 12.0,
    "probe 2": -3.0,
    "probe 3": 0.0,
    "wrong at": -1.0,
    "right at": 0.0,
}

# %% break_power: the difference of both formulas
def gap(x, g):
    return g * 3 * x**3 - g * 3 * x**2

break_power = {"probe 1": gap(2, 1), "probe 2": gap(-1, 0.5), "probe 3": gap(4, 0)}
break_power["wrong at"] = 0.5
break_power["right at"] = 1.0

# %% break_power: NumPy's numbers
break_power = {
    "probe 1": np.float64(24) - np.float64(12),
    "probe 2": np.float32(-3),
    "probe 3": np.int64(0),
    "wrong at": np.array(3),
    "right at": np.int64(1),
}

# %% break_power: fractions
from fractions import Fraction

break_power = {
    "probe 1": Fraction(12),
    "probe 2": Fraction(1, 2) * -3 - Fraction(3, 2),
    "probe 3": Fraction(0),
    "wrong at": Fraction(1, 3),
    "right at": Fraction(1),
}

# %% break_power: minus zero, large and small inputs
break_power = dict(zip(("probe 1", "probe 2", "probe 3"), (24 - 12, -1.5 - 1.5, -0.0)))
break_power.update({"wrong at": 1000, "right at": -0.0})

# %% break_power: an input that is wrong by little
break_power = {"probe 1": 12, "probe 2": -3, "probe 3": 0, "wrong at": 1.01, "right at": 0}

# %% break_sigmoid: floats, other inputs
break_sigmoid = {
    "probe 1": 0.25,
    "probe 2": 0.0,
    "probe 3": 2.0,
    "wrong at": -1.0,
    "right at": 100.0,
}

# %% break_sigmoid: computed
def sigma(y):
    return 1 / (1 + np.exp(-np.clip(y, -500, 500)))

def gap(y, g):
    o = sigma(y)
    return g * (1 - o) - g * o * (1 - o)

break_sigmoid = {"probe 1": gap(0, 1), "probe 2": gap(3, 0), "probe 3": gap(-1000, 2)}
break_sigmoid["wrong at"] = 2
break_sigmoid["right at"] = 500

# %% break_sigmoid: NumPy's numbers
break_sigmoid = {
    "probe 1": np.float64(0.5) - np.float64(0.25),
    "probe 2": np.zeros(()),
    "probe 3": np.int64(2),
    "wrong at": np.array(-1000.0),
    "right at": np.float64(50),
}

# %% break_sigmoid: fractions
from fractions import Fraction

break_sigmoid = {
    "probe 1": Fraction(1, 2) - Fraction(1, 4),
    "probe 2": Fraction(0),
    "probe 3": Fraction(2) * (1 - 0),
    "wrong at": Fraction(-1, 2),
    "right at": Fraction(40),
}

# %% break_sigmoid: (1 - o) squared
break_sigmoid = {}
for number, (o, g) in enumerate([(0.5, 1), (0.95, 0), (0.0, 2)], start=1):
    break_sigmoid[f"probe {number}"] = g * (1 - o) ** 2
break_sigmoid |= {"wrong at": -40, "right at": 40}

# %% break_add_bias: lists of floats
break_add_bias = {
    "probe 1": -4.0,
    "probe 2": 0.0,
    "probe 3": 1.0,
    "wrong at": [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]],
    "right at": [[0.5]],
}

# %% break_add_bias: arrays
break_add_bias = {
    "probe 1": np.mean([1, 2, 3]) - np.sum([1, 2, 3]),
    "probe 2": np.mean([2, -5, 3]) - np.sum([2, -5, 3]),
    "probe 3": np.mean([-3, 1]) - np.sum([-3, 1]),
    "wrong at": np.ones((3, 4)),
    "right at": np.array([[1, 2, 3]]),
}

# %% break_add_bias: tuples
break_add_bias = {
    "probe 1": 2 - 6,
    "probe 2": 0 - 0,
    "probe 3": -1 - (-2),
    "wrong at": ((1, 2), (3, 4)),
    "right at": ((1, 2, 3, 4, 5),),
}

# %% break_add_bias: a helper, fractions
from fractions import Fraction

def gap(column):
    return Fraction(sum(column), len(column)) - sum(column)

break_add_bias = {
    "probe 1": gap([1, 2, 3]),
    "probe 2": gap([2, -5, 3]),
    "probe 3": gap([-3, 1]),
    "wrong at": [[7.5], [7.5], [7.5], [7.5]],
    "right at": np.zeros((1, 1)),
}

# %% break_add_bias: zeros by NumPy
break_add_bias = dict(
    [("probe 1", np.int64(-4)), ("probe 2", -0.0), ("probe 3", np.float32(1))],
    **{"wrong at": np.zeros((2, 3)), "right at": np.zeros((1, 7)).tolist()},
)

# %% break_lookup: floats, other rows
break_lookup = {
    "probe 1": -2.0,
    "probe 2": 0.0,
    "probe 3": 1.0,
    "wrong at": [0, 3, 0],
    "right at": [3],
}

# %% break_lookup: arrays
break_lookup = {
    "probe 1": 3 - (2 + 3),
    "probe 2": 4 - (0 + 4),
    "probe 3": 5 - (2 - 3 + 5),
    "wrong at": np.array([2, 2, 2]),
    "right at": np.arange(4),
}

# %% break_lookup: tuples and ranges
break_lookup = {
    "probe 1": np.int64(-2),
    "probe 2": np.float64(0),
    "probe 3": np.array(1),
    "wrong at": (1, 2, 3, 1),
    "right at": range(3),
}

# %% break_lookup: computed with np.add.at
def gap(rows, g, row):
    last, all_of_them = np.zeros(4), np.zeros(4)
    last[rows] = g
    np.add.at(all_of_them, rows, g)
    return (last - all_of_them)[row]

break_lookup = {
    "probe 1": gap([2, 0, 2], [2, 5, 3], 2),
    "probe 2": gap([3, 3], [0, 4], 3),
    "probe 3": gap([1, 1, 1], [2, -3, 5], 1),
    "wrong at": [3, 3],
    "right at": [3, 2, 1, 0],
}

# %% break_lookup: what was lost, with its sign
lost = {"probe 1": 2, "probe 2": 0, "probe 3": 2 - 3}
break_lookup = {name: -number for name, number in lost.items()}
break_lookup["wrong at"] = [0] * 5
break_lookup["right at"] = list(reversed(range(2)))
"""
