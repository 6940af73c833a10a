"""Source text → syntax tree, written as s-expressions."""

import pickle

import pytest

from buildkit.errors import BuildError, BuildErrors, Span
from buildkit.lang import parse, syntax

EXPRESSIONS = {
    "x": "x",
    "None": "None",
    "123": "123",
    "0x1F": "31",
    "0o17": "15",
    "0b101": "5",
    "123456789012345678901234567890": "123456789012345678901234567890",
    "1.5e3": "1500.0",
    ".5": "0.5",
    "3.": "3.0",
    '"a"': "'a'",
    "'a\\n\\x41\\u00e9'": "'a\\nAé'",
    'r"a\\n"': "'a\\\\n'",
    '"""a\nb"""': "'a\\nb'",
    "'''it's'''": '"it\'s"',
    '"a\\\nb"': "'ab'",
    'b"\\xff\\0a"': "b'\\xff\\x00a'",
    'rb"\\x"': "b'\\\\x'",
    "()": "(tuple)",
    "(x)": "x",
    "(x,)": "(tuple x)",
    "(x, y)": "(tuple x y)",
    "[]": "(list)",
    "[x, y,]": "(list x y)",
    "{}": "(dict)",
    '{"a": 1, "b": 2,}': "(dict ('a' 1) ('b' 2))",
    "-x": "(- x)",
    "not x == y": "(not (== x y))",
    "a + b * c": "(+ a (* b c))",
    "a - b - c": "(- (- a b) c)",
    "a + b - c * d // e % f": "(- (+ a b) (% (// (* c d) e) f))",
    "a or b and not c or d": "(or (or a (and b (not c))) d)",
    "a | b ^ c & d << e + f": "(| a (^ b (& c (<< d (+ e f)))))",
    "a in b + c": "(in a (+ b c))",
    "a not in b": "(not in a b)",
    "-a.b": "(- (. a b))",
    "-a * b": "(* (- a) b)",
    "a if b else c if d else e": "(if b a (if d c e))",
    "lambda: x": "(lambda () x)",
    "lambda x, y = 1, *a, z, **k: x if y else z": "(lambda (x (y 1) *a z **k) (if y x z))",
    "lambda *, z: z": "(lambda (* z) z)",
    "f()": "(call f)",
    "f(x, n = 1, *y, **z)": "(call f x n=1 *y **z)",
    "f(x, y,)": "(call f x y)",
    "a.b.c(d)[e]": "([] (call (. (. a b) c) d) e)",
    "a[1:2]": "([:] a 1 2 _)",
    "a[:]": "([:] a _ _ _)",
    "a[::2]": "([:] a _ _ 2)",
    "a[b:]": "([:] a b _ _)",
    "a[:b:]": "([:] a _ b _)",
    "[x for x in y]": "(for x (x in y))",
    "[x for x, y in z if x if y for w in x]": "(for x ((tuple x y) in z) (if x) (if y) (w in x))",
    "{k: v for k, v in z}": "(for (k v) ((tuple k v) in z))",
    "[x for x in a or b]": "(for x (x in (or a b)))",
}


def write(node: object) -> str:
    """An expression as an s-expression."""
    match node:
        case None:
            return "_"
        case syntax.Name():
            return node.name
        case syntax.Literal():
            return repr(node.value)
        case syntax.Sequence():
            return row(node.kind, *node.items)
        case syntax.Mapping():
            return row("dict", *(row(key, value) for key, value in node.entries))
        case syntax.Unary():
            return row(node.operator, node.operand)
        case syntax.Binary():
            text = write(node.operands[0])
            for operator, operand in zip(node.operators, node.operands[1:], strict=True):
                text = row(operator, text, operand)
            return text
        case syntax.Conditional():
            return row("if", node.condition, node.then, node.otherwise)
        case syntax.Lambda():
            return row("lambda", row(*map(parameter, node.parameters)), node.body)
        case syntax.Invocation():
            return row("call", node.function, *map(argument, node.arguments))
        case syntax.Dot():
            return row(".", node.value, node.name)
        case syntax.Index():
            return row("[]", node.value, node.key)
        case syntax.Slice():
            return row("[:]", node.value, node.low, node.high, node.step)
        case syntax.Comprehension():
            element = node.element if node.key is None else row(node.key, node.element)
            return row("for", element, *map(clause, node.clauses))
    raise AssertionError(node)


def row(*parts: object) -> str:
    return "(" + " ".join(part if isinstance(part, str) else write(part) for part in parts) + ")"


def parameter(node: syntax.Parameter) -> str:
    return node.kind + node.name if node.default is None else row(node.name, node.default)


def argument(node: syntax.Argument) -> str:
    return (f"{node.name}=" if node.kind == "=" else node.kind) + write(node.value)


