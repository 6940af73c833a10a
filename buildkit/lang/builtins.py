"""The functions and constants that every file knows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import cmp_to_key
from operator import itemgetter
from typing import Any

from buildkit.errors import BuildError
from buildkit.lang.attributes import attribute, attribute_names
from buildkit.lang.collection_methods import fill
from buildkit.lang.functions import Builtin, Call
from buildkit.lang.iteration import elements, iterable, listed
from buildkit.lang.limits import check_digits, check_elements, check_integer, check_time
from buildkit.lang.operators import arrange, order, sort_values, sorts_alone
from buildkit.lang.range import Range
from buildkit.lang.text import brief, display, no_integer, represent, to_float
from buildkit.lang.values import Dict, List, Set, Struct, Value, type_name

_MISSING = object()


def _integer(value: Any, function: str, parameter: str) -> int:
    if type(value) is not int:
        raise BuildError(f"{function}(): parameter '{parameter}' got {type_name(value)}, want int")
    return value


def _string(value: Any, function: str, parameter: str) -> str:
    if type(value) is not str:
        raise BuildError(f"{function}(): parameter '{parameter}' got {type_name(value)}, want string")
    return value


def _abs(x: Any, /) -> Value:
    if type(x) is int or type(x) is float:
        return abs(x)
    raise BuildError(f"abs(): parameter 'x' got {type_name(x)}, want int or float")


def _all(x: Value, /) -> bool:
    return all(iterable(x, "all"))


def _any(x: Value, /) -> bool:
    return any(iterable(x, "any"))


def _bool(x: Value = False, /) -> bool:
    return bool(x)


def _bytes(x: Any, /) -> bytes:
    if type(x) is bytes:
        return x
    if type(x) is str:
        return x.encode("utf-8", "replace")
    if type(x) is int:
        raise BuildError("bytes: got int, want string, bytes, or iterable of ints")
    items = iterable(x, "bytes")
    for number, item in enumerate(items):
        if type(item) is not int or not 0 <= item < 256:
            raise _no_byte(number, item)
    return bytes(items)  # type: ignore[arg-type]


def _no_byte(number: int, item: Value) -> BuildError:
    if type(item) is int:
        return BuildError(f"bytes: at index {number}, {brief(item)} out of range (want value in unsigned 8-bit range)")
    return BuildError(f"bytes: at index {number}, got {type_name(item)}, want int")


def _dict(pairs: Value = (), /, **named: Value) -> Dict:
    result = Dict()
    fill(result, pairs, "dict")
    result.entries |= named
    return result


def _dir(x: Value, /) -> List:
    return List(list(attribute_names(x)))


def _enumerate(x: Value, start: Any = 0, /) -> List:
    first = _integer(start, "enumerate", "start")
    return List(list(enumerate(iterable(x, "enumerate"), first)))


def _fail(call: Call, *args: Value, msg: Value = None, attr: Any = None, sep: Any = " ") -> Value:
    raise call.error(_told(args, msg, attr, sep) or "fail() was called")


def _fail_alone(call: Call, *args: Value, msg: Value = None, attr: Any = None, sep: Any = " ") -> Value:
    raise call.error(f"fail: {_told(args, msg, attr, sep)}")


def _told(args: tuple[Value, ...], msg: Value, attr: Any, sep: Any) -> str:
    parts = [display(arg) for arg in args]
    if msg is not None:
        parts.append(display(msg))
    text = _string(sep, "fail", "sep").join(parts)
    return text if attr is None else f"attribute {_string(attr, 'fail', 'attr')}: {text}"


def _float(x: Any = 0.0, /) -> float:
    if type(x) is float:
        return x
    if type(x) is int or type(x) is bool:
        return to_float(x)
    if type(x) is not str:
        raise BuildError(f"float: got {type_name(x)}, want number or string")
    try:
        value = float(x) if "_" not in x and x == x.strip() else math.nan
    except ValueError:
        raise BuildError(f"invalid float literal: {_unquoted(x)}") from None
    words = x.lower().lstrip("+-")
    if math.isnan(value) and words != "nan":
        raise BuildError(f"invalid float literal: {_unquoted(x)}")
    if math.isinf(value) and words not in ("inf", "infinity"):
        raise BuildError("float: floating-point number too large")
    return value


def _unquoted(text: str) -> str:
    shown = brief(text)
    return shown[1:-1] if shown[0] == '"' else shown


def _getattr(x: Value, name: Any, default: Value = _MISSING, /) -> Value:
    try:
        return attribute(x, _string(name, "getattr", "name"))
    except BuildError:
        if default is _MISSING or type(name) is not str:
            raise
        return default


def _hasattr(x: Value, name: Any, /) -> bool:
    return _string(name, "hasattr", "name") in attribute_names(x)


def _hash(x: Any, /) -> int:
    if type(x) is bytes:
        code = 0x811C9DC5
        for place, byte in enumerate(x):
            if not place & 0xFFFFF:
                check_time()
            code = ((code ^ byte) * 0x01000193) & 0xFFFFFFFF
        return code
    code = 0
    data = _string(x, "hash", "x").encode("utf-16-be", "surrogatepass")
    for place in range(0, len(data), 2):
        if not place & 0xFFFFF:
            check_time()
        code = (31 * code + (data[place] << 8 | data[place + 1])) & 0xFFFFFFFF
    return code - (1 << 32) if code >= 1 << 31 else code


def _int(x: Any, base: Any = _MISSING) -> int:
    if type(x) is str:
        return _parse_int(x, 10 if base is _MISSING else _base(base))
    if base is not _MISSING:
        raise BuildError("int(): can't convert non-string with explicit base")
    if type(x) is int or type(x) is bool:
        return int(x)
    if type(x) is float:
        if math.isnan(x) or math.isinf(x):
            raise no_integer(x)
        return int(x)
    raise BuildError(f"int(): parameter 'x' got {type_name(x)}, want string, int, float or bool")


def _base(base: Any) -> int:
    if type(base) is not int:
        raise BuildError(f"int(): base must be an integer, got {type_name(base)}")
    return base


_PREFIXES = {"0x": 16, "0o": 8, "0b": 2}


def _parse_int(text: str, base: int) -> int:
    if base != 0 and not 2 <= base <= 36:
        raise BuildError(f"int(): invalid base {brief(base)}: base must be 0, or >= 2 and <= 36")
    digits = text[1:] if text[:1] in ("+", "-") else text
    prefix = _PREFIXES.get(digits[:2].lower())
    if prefix is not None and base in (0, prefix):
        digits, used = digits[2:], prefix
    elif base == 0 and len(digits) > 1 and digits[0] == "0" and digits.strip("0"):
        raise BuildError(
            f"int(): cannot infer base of {brief(text)}: invalid literal with base 0",
            hint="write octal numbers as '0o17'",
        )
    else:
        used = base or 10
    check_digits(len(digits), used)
    if not (digits.isascii() and digits.isalnum()):
        raise BuildError(f"int: invalid literal with base {base}: {_unquoted(text)}")
    try:
        value = int(digits, used)
    except ValueError:
        raise BuildError(f"int: invalid literal with base {base}: {_unquoted(text)}") from None
    return check_integer(-value if text[0] == "-" else value)


def _len(x: Any, /) -> int:
    if type(x) is Range:
        return x.count()
    if type(x) in (str, bytes, tuple, List, Dict, Set):
        return len(x)
    count = getattr(x, "count", None)
    if count is not None and not isinstance(x, (int, float, Struct)):
        return int(count())
    raise BuildError(f"len(): value of type {type_name(x)} has no len")


def _list(x: Value = (), /) -> List:
    return List(iterable(x, "list"))


def _extreme(name: str, sign: int) -> Callable[..., Value]:
    def find(call: Call, /, *args: Value, key: Value = None) -> Value:
        items = listed(args[0]) if len(args) == 1 else list(args)
        if not items:
            raise BuildError(f"{name}(): expected at least one item")
        ranks = items if key is None else list(map(call.key_function(key), items))
        best = 0
        for place in range(1, len(items)):
            if order(ranks[place], ranks[best]) * sign > 0:
                best = place
        return items[best]

    return find


def _print(call: Call, /, *args: Value, sep: Any = " ") -> None:
    text = _string(sep, "print", "sep").join([display(arg) for arg in args])
    call.thread.printer(call.span, text)


def _range(start: Any, stop: Any = None, step: Any = 1, /) -> Range:
    if stop is None:
        start, stop = 0, _integer(start, "range", "stop")
    _integer(start, "range", "start")
    _integer(stop, "range", "stop")
    if _integer(step, "range", "step") == 0:
        raise BuildError("range(): step argument must not be zero")
    return Range(range(start, stop, step))


def _repr(x: Value, /) -> str:
    return represent(x)


def _reversed(x: Value, /) -> List:
    return List(iterable(x, "reversed")[::-1])


def _sorted(call: Call, x: Value, /, *, key: Value = None, reverse: Any = False) -> List:
    if type(reverse) is not bool:
        raise BuildError(f"sorted(): parameter 'reverse' got {type_name(reverse)}, want bool")
    items = iterable(x, "sorted")
    call.thread.charge(len(items))
    if key is None:
        return List(sort_values(items, descending=reverse))
    ranks = list(map(call.key_function(key), items))
    pairs: list[Any] = list(zip(ranks, items, strict=True))
    if sorts_alone(ranks):
        arrange(pairs, itemgetter(0), descending=reverse)
    else:
        rank: Callable[[Any], Any] = cmp_to_key(order)
        arrange(pairs, lambda pair: rank(pair[0]), descending=reverse)
    return List([item for _, item in pairs])


def _set(x: Value = (), /) -> Set:
    return Set(iterable(x, "set"))


def _no_code_point(code: int) -> str:
    if code < 0:
        return f"{brief(code)} out of range (<0)"
    why = ">0x10FFFF" if code >= 0x110000 else "a surrogate"
    return f"U+{code:04X} out of range ({why})" if code < 1 << 64 else f"out of range ({why})"


def _chr(i: Any, /) -> str:
    code = _integer(i, "chr", "i")
    if not 0 <= code < 0x110000 or 0xD800 <= code < 0xE000:
        raise BuildError(f"chr: Unicode code point {_no_code_point(code)}")
    return chr(code)


def _ord(x: Any, /) -> int:
    if type(x) is not str and type(x) is not bytes:
        raise BuildError(f"ord(): parameter 'x' got {type_name(x)}, want string or bytes")
    if len(x) != 1:
        unit = "bytes has length" if type(x) is bytes else "string encodes"
        tail = "" if type(x) is bytes else " Unicode code points"
        raise BuildError(f"ord: {unit} {len(x)}{tail}, want 1")
    return x[0] if type(x) is bytes else ord(x)


def _str(x: Any, /) -> str:
    if type(x) is bytes:
        return x.decode("utf-8", "replace")
    return display(x)


def _struct(**fields: Value) -> Struct:
    return Struct("struct", {name: fields[name] for name in sorted(fields)})


def _tuple(x: Value = (), /) -> tuple[Value, ...]:
    return tuple(iterable(x, "tuple"))


def _type(x: Value, /) -> str:
    return type_name(x)


def _zip(*args: Value) -> List:
    counts = [arg.count() if type(arg) is Range else 0 for arg in args]
    if counts and min(counts) > 0:
        check_elements(min(counts) * len(counts))
    return List(list(zip(*[_zipped(number, arg) for number, arg in enumerate(args)], strict=False)))


def _zipped(number: int, value: Value) -> Iterable[Value]:
    try:
        return elements(value)
    except BuildError as error:
        if not error.message.endswith("not iterable"):
            raise
        raise BuildError(f"zip: argument {number} is not iterable: {type_name(value)}", hint=error.hint) from None


_PLAIN: Mapping[str, Callable[..., Value]] = {
    "abs": _abs,
    "all": _all,
    "any": _any,
    "bool": _bool,
    "bytes": _bytes,
    "chr": _chr,
    "dict": _dict,
    "dir": _dir,
    "enumerate": _enumerate,
    "float": _float,
    "getattr": _getattr,
    "hasattr": _hasattr,
    "hash": _hash,
    "int": _int,
    "len": _len,
    "list": _list,
    "ord": _ord,
    "range": _range,
    "repr": _repr,
    "reversed": _reversed,
    "set": _set,
    "str": _str,
    "struct": _struct,
    "tuple": _tuple,
    "type": _type,
    "zip": _zip,
}
_CALLING: Mapping[str, Callable[..., Value]] = {
    "fail": _fail,
    "max": _extreme("max", 1),
    "min": _extreme("min", -1),
    "print": _print,
    "sorted": _sorted,
}

UNIVERSE: Mapping[str, Value] = {
    "None": None,
    "True": True,
    "False": False,
    **{name: Builtin(name, function, plain=True) for name, function in _PLAIN.items()},
    **{name: Builtin(name, function) for name, function in _CALLING.items()},
}

# In a program by itself; a rule's user is told what is wrong in the rule's words alone.
ALONE: Mapping[str, Value] = {"fail": Builtin("fail", _fail_alone)}
