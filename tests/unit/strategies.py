"""What property tests share: texts of every kind, and settings that do not depend on the speed of the machine."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

at_any_speed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# Control characters and unpaired surrogates included.
ANY_CHARACTER = st.characters(exclude_categories=())
ANY_TEXT = st.text(ANY_CHARACTER)
