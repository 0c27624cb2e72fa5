from assetbuild import asset


@asset
def numbers() -> list[int]:
    return [3, 1, 2]


@asset
def total(numbers: list[int]) -> int:
    return sum(numbers)
