"""Calls of functions: small ones, with defaults and names, functions as values, closures."""

def add(a, b):
    return a + b

def clamp(value, low = 0, high = 1000):
    if value < low:
        return low
    if value > high:
        return high
    return value

def gcd(a, b):
    for _ in range(64):
        if b == 0:
            break
        a, b = b, a % b
    return a

def apply(function, value):
    return function(value)

def adder(n):
    return lambda x: x + n

def run(rounds):
    total = 0
    functions = [adder(i) for i in range(5)]
    for i in range(rounds):
        total = add(total, clamp(i % 2000, high = 900))
        total = add(total, gcd(i + 6, 360))
        for function in functions:
            total += apply(function, i) % 7
    return total

result = run(40000)
