"""Generates card transactions: `generate.py --rows N --seed N --out FILE`.

Each row is one transaction with eight features and two labels. The features are what a payment processor sees at the
moment of authorisation:

    amount           in euros, log-normal
    hour             0-23; people buy by day, fraudsters also by night
    distance_km      from the cardholder's home, exponential
    card_age_days    since the card was issued
    purchases_1h     purchases with the card in the last hour
    foreign          1 if the merchant is in another country
    online           1 if the card is not present
    declined_24h     declined attempts in the last day

`fraud` is drawn from a logistic model over these, so that about four in a hundred transactions are fraudulent;
`chargeback` marks the disputed ones: most frauds, and some honest purchases of people who forgot. Only Python's own
`random.Random` is used, whose sequence for a seed is guaranteed not to change between versions, and numbers are
written with two decimals.
"""

import argparse
import csv
import math
import random

FIELDS = [
    "amount", "hour", "distance_km", "card_age_days", "purchases_1h", "foreign", "online", "declined_24h",
    "fraud", "chargeback",
]  # fmt: skip


def transaction(chance: random.Random) -> list[str]:
    """One row, as text."""
    amount = min(math.exp(chance.gauss(3.4, 1.0)), 9999.0)
    hour = min(max(int(chance.gauss(14, 5)), 0), 23) if chance.random() < 0.9 else chance.randrange(24)
    distance = chance.expovariate(1 / 25)
    card_age = chance.randrange(1, 3650)
    purchases = min(int(chance.expovariate(1.2)), 12)
    foreign = int(chance.random() < 0.08)
    online = int(chance.random() < 0.35)
    declined = min(int(chance.expovariate(2.5)), 9)
    score = (
        -5.0
        + 0.9 * math.log1p(amount / 50)
        + 0.012 * distance
        + 0.55 * purchases
        + 1.8 * foreign
        + 0.7 * online
        + 1.1 * declined
        + (1.1 if hour < 5 else 0.0)
        - 0.0003 * card_age
    )
    fraud = int(chance.random() < 1 / (1 + math.exp(-score)))
    chargeback = int(chance.random() < (0.85 if fraud else 0.01))
    numbers = [amount, hour, distance, card_age, purchases, foreign, online, declined]
    return [f"{number:.2f}" for number in numbers] + [str(fraud), str(chargeback)]


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with open(options.out, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(FIELDS)
        for _ in range(options.rows):
            writer.writerow(transaction(chance))


if __name__ == "__main__":
    main()