def clause(node: syntax.ForClause | syntax.IfClause) -> str:
    return row("if", node.condition) if isinstance(node, syntax.IfClause) else row(node.target, "in", node.iterable)


def statement(node: syntax.Statement) -> str:
    match node:
        case syntax.Evaluation():
            return write(node.value)
        case syntax.Assignment():
            return row("=", node.target, node.value)
        case syntax.Augmented():
            return row(node.operator + "=", node.target, node.value)
        case syntax.Return():
            return row("return", node.value)
        case syntax.Jump():
            return node.keyword
        case syntax.Loop():
            return row("for", node.target, node.iterable, block(node.body))
        case syntax.Branch():
            return row("if", *(row(test, block(body)) for test, body in node.branches), block(node.otherwise))
        case syntax.Definition():
            return row("def", node.name, row(*map(parameter, node.parameters)), block(node.body))
        case syntax.Load():
            names = (one.local if one.local == one.original else f"{one.local}={one.original}" for one in node.names)
            return row("load", node.module, *names)
    raise AssertionError(node)


def block(statements: tuple[syntax.Statement, ...]) -> str:
    return "{" + "; ".join(map(statement, statements)) + "}"


@pytest.mark.parametrize(("source", "tree"), EXPRESSIONS.items())
def test_an_expression_is_read_as_its_tree(source: str, tree: str) -> None:
    file = parse(f"({source})\n", "f.bzl", build_file=False)
    assert block(file.statements) == "{" + tree + "}"


STATEMENTS = {
    "": "{}",
    "\n\n# only a comment\n   # indented\n": "{}",
    "x = 1": "{(= x 1)}",
    "x, y = y, x\n": "{(= (tuple x y) (tuple y x))}",
    "[a, (b, c)] = d\n": "{(= (list a (tuple b c)) d)}",
    "x += 1; y[0] -= 2;\n": "{(+= x 1); (-= ([] y 0) 2)}",
    "x //= 1\nx <<= 1\nx |= 1\n": "{(//= x 1); (<<= x 1); (|= x 1)}",
    "f(\n  a = 1,  # why\n\n  b = [\n1],\n)\n": "{(call f a=1 b=(list 1))}",
    "x = 1 + \\\n  2\n": "{(= x (+ 1 2))}",
    "x = 1\r\ny = 2\r\n": "{(= x 1); (= y 2)}",
    'load("//a:b.bzl", "c", d = "e",)\n': "{(load '//a:b.bzl' c d=e)}",
    "def f(): return\n": "{(def f () {(return _)})}",
    "def f(a, b = 1, *c, d, **e):\n  pass\n": "{(def f (a (b 1) *c d **e) {pass})}",
    "def f():\n  x = 1\n  # comment\n\n# another\n  return x\n\nx = 2": "{(def f () {(= x 1); (return x)}); (= x 2)}",
    "def f():\n  for x, y in z:\n    if x: break\n    elif y: continue\n    else:\n      pass\n  g()\n": (
        "{(def f () {(for (tuple x y) z {(if (x {break}) (y {continue}) {pass})}); (call g)})}"
    ),
    "def f():\n  if x:\n    pass\n  if y:\n    pass": "{(def f () {(if (x {pass}) {}); (if (y {pass}) {})})}",
}


@pytest.mark.parametrize(("source", "tree"), STATEMENTS.items())
def test_statements_are_read_as_their_trees(source: str, tree: str) -> None:
    assert block(parse(source, "f.bzl", build_file=False).statements) == tree


def test_a_file_survives_pickling_with_its_places() -> None:
    file = parse("x = 1\nload('//a:b.bzl', 'c')\n", "a/BUILD", build_file=True)
    copy = pickle.loads(pickle.dumps(file))
    assert copy == file
    assert copy.loads() == (("//a:b.bzl", Span("a/BUILD", 2, 6, 2, 17)),)


@pytest.mark.parametrize("depth", [40])
def test_a_file_with_deep_expressions_survives_pickling(depth: int) -> None:
    file = parse("x = " + "[" * depth + "]" * depth, "f.bzl", build_file=False)
    assert pickle.loads(pickle.dumps(file)) == file


