"""The features of both versions: daily aggregates for 1.4.0, five-minute aggregates for 2.0.0. Values are rounded as they are served."""

import numpy as np

from simulate import DAY

FIVE_MINUTES = 300
LABEL_DELAY = 7 * DAY
"""A confirmed label is known seven days after the transaction."""

COMMON = ['amount', 'hour', 'is_weekend', 'is_night', 'account_age_days']
ORDER = {
    '1.4.0': COMMON + [
        'cust_count_1d', 'cust_count_7d', 'cust_count_30d', 'cust_mean_1d', 'cust_mean_7d', 'cust_mean_30d', 'amount_ratio_30d',
        'term_count_1d', 'term_count_7d', 'term_count_30d', 'term_risk_7d', 'term_risk_30d'],
    '2.0.0': COMMON + [
        'cust_count_1h_5m', 'cust_count_24h_5m', 'cust_count_7d_5m', 'cust_mean_24h_5m', 'cust_mean_7d_5m', 'cust_mean_30d_5m', 'amount_ratio_30d_5m',
        'cust_high_count_7d_5m', 'term_count_24h_5m', 'term_count_7d_5m', 'term_disputes_24h_5m', 'term_dispute_rate_7d_5m'],
}
IMPUTE = {'cust_mean_30d': 50.0, 'amount_ratio_30d': 1.0, 'cust_mean_30d_5m': 50.0, 'amount_ratio_30d_5m': 1.0}
"""Nullable fields and the value that stands for null: a customer without 30 days of history is taken as an average one."""
UNION = ORDER['1.4.0'] + [name for name in ORDER['2.0.0'] if name not in COMMON]


def is_integer(name):
    return name in COMMON[1:] or '_count_' in name or '_disputes_' in name


class Events:
    """Events of entities (customers or terminals), summed over windows [to - width, to) by binary search in one sorted key."""

    SPAN = 400 * DAY

    def __init__(self, entity, t, value):
        key = entity * self.SPAN + t
        order = np.argsort(key, kind='stable')
        self.key = key[order]
        self.total = np.concatenate([[0], np.cumsum(value[order])])

    def sum(self, entity, to, width):
        low = np.searchsorted(self.key, entity * self.SPAN + to - width, 'left')
        high = np.searchsorted(self.key, entity * self.SPAN + to, 'left')
        return self.total[high] - self.total[low]


def ratio(numerator, denominator, empty=0.0):
    """numerator / denominator, `empty` where the denominator is 0."""
    return np.where(denominator > 0, numerator / np.maximum(denominator, 1), empty)


def compute_features(data):
    """Returns one float64 column a field of UNION; NaN stands for null."""
    t, day, customer, terminal = data['t'], data['day'], data['customer'], data['terminal']
    cents, fraud, ones = data['cents'], data['fraud'], np.ones(data['t'].size, np.int64)
    hour = (t % DAY) // 3_600
    amount = cents / 100
    columns = {
        'amount': amount, 'hour': hour, 'is_weekend': (day % 7 >= 5).astype(int), 'is_night': ((hour < 6) | (hour >= 22)).astype(int),
        'account_age_days': data['age_days'],
    }
    spent, visits = Events(customer, t, cents), Events(customer, t, ones)
    used, confirmed = Events(terminal, t, ones), Events(terminal, t, fraud)

    # 1.4.0: everything as of the last midnight; today's transactions are not in it.
    midnight = day * DAY
    for days in (1, 7, 30):
        count = visits.sum(customer, midnight, days * DAY)
        columns[f'cust_count_{days}d'] = count
        columns[f'cust_mean_{days}d'] = ratio(spent.sum(customer, midnight, days * DAY) / 100, count, np.nan if days == 30 else 0.0)
        columns[f'term_count_{days}d'] = used.sum(terminal, midnight, days * DAY)
    columns['amount_ratio_30d'] = amount / columns['cust_mean_30d']
    for days in (7, 30):
        known = midnight - LABEL_DELAY
        columns[f'term_risk_{days}d'] = ratio(confirmed.sum(terminal, known, days * DAY), used.sum(terminal, known, days * DAY))

    # 2.0.0: everything as of the last five-minute tick.
    tick = t // FIVE_MINUTES * FIVE_MINUTES
    for name, width in (('1h', 3_600), ('24h', DAY), ('7d', 7 * DAY), ('30d', 30 * DAY)):
        count = visits.sum(customer, tick, width)
        columns[f'cust_count_{name}_5m'] = count
        columns[f'cust_mean_{name}_5m'] = ratio(spent.sum(customer, tick, width) / 100, count, np.nan if name == '30d' else 0.0)
        columns[f'term_count_{name}_5m'] = used.sum(terminal, tick, width)
    columns['amount_ratio_30d_5m'] = amount / columns['cust_mean_30d_5m']
    high = np.nan_to_num(columns['amount_ratio_30d_5m']) > 3
    columns['cust_high_count_7d_5m'] = Events(customer, t, high.astype(np.int64)).sum(customer, tick, 7 * DAY)
    made = data['disputed_at'] >= 0
    disputes = Events(terminal[made], data['disputed_at'][made], ones[made])
    columns['term_disputes_24h_5m'] = disputes.sum(terminal, tick, DAY)
    columns['term_dispute_rate_7d_5m'] = np.minimum(ratio(disputes.sum(terminal, tick, 7 * DAY), columns['term_count_7d_5m']), 1)

    digits = lambda name: 2 if name == 'amount' or '_mean_' in name else 4
    return {name: np.round(np.asarray(columns[name], np.float64), digits(name)) for name in UNION}


def tensor(columns, version, rows):
    """The float32 matrix as served: contract order, nulls imputed. Models are trained on it too, so that no threshold can round a row away."""
    values = [np.where(np.isnan(columns[name][rows]), IMPUTE.get(name, np.nan), columns[name][rows]) for name in ORDER[version]]
    matrix = np.stack(values, axis=1).astype(np.float32)
    assert np.isfinite(matrix).all()
    return matrix
