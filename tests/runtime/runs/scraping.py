"""A scrape of a run's metrics, as Prometheus makes it."""

import urllib.request


def scrape(address: str) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
    """Return name -> labels -> value of an endpoint."""
    from prometheus_client.parser import text_string_to_metric_families

    with urllib.request.urlopen(address, timeout=60) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    found: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
    for family in families:
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


def labels(**values: str) -> frozenset[tuple[str, str]]:
    """Return labels as `scrape` does."""
    return frozenset(values.items())


def address_of(output: str) -> str:
    """Return the endpoint that a program printed last."""
    return output.rpartition("metrics: http")[2].split()[0].join(("http", ""))
