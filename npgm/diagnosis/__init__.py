"""Whether a model's gradient is masked, by what, and how robust it really is."""
from npgm.diagnosis.arithmetic import Arithmetic, thresholds
from npgm.diagnosis.causes import CAUSES
from npgm.diagnosis.diagnose import diagnose
from npgm.diagnosis.report import Report
from npgm.diagnosis.verdict import Findings, Verdict, judge

__all__ = ["Arithmetic", "CAUSES", "Findings", "Report", "Verdict", "diagnose", "judge",
           "thresholds"]
