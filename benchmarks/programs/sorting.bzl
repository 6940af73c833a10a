"""Sorting: by the builtin, by a key, and by hand."""

def numbers(n, seed):
    out = []
    x = seed
    for _ in range(n):
        x = (x * 1103515245 + 12345) % 2147483648
        out.append(x)
    return out

def merge(left, right):
    out = []
    i = 0
    j = 0
    for _ in range(len(left) + len(right)):
        if j >= len(right) or (i < len(left) and left[i] <= right[j]):
            out.append(left[i])
            i += 1
        else:
            out.append(right[j])
            j += 1
    return out

def merge_sort(values):
    runs = [[value] for value in values]
    for _ in range(40):
        if len(runs) < 2:
            break
        paired = []
        for k in range(0, len(runs) - 1, 2):
            paired.append(merge(runs[k], runs[k + 1]))
        if len(runs) % 2:
            paired.append(runs[-1])
        runs = paired
    return runs[0]

def insertion_sort(values):
    out = list(values)
    for i in range(1, len(out)):
        value = out[i]
        place = i
        for j in range(i - 1, -1, -1):
            if out[j] <= value:
                break
            out[j + 1] = out[j]
            place = j
        out[place] = value
    return out

def run(rounds):
    total = 0
    for i in range(rounds):
        values = numbers(1500, i)
        by_hand = merge_sort(values)
        if by_hand != sorted(values):
            fail("not sorted")
        small = insertion_sort(values[:150])
        by_key = sorted([(value % 100, str(value)) for value in values], key = lambda pair: (pair[0], pair[1]))
        total += by_hand[7] + small[3] + by_key[11][0] + sorted(values, key = lambda v: -v)[0] % 1000
    return total

result = run(12)
