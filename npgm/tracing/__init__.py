"""What an update did to chosen weights: `trace` records it, a Trace holds it."""
from npgm.tracing.recorder import Recorder
from npgm.tracing.run import compare, trace
from npgm.tracing.series import Trace

__all__ = ["Recorder", "Trace", "compare", "trace"]
