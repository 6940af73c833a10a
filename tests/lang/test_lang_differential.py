"""A second opinion: the same expressions in another implementation of Starlark give the same values."""

import pytest
import starlark
from hypothesis import given, settings
from hypothesis import strategies as st

from buildkit.errors import BuildError
from buildkit.lang import evaluate, parse

EXPRESSIONS = """\
1 + 2 * 3 - 4 // 3 % 2
-7 // 2, -7 % 3, 7 // -2, 7.5 // 2, -7.5 % 2, 1 / 2
1 << 70, -1 >> 3, 5 & 3 | 8 ^ 1, ~5
1 == 1.0, True == 1, None == None, [1, [2]] == [1, [2]], [1] == (1,), {1: 2} == {1: 2.0}
[1, 2] + [3], (1,) + (2, 3), [1] * 3, 'ab' * 2, 'a' * -1
'abc'[1], 'abc'[-1], 'abc'[::-1], 'abcdef'[1:5:2], [1, 2, 3, 4][::-2], (1, 2, 3)[5:], 'abc'[2:1]
'x' in 'xyz', 1 in [1], 1 in {1: 2}, 'z' not in 'xyz', 3 in range(10)
{'a': 1} | {'b': 2, 'a': 3}
'%s %r %d %x %X %o %%' % ('a', 'b', 10, 255, 255, 8)
'{1} {0}'.format(1, 2), '{x} {{}} {}'.format(1, x = 3)
[x * y for x in range(3) for y in range(x) if x != y]
' a  b '.split(), ' a  b c'.split(None, 1), ' a  b c '.rsplit(None, 1), 'a,b,c'.rsplit(',', 1)
'a-b-c'.partition('-'), 'abc'.partition('-'), 'a-b-c'.rpartition('-'), 'abc'.rpartition('-')
'Hello World'.title(), 'hELLO'.capitalize(), 'hello'.upper(), 'HELLO'.lower()
'xxax'.strip('x'), 'xxax'.lstrip('x'), 'xxax'.rstrip('x')
'abc'.find('z'), 'abcabc'.rfind('b'), 'abcabc'.find('a', 1), 'abc'.find('', 3), 'abc'.find('', 4)
'banana'.count('an'), 'banana'.count('a', 2), 'banana'.count(''), 'aaa'.count('aa')
'a\\nb\\r\\nc'.splitlines(), 'a\\nb\\n'.splitlines(True), ''.splitlines(), '\\n\\n'.splitlines()
'aaa'.replace('a', 'b', 2), 'abc'.replace('', '-'), 'abc'.removeprefix('a'), 'abc'.removesuffix('c')
int('12'), int('-0x1F', 16), int('0x1f', 0), int('zz', 36), int(3.9), int(-3.9), int(True)
sorted([3, 1, 2]), sorted(['b', 'a'], reverse = True), sorted([1, 2, 3, 4], key = lambda x: x % 2, reverse = True)
list(enumerate(['a', 'b'], 1)), zip([1, 2, 3], ['a', 'b']), zip(), reversed([1, 2, 3])
min(1, 2), max([1, 3, 2]), max([1, 2], key = lambda x: -x), any([0, 1]), all([])
hash('abc'), hash(''), hash('hello world'), abs(-3), dir([]), dir({})
(lambda x, y = 2, *a, **k: (x, y, a, k))(1, 3, 4, z = 5)
[] or 'a', 0 and 1, 1 and 2, '' or 0, 1 if [] else 2
dict([(1, 2)], a = 3), tuple([1, 2]), list((1, 2)), {'a': 1}.items(), {'a': 1}.get('b', 2)
float('nan') == float('nan'), 0.0 == -0.0, 1e300 * 1e10, str(0.1), str(1e16), str(1.0)
""".splitlines()

REFUSED = """\
'a' 'b'
1 < 2 < 3
[1, 2][5]
{}['a']
'a' + 1
len(1)
int('abc')
[].pop()
{[]: 1}
'%s' % (1, 2)
'%s' % ()
'{}'.format()
None.foo
1()
min([])
range(1, 2, 0)
sorted([1, 'a'])
None < None
1 < True
'a'.join([1])
[x for x in 'abc']
dict([(1, 2, 3)])
{'a': 1, 'a': 2}
1 // 0
1 << -1
f(x for x in y)
""".splitlines()


def ours(expression: str) -> str:
    try:
        return str(evaluate(parse(f"x = repr(({expression}))\n", "f.bzl", build_file=False))["x"])
    except BuildError:
        return "refused"


def theirs(expression: str) -> str:
    module = starlark.Module()
    try:
        file = starlark.parse("f.bzl", f"x = repr(({expression}))\n", starlark.Dialect.extended())
        starlark.eval(module, file, starlark.Globals.standard())
    except starlark.StarlarkError:
        return "refused"
    return str(module["x"])


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_both_give_the_same_value(expression: str) -> None:
    assert ours(expression) == theirs(expression) != "refused"


@pytest.mark.parametrize("expression", REFUSED)
def test_both_refuse(expression: str) -> None:
    assert (ours(expression), theirs(expression)) == ("refused", "refused")


NUMBERS = st.integers(-(10**25), 10**25).map(lambda number: f"({number})") | st.integers(-9, 9).map("({})".format)
SIGNS = st.sampled_from(["+", "-", "*", "//", "%", "&", "|", "^", "==", "<", "<="])
ARITHMETIC = st.recursive(
    NUMBERS, lambda inner: st.tuples(inner, SIGNS, inner).map(lambda parts: "({} {} {})".format(*parts)), max_leaves=6
)
TEXT = st.text("ab ,-", max_size=8).map(repr)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(ARITHMETIC)
def test_both_compute_the_same(expression: str) -> None:
    assert ours(expression) == theirs(expression)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(TEXT, TEXT.filter(lambda text: text != "''"), st.integers(-3, 3))
def test_both_take_strings_apart_the_same(text: str, part: str, count: int) -> None:
    methods = f"[{text}.split({part}), {text}.rsplit({part}, 1), {text}.partition({part}), {text}.strip({part})"
    methods += f", {text}.find({part}), {text}.rfind({part}), {text}.count({part}), {text}.replace({part}, '+')"
    methods += f", {text}.split(), {text}.title(), {text}.capitalize(), {text}[{count}:], {text}[::{count or 1}]]"
    assert ours(methods) == theirs(methods)
