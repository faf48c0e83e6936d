"""A clinic for training runs: eight that are sick, one that is healthy, and instruments to find out what they have.

``diagnoses``  the list of what a run can have, and a measurement for each
``runs``       ``admit`` and ``control`` train a run; ``Run`` is what one examines, with its instruments (needs PyTorch)
``programs``   the code of all nine, to read *after* the diagnosis: ``runs.code_of`` shows it (needs PyTorch)
"""

from coursekit.clinic.diagnoses import DIAGNOSES

__all__ = ["DIAGNOSES"]
