"""Seeded simulator of card transactions. The data is simulated: it shows the pipeline, not the world.

Customers and terminals lie on a grid of 100 x 100; a customer pays at terminals within a radius of 5. Three scenarios make fraud:
1. every purchase above 220 EUR (a plain rule, so that there is something that any model must find);
2. a terminal is compromised: every purchase there is fraud for 28 days;
3. a customer is compromised: a third of the purchases of 14 days are fraud, at five times the amount.

Cardholders dispute some transactions in the app. A dispute is an event with its own time: it becomes visible when it is made, about a day after the transaction and days before
the confirmed label, and it is imperfect (60 % of the fraud is disputed, and one genuine purchase in 2,000).
"""

import numpy as np

DAY = 86_400
DAYS = 90
CUSTOMERS = 3_300
TERMINALS = 6_000
JOINING_SHARE = 0.15


def simulate(seed):
    """Returns columns sorted by time: t (s, local clock), customer, terminal, cents, age_days, fraud (0/1), scenario (0-3), disputed_at (s, -1 = never)."""
    rng = np.random.default_rng(seed)
    customer_place = rng.uniform(0, 100, (CUSTOMERS, 2))
    terminal_place = rng.uniform(0, 100, (TERMINALS, 2))
    mean_amount = rng.uniform(5, 100, CUSTOMERS)
    rate = rng.uniform(0, 4, CUSTOMERS)
    joins = rng.uniform(size=CUSTOMERS) < JOINING_SHARE
    join_day = np.where(joins, rng.integers(0, DAYS, CUSTOMERS), 0)
    age_at_start = np.where(joins, 0, rng.integers(30, 4_000, CUSTOMERS))

    per_day = rng.poisson(rate[:, None], (CUSTOMERS, DAYS))
    per_day[np.arange(DAYS)[None, :] < join_day[:, None]] = 0
    customer = np.repeat(np.repeat(np.arange(CUSTOMERS), DAYS), per_day.ravel())
    day = np.repeat(np.tile(np.arange(DAYS), CUSTOMERS), per_day.ravel())
    second = rng.normal(43_200, 20_000, customer.size)
    kept = (second >= 0) & (second < DAY)
    customer, day, second = customer[kept], day[kept], second[kept].astype(np.int64)

    amount = rng.normal(mean_amount[customer], mean_amount[customer] / 2)
    amount = np.where(amount < 0, rng.uniform(0, 2 * mean_amount[customer]), amount)
    terminal = choose_terminals(rng, customer, customer_place, terminal_place)

    order = np.lexsort((customer, day * DAY + second))
    customer, terminal, day, amount = customer[order], terminal[order], day[order], amount[order]
    t = (day * DAY + second[order]).astype(np.int64)
    amount, scenario = add_fraud(rng, customer, terminal, day, amount)
    cents = np.maximum(np.round(amount * 100), 1).astype(np.int64)
    fraud = (scenario > 0).astype(np.int64)
    return {
        't': t, 'day': day, 'customer': customer, 'terminal': terminal, 'cents': cents,
        'age_days': age_at_start[customer] + day - join_day[customer],
        'fraud': fraud, 'scenario': scenario, 'disputed_at': add_disputes(rng, t, fraud),
    }


def choose_terminals(rng, customer, customer_place, terminal_place):
    """A terminal for each transaction: uniform among those within the customer's radius, the nearest one when there is none."""
    terminal = np.empty(customer.size, np.int64)
    draw = rng.uniform(size=customer.size)
    bounds = np.searchsorted(customer, np.arange(CUSTOMERS + 1))
    for c in range(CUSTOMERS):
        distance = np.hypot(*(terminal_place - customer_place[c]).T)
        near = np.flatnonzero(distance < 5)
        near = near if near.size else np.array([distance.argmin()])
        part = slice(bounds[c], bounds[c + 1])
        terminal[part] = near[(draw[part] * near.size).astype(np.int64)]
    return terminal


def add_fraud(rng, customer, terminal, day, amount):
    """Returns the amounts and the scenario of each transaction. Compromises a day are scaled to the population, so that the fraud rate stays near 0.7 %."""
    scenario = np.where(amount > 220, 1, 0)
    amount = amount.copy()
    for d in range(DAYS):
        terminals = rng.choice(TERMINALS, rng.poisson(2 * TERMINALS / 10_000), replace=False)
        scenario[(day >= d) & (day < d + 28) & np.isin(terminal, terminals)] = 2
    for d in range(DAYS):
        customers = rng.choice(CUSTOMERS, rng.poisson(3 * CUSTOMERS / 5_000), replace=False)
        hit = np.flatnonzero((day >= d) & (day < d + 14) & np.isin(customer, customers))
        hit = np.sort(rng.choice(hit, hit.size // 3, replace=False))
        amount[hit] *= 5
        scenario[hit] = 3
    return amount, scenario


def add_disputes(rng, t, fraud):
    """When the cardholder disputes the transaction: 60 % of the fraud, a day later in the mean, and one genuine purchase in 2,000; -1 otherwise."""
    disputed = rng.uniform(size=t.size) < np.where(fraud == 1, 0.6, 0.0005)
    delay = rng.exponential(DAY, t.size).astype(np.int64)
    return np.where(disputed, t + delay, -1)
