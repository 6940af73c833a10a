"""Dicts and lists: counting, grouping, a queue over a graph, a table of partial sums."""

def graph(n):
    edges = {}
    for i in range(n):
        edges[i] = [(i * 7 + 1) % n, (i * 13 + 5) % n, (i + 1) % n]
    return edges

def reach(edges, start):
    distance = {start: 0}
    queue = [start]
    for node in range(len(edges)):
        if node >= len(queue):
            break
        here = queue[node]
        for other in edges[here]:
            if other not in distance:
                distance[other] = distance[here] + 1
                queue.append(other)
    return distance

def counts(n):
    found = {}
    groups = {}
    for i in range(n):
        key = "k%d" % (i * i % 97)
        found[key] = found.get(key, 0) + 1
        groups.setdefault(i % 10, []).append(i)
    total = 0
    for key, value in found.items():
        total += len(key) * value
    for items in groups.values():
        total += items[-1] - items[0]
    return total

def table(n):
    rows = [[0] * n for _ in range(n)]
    for i in range(n):
        row = rows[i]
        for j in range(n):
            up = rows[i - 1][j] if i > 0 else 1
            left = row[j - 1] if j > 0 else 1
            row[j] = (up + left) % 1000007
    return rows[n - 1][n - 1]

def run(rounds):
    total = 0
    for i in range(rounds):
        distance = reach(graph(1500), i)
        total += max(distance.values()) + counts(4000) + table(90)
    return total

result = run(12)
