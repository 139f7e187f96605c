"""Put a table between its two markers in a README."""


def replace_between(readme: str, begin: str, end: str, table: str) -> str:
    """Return the README with `table` between the lines `begin` and `end`.

    Raises: ValueError: the markers are not there, once each and in order.
    """
    before, found, rest = readme.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed) or begin in rest or end in after:
        raise ValueError(f"the README must hold {begin} and after it {end}, once each")
    return f"{before}{begin}\n{table}\n{end}{after}"
