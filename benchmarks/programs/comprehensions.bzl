"""Comprehensions: filters, pairs, nested ones, dicts."""

def triples(n):
    return [(a, b, c) for a in range(1, n) for b in range(a, n) for c in range(b, n) if a * a + b * b == c * c]

def run(rounds):
    total = len(triples(70))
    for i in range(rounds):
        squares = [x * x for x in range(300)]
        odd = [x for x in squares if x % 2 == 1]
        pairs = {x: str(x + i) for x in odd}
        names = ["%s/%d" % (name, key) for key, name in pairs.items()]
        rows = [[x + y for x in range(12)] for y in range(12)]
        total += len(names) + sum_of([value for row in rows for value in row]) + (1 if any([x > 80000 for x in odd]) else 0)
    return total

def sum_of(values):
    total = 0
    for value in values:
        total += value
    return total

result = run(300)