ERRORS = {
    "f(\n": "1:2: '(' is never closed",
    "x = [1,\ny = 2\nz = 3\n": "1:5: '[' is never closed",
    "model(\n  name = 'a',\n\ndef f():\n  pass\n": "1:6: '(' is never closed",
    "x = (1]\n": "1:5: '(' is closed by ']'",
    "x = )\n": "1:5: ')' closes nothing",
    "x = = 1\n": "1:5: syntax error at '=': expected an expression",
    "x = \n": "1:5: syntax error at the end of the line: expected an expression",
    "x = 1 2\n": "1:7: syntax error at '2': expected an operator, ',', ';' or the end of the line",
    "x = 'abc\ny = 1\n": "1:5: string literal is never closed",
    "x = '''abc\ny = 1\n": "1:5: string literal is never closed",
    "x = $\n": "1:5: unexpected character '$'",
    "x = 1 ! 2\n": "1:7: unexpected '!'",
    "x = 012\n": "1:5: invalid integer literal '012'",
    "x = 0x\n": "1:5: invalid integer literal '0x'",
    "x = 0b12\n": "1:5: invalid integer literal '0b12'",
    "x = '\\q'\n": "1:6: invalid escape sequence '\\q'",
    "x = '\\xff'\n": "1:6: escape sequence '\\xff' is not ASCII",
    "x = '\\ud800'\n": "1:6: escape sequence '\\ud800' is not a Unicode character",
    "x = 1e999\n": "1:5: float literal is too large",
    "while x: pass\n": "1:1: 'while' is a reserved word",
    "import x\n": "1:1: 'import' is a reserved word",
    "1 = x\n": "1:1: cannot assign to a literal",
    "f() = x\n": "1:1: cannot assign to a call",
    "x, 1 = y\n": "1:4: cannot assign to a literal",
    "x, y += 1\n": "1:1: augmented assignment needs one target, found a tuple",
    "x = 1,\n": "1:6: a tuple that ends with ',' needs parentheses",
    "x = 1 < 2 < 3\n": "1:5: comparisons cannot be chained: found '<' after '<'",
    "f(a = 1, a = 2)\n": "1:10: keyword argument 'a' is there twice",
    "f(a = 1, 2)\n": "1:10: a positional argument follows a keyword argument",
    "f(**a, *b)\n": "1:8: '*' follows '**'",
    "f(*a, b = 1)\n": "1:7: a keyword argument follows '*'",
    "f(**a, b = 1)\n": "1:8: a keyword argument follows '**'",
    "def f(a, a): pass\n": "1:10: parameter 'a' is there twice",
    "def f(a = 1, b): pass\n": "1:14: parameter 'b' without a default follows one with a default",
    "def f(*): pass\n": "1:7: a bare '*' must be followed by a parameter",
    "def f(*a, *b): pass\n": "1:11: there is more than one '*' parameter",
    "def f(**a, b): pass\n": "1:12: no parameter may follow '**a'",
    "def f():\nx = 1\n": "2:1: syntax error at 'x': expected an indented block",
    "def f():\n\tpass\n": "2:1: a tab is used for indentation",
    "def f():\n    pass\n  pass\n": "3:1: indentation of 2 columns matches no outer block",
    "  x = 1\n": "1:1: syntax error at an indented line: expected a statement or the end of the file",
    "load(1, 'a')\n": "1:6: syntax error at '1': expected a name or a string",
    "load('a')\n": "1:1: load() names nothing to load",
    "load('a', 'b-c')\n": "1:11: load() needs a name, found 'b-c'",
    "f(x for x in y)\n": "1:5: syntax error at 'for': expected an operator, ')', ',' or '='",
}


@pytest.mark.parametrize(("source", "message"), ERRORS.items())
def test_a_syntax_error_says_what_was_expected_and_found(source: str, message: str) -> None:
    with pytest.raises((BuildError, BuildErrors)) as caught:
        parse(source, "f.bzl", build_file=False)
    first = caught.value.errors[0] if isinstance(caught.value, BuildErrors) else caught.value
    assert f"{first.span}: {first.message}" == f"f.bzl:{message}"


def test_several_syntax_errors_are_shown_together() -> None:
    with pytest.raises(BuildErrors) as caught:
        parse("x = = 1\ny = 2\nz = 1 1\n\nw = 'a\n", "BUILD", build_file=True)
    assert str(caught.value) == (
        "BUILD:1:5: error: syntax error at '=': expected an expression\n"
        "BUILD:3:7: error: syntax error at '1': expected an operator, ',', ';' or the end of the line\n"
        "BUILD:5:5: error: string literal is never closed"
    )


def test_a_build_file_declares_and_does_not_compute() -> None:
    with pytest.raises(BuildErrors) as caught:
        parse("def f():\n  pass\nfor x in y:\n  pass\nif x:\n  pass\n", "BUILD", build_file=True)
    assert str(caught.value) == (
        "BUILD:1:1: error: 'def' is not allowed in a BUILD file\n"
        "hint: move it to a .bzl file and load it\n"
        "BUILD:3:1: error: 'for' is not allowed in a BUILD file\n"
        "hint: use a comprehension, or a function of a .bzl file\n"
        "BUILD:5:1: error: 'if' is not allowed in a BUILD file\n"
        "hint: use a conditional expression, or a function of a .bzl file"
    )
