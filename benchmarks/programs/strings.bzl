"""Strings built, taken apart and put together again."""

def words(count):
    out = []
    for i in range(count):
        word = ""
        n = i * 7919 + 13
        for _ in range(6):
            word += "abcdefghijklmnopqrstuvwxyz"[n % 26]
            n = n // 3 + i
        out.append(word)
    return out

def shout(text):
    parts = []
    for word in text.split(" "):
        if word.startswith("a") or word.endswith("z"):
            parts.append(word.upper())
        elif "e" in word:
            parts.append("%s-%d" % (word, len(word)))
        else:
            parts.append("{}:{}".format(word, word[::-1]).replace("a", "A"))
    return " ".join(parts)

def run(rounds):
    total = 0
    for i in range(rounds):
        text = " ".join(words(200))
        total += len(shout(text)) + text.count("b") + text.find("zz")
    return total

result = run(40)
