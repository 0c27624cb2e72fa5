"""The days of the data and their months, as partitions: by the clocks of New York, so two days have 23 and 25 hours."""

from __future__ import annotations

from assetbuild import Daily, Dynamic, Monthly, Multi
from flights.clock import NEW_YORK

FIRST, AFTER = "2013-01-01", "2014-01-01"

DAYS = Daily(FIRST, end=AFTER, timezone=NEW_YORK)
MONTHS = Monthly(FIRST, end=AFTER, timezone=NEW_YORK)

# The carriers are those of the table 'carriers': a new line there is a new partition.
CARRIER_MONTHS = Multi(month=MONTHS, carrier=Dynamic("carriers"))
