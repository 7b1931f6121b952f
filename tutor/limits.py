"""Every limit in one place. Each has its own message where it is enforced."""

from __future__ import annotations

FILE_BYTES = 256 * 1024
YAML_DEPTH = 32
YAML_NODES = 10_000

EXPRESSION_CHARACTERS = 4_000
EXPRESSION_TOKENS = 1_000
EXPRESSION_DEPTH = 64
NAME_CHARACTERS = 64
NUMBER_CHARACTERS = 40
CONSTANT_EXPONENT = 1_024
CONSTANT_BITS = 4_096

DEFINITIONS = 512
GRAPH_NODES = 20_000
TENSOR_ORDER = 8
DIMENSION = 2**31 - 1
NETWORK_LAYERS = 10_000  # repeats written out
NETWORK_DEPTH = 10  # blocks of a network inside one another
ELEMENTS = 10**6  # per evaluated tensor
MULTIPLY_ADDS = 10**9

EXACT_MULTIPLY_ADDS = 10**5  # beyond this, numbers are floats, and the solution says so
EXACT_DIGITS = 30  # a rational that outgrows this becomes a float
EXACT_MATRIX = 16  # rows of a rational matrix that is inverted exactly
EXACT_IRRATIONAL = 3  # rows of one with entries such as pi
EXACT_OPERATIONS = 16  # so does an expression with more operations, such as a nested tanh
MEASURED_DIGITS = (
    6  # a decimal with more significant digits is measured data: a float from the start
)

TRAIN_STEPS = 10**6
PICTURE_NODES = 300
DERIVATION_SECONDS = 10  # per gradient or Jacobian
INSTANCE_ELEMENTS = 20_000  # of all arrays together, where a problem without values is checked
INFERENCE_ATTEMPTS = 300  # assignments of orders tried for the names of one expression
