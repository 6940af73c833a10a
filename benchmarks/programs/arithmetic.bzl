"""Nested loops with arithmetic: an escape-time picture in fixed point, and a sieve's worth of remainders."""

def escape(width, height, limit):
    total = 0
    for row in range(height):
        b = row * 2000 // height - 1000
        for column in range(width):
            a = column * 3000 // width - 2000
            x = 0
            y = 0
            for step in range(limit):
                xx = x * x // 1000
                yy = y * y // 1000
                if xx + yy > 4000:
                    break
                y = 2 * x * y // 1000 + b
                x = xx - yy + a
                total += 1
    return total

def remainders(n):
    count = 0
    for i in range(1, n):
        for j in range(1, 40):
            if i % j == 0 and (i + j) % 3 != 1:
                count += i * j - (i - j)
    return count

result = [escape(60, 40, 60), remainders(4000)]
