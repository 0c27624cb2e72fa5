from assetbuild import asset


@asset(io_manager="csv")
def orders() -> list[dict[str, str]]:
    return [
        {"item": "honey", "pounds": "3"},
        {"item": "boat", "pounds": "120"},
        {"item": "ring", "pounds": "1"},
    ]


@asset(io_manager="csv")
def dear(orders: list[dict[str, str]]) -> list[dict[str, str]]:
    return [row for row in orders if int(row["pounds"]) >= 3]
